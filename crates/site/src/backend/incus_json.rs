//! What Incus and LXD say of instances, in their own JSON.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Listed;

/// The instances of `GET /1.0/instances?recursion=1` (or 2, with addresses).
pub(crate) fn listed(answer: &Value) -> Vec<Listed> {
    let entries = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(one).collect()
}

fn one(entry: &Value) -> Option<Listed> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    Some(Listed {
        name: text("name")?.to_owned(),
        state: text("status").unwrap_or("unknown").to_ascii_lowercase(),
        image: image(entry),
        ipv4: entry.get("state").map(addresses).unwrap_or_default(),
    })
}

/// The image's description, else its alias-like name, else its fingerprint.
pub(crate) fn image(instance: &Value) -> Option<String> {
    let config = instance.get("config")?;
    ["image.description", "image.name", "volatile.base_image"]
        .iter()
        .find_map(|key| config.get(key).and_then(Value::as_str))
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn addresses(state: &Value) -> Vec<Ipv4Addr> {
    let networks = state.get("network").and_then(Value::as_object);
    networks
        .into_iter()
        .flatten()
        .filter_map(|(_, network)| network.get("addresses").and_then(Value::as_array))
        .flatten()
        .filter(|address| address.get("scope").and_then(Value::as_str) == Some("global"))
        .filter_map(|address| address.get("address").and_then(Value::as_str)?.parse().ok())
        .collect()
}

/// The wrapped form that facts read, from `GET /1.0/instances/NAME?recursion=1`.
pub(crate) fn described(engine: &str, mut instance: Value) -> Value {
    let snapshots = instance
        .get_mut("snapshots")
        .map(Value::take)
        .filter(Value::is_array)
        .unwrap_or_else(|| json!([]));
    json!({ "engine": engine, "instance": instance, "snapshots": snapshots })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_states_images_and_global_addresses_are_listed() {
        let answer = json!([{
            "name": "system", "status": "Running",
            "config": { "image.description": "Debian", "volatile.base_image": "ab12" },
            "state": { "network": {
                "lo": { "addresses": [{ "family": "inet", "address": "127.0.0.1", "scope": "local" }] },
                "eth0": { "addresses": [
                    { "family": "inet", "address": "10.0.2.7", "scope": "global" },
                    { "family": "inet6", "address": "fd00::7", "scope": "global" }] } } },
        }, { "no": "name" }]);
        assert_eq!(
            listed(&answer),
            [Listed {
                name: "system".into(),
                state: "running".into(),
                image: Some("Debian".into()),
                ipv4: vec![Ipv4Addr::new(10, 0, 2, 7)],
            }]
        );
    }

    #[test]
    fn snapshots_stand_beside_the_instance() {
        let full = json!({ "name": "x", "snapshots": [{ "name": "s0" }] });
        let wrapped = described("incus", full);
        assert_eq!(wrapped["snapshots"][0]["name"], "s0");
        assert_eq!(
            described("lxd", json!({"name": "x", "snapshots": null}))["snapshots"],
            json!([])
        );
    }
}
