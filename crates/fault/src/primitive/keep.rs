//! Nothing is done, and what a fix or a consequence of the fault changes there comes back with it.

use serde::Deserialize;

use super::file::check_path;
use super::vault::keep_secret;
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// What is kept; one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// A file or folder, or that there is none. Absolute.
    Path(String),
    /// A secret of Vault, below the mount `secret`.
    Secret(String),
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
            Self::Secret(path) => keep_secret(path),
        }
    }
}
