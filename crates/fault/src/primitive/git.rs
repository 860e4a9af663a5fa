//! A working copy with a commit or a change of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::check_path;
use super::network::True;
use crate::act::Act;
use crate::error::FaultError;

/// Changes a working copy of git.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The folder; absolute.
    pub path: String,
    /// It has one commit more, with this message and no change.
    pub commit: Option<String>,
    /// The first of its files has a line that is in no commit.
    pub dirty: Option<True>,
}

impl Git {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        let path = sh(&self.path);
        // As its owner, who keeps what git writes.
        let git = format!(
            "d={path}; g() {{ if [ -O \"$d\" ]; then git -C \"$d\" \"$@\"; else runuser -u \"$(stat -c %U -- \"$d\")\" -- git -C \"$d\" \"$@\"; fi; }}\n"
        );
        let state = format!(
            "{git}g symbolic-ref -q HEAD; g rev-parse HEAD 2>/dev/null || echo 'no commit'; g status --porcelain 2>/dev/null; g diff HEAD 2>/dev/null | sha256sum"
        );
        let needs = format!(
            "command -v git >/dev/null || {{ echo 'git is missing' >&2; exit 1; }}\n\
             {git}g rev-parse -q --verify HEAD >/dev/null || {{ echo {path} 'is no working copy with a commit' >&2; exit 1; }}"
        );
        let first = "f=\"$d/$(g ls-files -z | tr '\\0' '\\n' | head -n 1)\"";
        let (words, needs, keep, inject, restore) = match (&self.commit, self.dirty) {
            (Some(message), None) if !message.trim().is_empty() => (
                "commits to",
                needs,
                "g rev-parse HEAD >\"$KEPT/head\"".to_owned(),
                format!(
                    "printf %s {} | base64 -d | g -c user.name=lab -c user.email=lab@example.com commit -q --allow-empty --only --no-verify -F -",
                    sh(&STANDARD.encode(message))
                ),
                // The files stay as they are: the commit changed none.
                "g reset -q --soft \"$(cat \"$KEPT/head\")\"".to_owned(),
            ),
            (None, Some(_)) => (
                "changes a file of",
                format!("{needs}\n{first}; [ -f \"$f\" ] || {{ echo {path} 'has no file' >&2; exit 1; }}"),
                format!("{first}; printf '%s' \"$f\" >\"$KEPT/name\" && cp -a -- \"$f\" \"$KEPT/file\""),
                "f=$(cat \"$KEPT/name\"); cp -a -- \"$f\" \"$f.runproof-new\" && echo 'in no commit' >>\"$f.runproof-new\" && mv -f -- \"$f.runproof-new\" \"$f\"".to_owned(),
                "f=$(cat \"$KEPT/name\"); cp -a -- \"$KEPT/file\" \"$f.runproof-new\" && mv -f -- \"$f.runproof-new\" \"$f\"".to_owned(),
            ),
            _ => {
                return Err(FaultError::Unreadable(format!(
                    "a fault of the working copy {} has either `commit`, a message, or `dirty: true`",
                    self.path
                )));
            }
        };
        Ok(Act {
            words: format!("{words} the working copy {}", self.path),
            on: None,
            engine: None,
            needs,
            keep: format!("{git}{keep} && ({state}) >\"$KEPT/before\""),
            inject: format!("{git}{inject}"),
            effect: format!("! ({state}) | cmp -s - \"$KEPT/before\""),
            restore: format!("{git}{restore}"),
            state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};
    use std::path::Path;
    use std::process::Command;

    /// No node of a lab has git: the texts are run here, on a copy of nothing of ours.
    fn run(folder: &Path, text: &str) -> Option<String> {
        let output = Command::new("sh")
            .args(["-c", text])
            .env("KEPT", folder.join("kept"))
            .env("HOME", folder)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(said)
    }

    #[rstest]
    #[case::a_commit(json!({ "commit": "it's not pushed" }))]
    #[case::a_change(json!({ "dirty": true }))]
    fn a_working_copy_is_changed_and_comes_back(#[case] mut what: Value) {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("work/copy");
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::create_dir(folder.path().join("kept")).unwrap();
        let made = "git init -q . && echo one >'a file' && git add . && \
                    git -c user.name=a -c user.email=a@example.com commit -q -m first";
        let made = format!("cd '{}' && {made}", copy.display());
        assert!(run(folder.path(), &made).is_some());
        what["path"] = copy.to_str().unwrap().into();
        let act = serde_json::from_value::<Git>(what).unwrap().act().unwrap();
        let must = |text: &str| run(folder.path(), text).unwrap_or_else(|| panic!("{text}"));
        must(&act.needs);
        let before = must(&act.state);
        must(&act.keep);
        must(&act.inject);
        must(&act.effect);
        assert_ne!(must(&act.state), before);
        for _ in 0..2 {
            must(&act.restore);
            assert_eq!(must(&act.state), before);
        }
        assert!(run(folder.path(), &act.effect).is_none());
    }
}
