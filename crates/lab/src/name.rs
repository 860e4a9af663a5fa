//! The name of a lab: it travels into names of instances, labels and paths.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::LabError;

/// The longest name; instances are `NAME-ROLE`, and a host name has at most 63 bytes.
const LONGEST: usize = 32;

/// A lab's name: a lower-case letter, then lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

impl LabName {
    /// Checks a name.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn new(name: impl Into<String>) -> Result<Self, LabError> {
        let name = name.into();
        let sound = name.len() <= LONGEST
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if sound {
            Ok(Self(name))
        } else {
            Err(LabError::usage(
                "expected a lab's name: a lower-case letter, then lower-case letters, digits and '-', at most 32",
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instance that plays `role` in this lab.
    pub(crate) fn instance(&self, role: &str) -> String {
        format!("{}-{role}", self.0)
    }
}

impl TryFrom<String> for LabName {
    type Error = LabError;
    fn try_from(name: String) -> Result<Self, LabError> {
        Self::new(name)
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("lab", true)]
    #[case("rpt12-0", true)]
    #[case("", false)]
    #[case("1lab", false)]
    #[case("lab-", false)]
    #[case("../lab", false)]
    #[case("Lab", false)]
    #[case("a23456789012345678901234567890123", false)]
    fn a_name_is_fit_for_an_instance_and_a_path(#[case] name: &str, #[case] sound: bool) {
        assert_eq!(LabName::new(name).is_ok(), sound);
    }
}
