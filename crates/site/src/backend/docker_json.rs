//! What Docker says of containers, in its own JSON.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Listed;

/// A container as `docker container inspect` shows it.
pub(crate) fn listed(inspected: &Value) -> Option<Listed> {
    let name = inspected.get("Name").and_then(Value::as_str)?;
    let text = |pointer: &str| inspected.pointer(pointer).and_then(Value::as_str);
    let networks = inspected.pointer("/NetworkSettings/Networks");
    Some(Listed {
        name: name.trim_start_matches('/').to_owned(),
        state: state(text("/State/Status").unwrap_or("unknown")),
        image: text("/Config/Image").map(str::to_owned),
        ipv4: networks.map(addresses).unwrap_or_default(),
    })
}

/// The engine-neutral word for a state.
pub(crate) fn state(status: &str) -> String {
    let status = status.to_ascii_lowercase();
    match status.as_str() {
        "exited" | "created" | "dead" => "stopped".to_owned(),
        "paused" => "frozen".to_owned(),
        _ => status,
    }
}

/// The addresses of a `Networks` object.
pub(crate) fn addresses(networks: &Value) -> Vec<Ipv4Addr> {
    let networks = networks.as_object();
    networks
        .into_iter()
        .flatten()
        .filter_map(|(_, network)| {
            network
                .get("IPAddress")
                .and_then(Value::as_str)?
                .parse()
                .ok()
        })
        .collect()
}

/// The wrapped form that facts read. Docker has no snapshots.
pub(crate) fn described(inspected: Value) -> Value {
    json!({ "engine": "docker", "instance": inspected, "snapshots": [] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_listed_by_its_plain_name() {
        let inspected = json!({
            "Name": "/system", "State": { "Status": "exited" }, "Config": { "Image": "debian:12" },
            "NetworkSettings": { "Networks": { "bridge": { "IPAddress": "10.9.0.2" }, "none": { "IPAddress": "" } } },
        });
        assert_eq!(
            listed(&inspected),
            Some(Listed {
                name: "system".into(),
                state: "stopped".into(),
                image: Some("debian:12".into()),
                ipv4: vec![Ipv4Addr::new(10, 9, 0, 2)],
            })
        );
    }
}
