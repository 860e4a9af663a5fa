//! The one place where findings become an exit code.

use crate::finding::Finding;
use crate::verdict::{Level, Severity, Verdict};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that gates holds.
    Conforms = 0,
    /// At least one gated finding failed.
    Fails = 1,
    /// No gated finding failed, but one could not be established.
    Unestablished = 2,
    /// Nothing was checked.
    NothingChecked = 3,
    /// The command line or a suite is wrong.
    Usage = 64,
    /// A defect of runproof.
    Defect = 70,
    /// An output could not be written.
    CannotWrite = 74,
    /// The run was interrupted.
    Interrupted = 130,
}

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// What gates a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Findings below this severity do not gate.
    pub severity: Severity,
    /// Recommendations gate too.
    pub strict: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            severity: Severity::Low,
            strict: false,
        }
    }
}

impl Gate {
    /// Whether a finding counts for the exit code.
    pub fn counts(&self, finding: &Finding) -> bool {
        finding.severity >= self.severity && (self.strict || finding.level == Level::Must)
    }

    /// The exit code of a finished run.
    ///
    /// A finding that follows from another's root cause does not hide it and
    /// does not add to it: both gate alike.
    pub fn settle(&self, findings: &[Finding]) -> ExitCode {
        let judged = findings.iter().any(|f| {
            matches!(
                f.verdict,
                Verdict::Pass | Verdict::Fail | Verdict::Error | Verdict::Waived
            )
        });
        if !judged {
            return ExitCode::NothingChecked;
        }
        let gated = |verdict| {
            findings
                .iter()
                .any(|f| f.verdict == verdict && self.counts(f))
        };
        if gated(Verdict::Fail) {
            ExitCode::Fails
        } else if gated(Verdict::Error) {
            ExitCode::Unestablished
        } else {
            ExitCode::Conforms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn finding(verdict: Verdict, level: Level, severity: Severity) -> Finding {
        Finding {
            verdict,
            level,
            severity,
            ..Finding::named("an-id", "a-suite")
        }
    }

    #[rstest]
    #[case::nothing(&[], ExitCode::NothingChecked)]
    #[case::only_skips(&[finding(Verdict::Skip, Level::Must, Severity::High)], ExitCode::NothingChecked)]
    #[case::a_pass(&[finding(Verdict::Pass, Level::Must, Severity::High)], ExitCode::Conforms)]
    #[case::an_error(&[finding(Verdict::Error, Level::Must, Severity::High)], ExitCode::Unestablished)]
    #[case::fail_before_error(
        &[finding(Verdict::Error, Level::Must, Severity::High), finding(Verdict::Fail, Level::Must, Severity::High)],
        ExitCode::Fails)]
    #[case::a_recommendation_does_not_gate(&[finding(Verdict::Fail, Level::Should, Severity::High)], ExitCode::Conforms)]
    #[case::below_the_gate(&[finding(Verdict::Fail, Level::Must, Severity::Low)], ExitCode::Conforms)]
    #[case::a_waived_failure_conforms(&[finding(Verdict::Waived, Level::Must, Severity::High)], ExitCode::Conforms)]
    fn the_exit_code_follows_the_gate(#[case] findings: &[Finding], #[case] code: ExitCode) {
        let gate = Gate {
            severity: Severity::Medium,
            strict: false,
        };
        assert_eq!(gate.settle(findings), code);
    }
}
