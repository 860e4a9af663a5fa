//! Environment files, in the two dialects that read one and the same file.

pub mod dotenvy;
pub mod systemd;

/// One assignment that a dialect accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Name.
    pub key: String,
    /// Value; `None` when the file alone does not decide it.
    pub value: Option<String>,
    /// The line on which it begins, counted from 1.
    pub line: u32,
}

/// What a dialect does not accept. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line on which it begins, counted from 1.
    pub line: u32,
    /// What is wrong, and what the dialect does about it.
    pub why: &'static str,
}

/// A file in one dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The assignments in the order of the file.
    pub assignments: Vec<Assignment>,
    /// What is malformed.
    pub malformed: Vec<Malformed>,
    /// The line from which on nothing is read.
    pub dropped_from: Option<u32>,
}
