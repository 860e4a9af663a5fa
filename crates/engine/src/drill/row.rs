//! A row of the matrix: what became of one scenario.

use std::collections::BTreeSet;

use runproof_model::{Finding, Verdict};
use runproof_suite::BoundScenario;
use serde::Serialize;

use super::Drilled;

/// What became of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// What is broken.
    pub title: String,
    /// The role of the node.
    pub role: String,
    /// The roles among those concerned whose services a stand-in plays.
    pub standins: Vec<String>,
    /// The verdict on the whole.
    pub outcome: Outcome,
    /// Why, when it is not caught.
    pub why: Option<String>,
    /// What was done, with the role of each node.
    pub acts: Vec<String>,
    /// Every invariant that had something to do with it.
    pub cells: Vec<Cell>,
    /// What became of the documented fix.
    pub fix: FixProof,
    /// Declared consequences that were not green when the fix had mended the rest.
    pub left: Vec<String>,
    /// The roles whose nodes had to be made anew to undo it.
    pub anew: Vec<String>,
    /// Facts that differ from the baseline after the undo, and do not change by themselves.
    pub residue: Vec<String>,
    /// How long everything took.
    pub times: Times,
}

/// The verdict on a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What should turn red did, and nothing else.
    Caught,
    /// Something that should have turned red did not.
    Missed,
    /// Something turned red that should not have.
    Collateral,
    /// What should have turned red could not be established.
    Error,
    /// The negative control left everything green.
    TrueGreen,
    /// A precondition is missing; nothing was changed.
    Refused,
    /// It was done, and nothing of it is to be seen.
    Unviable,
    /// The documented fix does not mend.
    FixFailed,
    /// It mends by itself.
    FixUnneeded,
    /// It is not as it was.
    NotRestored,
    /// The lab was not green before.
    NoBaseline,
    /// The suite is wrong.
    Unreadable,
    /// Of several times, not all came out the same.
    Flaky,
    /// Somebody asked to stop.
    Interrupted,
}

impl Outcome {
    /// Whether the scenario is proven: caught, or rightly green.
    pub fn is_proven(self) -> bool {
        matches!(self, Self::Caught | Self::TrueGreen)
    }

    /// The word of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Collateral => "collateral",
            Self::Error => "error",
            Self::TrueGreen => "true-green",
            Self::Refused => "refused",
            Self::Unviable => "unviable",
            Self::FixFailed => "fix-failed",
            Self::FixUnneeded => "fix-unneeded",
            Self::NotRestored => "not-restored",
            Self::NoBaseline => "no-baseline",
            Self::Unreadable => "unreadable",
            Self::Flaky => "flaky",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What one invariant said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cell {
    /// The invariant.
    pub invariant: String,
    /// The node.
    pub node: String,
    /// What kind of answer that is.
    pub kind: CellKind,
    /// What it said.
    pub message: String,
}

/// What kind of answer an invariant gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// It should turn red, and did.
    Caught,
    /// It should turn red, and did not.
    Missed,
    /// It turned red as a declared consequence, or under a root that did.
    Cascade,
    /// It turned red, and nobody said so.
    Collateral,
    /// It could not be established.
    Error,
}

/// What became of the documented fix.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fix", content = "why")]
pub enum FixProof {
    /// It was not tried.
    Untried,
    /// Nothing is documented, or it cannot be run in a lab.
    None(String),
    /// It is necessary, it mends, and twice is harmless.
    Proven,
    /// It does not mend.
    Failed(String),
    /// Without it everything is green again as well.
    Unneeded(String),
}

/// How long the phases took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Until the effect was seen.
    pub inject_s: f64,
    /// From there until red.
    pub red_s: Option<f64>,
    /// From the fix until green.
    pub green_s: Option<f64>,
    /// Until everything was as before.
    pub restore_s: f64,
    /// The whole drill.
    pub whole_s: f64,
}

impl Row {
    /// A row of which nothing is known yet.
    pub(super) fn new(scenario: &BoundScenario, standins: Vec<String>) -> Self {
        Self {
            scenario: scenario.id.clone(),
            title: scenario.title.clone(),
            role: scenario.role.clone(),
            standins,
            outcome: Outcome::Error,
            why: None,
            acts: Vec::new(),
            cells: Vec::new(),
            fix: FixProof::Untried,
            left: Vec::new(),
            anew: Vec::new(),
            residue: Vec::new(),
            times: Times::default(),
        }
    }

    /// With its outcome.
    #[must_use]
    pub(super) fn end(mut self, outcome: Outcome, why: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.why = Some(why.into());
        self
    }

    /// Whether everything that should have turned red did, whatever became of the rest.
    pub fn saw_it(&self) -> bool {
        let of = |kind: CellKind| self.cells.iter().any(|cell| cell.kind == kind);
        of(CellKind::Caught) && !of(CellKind::Missed)
    }

    /// As what came of a drill in which nothing was seen.
    pub(super) fn without(self) -> Drilled {
        Drilled {
            row: self,
            seen: None,
        }
    }

    /// Judges what the findings say while the fault is in.
    pub(super) fn judge(&mut self, scenario: &BoundScenario, findings: &[Finding]) {
        let mut cells = BTreeSet::new();
        let counts = |finding: &Finding| finding.document_defect.is_none();
        let red: BTreeSet<&str> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Fail && counts(finding))
            .map(|finding| finding.id.as_str())
            .collect();
        let expected = |id: &str| {
            scenario.turns_red.iter().any(|one| one == id)
                || scenario.cascades.iter().any(|one| one == id)
        };
        for id in &scenario.turns_red {
            let of_it = || findings.iter().filter(|finding| &finding.id == id);
            let failed = of_it().find(|finding| finding.verdict == Verdict::Fail);
            let erred = of_it().find(|finding| finding.verdict == Verdict::Error);
            let (kind, finding) = match (failed, erred) {
                (Some(finding), _) => (CellKind::Caught, Some(finding)),
                (None, Some(finding)) => (CellKind::Error, Some(finding)),
                (None, None) => (CellKind::Missed, of_it().next()),
            };
            cells.insert(Cell {
                invariant: id.clone(),
                node: finding.map_or_else(|| scenario.role.clone(), |one| one.node.clone()),
                kind,
                message: finding.map_or_else(String::new, |one| one.message.clone()),
            });
        }
        for finding in findings.iter().filter(|finding| counts(finding)) {
            let turns_red = scenario.turns_red.contains(&finding.id);
            let under = finding
                .because_of
                .as_deref()
                .is_some_and(|root| expected(root) || red.contains(root));
            let kind = match finding.verdict {
                Verdict::Fail if turns_red => CellKind::Caught,
                Verdict::Fail if expected(&finding.id) || under => CellKind::Cascade,
                Verdict::Fail => CellKind::Collateral,
                // What cannot be established while something is broken is no catch, and nobody's fault
                // when it follows from what turned red.
                Verdict::Error if !turns_red && (expected(&finding.id) || under) => {
                    CellKind::Cascade
                }
                Verdict::Error if !turns_red => CellKind::Error,
                Verdict::Error | Verdict::Pass | Verdict::Skip | Verdict::Waived => continue,
            };
            cells.insert(Cell {
                invariant: finding.id.clone(),
                node: finding.node.clone(),
                kind,
                message: finding.message.clone(),
            });
        }
        self.cells = cells.into_iter().collect();
        let names = |kind: CellKind| {
            let of: Vec<&str> = self
                .cells
                .iter()
                .filter(|cell| cell.kind == kind)
                .map(|cell| cell.invariant.as_str())
                .collect();
            of.join(", ")
        };
        let has = |kind: CellKind| self.cells.iter().any(|cell| cell.kind == kind);
        let (outcome, why) = if has(CellKind::Missed) {
            (Outcome::Missed, Some(names(CellKind::Missed)))
        } else if has(CellKind::Collateral) {
            (Outcome::Collateral, Some(names(CellKind::Collateral)))
        } else if has(CellKind::Error) {
            (Outcome::Error, Some(names(CellKind::Error)))
        } else if scenario.turns_red.is_empty() {
            (Outcome::TrueGreen, None)
        } else {
            (Outcome::Caught, None)
        };
        self.outcome = outcome;
        self.why = why;
    }
}
