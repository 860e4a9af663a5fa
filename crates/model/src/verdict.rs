//! Verdicts, levels and severities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The judgement of an expectation or a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It could not be established.
    Error,
    /// It does not apply here; the reason is in the message.
    Skip,
    /// It does not hold, and somebody accepted that until a date.
    Waived,
}

impl Verdict {
    /// Every verdict, in the order that reports count them.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Fail,
        Self::Error,
        Self::Skip,
        Self::Waived,
    ];

    /// The verdict in lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skip => "skip",
            Self::Waived => "waived",
        }
    }

    /// Folds the outcomes of several expectations: fail > error > pass.
    /// Of nothing: error, because nothing was looked at.
    pub fn fold(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let mut folded = None;
        for outcome in outcomes {
            folded = Some(match (folded, outcome) {
                (Some(Self::Fail), _) | (_, Self::Fail) => Self::Fail,
                (Some(Self::Error), _) | (_, Self::Error) => Self::Error,
                (_, other) => other,
            });
        }
        folded.unwrap_or(Self::Error)
    }
}

/// Whether an invariant is a demand or a recommendation.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Gates a run.
    #[default]
    Must,
    /// Gates a run only with `--strict`.
    Should,
}

impl Level {
    /// In lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
        }
    }
}

/// How bad it is when an invariant does not hold; ordered, low first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A nuisance.
    Low,
    /// Something works worse than it should.
    Medium,
    /// A part of the platform is, or soon will be, out of order.
    High,
    /// The platform is down, or secrets are open.
    Critical,
}

impl Severity {
    /// In lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[Verdict::Pass, Verdict::Error, Verdict::Fail], Verdict::Fail)]
    #[case(&[Verdict::Pass, Verdict::Error], Verdict::Error)]
    #[case(&[Verdict::Pass, Verdict::Pass], Verdict::Pass)]
    #[case(&[], Verdict::Error)]
    fn folding_takes_fail_before_error_before_pass(
        #[case] outcomes: &[Verdict],
        #[case] folded: Verdict,
    ) {
        assert_eq!(Verdict::fold(outcomes.iter().copied()), folded);
    }
}
