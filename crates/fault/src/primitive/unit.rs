//! A unit of systemd is stopped, masked, disabled, or given a drop-in.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::file::decoded;
use crate::act::{Act, keep_path, restore_path, state_of_path};
use crate::error::FaultError;

/// Changes a unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unit {
    /// Its name, with its suffix.
    pub name: String,
    /// What is done to it.
    #[serde(rename = "do")]
    pub what: Option<What>,
    /// A drop-in that it gets; systemd reads it and restarts the unit.
    pub drop_in: Option<String>,
}

/// What is done to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is stopped.
    Stop,
    /// It is stopped, and nobody can start it.
    Mask,
    /// It is not started at boot.
    Disable,
}

/// Whether it runs and is started at boot, and what it is made of. A unit on its way is looked at again.
pub(super) fn state_of_unit(name: &str) -> String {
    let name = sh(name);
    format!(
        "u={name}\n\
         for i in 1 2 3 4 5 6 7 8 9 10; do case $(systemctl show -P ActiveState -- \"$u\") in activating | deactivating | reloading) sleep 0.3 ;; *) break ;; esac; done\n\
         systemctl show -p LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths -- \"$u\""
    )
}

/// Enables or disables units without the links of their init scripts, which nothing here reads:
/// `systemctl enable` would make them as they never were.
const UNIT_FILES_ONLY: &str = "SYSTEMCTL_SKIP_SYSV=1";

/// Puts a unit back to whether it ran and was enabled, as `$KEPT/unit` has it.
pub(super) fn restore_unit(name: &str) -> String {
    let name = sh(name);
    format!(
        "u={name}\n\
         was=$(sed -n 's/^UnitFileState=//p' \"$KEPT/unit\")\n\
         [ \"$was\" = \"$(systemctl show -P UnitFileState -- \"$u\")\" ] || case $was in enabled) {UNIT_FILES_ONLY} systemctl enable -q -- \"$u\" ;; disabled) {UNIT_FILES_ONLY} systemctl disable -q -- \"$u\" ;; esac\n\
         case $(cat \"$KEPT/unit\") in *ActiveState=active*) systemctl reset-failed -- \"$u\" 2>/dev/null; systemctl start -- \"$u\" ;; *) systemctl stop -- \"$u\" ;; esac"
    )
}

/// A unit's name that may stand in a command.
pub(crate) fn check_unit(name: &str) -> Result<(), FaultError> {
    let plain = name.contains('.')
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b));
    if plain {
        Ok(())
    } else {
        Err(FaultError::Unreadable(format!(
            "{name:?} is no unit such as `ui.service`"
        )))
    }
}

impl Unit {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_unit(&self.name)?;
        let unit = sh(&self.name);
        let state = state_of_unit(&self.name);
        let needs = format!(
            "[ \"$(systemctl show -P LoadState -- {unit})\" = loaded ] || {{ echo {unit} 'is not there' >&2; exit 1; }}"
        );
        let keep = format!("({state}) >\"$KEPT/unit\"");
        let is = |property: &str, value: &str| {
            format!("[ \"$(systemctl show -P {property} -- {unit})\" = {value} ]")
        };
        let (words, keep, inject, effect, restore, state) = match (self.what, &self.drop_in) {
            (Some(What::Stop), None) => (
                "stops",
                keep,
                format!("systemctl stop -- {unit}"),
                format!("! {}", is("ActiveState", "active")),
                restore_unit(&self.name),
                state,
            ),
            (Some(What::Disable), None) => (
                "disables",
                keep,
                format!("{UNIT_FILES_ONLY} systemctl disable -q -- {unit}"),
                is("UnitFileState", "disabled"),
                restore_unit(&self.name),
                state,
            ),
            (Some(What::Mask), None) => {
                // `systemctl mask` cannot, where the unit's own file stands in /etc.
                let file = format!("/etc/systemd/system/{}", self.name);
                (
                    "masks",
                    format!("{keep}\n{}", keep_path(&file, "file")),
                    format!(
                        "systemctl stop -- {unit}; ln -sfn /dev/null {} && systemctl daemon-reload",
                        sh(&file)
                    ),
                    is("LoadState", "masked"),
                    format!(
                        "{} && systemctl daemon-reload && {{\n{}\n}}",
                        restore_path(&file, "file"),
                        restore_unit(&self.name)
                    ),
                    format!("{state}\n{}", state_of_path(&file)),
                )
            }
            (None, Some(text)) => {
                let folder = format!("/etc/systemd/system/{}.d", self.name);
                let file = format!("{folder}/zz-fault.conf");
                (
                    "overrides",
                    format!("{keep}\n{}", keep_path(&folder, "folder")),
                    format!(
                        "mkdir -p {} && {} && systemctl daemon-reload && {{ systemctl restart -- {unit}; :; }}",
                        sh(&folder),
                        decoded(text, &sh(&file))
                    ),
                    format!(
                        "case $(systemctl show -P DropInPaths -- {unit}) in *zz-fault.conf*) ;; *) false ;; esac"
                    ),
                    format!(
                        "{} && systemctl daemon-reload && {{ systemctl reset-failed -- {unit} 2>/dev/null; case $(cat \"$KEPT/unit\") in *ActiveState=active*) systemctl restart -- {unit} ;; *) systemctl stop -- {unit} ;; esac; }}",
                        restore_path(&folder, "folder")
                    ),
                    format!("{state}\n{}", state_of_path(&folder)),
                )
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(FaultError::Unreadable(format!(
                    "a fault of the unit {} has either `do` or `drop-in`",
                    self.name
                )));
            }
        };
        Ok(Act {
            words: format!("{words} {}", self.name),
            on: None,
            engine: None,
            needs,
            state,
            keep,
            inject,
            effect,
            restore,
        })
    }
}
