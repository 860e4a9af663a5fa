//! The instance that a node is: a device or a setting of it, changed by the engine from outside.

use std::collections::BTreeMap;
use std::net::IpAddr;

use runproof_facts::quote::sh;
use runproof_lab::{CardKey, Change, Setting};
use serde::{Deserialize, Deserializer};

use super::network::{ADDRESSES, KEEP, RESTORE, True};
use crate::act::Act;
use crate::error::FaultError;

/// A device with `set` or `remove`, or a setting with its value. Docker has none of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Instance {
    /// The device's name.
    pub device: Option<String>,
    /// Keys of a network card; null takes one away.
    pub set: Option<BTreeMap<CardKey, Option<IpAddr>>>,
    /// The device is no more.
    pub remove: Option<True>,
    /// The setting.
    pub config: Option<Setting>,
    /// Its value; null takes it away.
    #[serde(default, deserialize_with = "written")]
    pub value: Option<Option<String>>,
}

/// Tells a null that is written from nothing.
fn written<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Instance {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        match self {
            Self {
                device: Some(name),
                set: Some(keys),
                remove: None,
                config: None,
                value: None,
            } => {
                let all = keys.iter().map(|(key, address)| match address {
                    Some(address) => format!("sets {key} to {address}"),
                    None => format!("unsets {key}"),
                });
                let words = all.collect::<Vec<_>>().join(" and ");
                let change =
                    Change::set_card(name, keys.clone()).map_err(FaultError::Unreadable)?;
                Ok(device(
                    format!("{words} of the device {name}"),
                    name,
                    change,
                ))
            }
            Self {
                device: Some(name),
                set: None,
                remove: Some(_),
                config: None,
                value: None,
            } => {
                let change = Change::remove_device(name).map_err(FaultError::Unreadable)?;
                Ok(Act {
                    effect: format!(
                        "[ ! -e \"$KEPT/card\" ] || [ ! -e /sys/class/net/{} ]",
                        sh(name)
                    ),
                    ..device(format!("removes the device {name}"), name, change)
                })
            }
            Self {
                device: None,
                set: None,
                remove: None,
                config: Some(key),
                value: Some(value),
            } => {
                let change = Change::set(*key, value.as_deref()).map_err(FaultError::Unreadable)?;
                Ok(Act {
                    words: match value {
                        Some(value) => format!("sets {key} to {value}"),
                        None => format!("unsets {key}"),
                    },
                    on: None,
                    engine: Some(change),
                    needs: ":".to_owned(),
                    state: ":".to_owned(),
                    keep: ":".to_owned(),
                    inject: ":".to_owned(),
                    effect: ":".to_owned(),
                    restore: ":".to_owned(),
                })
            }
            _ => Err(FaultError::Unreadable(
                "an `instance` has `device` with `set` or `remove: true`, or `config` with `value`"
                    .to_owned(),
            )),
        }
    }
}

/// With a card the engine gives back neither its addresses nor its routes.
fn device(words: String, name: &str, change: Change) -> Act {
    Act {
        words,
        on: None,
        engine: Some(change),
        needs: "command -v ip >/dev/null || { echo 'ip is missing' >&2; exit 1; }".to_owned(),
        state: ADDRESSES.to_owned(),
        keep: format!(
            "if [ -e /sys/class/net/{} ]; then : >\"$KEPT/card\"; fi && {KEEP}",
            sh(name)
        ),
        inject: ":".to_owned(),
        effect: ":".to_owned(),
        restore: RESTORE.to_owned(),
    }
}
