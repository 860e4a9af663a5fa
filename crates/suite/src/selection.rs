//! Which invariants of a library somebody wants judged.

use runproof_model::{Role, Severity};

use crate::invariant::Invariant;
use crate::words::matches;

/// Which invariants somebody wants judged. An empty list does not narrow anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Suites by name; `*` and `?` are allowed.
    pub suites: Vec<String>,
    /// Invariants by identifier; `*` and `?` are allowed.
    pub ids: Vec<String>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// Roles of the nodes on which they are judged.
    pub roles: Vec<Role>,
}

impl Selection {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether an invariant of a suite is wanted, on whatever node.
    pub fn wants(&self, suite: &str, invariant: &Invariant) -> bool {
        let named = |patterns: &[String], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name))
        };
        named(&self.suites, suite)
            && named(&self.ids, &invariant.id)
            && (self.severities.is_empty() || self.severities.contains(&invariant.severity))
    }

    /// Whether a node is wanted.
    pub fn wants_role(&self, role: &Role) -> bool {
        self.roles.is_empty() || self.roles.contains(role)
    }
}
