//! A finding: one invariant judged on one node.

use serde::{Deserialize, Serialize};

use crate::verdict::{Level, Severity, Verdict};

/// What became of one invariant on one node. The JSON contract of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The invariant's identifier.
    pub id: String,
    /// The suite it stands in.
    pub suite: String,
    /// The role of the node it was judged on.
    pub node: String,
    /// The item of a `for-each` loop, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The judgement.
    pub verdict: Verdict,
    /// Demand or recommendation.
    pub level: Level,
    /// How bad it is.
    pub severity: Severity,
    /// The invariant in words.
    pub title: String,
    /// Why the verdict is what it is, as an operator would say it; one line.
    pub message: String,
    /// Each expectation with its own outcome.
    pub expectations: Vec<ExpectationOutcome>,
    /// The identifier of the root cause this finding follows from.
    pub because_of: Option<String>,
    /// Why the documented statement cannot hold of the real program.
    pub document_defect: Option<String>,
    /// Where the documents disagree: what else is documented, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// `document/section` of every source.
    pub sources: Vec<String>,
    /// The documented commands that mend it.
    pub fix: Vec<String>,
}

impl Finding {
    /// An empty finding to fill in: error until somebody judged it.
    pub fn named(id: impl Into<String>, suite: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            suite: suite.into(),
            node: String::new(),
            item: None,
            verdict: Verdict::Error,
            level: Level::Must,
            severity: Severity::Medium,
            title: String::new(),
            message: String::new(),
            expectations: Vec::new(),
            because_of: None,
            document_defect: None,
            reading: None,
            sources: Vec::new(),
            fix: Vec::new(),
        }
    }

    /// The order of reports: suite, identifier, node, item.
    pub fn sort_key(&self) -> (&str, &str, &str, Option<&str>) {
        (&self.suite, &self.id, &self.node, self.item.as_deref())
    }
}

/// One expectation of an invariant, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationOutcome {
    /// The expression as written.
    pub expect: String,
    /// Its judgement: pass, fail or error.
    pub verdict: Verdict,
    /// What was found, in words; the deciding conjunct's left side.
    pub found: Option<String>,
    /// What was expected, in words; the deciding conjunct's right side.
    pub expected: Option<String>,
}
