//! What a kind wants to look at on a node.
//!
//! The set is small and closed so that one composer can batch it, one policy
//! can allow or refuse it, and `check --plan` can print it. There is no way to
//! ask for free shell text from a suite: the text of a [`Command`] is ours.

use serde::Serialize;

use crate::service::ServiceAsk;

/// One look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Metadata of a path and, when it is a symbolic link, of what it leads to.
    Stat {
        /// Absolute path.
        path: String,
    },
    /// The content of a regular file, or one end of it.
    Read {
        /// Absolute path.
        path: String,
        /// At most this many bytes.
        cap: u32,
        /// Which end, when there is more than `cap`.
        end: End,
    },
    /// A slice of a regular file.
    Slice {
        /// Absolute path.
        path: String,
        /// First byte, counted from 0.
        offset: u64,
        /// How many bytes.
        len: u32,
    },
    /// The names in a directory, with their metadata.
    List {
        /// Absolute path.
        path: String,
    },
    /// The SHA-256 of a regular file, computed on the node.
    Digest {
        /// Absolute path.
        path: String,
    },
    /// A command of ours.
    Run(Command),
    /// What the engine says of the instance: its JSON, wrapped as
    /// `{"engine": "incus|lxd|docker", "instance": {…}, "snapshots": […]}`.
    Instance,
    /// A question to a service, by a client of ours. The answer is the fact in its recorded form.
    Service(Box<ServiceAsk>),
}

/// Which end of a long file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The first bytes; more than the cap is a truncated answer.
    Head,
    /// The last bytes; more than the cap is expected.
    Tail,
}

/// A command of ours: constant POSIX sh text, arguments as `$1`, `$2`, ….
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Command {
    /// A short name for plans and messages, like `systemctl-show`.
    pub name: &'static str,
    /// The text; never built from input.
    pub text: &'static str,
    /// Its arguments; may come from a query.
    pub args: Vec<String>,
    /// Killed after so many seconds.
    pub seconds: u16,
    /// At most this many bytes of output are taken.
    pub cap: u32,
    /// The path whose content the output shows, or a pattern of paths; none when
    /// it shows no file's content. The site's allow-list must have it.
    pub content: Option<String>,
    /// How it can be done together with others of its sort.
    pub batch: Batch,
}

/// How commands of one name, text and limits share a process on the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batch {
    /// Not at all: one of them may hang where the others do not.
    #[default]
    Alone,
    /// Not at all, and the script's own shell runs it: its text takes no words, ends no shell,
    /// and leaves no variable behind.
    InPlace,
    /// The text is run for each in turn, in one shell and one time limit.
    Each,
    /// The text is run once with the arguments of all; its output has a block for
    /// each in order, an empty line between two, and every block begins with `Name=`.
    /// When it fails, it is run for each in turn.
    Blocks,
    /// The text is run once with the arguments of all; its output has one line for each in
    /// order. When it fails, it is run for each in turn.
    Lines,
}

impl Ask {
    /// Metadata of `path`.
    pub fn stat(path: impl Into<String>) -> Self {
        Self::Stat { path: path.into() }
    }

    /// The whole of a file that is expected to be small (1 MiB at most).
    pub fn read(path: impl Into<String>) -> Self {
        Self::Read {
            path: path.into(),
            cap: 1 << 20,
            end: End::Head,
        }
    }

    /// The path whose content this look would reveal, or a pattern of paths, if any.
    /// [`crate::ContentPolicy::allows`] takes both.
    pub fn content_path(&self) -> Option<&str> {
        match self {
            Self::Read { path, .. } | Self::Slice { path, .. } => Some(path),
            Self::Run(command) => command.content.as_deref(),
            Self::Stat { .. }
            | Self::List { .. }
            | Self::Digest { .. }
            | Self::Instance
            | Self::Service(_) => None,
        }
    }

    /// How much output this look may give, in bytes.
    pub fn cap(&self) -> u64 {
        match self {
            Self::Stat { .. } | Self::Digest { .. } => 16 << 10,
            Self::List { .. } => 4 << 20,
            Self::Read { cap, .. } => u64::from(*cap),
            Self::Slice { len, .. } => u64::from(*len),
            Self::Run(command) => u64::from(command.cap),
            Self::Instance | Self::Service(_) => 4 << 20,
        }
    }
}

impl Command {
    /// A command with the usual limits: 10 s, 4 MiB.
    pub fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            args: Vec::new(),
            seconds: 10,
            cap: 4 << 20,
            content: None,
            batch: Batch::Alone,
        }
    }

    /// As one that shows the content of a file, or of the files of a pattern.
    #[must_use]
    pub fn content(mut self, path: impl Into<String>) -> Self {
        self.content = Some(path.into());
        self
    }

    /// As one that shares a process with others of its sort.
    #[must_use]
    pub fn batch(mut self, batch: Batch) -> Self {
        self.batch = batch;
        self
    }

    /// With arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }
}
