//! A file is edited, replaced or removed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;

use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// Replaces the first occurrence of one file's text in another; texts, no patterns. Every Debian has this Perl.
const REPLACE: &str = r#"local $/; my @t = map { open my $f, "<", $_ or die "$_: $!"; join "", <$f> } @ARGV; my $i = index $t[2], $t[0]; exit 3 if $i < 0; substr($t[2], $i, length $t[0]) = $t[1]; print $t[2]"#;

/// Changes one thing of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EditFile {
    /// Absolute.
    pub path: String,
    /// The text whose first occurrence is replaced; it must be there.
    pub replace: Option<String>,
    /// What stands there then.
    pub with: Option<String>,
    /// What is added at the end, as a line.
    pub append: Option<String>,
    /// The whole content; the file is made when it is missing.
    pub content: Option<String>,
    /// Its permissions, as `chmod` takes them in digits.
    pub mode: Option<String>,
    /// `user:group`.
    pub owner: Option<String>,
}

/// Removes a file, a link, or a folder with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveFile {
    /// Absolute.
    pub path: String,
}

/// A path that may be broken: absolute, and no folder on which the node itself stands.
pub(crate) fn check_path(path: &str) -> Result<(), FaultError> {
    let plain = path.starts_with('/')
        && !path.contains(['\0', '\n'])
        && path.split('/').all(|part| part != "..")
        && path.trim_matches('/').contains('/')
        || path == "/tmp";
    if plain {
        Ok(())
    } else {
        Err(FaultError::Unreadable(format!(
            "{path:?} is no absolute path below a folder of the node"
        )))
    }
}

/// Text that decodes base64 into a file; the bytes may be any.
pub(super) fn decoded(text: &str, into: &str) -> String {
    format!(
        "printf %s {} | base64 -d >{into}",
        sh(&STANDARD.encode(text))
    )
}

impl EditFile {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        let path = sh(&self.path);
        // The edit is made on a copy of the old file, which keeps its mode and owner.
        let onto = |edit: &str| {
            format!(
                "p={path}; n=\"$p.runproof-new\"\nrm -f -- \"$n\"\nif [ -e \"$p\" ]; then cp -a -- \"$p\" \"$n\"; else : >\"$n\"; fi\n{edit} && mv -f -- \"$n\" \"$p\""
            )
        };
        let given = [
            self.replace.is_some() || self.with.is_some(),
            self.append.is_some(),
            self.content.is_some(),
            self.mode.is_some(),
            self.owner.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err(FaultError::Unreadable(format!(
                "an edit of {} is one of `replace` and `with`, `append`, `content`, `mode`, `owner`",
                self.path
            )));
        }
        let exists = format!("[ -e {path} ] || {{ echo {path} 'is not there' >&2; exit 1; }}\n");
        let (needs, inject) = match self {
            Self {
                replace: Some(old),
                with: Some(new),
                ..
            } => {
                let edit = format!(
                    "{} && {} && perl -e {} \"$KEPT/old\" \"$KEPT/new\" \"$p\" >\"$n\"",
                    decoded(old, "\"$KEPT/old\""),
                    decoded(new, "\"$KEPT/new\""),
                    sh(REPLACE)
                );
                let there = format!(
                    "{exists}grep -qF -- {} {path} || {{ echo {path} 'does not have the text that is to be replaced' >&2; exit 1; }}",
                    sh(old.lines().next().unwrap_or_default())
                );
                (there, onto(&edit))
            }
            Self {
                append: Some(text), ..
            } => {
                let line = format!("{}\n", text.trim_end_matches('\n'));
                (
                    exists,
                    onto(&format!(
                        "{{ [ -z \"$(tail -c 1 -- \"$n\")\" ] || echo >>\"$n\"; printf %s {} | base64 -d >>\"$n\"; }}",
                        sh(&STANDARD.encode(line))
                    )),
                )
            }
            Self {
                content: Some(text),
                ..
            } => (":".to_owned(), onto(&decoded(text, "\"$n\""))),
            Self {
                mode: Some(mode), ..
            } if (3..=4).contains(&mode.len())
                && mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) =>
            {
                (exists, format!("chmod {mode} -- {path}"))
            }
            Self {
                owner: Some(owner), ..
            } => (exists, format!("chown -h -- {} {path}", sh(owner))),
            _ => {
                return Err(FaultError::Unreadable(format!(
                    "the edit of {} lacks its other half",
                    self.path
                )));
            }
        };
        let state = state_of_path(&self.path);
        Ok(Act {
            words: format!("edits {}", self.path),
            on: None,
            engine: None,
            needs,
            state: state.clone(),
            keep: format!(
                "{}\n({state}) >\"$KEPT/before\"",
                keep_path(&self.path, "file")
            ),
            inject,
            effect: format!(
                "({state}) >\"$KEPT/after\" && ! cmp -s \"$KEPT/before\" \"$KEPT/after\""
            ),
            restore: restore_path(&self.path, "file"),
        })
    }
}

impl RemoveFile {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        let path = sh(&self.path);
        Ok(Act {
            words: format!("removes {}", self.path),
            on: None,
            engine: None,
            needs: format!(
                "[ -e {path} ] || [ -L {path} ] || {{ echo {path} 'is not there' >&2; exit 1; }}"
            ),
            state: state_of_path(&self.path),
            keep: keep_path(&self.path, "file"),
            inject: format!("rm -rf -- {path}"),
            effect: format!("[ ! -e {path} ] && [ ! -L {path} ]"),
            restore: restore_path(&self.path, "file"),
        })
    }
}
