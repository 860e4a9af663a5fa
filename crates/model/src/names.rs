//! Names that travel into commands and paths, checked once at the border.

use std::borrow::Borrow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} is not valid: {why}")]
pub struct NameError {
    what: &'static str,
    name: String,
    why: &'static str,
}

fn check(what: &'static str, name: &str, max: usize) -> Result<(), NameError> {
    let error = |why| {
        Err(NameError {
            what,
            name: crate::text::one_line(name, 80),
            why,
        })
    };
    let Some(first) = name.chars().next() else {
        return error("it is empty");
    };
    if name.len() > max {
        return error("it is too long");
    }
    if !first.is_ascii_alphanumeric() {
        return error("it must begin with a letter or a digit");
    }
    if !name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    {
        return error("only letters, digits, '-', '_' and '.' are allowed");
    }
    Ok(())
}

/// Checks the name of an engine's instance (at most 128 bytes).
pub fn check_instance(name: &str) -> Result<(), NameError> {
    check("instance name", name, 128)
}

/// The part a node plays on the platform: `system`, `tables`, `drive`, …
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Role(String);

impl Role {
    /// A role name: a letter or digit, then letters, digits, `-`, `_`, `.`; at most 64 bytes.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check("role", &name, 64)?;
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Role {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.0
    }
}

impl Borrow<str> for Role {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("alm-ci", true)]
    #[case("", false)]
    #[case("-rf", false)]
    #[case("a b", false)]
    #[case("a;b", false)]
    #[case("../x", false)]
    fn a_role_is_a_plain_word(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(Role::new(name).is_ok(), valid);
    }
}
