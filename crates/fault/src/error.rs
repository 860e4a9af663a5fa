//! Why a fault was not put in, or not undone.

use runproof_lab::LabError;

/// A failure, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The fault cannot be read; it is a mistake of the suite.
    #[error("the fault cannot be read: {0}")]
    Unreadable(String),
    /// A precondition is missing; nothing was changed.
    #[error("refused, and nothing was changed: {0}")]
    Refused(String),
    /// It was done, and nothing of it is to be seen: an unviable fault is never caught.
    #[error("the fault has no effect: {0}")]
    Unviable(String),
    /// What was done could not be undone in place.
    #[error("not restored: {0}")]
    NotRestored(String),
    /// The journal cannot be written or believed.
    #[error("the journal of faults: {0}")]
    Journal(String),
    /// The lab, with what to do about it.
    #[error("{}{}", .0, help(.0))]
    Lab(#[from] LabError),
}

fn help(error: &LabError) -> String {
    let help = error.help.as_ref();
    help.map(|help| format!("; {help}")).unwrap_or_default()
}
