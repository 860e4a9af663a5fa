//! Which fields of a fact somebody reads: what nobody reads need not be looked at.

use std::collections::BTreeSet;

use runproof_model::{Observed, Reason, ReasonKind};

/// The fields of a fact that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// All of them: who records does not know what will be asked later.
    All,
    /// These and what is below them, as names with dots between. Elements of lists have no
    /// step of their own: `sockets.port` is the port of any socket.
    Only(BTreeSet<String>),
}

impl Reads {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Reads a field, or the whole when there are no steps. `*` steps are elements of lists.
    pub fn add<'a>(&mut self, steps: impl IntoIterator<Item = &'a str>) {
        let steps: Vec<&str> = steps.into_iter().filter(|&step| step != "*").collect();
        match self {
            Self::All => {}
            Self::Only(_) if steps.is_empty() => *self = Self::All,
            Self::Only(fields) => {
                fields.insert(steps.join("."));
            }
        }
    }

    /// Whether a field is read: itself, something in it, or something that it is in.
    pub fn wants(&self, field: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match self {
            Self::All => true,
            Self::Only(fields) => fields
                .iter()
                .any(|read| within(read, field) || within(field, read)),
        }
    }

    /// Whether nothing is read but these fields and what is in them, and at least one of them.
    pub fn are_within(&self, fields: &[&str]) -> bool {
        match self {
            Self::All => false,
            Self::Only(read) => {
                !read.is_empty()
                    && read.iter().all(|read| {
                        let top = read.split('.').next().unwrap_or_default();
                        fields.contains(&read.as_str()) || fields.contains(&top)
                    })
            }
        }
    }

    /// Whether one of the fields is read.
    pub fn want_any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.wants(field))
    }
}

/// Why a field that nobody reads is unknown.
pub fn not_read() -> Reason {
    Reason::new(ReasonKind::NotAsked, "no expectation reads it")
}

/// The value of a field that was not looked at because nobody reads it.
pub fn unread<T>() -> Observed<T> {
    Observed::Unknown(not_read())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sockets.port", true)]
    #[case("sockets", true)]
    #[case("sockets.pid", false)]
    #[case("sock", false)]
    #[case("environment", true)]
    #[case("environment.A", true)]
    #[case("environment.AB", false)]
    #[case("disk.user", true)]
    fn a_field_is_read_with_what_is_in_it_and_what_it_is_in(
        #[case] field: &str,
        #[case] wanted: bool,
    ) {
        let mut reads = Reads::nothing();
        reads.add(["sockets", "*", "port"]);
        reads.add(["environment", "A"]);
        reads.add(["disk"]);
        assert_eq!(reads.wants(field), wanted);
        assert!(Reads::All.wants(field));
    }

    #[test]
    fn who_reads_the_whole_reads_every_field() {
        let mut reads = Reads::nothing();
        assert!(!reads.wants("a"));
        reads.add([]);
        assert_eq!(reads, Reads::All);
    }
}
