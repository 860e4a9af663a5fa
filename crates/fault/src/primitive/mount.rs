//! A file system stands over a folder.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::check_path;
use super::network::True;
use crate::act::Act;
use crate::error::FaultError;

/// By what a file system is known to be a fault's.
const SOURCE: &str = "runproof-fault";

/// Mounts a file system in memory over a folder: with the folder's content and another mode, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mount {
    /// The folder; absolute.
    pub path: String,
    /// The mode that it has then, in digits; the content is copied in.
    pub mode: Option<String>,
    /// It is empty then.
    pub tmpfs: Option<True>,
}

impl Mount {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        let path = sh(&self.path);
        let there = is_there(&self.path);
        let (words, prepare, effect) = match (&self.mode, self.tmpfs) {
            (Some(mode), None)
                if (3..=4).contains(&mode.len())
                    && mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) =>
            {
                (
                    format!("mounts over {} with the mode {mode}", self.path),
                    format!("cp -a -- \"$p/.\" \"$new/\" && chmod {mode} -- \"$new\""),
                    format!("{there} && [ \"0$(stat -c %a -- {path})\" -eq \"0{mode}\" ]"),
                )
            }
            (None, Some(_)) => (
                format!("hides the content of {}", self.path),
                "chmod --reference=\"$p\" -- \"$new\" && chown --reference=\"$p\" -- \"$new\""
                    .to_owned(),
                there,
            ),
            _ => {
                return Err(FaultError::Unreadable(format!(
                    "a mount over {} has either `mode`, such as \"0755\", or `tmpfs: true`",
                    self.path
                )));
            }
        };
        Ok(Act {
            words,
            on: None,
            engine: None,
            needs: needs(&self.path),
            state: format!("{}\nstat -c %a -- {path} 2>/dev/null; :", state(&self.path)),
            keep: ":".to_owned(),
            inject: over(&self.path, "size=50%", &prepare),
            effect,
            restore: away(&self.path),
        })
    }
}

/// That the folder is there, and that a file system can be mounted, tried where nobody else sees it.
pub(super) fn needs(path: &str) -> String {
    let path = sh(path);
    format!(
        "[ -d {path} ] && [ ! -L {path} ] || {{ echo {path} 'is no folder' >&2; exit 1; }}\n\
         unshare -m mount -t tmpfs {SOURCE} {path} || {{ echo 'nothing can be mounted here' >&2; exit 1; }}"
    )
}

/// How many file systems of faults stand over the folder.
pub(super) fn state(path: &str) -> String {
    format!(
        "echo \"mounts $(findmnt -rn -o SOURCE --mountpoint {} | grep -c '^{SOURCE}')\"",
        sh(path)
    )
}

/// Whether one does.
pub(super) fn is_there(path: &str) -> String {
    format!(
        "findmnt -rn -o SOURCE --mountpoint {} | grep -q '^{SOURCE}'",
        sh(path)
    )
}

/// Makes a file system aside, prepares it (`$p` the folder, `$new` its new content), and puts it over.
pub(super) fn over(path: &str, options: &str, prepare: &str) -> String {
    format!(
        "p={}; new=\"$KEPT/over\"\n\
         mkdir -p \"$new\" && mount -t tmpfs -o {options} {SOURCE} \"$new\" && {prepare} && mount --bind \"$new\" \"$p\"; made=$?\n\
         umount \"$new\"\n\
         [ \"$made\" = 0 ]",
        sh(path)
    )
}

/// Takes away what stands over the folder, however often. Who still has files of it open keeps them.
pub(super) fn away(path: &str) -> String {
    format!(
        "umount -l \"$KEPT/over\" 2>/dev/null\n\
         while {}; do umount -l -- {} || exit; done",
        is_there(path),
        sh(path)
    )
}
