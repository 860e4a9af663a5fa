//! What was seen: the raw answers, and the few ways to read them that never
//! turn a failed look into an absence.

use std::collections::HashMap;
use std::sync::Arc;

use runproof_model::{Observed, Reason, ReasonKind};
use zeroize::Zeroizing;

use crate::ask::Ask;

/// The raw answer to one look. It may hold secrets, so it is wiped on drop.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The look was done.
    Done {
        /// The exit code of the command that looked.
        code: u8,
        /// Standard output and error together.
        out: Arc<Zeroizing<Vec<u8>>>,
        /// More was there than the cap let through.
        truncated: bool,
    },
    /// There is no answer.
    Missing(Reason),
}

/// The exit code by which our script says "there, but not a regular file".
pub const NOT_REGULAR: u8 = 121;
/// The exit codes of `timeout`: ended, or killed; busybox gives the signal that it sent.
pub(crate) const TIMED_OUT: [u8; 3] = [124, 137, 143];

/// A finished command.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: u8,
    /// What it printed, standard error included; bytes that are no UTF-8 are replaced.
    pub out: String,
}

/// Metadata of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// File type and permission bits, as `st_mode`.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Owner's name, `UNKNOWN` when the node has none.
    pub user: String,
    /// Group's name, `UNKNOWN` when the node has none.
    pub group: String,
    /// Size in bytes.
    pub size: u64,
    /// Last change of content, seconds since 1970.
    pub mtime: i64,
    /// Number of hard links.
    pub links: u64,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl Meta {
    /// The kind of file in a word: `file`, `dir`, `link`, `fifo`, `socket`, `block`, `char`, `other`.
    pub fn file_type(&self) -> &'static str {
        match self.mode & 0o170_000 {
            0o100_000 => "file",
            0o040_000 => "dir",
            0o120_000 => "link",
            0o010_000 => "fifo",
            0o140_000 => "socket",
            0o060_000 => "block",
            0o020_000 => "char",
            _ => "other",
        }
    }

    /// The permission bits as four octal digits, `0644`.
    pub fn permissions(&self) -> String {
        format!("{:04o}", self.mode & 0o7777)
    }
}

/// What `stat` saw of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The path itself.
    pub itself: Meta,
    /// What it leads to when it is a link; absent for a dangling one.
    pub target: Observed<Meta>,
}

/// All answers of a node.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    map: HashMap<Ask, Answer>,
}

impl Answers {
    /// No answers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer.
    pub fn insert(&mut self, ask: Ask, answer: Answer) {
        self.map.insert(ask, answer);
    }

    /// Takes over the answers of another look.
    pub fn extend(&mut self, other: Self) {
        self.map.extend(other.map);
    }

    /// Whether somebody looked and got no answer.
    pub fn is_missing(&self, ask: &Ask) -> bool {
        matches!(self.map.get(ask), Some(Answer::Missing(_)))
    }

    /// Whether somebody already looked.
    pub fn contains(&self, ask: &Ask) -> bool {
        self.map.contains_key(ask)
    }

    /// For tests: a finished look.
    #[must_use]
    pub fn with(mut self, ask: Ask, code: u8, out: impl AsRef<[u8]>) -> Self {
        let out = Arc::new(Zeroizing::new(out.as_ref().to_vec()));
        self.map.insert(
            ask,
            Answer::Done {
                code,
                out,
                truncated: false,
            },
        );
        self
    }

    fn done(&self, ask: &Ask) -> Result<(u8, &[u8], bool), Reason> {
        match self.map.get(ask) {
            Some(Answer::Done {
                code,
                out,
                truncated,
            }) => Ok((*code, out, *truncated)),
            Some(Answer::Missing(reason)) => Err(reason.clone()),
            None => Err(Reason::new(ReasonKind::Defect, "nobody looked")),
        }
    }

    /// A command that ran to its end, whatever its exit code; a command that
    /// is not there, timed out, or said more than its cap is a reason.
    pub fn run(&self, ask: &Ask) -> Result<Ran, Reason> {
        let (code, out, truncated) = self.done(ask)?;
        let out_text = || String::from_utf8_lossy(out).into_owned();
        let name = match ask {
            Ask::Run(command) => command.name,
            Ask::Stat { .. }
            | Ask::Read { .. }
            | Ask::Slice { .. }
            | Ask::List { .. }
            | Ask::Digest { .. }
            | Ask::Instance
            | Ask::Service(_) => "look",
        };
        if truncated {
            return Err(Reason::new(
                ReasonKind::CapReached,
                format!("{name} said more than {} bytes", ask.cap()),
            ));
        }
        match code {
            code if TIMED_OUT.contains(&code) => Err(Reason::new(ReasonKind::Timeout, name)),
            127 => Err(Reason::new(
                ReasonKind::MissingTool,
                format!("{name}: {}", out_text()),
            )),
            126 => Err(Reason::new(
                ReasonKind::Permission,
                format!("{name}: {}", out_text()),
            )),
            // Not the command's own word: `timeout` could not do its work, or a signal ended it.
            125 | 128.. => Err(Reason::new(
                ReasonKind::Failed,
                format!("{name}: exit {code}: {}", out_text()),
            )),
            code => Ok(Ran {
                code,
                out: out_text(),
            }),
        }
    }

    /// What a client of ours made of a service: the fact in its recorded form.
    pub fn service<F: serde::de::DeserializeOwned>(&self, ask: &Ask) -> Observed<F> {
        let (_, out, truncated) = match self.done(ask) {
            Ok(done) => done,
            Err(reason) => return Observed::Unknown(reason),
        };
        if truncated {
            return Observed::unknown(ReasonKind::CapReached, "the service says too much");
        }
        // The error is not told: it may repeat what could not be read.
        serde_json::from_slice(out).unwrap_or_else(|_| {
            Observed::unknown(ReasonKind::Defect, "the collector's answer is no such fact")
        })
    }

    /// The bytes of a file. Absent only when the node said that there is no such file.
    pub fn bytes(&self, ask: &Ask) -> Observed<&[u8]> {
        match self.done(ask) {
            Err(reason) => Observed::Unknown(reason),
            Ok((0, out, truncated)) => {
                let tail = matches!(
                    ask,
                    Ask::Read {
                        end: crate::ask::End::Tail,
                        ..
                    }
                );
                if truncated && !tail {
                    Observed::unknown(
                        ReasonKind::CapReached,
                        format!("more than {} bytes", ask.cap()),
                    )
                } else {
                    Observed::Known(out)
                }
            }
            Ok((code, out, _)) => failed_look(code, out),
        }
    }

    /// The text of a file; bytes that are no UTF-8 are replaced.
    pub fn text(&self, ask: &Ask) -> Observed<String> {
        self.bytes(ask)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Metadata of a path.
    pub fn stat(&self, ask: &Ask) -> Observed<Seen> {
        match self.done(ask) {
            Err(reason) => Observed::Unknown(reason),
            Ok((0, out, _)) => {
                let text = String::from_utf8_lossy(out);
                let mut lines = text.lines();
                let itself = lines.next().and_then(parse_meta);
                let second = lines.next().unwrap_or_default();
                let Some(itself) = itself else {
                    return Observed::unknown(ReasonKind::Garbled, "stat");
                };
                let target = match parse_meta(second) {
                    Some(meta) => Observed::Known(meta),
                    // What is no link leads to itself.
                    None if second.is_empty() && itself.file_type() != "link" => {
                        Observed::Known(itself.clone())
                    }
                    None => failed_look(1, second.as_bytes()),
                };
                Observed::Known(Seen { itself, target })
            }
            Ok((code, out, _)) => failed_look(code, out),
        }
    }

    /// The entries of a directory: name and metadata, sorted by name.
    pub fn list(&self, ask: &Ask) -> Observed<Vec<(String, Meta)>> {
        match self.done(ask) {
            Err(reason) => Observed::Unknown(reason),
            Ok((_, _, true)) => Observed::unknown(ReasonKind::CapReached, "too many entries"),
            // The directory itself cannot be looked into.
            Ok((1, out, _)) => failed_look(1, out),
            Ok((4, ..)) => Observed::unknown(ReasonKind::CapReached, "more than 20000 entries"),
            // With 3, entries went away between the listing and the look at them.
            Ok((code @ (0 | 3), out, _)) => {
                let records = out.contains(&0);
                let end = if records { 0 } else { b'\n' };
                let mut entries = Vec::new();
                for record in out.split(|&b| b == end).filter(|r| !r.is_empty()) {
                    let record = String::from_utf8_lossy(record);
                    match record
                        .split_once('/')
                        .and_then(|(meta, name)| Some((name, parse_meta(meta)?)))
                    {
                        Some((name, meta)) => entries.push((name.to_owned(), meta)),
                        None if code == 3 && record.ends_with("No such file or directory") => {}
                        None => {
                            return Observed::unknown(ReasonKind::Garbled, "directory listing");
                        }
                    }
                }
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                Observed::Known(entries)
            }
            Ok((code, out, _)) => failed_look(code, out),
        }
    }

    /// The SHA-256 of a file: 64 lower-case hexadecimal digits.
    pub fn digest(&self, ask: &Ask) -> Observed<String> {
        match self.done(ask) {
            Err(reason) => Observed::Unknown(reason),
            Ok((0, out, _)) => {
                let text = String::from_utf8_lossy(out);
                let word = text
                    .trim_start_matches('\\')
                    .split_whitespace()
                    .next()
                    .unwrap_or_default();
                if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
                    Observed::Known(word.to_ascii_lowercase())
                } else {
                    Observed::unknown(ReasonKind::Garbled, "sha256sum")
                }
            }
            Ok((code, out, _)) => failed_look(code, out),
        }
    }
}

/// A coreutil that failed under `LC_ALL=C`: absent only by its own word.
fn failed_look<T>(code: u8, out: &[u8]) -> Observed<T> {
    let text = String::from_utf8_lossy(out);
    let text = text.trim();
    if code == NOT_REGULAR {
        Observed::unknown(ReasonKind::Unsupported, "not a regular file")
    } else if TIMED_OUT.contains(&code) {
        Observed::unknown(ReasonKind::Timeout, "look")
    } else if code == 127 {
        Observed::unknown(ReasonKind::MissingTool, text)
    } else if text.ends_with("No such file or directory") || text.ends_with("Not a directory") {
        Observed::Absent
    } else if text.ends_with("Permission denied") || text.ends_with("Operation not permitted") {
        Observed::unknown(ReasonKind::Permission, text)
    } else {
        Observed::unknown(ReasonKind::Failed, format!("exit {code}: {text}"))
    }
}

/// One line of our `stat` format, see [`crate::script`].
pub(crate) fn parse_meta(line: &str) -> Option<Meta> {
    let mut parts = line.trim_end_matches('\n').split(':');
    let mut next = || parts.next();
    let meta = Meta {
        mode: u32::from_str_radix(next()?, 16).ok()?,
        uid: next()?.parse().ok()?,
        gid: next()?.parse().ok()?,
        size: next()?.parse().ok()?,
        mtime: next()?.parse().ok()?,
        links: next()?.parse().ok()?,
        device: next()?.parse().ok()?,
        inode: next()?.parse().ok()?,
        user: next()?.to_owned(),
        group: next()?.to_owned(),
    };
    parts.next().is_none().then_some(meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::gone(
        1,
        "head: cannot open '/x' for reading: No such file or directory\n",
        "absent"
    )]
    #[case::denied(
        1,
        "head: cannot open '/x' for reading: Permission denied\n",
        "no permission"
    )]
    #[case::io(1, "head: error reading '/x': Input/output error\n", "probe failed")]
    #[case::hung(124, "", "timed out")]
    #[case::fifo(NOT_REGULAR, "", "in a form that cannot be read")]
    fn only_the_nodes_own_word_proves_an_absence(
        #[case] code: u8,
        #[case] out: &str,
        #[case] expected: &str,
    ) {
        let ask = Ask::read("/x");
        let seen = match Answers::new().with(ask.clone(), code, out).text(&ask) {
            Observed::Known(_) => "known".to_owned(),
            Observed::Absent => "absent".to_owned(),
            Observed::Unknown(reason) => reason.kind.as_str().to_owned(),
        };
        assert_eq!(seen, expected);
    }

    #[rstest]
    #[case::timeout_itself(125)]
    #[case::segmentation_fault(139)]
    #[case::terminated(143)]
    #[case::killed(137)]
    #[case::not_there(127)]
    fn a_command_that_did_not_end_by_itself_gave_no_answer(#[case] code: u8) {
        let ask = Ask::Run(crate::Command::new("x", "x"));
        let answers = Answers::new().with(ask.clone(), code, "half of a l");
        assert!(answers.run(&ask).is_err());
    }

    #[test]
    fn a_look_that_nobody_did_is_unknown() {
        assert!(matches!(
            Answers::new().text(&Ask::read("/x")),
            Observed::Unknown(_)
        ));
    }
}
