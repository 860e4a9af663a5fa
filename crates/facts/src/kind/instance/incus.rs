//! `GET /1.0/instances/NAME?recursion=1` of Incus and LXD.

use runproof_model::Observed;
use serde_json::{Map, Value};

use super::{
    Instance, InstanceDevice, InstanceSnapshot, bounded, no, optional, sorted, text, time,
};
use crate::open_map::OpenMap;

pub fn read(
    engine: &str,
    instance: &Value,
    snapshots: Option<&Value>,
    declared: &[String],
) -> Instance {
    let config = object(instance, "expanded_config");
    let setting = |key: &str| match &config {
        Observed::Known(config) => match config.get(key) {
            None => Observed::Absent,
            Some(Value::String(value)) => Observed::Known(value.clone()),
            Some(_) => no(key),
        },
        Observed::Absent => Observed::Absent,
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    };
    let devices = object(instance, "expanded_devices");
    let devices: Observed<Vec<InstanceDevice>> = devices.and_then(|devices| {
        let mut list: Vec<_> = devices
            .iter()
            .map(|(name, keys)| device(name, keys))
            .collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        bounded(list, "devices")
    });
    Instance {
        engine: Observed::Known(engine.to_owned()),
        name: text(instance, "name"),
        state: text(instance, "status"),
        r#type: text(instance, "type"),
        image: setting("image.description"),
        image_fingerprint: setting("volatile.base_image"),
        created: time(instance.get("created_at")),
        // The engines' own default is a user namespace.
        privileged: match setting("security.privileged") {
            Observed::Known(word) => flag(&word),
            Observed::Absent => Observed::Known(false),
            Observed::Unknown(reason) => Observed::Unknown(reason),
        },
        config: config
            .as_ref()
            .map(|_| OpenMap::declared(declared, setting)),
        static_ipv4: devices.as_ref().and_then(|devices| {
            let card = devices.iter().find(|device| device.name == "eth0");
            card.map_or(Observed::Absent, |card| card.ipv4_address.clone())
        }),
        networks: devices.as_ref().map(|devices| {
            let networks = devices.iter().filter_map(|device| device.network.known());
            sorted(networks.cloned().collect())
        }),
        devices,
        local_devices: object(instance, "devices")
            .and_then(|devices| bounded(devices.keys().cloned().collect(), "devices"))
            .map(sorted),
        snapshots: snapshots_of(snapshots),
        ipv4: addresses(instance, "inet"),
        ipv6: addresses(instance, "inet6"),
    }
}

fn object<'a>(value: &'a Value, key: &str) -> Observed<&'a Map<String, Value>> {
    match value.get(key) {
        Some(Value::Object(map)) => Observed::Known(map),
        Some(_) | None => no(key),
    }
}

/// The engines' words for yes and no.
fn flag(word: &str) -> Observed<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Observed::Known(true),
        "false" | "0" | "no" | "off" | "" => Observed::Known(false),
        _ => no("a flag"),
    }
}

fn device(name: &str, keys: &Value) -> InstanceDevice {
    let network = match optional(keys, "network") {
        Observed::Absent if keys.get("type").and_then(Value::as_str) == Some("nic") => {
            optional(keys, "parent")
        }
        network @ (Observed::Known(_) | Observed::Absent | Observed::Unknown(_)) => network,
    };
    InstanceDevice {
        r#type: text(keys, "type"),
        source: optional(keys, "source"),
        path: optional(keys, "path"),
        pool: optional(keys, "pool"),
        readonly: optional(keys, "readonly").and_then(|word| flag(&word)),
        listen: optional(keys, "listen"),
        connect: optional(keys, "connect"),
        ipv4_address: optional(keys, "ipv4.address"),
        nictype: optional(keys, "nictype"),
        network,
        ..InstanceDevice::named(name)
    }
}

fn snapshots_of(list: Option<&Value>) -> Observed<Vec<InstanceSnapshot>> {
    let list = match list {
        Some(Value::Array(list)) => list,
        // The engine writes null for none.
        Some(Value::Null) => return Observed::Known(Vec::new()),
        Some(_) | None => return no("snapshots"),
    };
    let mut snapshots = Vec::new();
    for entry in list {
        let Observed::Known(name) = text(entry, "name") else {
            return no("snapshots");
        };
        // LXD's list of snapshots writes `instance/snapshot`.
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        snapshots.push(InstanceSnapshot {
            name,
            created: time(entry.get("created_at")),
            stateful: entry
                .get("stateful")
                .and_then(Value::as_bool)
                .map_or_else(|| no("stateful"), Observed::Known),
        });
    }
    let key = |snapshot: &InstanceSnapshot| snapshot.created.known().copied().unwrap_or_default();
    snapshots.sort_by(|a, b| key(a).total_cmp(&key(b)).then_with(|| a.name.cmp(&b.name)));
    bounded(snapshots, "snapshots")
}

fn addresses(instance: &Value, family: &str) -> Observed<Vec<String>> {
    let cards = match instance.get("state").map(|state| state.get("network")) {
        Some(Some(Value::Object(cards))) => cards,
        // An instance that does not run has no network.
        Some(Some(Value::Null)) => return Observed::Known(Vec::new()),
        Some(_) | None => return no("addresses"),
    };
    let mut found = Vec::new();
    for card in cards.values() {
        let list = match card.get("addresses") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(Value::Null) => &[],
            Some(_) | None => return no("addresses"),
        };
        for address in list {
            let has =
                |key: &str, value: &str| address.get(key).and_then(Value::as_str) == Some(value);
            if has("family", family) && has("scope", "global") {
                match text(address, "address") {
                    Observed::Known(text) => found.push(text),
                    Observed::Absent | Observed::Unknown(_) => return no("addresses"),
                }
            }
        }
    }
    bounded(sorted(found), "addresses")
}
