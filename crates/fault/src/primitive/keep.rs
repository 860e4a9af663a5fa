//! Nothing is done, and what a fix or a consequence of the fault changes there comes back with it.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::check_path;
use super::network::True;
use super::objects::keep_object;
use super::vault::{keep_secret, keep_unsealed};
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// What is kept; one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// A file or folder, or that there is none. Absolute.
    Path(String),
    /// Which names a folder has: what comes to be in it goes. Absolute.
    Names(String),
    /// A secret of Vault, below the mount `secret`.
    Secret(String),
    /// An object of the storage, or that there is none.
    Object(String),
    /// That Vault is unsealed: a fault of its process or unit seals it.
    Unsealed(True),
}

impl Keep {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        match self {
            Self::Path(path) => {
                check_path(path)?;
                Ok(Act {
                    words: format!("keeps {path}"),
                    on: None,
                    engine: None,
                    needs: ":".to_owned(),
                    state: state_of_path(path),
                    keep: keep_path(path, "path"),
                    inject: ":".to_owned(),
                    effect: ":".to_owned(),
                    restore: restore_path(path, "path"),
                })
            }
            Self::Names(folder) => names(folder),
            Self::Secret(path) => keep_secret(path),
            Self::Object(key) => keep_object(key),
            Self::Unsealed(_) => Ok(keep_unsealed()),
        }
    }
}

fn names(folder: &str) -> Result<Act, FaultError> {
    check_path(folder)?;
    let list = format!(
        "find {} -mindepth 1 -maxdepth 1 -printf '%f\\n' | sort",
        sh(folder)
    );
    Ok(Act {
        words: format!("keeps the names in {folder}"),
        on: None,
        engine: None,
        needs: format!(
            "[ -d {0} ] || {{ echo {0} 'is no folder' >&2; exit 1; }}",
            sh(folder)
        ),
        state: list.clone(),
        keep: format!("{list} >\"$KEPT/names\""),
        inject: ":".to_owned(),
        effect: ":".to_owned(),
        restore: format!(
            "[ -e \"$KEPT/names\" ] && cd -- {} && {list} | while IFS= read -r name; do grep -qxF -e \"$name\" \"$KEPT/names\" || rm -rf -- \"./$name\"; done",
            sh(folder)
        ),
    })
}
