//! A directory and what lies in it.

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access;
use crate::answer::{Answers, Meta};
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::look::account;
use crate::quote::sh;

/// The most entries that a fact holds.
const MAX_ENTRIES: usize = 5_000;

/// Which directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirQuery {
    /// Absolute path; a symbolic link is followed.
    pub dir: String,
    /// Tell what this user may do with it too.
    #[serde(default)]
    pub r#as: Option<String>,
}

/// A directory. Where the path leads to something else, `exists` is false,
/// `type` says what it is and the rest is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dir {
    /// Whether the path leads to a directory.
    pub exists: Observed<bool>,
    /// `dir`, or what else it is: `file`, `fifo`, `socket`, `block`, `char`, `other`.
    pub r#type: Observed<String>,
    /// Permission bits as four octal digits, such as `0755`.
    pub mode: Observed<String>,
    /// Name of the owner.
    pub owner: Observed<String>,
    /// Name of the group.
    pub group: Observed<String>,
    /// Whether permissions let the user of `as` list it; absent unless the query asks, or without such a user.
    pub readable: Observed<bool>,
    /// Whether permissions let that user make and remove entries; a read-only mount is not weighed, see `mount`.
    pub writable: Observed<bool>,
    /// Whether permissions let that user pass through it.
    pub executable: Observed<bool>,
    /// What lies in it, hidden entries too, sorted by name.
    pub entries: Observed<Vec<DirEntry>>,
    /// The number of entries.
    pub count: Observed<u64>,
}

/// An entry of a directory; a symbolic link is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirEntry {
    /// Its name.
    pub name: String,
    /// `file`, `dir`, `link`, `fifo`, `socket`, `block`, `char` or `other`.
    pub r#type: String,
    /// Permission bits as four octal digits.
    pub mode: String,
    /// Name of the owner.
    pub owner: String,
    /// Name of the group.
    pub group: String,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of content, in seconds since 1970.
    pub mtime: i64,
}

impl DirEntry {
    fn of(name: String, meta: Meta) -> Self {
        Self {
            name,
            r#type: meta.file_type().to_owned(),
            mode: meta.permissions(),
            owner: meta.user,
            group: meta.group,
            size: meta.size,
            mtime: meta.mtime,
        }
    }
}

impl Fact for Dir {
    const KIND: &'static str = "dir";
    const ABOUT: &'static str =
        "A directory: mode, owner, group, its entries, what a user may do with it.";
    type Query = DirQuery;

    fn check(query: &DirQuery) -> Result<(), String> {
        query.r#as.as_deref().map_or(Ok(()), account::check_name)?;
        check_path(&query.dir)
    }

    fn asks(query: &DirQuery) -> Vec<Ask> {
        let mut asks = vec![
            Ask::stat(&query.dir),
            Ask::List {
                path: query.dir.clone(),
            },
        ];
        asks.extend(access::asks(&query.dir, query.r#as.as_deref()));
        asks
    }

    fn read(query: &DirQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let target = answers
            .stat(&Ask::stat(&query.dir))
            .and_then(|seen| seen.target);
        let r#type = target.as_ref().map(Meta::file_type);
        let dir =
            target.and_then(|meta| Some(meta).filter(|meta| meta.file_type() == "dir").into());
        // A listing of what is no directory says nothing.
        let listed = dir.clone().and_then(|_| {
            let listed = answers.list(&Ask::List {
                path: query.dir.clone(),
            });
            if listed == Observed::Absent {
                Observed::unknown(ReasonKind::Failed, "it went away while it was looked at")
            } else {
                listed
            }
        });
        let access = access::read(&query.dir, query.r#as.as_deref(), answers);
        let right = |right: Observed<bool>| dir.clone().and_then(|_| right);
        Reading::Done(Observed::Known(Self {
            exists: dir.exists(),
            r#type: r#type.map(str::to_owned),
            mode: dir.clone().map(|meta| meta.permissions()),
            owner: dir.clone().map(|meta| meta.user),
            group: dir.clone().map(|meta| meta.group),
            readable: right(access.readable),
            writable: right(access.writable),
            executable: right(access.executable),
            count: listed.as_ref().map(|listed| listed.len() as u64),
            entries: listed.and_then(|listed| {
                if listed.len() > MAX_ENTRIES {
                    Observed::unknown(
                        ReasonKind::CapReached,
                        format!("more than {MAX_ENTRIES} entries"),
                    )
                } else {
                    Observed::Known(
                        listed
                            .into_iter()
                            .map(|(name, meta)| DirEntry::of(name, meta))
                            .collect(),
                    )
                }
            }),
        }))
    }

    fn by_hand(query: &DirQuery) -> String {
        let path = sh(&query.dir);
        query.r#as.as_ref().map_or_else(
            || format!("stat -L {path}; ls -lA {path}/"),
            |user| format!("namei -l {path}; ls -lA {path}/; id {}", sh(user)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn query(path: &str) -> DirQuery {
        DirQuery {
            dir: path.into(),
            r#as: None,
        }
    }

    fn seen(stat: (u8, &str), list: (u8, &str)) -> Dir {
        let answers = Answers::new().with(Ask::stat("/d"), stat.0, stat.1).with(
            Ask::List { path: "/d".into() },
            list.0,
            list.1,
        );
        testing::read(&query("/d"), &answers)
    }

    const DIR: &str = "41ed:0:0:4096:1700000000:2:2049:77:root:root\n41ed:0:0:4096:1700000000:2:2049:77:root:root\n";

    #[test]
    fn a_directory_is_described_with_its_entries() {
        let dir = seen(
            (0, DIR),
            (
                0,
                "81a4:0:0:3:1700000000:1:2049:78:root:adm/b\0a1ff:0:0:3:1700000000:1:2049:79:root:adm/a:x\0",
            ),
        );
        assert_eq!(dir.exists, Observed::Known(true));
        assert_eq!(dir.mode, Observed::Known("0755".into()));
        assert_eq!(dir.count, Observed::Known(2));
        let entries = dir.entries.known().unwrap();
        assert_eq!(
            (entries[0].name.as_str(), entries[0].r#type.as_str()),
            ("a:x", "link")
        );
        assert_eq!((entries[1].group.as_str(), entries[1].size), ("adm", 3));
    }

    #[test]
    fn an_empty_directory_has_no_entries() {
        let dir = seen((0, DIR), (0, ""));
        assert_eq!(dir.entries, Observed::Known(vec![]));
        assert_eq!(dir.count, Observed::Known(0));
    }

    #[test]
    fn a_file_is_no_directory_and_says_what_it_is() {
        let line = "81a4:0:0:3:1700000000:1:2049:78:root:root\n";
        let dir = seen((0, &line.repeat(2)), (1, "stat: Not a directory\n"));
        assert_eq!(dir.exists, Observed::Known(false));
        assert_eq!(dir.r#type, Observed::Known("file".into()));
        assert_eq!(dir.entries, Observed::Absent);
    }

    #[test]
    fn a_directory_that_cannot_be_listed_is_there_with_unknown_entries() {
        let dir = seen((0, DIR), (1, "list: Permission denied\n"));
        assert_eq!(dir.exists, Observed::Known(true));
        assert!(matches!(dir.entries, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    }

    #[test]
    fn nothing_is_proved_by_the_nodes_word_only() {
        let gone = "stat: cannot statx '/d': No such file or directory\n";
        assert_eq!(seen((1, gone), (1, gone)).exists, Observed::Known(false));
        assert!(matches!(
            seen((1, "?"), (1, gone)).exists,
            Observed::Unknown(_)
        ));
    }

    #[test]
    fn a_directory_of_this_machine_is_weighed_for_a_user() {
        let query = DirQuery {
            r#as: Some("nobody".into()),
            ..query("/root")
        };
        let Observed::Known(dir) = testing::fact::<Dir>(&query) else {
            panic!()
        };
        assert_eq!(dir.writable, Observed::Known(false), "{dir:?}");
    }
}
