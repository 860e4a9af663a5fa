//! A signal to the processes of a unit.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::unit::{check_unit, restore_unit, state_of_unit};
use crate::act::Act;
use crate::error::FaultError;

/// Sends a signal to a unit's processes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The unit's name, with its suffix.
    pub unit: String,
    /// The signal.
    pub signal: Signal,
}

/// A signal that no program can ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// They end. Whether systemd starts them again is what the fault is to show.
    Kill,
    /// They stand still, with their ports open.
    Stop,
}

impl Process {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        check_unit(&self.unit)?;
        let unit = sh(&self.unit);
        let main = format!("$(systemctl show -P MainPID -- {unit})");
        // The letter of the kernel for a process that stands still.
        let stands = format!("grep -q '^State:[[:space:]]*T' \"/proc/{main}/status\" 2>/dev/null");
        let (words, signal, effect) = match self.signal {
            Signal::Kill => (
                "kills",
                "KILL",
                format!("[ \"{main}\" != \"$(cat \"$KEPT/main\")\" ]"),
            ),
            Signal::Stop => ("halts", "STOP", stands.clone()),
        };
        Ok(Act {
            words: format!("{words} the processes of {}", self.unit),
            on: None,
            engine: None,
            needs: format!(
                "[ \"{main}\" -gt 0 ] 2>/dev/null || {{ echo {unit} 'does not run' >&2; exit 1; }}"
            ),
            state: format!(
                "{}\nif {stands}; then echo halted; else echo going; fi",
                state_of_unit(&self.unit)
            ),
            keep: format!(
                "({}) >\"$KEPT/unit\" && echo \"{main}\" >\"$KEPT/main\"",
                state_of_unit(&self.unit)
            ),
            inject: format!("systemctl kill -s {signal} -- {unit}"),
            effect,
            restore: format!(
                "systemctl kill -s CONT -- {unit} 2>/dev/null\n{}",
                restore_unit(&self.unit)
            ),
        })
    }
}
