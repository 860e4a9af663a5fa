//! A file: what it is, whose, and what stands in it.

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access;
use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::look::account;
use crate::quote::sh;
use crate::scrub;
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
    /// Tell what this user may do with it too.
    #[serde(default)]
    pub r#as: Option<String>,
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
    /// The lines of the content, without their ends, what looks like a secret masked;
    /// absent unless the query asks for them.
    pub lines: Observed<Vec<String>>,
    /// Whether permissions let the user of `as` read it; absent unless the query asks, or without such a user.
    pub readable: Observed<bool>,
    /// Whether permissions let that user change it; a read-only mount is not weighed, see `mount`.
    pub writable: Observed<bool>,
    /// Whether permissions let that user run it, or pass through the directory.
    pub executable: Observed<bool>,
}

impl Fact for File {
    const KIND: &'static str = "file";
    const ABOUT: &'static str = "A file: type, mode, owner, group, size, time of change, keyed digest, lines, what a user may do with it.";
    type Query = FileQuery;

    fn check(query: &FileQuery) -> Result<(), String> {
        query.r#as.as_deref().map_or(Ok(()), account::check_name)?;
        check_path(&query.file)?;
        let name = query.file.rsplit('/').next().unwrap_or_default();
        if query.lines && (name.ends_with(".env") || name.starts_with(".env")) {
            return Err(format!(
                "{:?} holds secrets: read it with `dotenv`, which takes declared values only",
                query.file
            ));
        }
        Ok(())
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
        asks.extend(access::asks(&query.file, query.r#as.as_deref()));
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
                let lines: Vec<String> = text
                    .lines()
                    .take(MAX_LINES + 1)
                    .map(|line| scrub::line_of(&query.file, line))
                    .collect();
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
        let access = access::read(&query.file, query.r#as.as_deref(), answers);
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
            readable: access.readable,
            writable: access.writable,
            executable: access.executable,
        }))
    }

    fn by_hand(query: &FileQuery) -> String {
        let path = sh(&query.file);
        query.r#as.as_ref().map_or_else(
            || format!("stat -L {path}"),
            |user| format!("namei -l {path}; stat -L {path}; id {}", sh(user)),
        )
    }
}

#[cfg(test)]
mod tests;
