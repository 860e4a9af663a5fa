//! A file: what it is, whose, and what stands in it.

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::quote::sh;
use crate::secret::Fingerprint;

/// The most lines that a query may take.
const MAX_LINES: usize = 10_000;

/// Which file, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// Absolute path; a symbolic link is followed.
    pub file: String,
    /// Take the lines of its content too; the site's allow-list must have the path.
    #[serde(default)]
    pub lines: bool,
    /// Take the keyed digest of its content too.
    #[serde(default)]
    pub digest: bool,
}

/// A file. Of a symbolic link, the fields tell of what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Whether the path leads to anything.
    pub exists: Observed<bool>,
    /// `file`, `dir`, `fifo`, `socket`, `block`, `char` or `other`.
    pub r#type: Observed<String>,
    /// Whether the path itself is a symbolic link.
    pub is_link: Observed<bool>,
    /// Permission bits as four octal digits, such as `0644`.
    pub mode: Observed<String>,
    /// Name of the owner.
    pub owner: Observed<String>,
    /// Name of the group.
    pub group: Observed<String>,
    /// Size in bytes.
    pub size: Observed<u64>,
    /// Time of the last change of content, in seconds since 1970.
    pub mtime: Observed<i64>,
    /// Keyed digest of the content; absent unless the query asks for it.
    pub digest: Observed<Fingerprint>,
    /// The lines of the content, without their ends; absent unless the query asks for them.
    pub lines: Observed<Vec<String>>,
}

impl Fact for File {
    const KIND: &'static str = "file";
    const ABOUT: &'static str =
        "A file: type, mode, owner, group, size, time of change, keyed digest, lines.";
    type Query = FileQuery;

    fn check(query: &FileQuery) -> Result<(), String> {
        check_path(&query.file)
    }

    fn asks(query: &FileQuery) -> Vec<Ask> {
        let mut asks = vec![Ask::stat(&query.file)];
        if query.lines {
            asks.push(Ask::read(&query.file));
        }
        if query.digest {
            asks.push(Ask::Digest {
                path: query.file.clone(),
            });
        }
        asks
    }

    fn read(query: &FileQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        let seen = answers.stat(&Ask::stat(&query.file));
        let target = seen.clone().and_then(|seen| seen.target);
        let digest = if query.digest {
            answers
                .digest(&Ask::Digest {
                    path: query.file.clone(),
                })
                .map(|hex| context.key.fingerprint(hex.as_bytes()))
        } else {
            Observed::Absent
        };
        let lines = if query.lines {
            answers.text(&Ask::read(&query.file)).and_then(|text| {
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                if lines.len() > MAX_LINES {
                    Observed::unknown(
                        ReasonKind::CapReached,
                        format!("more than {MAX_LINES} lines"),
                    )
                } else {
                    Observed::Known(lines)
                }
            })
        } else {
            Observed::Absent
        };
        Reading::Done(Observed::Known(Self {
            exists: target.exists(),
            r#type: target.clone().map(|meta| meta.file_type().to_owned()),
            is_link: seen.map(|seen| seen.itself.file_type() == "link"),
            mode: target.clone().map(|meta| meta.permissions()),
            owner: target.clone().map(|meta| meta.user),
            group: target.clone().map(|meta| meta.group),
            size: target.clone().map(|meta| meta.size),
            mtime: target.map(|meta| meta.mtime),
            digest,
            lines,
        }))
    }

    fn by_hand(query: &FileQuery) -> String {
        format!("stat -L {}", sh(&query.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;

    fn context() -> Context {
        Context {
            key: Key::new([0; 32]),
        }
    }

    fn query() -> FileQuery {
        FileQuery {
            file: "/f".into(),
            lines: false,
            digest: false,
        }
    }

    fn read(answers: &Answers) -> File {
        match File::read(&query(), answers, &context()) {
            Reading::Done(Observed::Known(file)) => file,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_regular_file_is_described() {
        let line = "81a4:0:0:1234:1700000000:1:2049:77:root:root\n";
        let file = read(&Answers::new().with(Ask::stat("/f"), 0, line.repeat(2)));
        assert_eq!(file.exists, Observed::Known(true));
        assert_eq!(file.mode, Observed::Known("0644".into()));
        assert_eq!(file.owner, Observed::Known("root".into()));
        assert_eq!(file.size, Observed::Known(1234));
    }

    #[test]
    fn a_dangling_link_does_not_exist_but_is_a_link() {
        let out = "a1ff:0:0:5:1700000000:1:2049:77:root:root\nstat: cannot statx '/f': No such file or directory\n";
        let file = read(&Answers::new().with(Ask::stat("/f"), 0, out));
        assert_eq!(file.exists, Observed::Known(false));
        assert_eq!(file.is_link, Observed::Known(true));
        assert_eq!(file.mode, Observed::Absent);
    }

    #[test]
    fn a_file_behind_a_closed_door_is_unknown_not_absent() {
        let out = "stat: cannot statx '/f': Permission denied\n";
        let file = read(&Answers::new().with(Ask::stat("/f"), 1, out));
        assert!(matches!(file.exists, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    }
}
