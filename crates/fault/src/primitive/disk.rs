//! A folder whose file system is full.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::check_path;
use super::mount;
use crate::act::Act;
use crate::error::FaultError;

/// The most that a full file system takes of the machine's memory, in KiB.
const MOST: u32 = 1 << 20;

/// A small file system, and full, stands over a folder. Its content is copied in. A program that
/// has files of the folder open goes on with the old ones until it is restarted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// The folder; absolute.
    pub path: String,
    /// The size of the file system, 1 GiB at most.
    pub size_kib: u32,
}

impl Disk {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_path(&self.path)?;
        if !(64..=MOST).contains(&self.size_kib) {
            return Err(FaultError::Unreadable(format!(
                "a full disk has 64 KiB to {MOST} KiB, not {}",
                self.size_kib
            )));
        }
        let path = sh(&self.path);
        let size = self.size_kib;
        let prepare = format!(
            "cp -a -- \"$p/.\" \"$new/\" && {{ dd if=/dev/zero of=\"$new/.runproof-full\" bs=1024 count={size} 2>/dev/null; :; }}"
        );
        Ok(Act {
            words: format!("fills the disk of {}", self.path),
            on: None,
            engine: None,
            needs: format!(
                "{}\nused=$(du -sk -- {path} | cut -f 1); [ \"$used\" -lt {size} ] || {{ echo {path} \"has $used KiB, more than the disk is to have\" >&2; exit 1; }}",
                mount::needs(&self.path)
            ),
            state: mount::state(&self.path),
            keep: ":".to_owned(),
            inject: mount::over(&self.path, &format!("size={size}k"), &prepare),
            effect: format!(
                "{} && [ \"$(stat -f -c %a -- {path})\" = 0 ]",
                mount::is_there(&self.path)
            ),
            restore: mount::away(&self.path),
        })
    }
}
