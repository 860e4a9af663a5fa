//! What became of a try to turn something red: one set of words for a cell of a matrix and for a
//! whole row of it, whether it was drilled on a lab or replayed from a recording.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of an invariant under a scenario, or of the scenario as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What had to turn red did; of a scenario: and nothing else.
    Caught,
    /// Something that had to turn red did not.
    Missed,
    /// Something turned red that nobody declared.
    Collateral,
    /// Something could not be established, which nobody declared.
    Error,
    /// Of an invariant: it turned red as a declared consequence, or because of its cause.
    Cascade,
    /// What had to stay green did.
    TrueGreen,
    /// Of a scenario: a precondition is missing; nothing was changed.
    Refused,
    /// Of a scenario: it was done, and nothing of it is to be seen.
    Unviable,
    /// Of a scenario: the documented fix does not mend.
    FixFailed,
    /// Of a scenario: it mends by itself.
    FixUnneeded,
    /// Of a scenario: the node is not as it was.
    NotRestored,
    /// Of a scenario: the lab was not green before.
    NoBaseline,
    /// Of a scenario: the suite is wrong.
    Unreadable,
    /// Of a scenario: of several times, not all came out the same.
    Flaky,
    /// Of a scenario: somebody asked to stop.
    Interrupted,
}

impl Outcome {
    /// Every word, in the order in which they are counted.
    pub const ALL: [Self; 15] = [
        Self::Caught,
        Self::Missed,
        Self::Collateral,
        Self::Error,
        Self::Cascade,
        Self::TrueGreen,
        Self::Refused,
        Self::Unviable,
        Self::FixFailed,
        Self::FixUnneeded,
        Self::NotRestored,
        Self::NoBaseline,
        Self::Unreadable,
        Self::Flaky,
        Self::Interrupted,
    ];

    /// In lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Collateral => "collateral",
            Self::Error => "error",
            Self::Cascade => "cascade",
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

    /// Whether it is as it should be. Everything that is not is no proof.
    pub fn is_proven(self) -> bool {
        match self {
            Self::Caught | Self::Cascade | Self::TrueGreen => true,
            Self::Missed
            | Self::Collateral
            | Self::Error
            | Self::Refused
            | Self::Unviable
            | Self::FixFailed
            | Self::FixUnneeded
            | Self::NotRestored
            | Self::NoBaseline
            | Self::Unreadable
            | Self::Flaky
            | Self::Interrupted => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_the_one_of_json_and_stands_once() {
        let mut words: Vec<_> = Outcome::ALL.iter().map(|one| one.as_str()).collect();
        for one in Outcome::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Outcome::ALL.len());
    }
}
