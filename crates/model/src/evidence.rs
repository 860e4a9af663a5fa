//! Evidence: every fact of one run, without secrets; saved, it is a bundle.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::Role;

/// The name and version of the recorded form.
pub const FORMAT: &str = "runproof.evidence/1";

/// All facts of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: String,
    /// The site's name.
    pub site: String,
    /// The profile's name.
    pub profile: String,
    /// When the run began: RFC 3339, UTC.
    pub started: String,
    /// How long gathering took, in seconds.
    pub duration_s: f64,
    /// Which key made the fingerprints; `None` for a throw-away key.
    pub key_id: Option<String>,
    /// The site's inputs, as the expressions saw them.
    pub inputs: BTreeMap<String, Value>,
    /// Roles that the site says it does not have, with the reason.
    pub absent_roles: BTreeMap<Role, String>,
    /// One entry a node.
    pub nodes: Vec<NodeRecord>,
    /// The looks, in order; a later round replaces facts of an earlier one.
    pub rounds: Vec<Round>,
}

/// One look at the site.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Seconds after the start of the run.
    pub at_s: f64,
    /// What was seen.
    pub facts: Vec<FactRecord>,
}

/// One fact as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactRecord {
    /// The node it was seen on.
    pub role: Role,
    /// Its kind.
    pub kind: String,
    /// The resolved query, in the kind's canonical form.
    pub query: Value,
    /// The fact, or why there is none, in the form of [`crate::Observed`].
    pub fact: Value,
}

/// A node of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The part it plays.
    pub role: Role,
    /// The engine's name for it.
    pub instance: String,
    /// The image it was made from, when known.
    pub image: Option<String>,
    /// Whether a stand-in plays the service here.
    pub standin: bool,
    /// The node's own clock when it was looked at, in seconds since 1970.
    #[serde(default)]
    pub now: Option<f64>,
    /// Its clock minus ours, in seconds.
    #[serde(default)]
    pub skew_s: Option<f64>,
    /// Why nothing could be seen on it, when nothing could.
    #[serde(default)]
    pub trouble: Option<String>,
}
