//! The ways to break a node, one file each. A primitive is a typed value of a suite, and
//! becomes an [`Act`](crate::act::Act).

use runproof_lab::LabSite;
use serde::Deserialize;

use crate::act::Act;
use crate::error::FaultError;

mod file;
mod firewall;
mod nothing;
mod unit;

pub(crate) use unit::check_unit;

/// A primitive as a suite writes it: a mapping of its name to its values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primitive {
    /// A file's bytes, mode or owner.
    EditFile(file::EditFile),
    /// A path that is no more.
    RemoveFile(file::RemoveFile),
    /// Rules of the packet filter.
    Firewall(firewall::Firewall),
    /// A unit of systemd.
    Unit(unit::Unit),
    /// The negative control.
    Nothing(nothing::Nothing),
}

impl Primitive {
    /// What it does in a node of this lab.
    ///
    /// # Errors
    /// When its values contradict each other, or the lab lacks what it needs; nothing was changed.
    pub fn act(&self, _lab: &LabSite) -> Result<Act, FaultError> {
        match self {
            Self::EditFile(edit) => edit.act(),
            Self::RemoveFile(remove) => remove.act(),
            Self::Firewall(firewall) => firewall.act(),
            Self::Unit(unit) => unit.act(),
            Self::Nothing(nothing) => Ok(nothing.act()),
        }
    }
}
