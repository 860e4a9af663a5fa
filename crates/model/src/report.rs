//! The report of a run: the JSON contract that CI pipelines build on.

use serde::{Deserialize, Serialize};

use crate::evidence::NodeRecord;
use crate::exit::{ExitCode, Gate};
use crate::finding::Finding;
use crate::verdict::Verdict;

/// The name and version of the contract.
pub const FORMAT: &str = "runproof.report/1";

/// Everything a renderer may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// The site's name.
    pub site: String,
    /// The profile that was followed.
    pub profile: String,
    /// True when this is a replay of a recording and says nothing about a live site.
    pub recorded: bool,
    /// When the observation began: RFC 3339, UTC.
    pub started: String,
    /// How long the run took, in seconds.
    pub duration_s: f64,
    /// The exit code of the run.
    pub exit_code: u8,
    /// How many findings have each verdict.
    pub summary: Summary,
    /// Every finding, sorted.
    pub findings: Vec<Finding>,
    /// Every node, sorted by role.
    pub nodes: Vec<NodeRecord>,
    /// What the reader must know about the run: throw-away key, interruption, skew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Findings by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Holds.
    pub pass: usize,
    /// Does not hold.
    pub fail: usize,
    /// Could not be established.
    pub error: usize,
    /// Does not apply.
    pub skip: usize,
    /// Accepted for a time.
    pub waived: usize,
}

impl Summary {
    /// Counts findings.
    pub fn of(findings: &[Finding]) -> Self {
        let mut summary = Self::default();
        for finding in findings {
            *match finding.verdict {
                Verdict::Pass => &mut summary.pass,
                Verdict::Fail => &mut summary.fail,
                Verdict::Error => &mut summary.error,
                Verdict::Skip => &mut summary.skip,
                Verdict::Waived => &mut summary.waived,
            } += 1;
        }
        summary
    }
}

impl Report {
    /// Sorts, counts and settles; the only place a report's exit code comes from.
    /// `interrupted` wins over every verdict.
    pub fn settle(mut self, gate: Gate, interrupted: bool) -> Self {
        self.findings
            .sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        self.nodes.sort_by(|a, b| a.role.cmp(&b.role));
        self.summary = Summary::of(&self.findings);
        let code = if interrupted {
            ExitCode::Interrupted
        } else {
            gate.settle(&self.findings)
        };
        self.exit_code = code.code();
        self
    }

    /// What was asked for has to be there: a run that conforms, of which a part
    /// was selected by a name that nothing has, checked nothing of that part.
    #[must_use]
    pub fn demand(mut self, all_there: bool) -> Self {
        if !all_there && self.exit_code == ExitCode::Conforms.code() {
            self.exit_code = ExitCode::NothingChecked.code();
        }
        self
    }
}
