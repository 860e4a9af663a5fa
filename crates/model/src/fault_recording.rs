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
    /// What it was recorded from and what it holds; where one of them differs, the recording is
    /// stale.
    pub digests: FaultDigests,
    /// The nodes whose facts are here, as they were when the fault was in.
    pub nodes: Vec<NodeRecord>,
    /// The facts that differ from the reference, sorted by role, kind and query.
    pub facts: Vec<FactRecord>,
}

/// SHA-256 of what a recording was made from and of what it holds, as 64 hexadecimal digits each.
///
/// A recording of an older version lacks some of them: it is stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultDigests {
    /// Of what the scenario does: its identifier, where it acts, and the fault.
    pub scenario: String,
    /// Of the evidence that the recording is laid over.
    pub reference: String,
    /// Of everything that the suites ask for: role, kind and query.
    pub queries: String,
    /// Of what decides what the facts mean that the suites ask for: their forms, how the nodes are
    /// looked at, and the revisions of the parsers.
    #[serde(default)]
    pub parsers: String,
    /// Of the images of the recording's nodes, by role. Today's are those of the reference.
    #[serde(default)]
    pub images: String,
    /// Of the recording's own nodes and facts, and of whether it says that a stand-in plays. A guard
    /// against accidents and edits by hand; who means harm makes another digest, this is no
    /// signature.
    #[serde(default)]
    pub content: String,
}

/// Digests of a recording and of today, and what they are of in words.
type Part<'a> = (&'a String, &'a String, &'static str);

impl FaultRecording {
    /// What differs from the digests of today, in words; `None` when nothing does. What the
    /// recording itself holds goes into those of today too.
    pub fn differs(&self, today: &FaultDigests) -> Option<String> {
        let then = &self.digests;
        let own = [
            (&then.images, &today.images, "the images of its nodes"),
            (&then.content, &today.content, "its own content"),
        ];
        changed(then.origins(today).into_iter().chain(own))
    }
}

impl FaultDigests {
    fn origins<'a>(&'a self, today: &'a Self) -> [Part<'a>; 4] {
        [
            (&self.scenario, &today.scenario, "the scenario"),
            (&self.reference, &today.reference, "the reference site"),
            (&self.queries, &today.queries, "what the suites ask for"),
            (&self.parsers, &today.parsers, "how facts are read"),
        ]
    }
}

fn changed<'a>(parts: impl Iterator<Item = Part<'a>>) -> Option<String> {
    let changed: Vec<&str> = parts
        .filter(|(then, now, _)| then != now)
        .map(|(_, _, what)| what)
        .collect();
    (!changed.is_empty()).then(|| format!("changed since: {}", changed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn recorded(digests: Value) -> FaultRecording {
        let recording = json!({
            "format": FORMAT, "scenario": "a", "standin": false,
            "digests": digests, "nodes": [], "facts": [],
        });
        serde_json::from_value(recording).unwrap()
    }

    fn today() -> Value {
        json!({
            "scenario": "s", "reference": "r", "queries": "q",
            "parsers": "p", "images": "i", "content": "c",
        })
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&["scenario"], Some("the scenario"))]
    #[case(&["parsers"], Some("how facts are read"))]
    #[case(&["images"], Some("the images of its nodes"))]
    #[case(&["content"], Some("its own content"))]
    #[case(&["reference", "queries", "content"], Some("the reference site, what the suites ask for, its own content"))]
    fn digests_say_what_changed(#[case] other: &[&str], #[case] said: Option<&str>) {
        let mut then = today();
        for name in other {
            then[name] = json!("other");
        }
        let today = recorded(today()).digests;
        let said = said.map(|said| format!("changed since: {said}"));
        assert_eq!(recorded(then).differs(&today), said);
    }

    #[test]
    fn a_recording_without_a_digest_can_be_read_and_is_stale() {
        let old = recorded(json!({"scenario": "s", "reference": "r", "queries": "q"}));
        let today = recorded(today()).digests;
        let said = "changed since: how facts are read, the images of its nodes, its own content";
        assert_eq!(old.differs(&today).as_deref(), Some(said));
    }
}
