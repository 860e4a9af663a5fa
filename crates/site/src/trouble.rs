//! Why a node or an engine could not be reached, and whether trying again may help.

use std::io;

use runproof_model::{Reason, ReasonKind};

/// A failed attempt to reach something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What to tell the reader.
    pub reason: Reason,
    /// Whether one more attempt is worth it: a reset connection, a restarting daemon.
    pub transient: bool,
}

impl Trouble {
    /// Trouble that will be there again.
    pub fn lasting(reason: Reason) -> Self {
        Self {
            reason,
            transient: false,
        }
    }

    /// Lasting trouble from its parts.
    pub fn new(kind: ReasonKind, detail: impl AsRef<str>) -> Self {
        Self::lasting(Reason::new(kind, detail))
    }

    /// The same trouble, worth another attempt.
    pub fn passing(mut self) -> Self {
        self.transient = true;
        self
    }

    /// An error of the operating system on the way to `what`.
    pub fn io(what: &str, error: &io::Error) -> Self {
        let detail = format!("{what}: {error}");
        let kind = error.kind();
        if kind == io::ErrorKind::PermissionDenied {
            Self::new(ReasonKind::Permission, detail)
        } else if kind == io::ErrorKind::TimedOut {
            Self::new(ReasonKind::Timeout, detail)
        } else if is_passing(kind) {
            Self::new(ReasonKind::Unreachable, detail).passing()
        } else {
            Self::new(ReasonKind::Unreachable, detail)
        }
    }

    /// What an engine's words of refusal mean. `text` is the engine's own message.
    pub fn refusal(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&[
            "executable file not found",
            "no such file or directory: unknown",
            "command not found",
        ]) {
            Self::new(ReasonKind::MissingTool, format!("sh: {text}"))
        } else if says(&[
            "instance not found",
            "no such container",
            "no such instance",
            "no such object",
        ]) {
            Self::new(ReasonKind::NoSuchNode, text)
        } else if says(&[
            "is not running",
            "is frozen",
            "is paused",
            "container is stopped",
            "is restarting",
        ]) {
            Self::new(ReasonKind::Stopped, text)
        } else if says(&[
            "permission denied",
            "not authorized",
            "you don't have the needed permissions",
            "a password is required",
            "forbidden",
        ]) {
            Self::new(ReasonKind::Permission, text)
        } else if says(&[
            "temporarily unavailable",
            "try again",
            "connection reset",
            "connection refused",
            "shutting down",
            "broken pipe",
            "cannot connect to the docker daemon",
            "unix.socket",
        ]) {
            Self::new(ReasonKind::Unreachable, text).passing()
        } else if says(&["not found"]) && says(&["sudo", "incus:", "lxc:", "docker:"]) {
            Self::new(ReasonKind::MissingTool, text)
        } else {
            Self::new(ReasonKind::Failed, text)
        }
    }
}

fn is_passing(kind: io::ErrorKind) -> bool {
    [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::WouldBlock,
        io::ErrorKind::Interrupted,
        io::ErrorKind::ResourceBusy,
    ]
    .contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("Instance not found", ReasonKind::NoSuchNode, false)]
    #[case(
        "Error response from daemon: No such container: x",
        ReasonKind::NoSuchNode,
        false
    )]
    #[case("Instance is not running", ReasonKind::Stopped, false)]
    #[case("Container 5f33 is not running", ReasonKind::Stopped, false)]
    #[case("Error: Instance is frozen", ReasonKind::Stopped, false)]
    #[case("sudo: a password is required", ReasonKind::Permission, false)]
    #[case("sh: 1: incus: not found", ReasonKind::MissingTool, false)]
    #[case(
        "OCI runtime exec failed: exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown",
        ReasonKind::MissingTool,
        false
    )]
    #[case("read: connection reset by peer", ReasonKind::Unreachable, true)]
    #[case("something else", ReasonKind::Failed, false)]
    fn the_engines_words_have_a_meaning(
        #[case] text: &str,
        #[case] kind: ReasonKind,
        #[case] transient: bool,
    ) {
        let trouble = Trouble::refusal(text);
        assert_eq!((trouble.reason.kind, trouble.transient), (kind, transient));
    }
}
