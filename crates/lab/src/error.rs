//! Why a lab command did not do what it was asked.

/// What kind of failure it is; it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for cannot be: an unknown role, a lab that is not there.
    Usage,
    /// This machine lacks something.
    Machine,
    /// It was tried and did not work.
    Failed,
    /// Somebody asked to stop.
    Interrupted,
}

/// A failure, in words, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct LabError {
    /// What kind.
    pub kind: Kind,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl LabError {
    fn new(kind: Kind, problem: impl Into<String>) -> Self {
        Self {
            kind,
            problem: problem.into(),
            help: None,
        }
    }

    /// A wrong question.
    pub(crate) fn usage(problem: impl Into<String>) -> Self {
        Self::new(Kind::Usage, problem)
    }

    /// A machine that lacks something.
    pub(crate) fn machine(problem: impl Into<String>) -> Self {
        Self::new(Kind::Machine, problem)
    }

    /// An attempt that failed.
    pub(crate) fn failed(problem: impl Into<String>) -> Self {
        Self::new(Kind::Failed, problem)
    }

    /// Somebody asked to stop.
    pub(crate) fn interrupted() -> Self {
        Self::new(
            Kind::Interrupted,
            "stopped; what was made of the lab is removed",
        )
    }

    /// With what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Why a lab was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// The lab is ours, and what was made of it is no more: a node is gone, does not run or answer, or
    /// is another one, or the lab did not come up. Making it anew destroys nothing that anybody relies on.
    #[error("{0}")]
    Lost(LabError),
    /// Anything else, as a lab of another user or an engine that cannot be reached: it says nothing of
    /// the nodes, and is no reason to make any of them anew.
    #[error("{0}")]
    Refused(LabError),
}

impl From<LabError> for Unproved {
    /// A failure is a reason to make nodes anew only where somebody has said so.
    fn from(error: LabError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unproved> for LabError {
    fn from(unproved: Unproved) -> Self {
        match unproved {
            Unproved::Lost(error) | Unproved::Refused(error) => error,
        }
    }
}

/// A failure of the file system at `what`.
pub(crate) fn io(what: &std::path::Path, error: &std::io::Error) -> LabError {
    LabError::failed(format!("{}: {error}", what.display()))
}
