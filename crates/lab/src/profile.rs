//! The default profile of Incus, of which every node is made: what it may give to a node.
//!
//! It is the host's, and not made for labs. A folder of the host in it, or a privilege, would be in
//! every node, and a fault would act on the host.

use serde_json::{Map, Value};

/// The beginnings of settings that reach no further than the node.
const HARMLESS: [&str; 4] = ["boot.", "cloud-init.", "limits.", "user."];
/// The kinds of network cards that are the host's own, which is without them then.
const OF_THE_HOST: [&str; 2] = ["physical", "sriov"];

/// What a node would get of the host, each with the command that takes it away.
pub(crate) fn dangers(profile: &Value) -> Vec<String> {
    let part = |name: &str| profile.get(name).and_then(Value::as_object);
    let (Some(settings), Some(devices)) = (part("config"), part("devices")) else {
        return vec!["what the default profile of Incus says cannot be read".to_owned()];
    };
    let settings = settings
        .keys()
        .filter(|key| !HARMLESS.iter().any(|begin| key.starts_with(begin)))
        .map(|key| {
            danger(
                &format!("the setting `{key}`"),
                &format!("unset default {key}"),
            )
        });
    let devices = devices.iter().filter_map(|(name, device)| {
        let what = of_the_host(device)?;
        Some(danger(
            &format!("the device `{name}` ({what})"),
            &format!("device remove default {name}"),
        ))
    });
    settings.chain(devices).collect()
}

fn danger(what: &str, command: &str) -> String {
    format!(
        "the default profile of Incus has {what}, which would be in every node: \
         `incus profile {command}`, and a profile of its own for the instances that need it"
    )
}

/// What of the host a device is; none where it is a node's own disk or card.
fn of_the_host(device: &Value) -> Option<String> {
    let value = |key: &str| device.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = value("type");
    match kind {
        "nic" if OF_THE_HOST.contains(&value("nictype")) => {
            Some(format!("a card of the host, {}", value("parent")))
        }
        "nic" => None,
        "disk" => {
            let source = value("source");
            let mut keys = device.as_object().into_iter().flat_map(Map::keys);
            let raw = keys.any(|key| key.starts_with("raw."));
            if !source.is_empty() {
                Some(format!("the disk {source}"))
            } else if value("path") != "/" || value("pool").is_empty() || raw {
                Some("a disk that is no plain root of a pool".to_owned())
            } else {
                None
            }
        }
        _ => Some(format!("of the type `{kind}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn profile(settings: Value, mut devices: Value) -> Value {
        let device = devices.as_object_mut().unwrap();
        device.insert(
            "eth0".to_owned(),
            json!({ "type": "nic", "network": "incusbr0", "name": "eth0" }),
        );
        device.insert(
            "root".to_owned(),
            json!({ "type": "disk", "path": "/", "pool": "default" }),
        );
        json!({ "name": "default", "description": "", "config": settings, "devices": devices })
    }

    #[rstest]
    #[case::as_incus_makes_it(json!({}), json!({}))]
    #[case::harmless_settings(
        json!({ "limits.cpu": "2", "user.x": "y", "boot.autostart": "true", "cloud-init.user-data": "x" }),
        json!({})
    )]
    #[case::a_second_card(json!({}), json!({ "eth1": { "type": "nic", "nictype": "bridged", "parent": "br0" } }))]
    fn what_a_node_needs_is_no_danger(#[case] settings: Value, #[case] devices: Value) {
        assert_eq!(dangers(&profile(settings, devices)), Vec::<String>::new());
    }

    #[rstest]
    #[case::privileged("security.privileged", "true")]
    #[case::nested("security.nesting", "true")]
    #[case::raw("raw.lxc", "lxc.mount.entry = /srv srv none bind 0 0")]
    #[case::modules("linux.kernel_modules", "wireguard")]
    #[case::nvidia("nvidia.runtime", "true")]
    #[case::environment("environment.TOKEN", "CANARY")]
    #[case::only_like_a_harmless_one("limitsx", "1")]
    fn a_setting_that_reaches_further_is_named_with_what_takes_it_away_and_without_its_value(
        #[case] key: &str,
        #[case] value: &str,
    ) {
        let found = dangers(&profile(json!({ key: value }), json!({})));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(&format!("`incus profile unset default {key}`")),
            "{found:?}"
        );
        assert!(!found[0].contains(value) || value.len() < 5, "{found:?}");
    }

    #[rstest]
    #[case::a_folder(json!({ "type": "disk", "source": "/srv", "path": "/srv" }), "the disk /srv")]
    #[case::a_folder_as_root(json!({ "type": "disk", "source": "/srv", "path": "/", "pool": "p" }), "the disk /srv")]
    #[case::a_volume(json!({ "type": "disk", "source": "data", "path": "/data", "pool": "p" }), "the disk data")]
    #[case::a_root_of_no_pool(json!({ "type": "disk", "path": "/" }), "no plain root")]
    #[case::a_root_with_options(json!({ "type": "disk", "path": "/", "pool": "p", "raw.mount.options": "x" }), "no plain root")]
    #[case::a_card_of_the_host(json!({ "type": "nic", "nictype": "physical", "parent": "eno1" }), "a card of the host, eno1")]
    #[case::a_proxy(json!({ "type": "proxy", "listen": "tcp:0.0.0.0:80" }), "of the type `proxy`")]
    #[case::a_unix_device(json!({ "type": "unix-char", "source": "/dev/kvm" }), "of the type `unix-char`")]
    #[case::of_no_type(json!({}), "of the type ``")]
    fn a_device_that_is_the_hosts_is_named_with_what_takes_it_away(
        #[case] device: Value,
        #[case] words: &str,
    ) {
        let found = dangers(&profile(json!({}), json!({ "other": device })));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(words), "{found:?}");
        assert!(
            found[0].contains("`incus profile device remove default other`"),
            "{found:?}"
        );
    }

    #[rstest]
    #[case(json!(null))]
    #[case(json!({ "config": {} }))]
    #[case(json!({ "config": [], "devices": {} }))]
    fn a_profile_that_cannot_be_read_is_not_taken_for_a_harmless_one(#[case] profile: Value) {
        assert_eq!(dangers(&profile).len(), 1);
    }
}
