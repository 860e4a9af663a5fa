//! What makes a change take hold: run after the injection, and again after the undo.

use runproof_facts::quote::sh;
use serde::Deserialize;

use crate::error::FaultError;

/// A settling action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settle {
    /// systemd reads its files.
    DaemonReload(Empty),
    /// A unit is restarted.
    RestartUnit(String),
    /// A unit reads its configuration.
    ReloadUnit(String),
    /// A unit is stopped.
    StopUnit(String),
    /// A unit is started.
    StartUnit(String),
    /// After the undo alone, a file gets the time of now, where it is there. What a program makes of
    /// another one, which was put back or written anew meanwhile, is not older than that then.
    UndoTouch(String),
    /// So many seconds pass, 30 at most.
    WaitS(u8),
}

/// Nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// The longest pause that an undo makes: what a fault needs to show itself, the undo does not need.
const UNDO_PAUSE: u8 = 5;

impl Settle {
    /// For how many seconds it does nothing but wait.
    pub fn waits(&self) -> u8 {
        match self {
            Self::WaitS(seconds) => *seconds,
            Self::DaemonReload(_)
            | Self::RestartUnit(_)
            | Self::ReloadUnit(_)
            | Self::StopUnit(_)
            | Self::StartUnit(_)
            | Self::UndoTouch(_) => 0,
        }
    }

    /// Its text after an undo.
    pub(crate) fn undo_text(&self) -> Result<String, FaultError> {
        match self {
            Self::WaitS(seconds) => Self::WaitS(UNDO_PAUSE.min(*seconds)).text(),
            Self::UndoTouch(path) => {
                crate::primitive::check_path(path)?;
                Ok(format!("touch -c -- {} 2>/dev/null; :", sh(path)))
            }
            Self::DaemonReload(_)
            | Self::RestartUnit(_)
            | Self::ReloadUnit(_)
            | Self::StopUnit(_)
            | Self::StartUnit(_) => self.text(),
        }
    }

    /// Its text. A unit that does not come up is an effect, no failure of the action.
    pub(crate) fn text(&self) -> Result<String, FaultError> {
        let unit = |verb: &str, name: &str| {
            crate::primitive::check_unit(name)?;
            Ok(format!("systemctl {verb} -- {} 2>/dev/null; :", sh(name)))
        };
        match self {
            Self::DaemonReload(Empty {}) => Ok("systemctl daemon-reload".to_owned()),
            Self::RestartUnit(name) => {
                let reset = unit("reset-failed", name)?;
                Ok(format!("{reset}\n{}", unit("restart", name)?))
            }
            Self::ReloadUnit(name) => unit("reload", name),
            Self::StopUnit(name) => unit("stop", name),
            Self::StartUnit(name) => unit("start", name),
            Self::UndoTouch(path) => crate::primitive::check_path(path).map(|()| String::new()),
            Self::WaitS(seconds) if *seconds <= 30 => Ok(format!("sleep {seconds}")),
            Self::WaitS(_) => Err(FaultError::Unreadable("`wait-s` is 30 at most".to_owned())),
        }
    }
}
