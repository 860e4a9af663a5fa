//! A site as its file describes it: one deployment under test.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credentials::Credentials;
use crate::names::{Role, check_instance};

/// A site file, `sites/<name>.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The site's name.
    pub site: String,
    /// Which reading of the documents it follows.
    pub profile: String,
    /// What proves that this is the right environment; checked before anything else.
    #[serde(default)]
    pub identity: Identity,
    /// How its nodes are reached.
    pub reach: Reach,
    /// Which instance plays which role. A role that the profile requires and that is missing here is an error.
    pub nodes: BTreeMap<Role, NodeRef>,
    /// Values that only this site knows; expressions read them as `input.<name>`.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Paths whose content may be read, instead of the documented ones; `*` within a component, `**` across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<String>>,
    /// Roles that a stand-in plays; every report names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standins: Vec<Role>,
    /// The file of accepted failures, relative to the site file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<String>,
    /// The file of this site's fingerprint key (32 bytes in hexadecimal), relative to the site file;
    /// without one a throw-away key is used and fingerprints of two runs do not compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// Where the credentials of services come from, when not by the documented chain.
    #[serde(default, skip_serializing_if = "Credentials::is_empty")]
    pub credentials: Credentials,
}

/// What proves that this is the right environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The host name of the machine on which the engine runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The IPv4 network, as a CIDR block, in which every running node has an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
}

/// How nodes are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// What runs the nodes.
    pub engine: Engine,
    /// The engine's project, for Incus and LXD; `default` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Use `sudo -n` to reach the engine.
    #[serde(default)]
    pub sudo: bool,
    /// The ssh destination of the machine on which the engine runs; this machine when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// The engine's unix socket, when it is not at a usual place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// `auto` takes the engine's socket when it answers, else its command line.
    #[serde(default)]
    pub via: Via,
}

/// What runs the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Incus.
    Incus,
    /// LXD.
    Lxd,
    /// Docker.
    Docker,
    /// No engine: every role is this machine, or the one behind ssh.
    Local,
}

impl Engine {
    /// The engine in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incus => "incus",
            Self::Lxd => "lxd",
            Self::Docker => "docker",
            Self::Local => "local",
        }
    }
}

/// By which door the engine is entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The socket when it answers, else the command line.
    #[default]
    Auto,
    /// The socket only.
    Socket,
    /// The command line only.
    Cli,
}

/// What plays a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NodeRef {
    /// The instance of that name.
    Instance(String),
    /// Nothing, for this reason; its invariants are skipped with it.
    Absent(AbsentNode),
    /// The machine on which the engine runs.
    Hypervisor(HypervisorNode),
}

/// `{ absent: reason }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsentNode {
    /// Why the site has no such node.
    pub absent: String,
}

/// `{ hypervisor: true }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HypervisorNode {
    /// Always true.
    pub hypervisor: bool,
}

impl Site {
    /// What is wrong with the file beyond its form: field path and message.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (role, node) in &self.nodes {
            let at = format!("nodes.{role}");
            match node {
                NodeRef::Instance(name) => {
                    if let Err(error) = check_instance(name) {
                        problems.push((at, error.to_string()));
                    }
                }
                NodeRef::Absent(absent) if absent.absent.trim().is_empty() => {
                    problems.push((at, "say why the site has no such node".to_owned()));
                }
                NodeRef::Hypervisor(node) if !node.hypervisor => {
                    problems.push((at, "`hypervisor` is `true` or is left out".to_owned()));
                }
                NodeRef::Absent(_) | NodeRef::Hypervisor(_) => {}
            }
        }
        if let Some(project) = &self.reach.project
            && let Err(error) = check_instance(project)
        {
            problems.push(("reach.project".to_owned(), error.to_string()));
        }
        if let Some(ssh) = &self.reach.ssh
            && (ssh.starts_with('-')
                || ssh.is_empty()
                || ssh.chars().any(|c| c.is_control() || c.is_whitespace()))
        {
            problems.push(("reach.ssh".to_owned(), "not an ssh destination".to_owned()));
        }
        problems.extend(self.credentials.problems());
        problems
    }
}
