//! What a fault changed, recorded once from a lab: `fixtures/faults/<scenario>.json`.
//!
//! A recording is laid over the reference evidence by role, kind and query, so
//! that the matrix of scenarios and invariants can be replayed without an engine.

use serde::{Deserialize, Serialize};

use crate::evidence::{FactRecord, NodeRecord};

/// The name and version of the recorded form.
pub const FORMAT: &str = "runproof.fault/1";

/// The facts that one fault changed, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRecording {
    /// [`FORMAT`].
    pub format: String,
    /// The scenario's identifier.
    pub scenario: String,
    /// Whether a stand-in plays a service on a node that it rests on.
    pub standin: bool,
    /// What it was recorded from; where one of them differs, the recording is stale.
    pub digests: FaultDigests,
    /// The nodes whose facts are here, as they were when the fault was in.
    pub nodes: Vec<NodeRecord>,
    /// The facts that differ from the reference, sorted by role, kind and query.
    pub facts: Vec<FactRecord>,
}

/// SHA-256 of what a recording was made from, as 64 hexadecimal digits each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultDigests {
    /// Of what the scenario does: its identifier, where it acts, and the fault.
    pub scenario: String,
    /// Of the evidence that the recording is laid over.
    pub reference: String,
    /// Of everything that the suites ask for: role, kind and query.
    pub queries: String,
}

impl FaultDigests {
    /// What differs from the digests of today, in words; `None` when nothing does.
    pub fn differs(&self, today: &Self) -> Option<String> {
        let parts = [
            (&self.scenario, &today.scenario, "the scenario"),
            (&self.reference, &today.reference, "the reference site"),
            (&self.queries, &today.queries, "what the suites ask for"),
        ];
        let changed: Vec<&str> = parts
            .into_iter()
            .filter(|(then, now, _)| then != now)
            .map(|(_, _, what)| what)
            .collect();
        (!changed.is_empty()).then(|| format!("changed since: {}", changed.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_say_what_changed() {
        let digests = |scenario: &str, queries: &str| FaultDigests {
            scenario: scenario.to_owned(),
            reference: "r".to_owned(),
            queries: queries.to_owned(),
        };
        assert_eq!(digests("a", "q").differs(&digests("a", "q")), None);
        assert_eq!(
            digests("a", "p").differs(&digests("b", "q")).as_deref(),
            Some("changed since: the scenario, what the suites ask for")
        );
    }
}
