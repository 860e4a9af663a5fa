//! The instance that a node is, as its engine knows it.

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Nothing;
use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::open_map::OpenMap;
use crate::scrub;

mod docker;
mod incus;

/// More entries than any list of a real instance has.
const MAX_LIST: usize = 5_000;

/// Settings whose values are, or may hold, credentials.
const SECRET_SETTINGS: [&str; 7] = [
    "environment.",
    "cloud-init.",
    "raw.",
    "user.meta-data",
    "user.network-config",
    "user.user-data",
    "user.vendor-data",
];

/// Which settings to take beside what is always told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceQuery {
    /// Written `{}`.
    pub instance: Nothing,
    /// Keys of the configuration (Incus, LXD), or labels (Docker), whose values are taken as they are.
    #[serde(default)]
    pub config: Vec<String>,
}

/// An instance: profiles and its own settings merged, as the engine applies them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// `incus`, `lxd` or `docker`.
    pub engine: Observed<String>,
    /// Its name.
    pub name: Observed<String>,
    /// `Running`, `Stopped`, `Frozen`, `Starting`, `Stopping` or `Error`; Docker's words are mapped to these.
    pub state: Observed<String>,
    /// `container` or `virtual-machine`.
    pub r#type: Observed<String>,
    /// The image's description (Incus, LXD) or name and tag (Docker).
    pub image: Observed<String>,
    /// The image's digest in hexadecimal.
    pub image_fingerprint: Observed<String>,
    /// When it was made, in seconds since 1970.
    pub created: Observed<f64>,
    /// Whether it runs without a user namespace of its own (Incus, LXD) or with all rights (Docker).
    pub privileged: Observed<bool>,
    /// The settings that the query declares.
    #[schemars(extend("x-keys" = "config"))]
    pub config: Observed<OpenMap<String>>,
    /// Its devices, sorted by name; Docker's mounts, published ports and networks come as such.
    pub devices: Observed<Vec<InstanceDevice>>,
    /// The names of devices set on the instance itself rather than by a profile, sorted; absent under Docker.
    pub local_devices: Observed<Vec<String>>,
    /// Its snapshots, oldest first; absent under Docker.
    pub snapshots: Observed<Vec<InstanceSnapshot>>,
    /// Its IPv4 addresses of global scope, sorted.
    pub ipv4: Observed<Vec<String>>,
    /// Its IPv6 addresses of global scope, sorted.
    pub ipv6: Observed<Vec<String>>,
    /// The IPv4 address that its network card `eth0` (Docker: a network) is given for good; absent when it is not.
    pub static_ipv4: Observed<String>,
    /// The networks or bridges that it is attached to, sorted.
    pub networks: Observed<Vec<String>>,
}

/// A device of an instance. What it does not set is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceDevice {
    /// Its name.
    pub name: String,
    /// `disk`, `nic`, `proxy`, `unix-char`, ….
    pub r#type: Observed<String>,
    /// What a disk brings: a path of the host, a volume.
    pub source: Observed<String>,
    /// Where it is in the instance.
    pub path: Observed<String>,
    /// The storage pool of a disk.
    pub pool: Observed<String>,
    /// Whether a disk may only be read; absent when it is not set.
    pub readonly: Observed<bool>,
    /// Where a proxy listens, such as `tcp:0.0.0.0:80`.
    pub listen: Observed<String>,
    /// Where a proxy connects to.
    pub connect: Observed<String>,
    /// The IPv4 address that a network card is given.
    pub ipv4_address: Observed<String>,
    /// How a network card is made, such as `bridged`.
    pub nictype: Observed<String>,
    /// The network or bridge of a network card.
    pub network: Observed<String>,
}

impl InstanceDevice {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            r#type: Observed::Absent,
            source: Observed::Absent,
            path: Observed::Absent,
            pool: Observed::Absent,
            readonly: Observed::Absent,
            listen: Observed::Absent,
            connect: Observed::Absent,
            ipv4_address: Observed::Absent,
            nictype: Observed::Absent,
            network: Observed::Absent,
        }
    }
}

/// A snapshot of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceSnapshot {
    /// Its name.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: Observed<f64>,
    /// Whether it holds the running state too.
    pub stateful: Observed<bool>,
}

fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("the engine's answer: {what}"))
}

fn no<T>(what: &str) -> Observed<T> {
    Observed::Unknown(garbled(what))
}

/// A text that the engine always gives.
fn text(value: &Value, key: &str) -> Observed<String> {
    match value.get(key).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Observed::Known(text.to_owned()),
        Some(_) | None => no(key),
    }
}

/// A text that is absent when its object does not hold it, or holds it empty.
fn optional(object: &Value, key: &str) -> Observed<String> {
    match object.get(key) {
        None | Some(Value::Null) => Observed::Absent,
        Some(Value::String(text)) if text.is_empty() => Observed::Absent,
        Some(Value::String(text)) => Observed::Known(text.clone()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => no(key),
    }
}

/// A list, cut off nowhere.
fn bounded<T>(list: Vec<T>, what: &str) -> Observed<Vec<T>> {
    if list.len() > MAX_LIST {
        Observed::unknown(
            ReasonKind::CapReached,
            format!("more than {MAX_LIST} {what}"),
        )
    } else {
        Observed::Known(list)
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list.dedup();
    list
}

/// RFC 3339 as seconds since 1970; the engines write the year 1 for "never".
#[allow(clippy::cast_precision_loss)]
fn time(value: Option<&Value>) -> Observed<f64> {
    let Some(text) = value.and_then(Value::as_str) else {
        return no("time");
    };
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if time.as_second() > 0 => Observed::Known(time.as_millisecond() as f64 / 1000.0),
        Ok(_) => Observed::Absent,
        Err(_) => no("time"),
    }
}

impl Fact for Instance {
    const KIND: &'static str = "instance";
    const ABOUT: &'static str = "The instance as its engine knows it: state, image, settings, devices, snapshots, addresses.";
    type Query = InstanceQuery;

    fn check(query: &InstanceQuery) -> Result<(), String> {
        for key in &query.config {
            if key.is_empty() || key.len() > 256 || key.chars().any(char::is_control) {
                return Err(format!("{key:?} is not the name of a setting"));
            }
            if SECRET_SETTINGS.iter().any(|secret| key.starts_with(secret))
                || scrub::names_a_secret(key)
            {
                return Err(format!("the setting {key:?} may hold credentials"));
            }
        }
        Ok(())
    }

    fn asks(_: &InstanceQuery) -> Vec<Ask> {
        vec![Ask::Instance]
    }

    fn read(query: &InstanceQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let answer = answers.bytes(&Ask::Instance).and_then(|bytes| {
            serde_json::from_slice::<Value>(bytes).map_or_else(|_| no("no JSON"), Observed::Known)
        });
        Reading::Done(answer.and_then(|answer| {
            // `docker inspect` gives a list of one.
            let instance = match answer.get("instance") {
                Some(Value::Array(list)) if list.len() == 1 => list.first(),
                other => other,
            };
            let Some(instance) = instance.filter(|instance| instance.is_object()) else {
                return no("no instance");
            };
            match answer.get("engine").and_then(Value::as_str) {
                Some(engine @ ("incus" | "lxd")) => {
                    let snapshots = answer.get("snapshots").filter(|list| list.is_array());
                    let snapshots = snapshots.or_else(|| instance.get("snapshots"));
                    Observed::Known(incus::read(engine, instance, snapshots, &query.config))
                }
                Some("docker") => Observed::Known(docker::read(instance, &query.config)),
                Some(_) | None => no("engine"),
            }
        }))
    }

    fn by_hand(_: &InstanceQuery) -> String {
        "on the host: incus config show --expanded NAME; incus info NAME (lxc for LXD; docker inspect NAME)".to_owned()
    }
}

#[cfg(test)]
mod tests;
