//! `GET /containers/NAME/json` of Docker, in the words of Incus.

use runproof_model::Observed;
use serde_json::{Map, Value};

use super::{Instance, InstanceDevice, bounded, no, optional, sorted, text, time};
use crate::open_map::OpenMap;

pub fn read(instance: &Value, declared: &[String]) -> Instance {
    let at = |pointer: &str| instance.pointer(pointer);
    let labels = at("/Config").and_then(|config| match config.get("Labels") {
        Some(Value::Object(labels)) => Some(labels.clone()),
        Some(Value::Null) => Some(Map::new()),
        Some(_) | None => None,
    });
    let networks = at("/NetworkSettings/Networks").and_then(Value::as_object);
    let addresses = |key: &str| {
        networks.map_or_else(
            || no("networks"),
            |networks| {
                let found = networks.values().filter_map(|network| {
                    let address = network.get(key)?.as_str()?;
                    (!address.is_empty()).then(|| address.to_owned())
                });
                bounded(sorted(found.collect()), "addresses")
            },
        )
    };
    Instance {
        engine: Observed::Known("docker".to_owned()),
        name: text(instance, "Name").map(|name| name.trim_start_matches('/').to_owned()),
        state: match at("/State/Status").and_then(Value::as_str) {
            Some("running") => Observed::Known("Running".to_owned()),
            Some("created" | "exited") => Observed::Known("Stopped".to_owned()),
            Some("paused") => Observed::Known("Frozen".to_owned()),
            Some("restarting") => Observed::Known("Starting".to_owned()),
            Some("removing") => Observed::Known("Stopping".to_owned()),
            Some("dead") => Observed::Known("Error".to_owned()),
            Some(_) | None => no("state"),
        },
        r#type: Observed::Known("container".to_owned()),
        image: at("/Config").map_or_else(|| no("image"), |config| text(config, "Image")),
        image_fingerprint: text(instance, "Image")
            .map(|digest| digest.trim_start_matches("sha256:").to_owned()),
        created: time(instance.get("Created")),
        privileged: at("/HostConfig/Privileged")
            .and_then(Value::as_bool)
            .map_or_else(|| no("privileged"), Observed::Known),
        config: labels.map_or_else(
            || no("labels"),
            |labels| {
                Observed::Known(OpenMap::declared(declared, |key| match labels.get(key) {
                    None => Observed::Absent,
                    Some(Value::String(value)) => Observed::Known(value.clone()),
                    Some(_) => no(key),
                }))
            },
        ),
        devices: devices(instance, networks),
        local_devices: Observed::Absent,
        snapshots: Observed::Absent,
        ipv4: addresses("IPAddress"),
        ipv6: addresses("GlobalIPv6Address"),
        static_ipv4: networks.map_or_else(
            || no("networks"),
            |networks| networks.values().find_map(fixed).into(),
        ),
        networks: networks.map_or_else(
            || no("networks"),
            |networks| bounded(networks.keys().cloned().collect(), "networks").map(sorted),
        ),
    }
}

fn fixed(network: &Value) -> Option<String> {
    let address = network.pointer("/IPAMConfig/IPv4Address")?.as_str()?;
    (!address.is_empty()).then(|| address.to_owned())
}

fn devices(
    instance: &Value,
    networks: Option<&Map<String, Value>>,
) -> Observed<Vec<InstanceDevice>> {
    let (Some(Value::Array(mounts)), Some(networks)) = (instance.get("Mounts"), networks) else {
        return no("devices");
    };
    let ports = match instance.pointer("/HostConfig/PortBindings") {
        Some(Value::Object(ports)) => ports.clone(),
        Some(Value::Null) => Map::new(),
        Some(_) | None => return no("ports"),
    };
    let known = |word: &str| Observed::Known(word.to_owned());
    let mut list = Vec::new();
    for mount in mounts {
        let path = text(mount, "Destination");
        list.push(InstanceDevice {
            r#type: known("disk"),
            source: optional(mount, "Source"),
            readonly: mount
                .get("RW")
                .and_then(Value::as_bool)
                .map_or_else(|| no("RW"), |writable| Observed::Known(!writable)),
            path: path.clone(),
            ..InstanceDevice::named(path.known().map_or("", String::as_str))
        });
    }
    for (port, bindings) in &ports {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        for binding in bindings.as_array().into_iter().flatten() {
            let part = |key: &str| binding.get(key).and_then(Value::as_str).unwrap_or_default();
            let address = match part("HostIp") {
                "" => "0.0.0.0",
                address => address,
            };
            // Without a number the engine takes any free port.
            let host = match part("HostPort") {
                "" => "0",
                host => host,
            };
            let address = if address.contains(':') {
                format!("[{address}]")
            } else {
                address.to_owned()
            };
            list.push(InstanceDevice {
                r#type: known("proxy"),
                listen: Observed::Known(format!("{protocol}:{address}:{host}")),
                connect: Observed::Known(format!("{protocol}:{number}")),
                ..InstanceDevice::named(port)
            });
        }
    }
    for (name, network) in networks {
        list.push(InstanceDevice {
            r#type: known("nic"),
            network: known(name),
            ipv4_address: fixed(network).into(),
            ..InstanceDevice::named(name)
        });
    }
    list.sort_by(|a, b| a.name.cmp(&b.name));
    bounded(list, "devices")
}
