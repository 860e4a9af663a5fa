//! What the primitives refuse, and what they do in a node.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// The act of a primitive in a lab that has a node `vault` and the authority of these two words.
fn act(value: Value) -> Result<Act, FaultError> {
    let primitive: Primitive =
        serde_json::from_value(value).map_err(|error| FaultError::Unreadable(error.to_string()))?;
    primitive.act_where(
        |role| (role == "vault").then(|| "10.0.0.9".to_owned()),
        || {
            Ok(Authority {
                certificate: "certificate".to_owned(),
                key: "key".to_owned().into(),
            })
        },
    )
}

#[rstest]
#[case::an_unknown_primitive(json!({ "meteor": {} }))]
#[case::an_unknown_field(json!({ "process": { "unit": "ui.service", "signal": "KILL", "harder": true } }))]
#[case::a_signal_that_can_be_ignored(json!({ "process": { "unit": "ui.service", "signal": "TERM" } }))]
#[case::a_unit_that_is_an_option(json!({ "process": { "unit": "--all.service", "signal": "KILL" } }))]
#[case::port_0(json!({ "port": { "port": 0 } }))]
#[case::a_port_that_is_none(json!({ "port": { "port": 70000 } }))]
#[case::an_address_that_is_a_name(json!({ "port": { "port": 80, "address": "localhost; reboot" } }))]
#[case::a_way_to_nobody(json!({ "network": { "cut": "nobody" } }))]
#[case::two_networks(json!({ "network": { "cut": "vault", "no-ipv4": true } }))]
#[case::a_switch_that_is_off(json!({ "network": { "no-ipv4": false } }))]
#[case::a_resolver_that_works(json!({ "network": { "resolver": "10.0.0.1" } }))]
#[case::no_delay(json!({ "network": { "delay-ms": 0 } }))]
#[case::no_loss(json!({ "network": { "loss-percent": 0 } }))]
#[case::more_than_all(json!({ "network": { "loss-percent": 101 } }))]
#[case::a_disk_of_nothing(json!({ "disk": { "path": "/opt/gbo/logs", "size-kib": 1 } }))]
#[case::a_disk_of_everything(json!({ "disk": { "path": "/opt/gbo/logs", "size-kib": 99_999_999 } }))]
#[case::the_disk_of_the_node(json!({ "disk": { "path": "/", "size-kib": 512 } }))]
#[case::a_mount_of_nothing(json!({ "mount": { "path": "/opt/gbo" } }))]
#[case::a_mount_of_both(json!({ "mount": { "path": "/opt/gbo", "mode": "0755", "tmpfs": true } }))]
#[case::a_mode_that_is_a_word(json!({ "mount": { "path": "/opt/gbo", "mode": "u+x" } }))]
#[case::a_secret_above(json!({ "vault": { "delete": "../sys/seal" } }))]
#[case::a_secret_with_a_question(json!({ "vault": { "delete": "gbo/tables?version=1" } }))]
#[case::a_policy_with_a_quote(json!({ "vault": { "drop-policy": "a'b" } }))]
#[case::a_token_of_no_life(json!({ "vault": { "short-token": 0 } }))]
#[case::two_of_vault(json!({ "vault": { "seal": true, "delete": "gbo/tables" } }))]
#[case::a_table_that_is_sql(json!({ "postgres": { "database": "a", "delete-rows": { "table": "bots; DROP TABLE bots", "where": { "id": 1 } } } }))]
#[case::a_column_with_a_quote(json!({ "postgres": { "database": "a", "delete-rows": { "table": "bots", "where": { "i\"d": 1 } } } }))]
#[case::rows_without_where(json!({ "postgres": { "database": "a", "delete-rows": { "table": "bots", "where": {} } } }))]
#[case::a_value_that_is_a_list(json!({ "postgres": { "database": "a", "insert-row": { "table": "bots", "values": { "id": [1] } } } }))]
#[case::a_database_that_is_a_connection(json!({ "postgres": { "database": "host=10.0.0.1", "insert-row": { "table": "bots", "values": { "id": 1 } } } }))]
#[case::a_database_of_a_connection_to_rename_in(json!({ "postgres": { "database": "host=10.0.0.1", "rename-table": { "table": "a", "to": "b" } } }))]
#[case::two_of_a_database(json!({ "postgres": { "database": "a", "password-of": "gbuser", "to": "b" } }))]
#[case::a_password_without_a_role(json!({ "postgres": { "to": "b" } }))]
#[case::a_key_of_no_name(json!({ "cache": { "set": { "key": "", "value": "a" } } }))]
#[case::no_password(json!({ "cache": { "password": "" } }))]
#[case::an_object_without_a_bucket(json!({ "objects": { "delete": "config.csv" } }))]
#[case::an_object_above(json!({ "objects": { "delete": "demo.gbai/../default.gbai/a" } }))]
#[case::an_object_with_a_question(json!({ "objects": { "put": { "key": "demo.gbai/a?acl", "content": "" } } }))]
#[case::a_bucket_with_a_key(json!({ "objects": { "remove-bucket": "demo.gbai/a" } }))]
#[case::a_certificate_without_a_key(json!({ "certificate": { "path": "/opt/gbo/a.crt", "becomes": "expired" } }))]
#[case::a_relative_certificate(json!({ "certificate": { "path": "a.crt", "key": "/opt/gbo/a.key", "becomes": "expired" } }))]
#[case::a_binary_that_becomes_nothing(json!({ "binary": { "path": "/opt/gbo/bin/botui", "becomes": "faster" } }))]
#[case::a_relative_binary(json!({ "binary": { "path": "botui", "becomes": "not-executable" } }))]
#[case::a_working_copy_of_both(json!({ "git": { "path": "/opt/gbo/work", "commit": "a", "dirty": true } }))]
#[case::a_relative_path_that_is_kept(json!({ "keep": { "path": "share/caddy" } }))]
#[case::a_secret_above_that_is_kept(json!({ "keep": { "secret": "../sys/seal" } }))]
#[case::an_object_above_that_is_kept(json!({ "keep": { "object": "demo.gbai/../default.gbai/a" } }))]
#[case::two_that_are_kept(json!({ "keep": { "path": "/opt/gbo/a", "secret": "gbo/tables" } }))]
#[case::a_commit_without_a_word(json!({ "git": { "path": "/opt/gbo/work", "commit": " " } }))]
#[case::the_disk_of_the_instance(json!({ "instance": { "device": "root", "remove": true } }))]
#[case::a_device_that_is_an_option(json!({ "instance": { "device": "--force", "remove": true } }))]
#[case::a_device_that_stays(json!({ "instance": { "device": "eth0", "remove": false } }))]
#[case::a_device_of_which_nothing_is_said(json!({ "instance": { "device": "eth0" } }))]
#[case::both_of_a_device(json!({ "instance": { "device": "eth0", "set": { "ipv4.address": null }, "remove": true } }))]
#[case::nothing_set(json!({ "instance": { "device": "eth0", "set": {} } }))]
#[case::a_key_that_could_hurt(json!({ "instance": { "device": "eth0", "set": { "parent": "br1" } } }))]
#[case::an_address_that_is_none(json!({ "instance": { "device": "eth0", "set": { "ipv4.address": "none" } } }))]
#[case::an_address_of_the_other_family(json!({ "instance": { "device": "eth0", "set": { "ipv4.address": "fd00::1" } } }))]
#[case::a_right_of_the_instance(json!({ "instance": { "config": "security.privileged", "value": "true" } }))]
#[case::a_setting_of_lxc(json!({ "instance": { "config": "raw.lxc", "value": "" } }))]
#[case::a_setting_without_a_value(json!({ "instance": { "config": "boot.autostart" } }))]
#[case::a_value_that_it_cannot_have(json!({ "instance": { "config": "boot.autostart", "value": "maybe" } }))]
#[case::no_memory(json!({ "instance": { "config": "limits.memory", "value": "1MiB" } }))]
#[case::a_setting_of_a_device(json!({ "instance": { "device": "eth0", "config": "limits.memory", "value": null } }))]
fn a_mistake_of_the_suite_is_unreadable(#[case] value: Value) {
    let error = act(value.clone());
    assert!(
        matches!(error, Err(FaultError::Unreadable(_))),
        "{value}: {error:?}"
    );
}

/// One act of each, as it runs in a node.
#[rstest]
#[case::process(json!({ "process": { "unit": "ui.service", "signal": "STOP" } }))]
#[case::keep(json!({ "keep": { "path": "/root/.local/share/caddy" } }))]
#[case::keep_names(json!({ "keep": { "names": "/opt/gbo/conf" } }))]
#[case::keep_object(json!({ "keep": { "object": "demo.gbai/demo.gbot/config.csv" } }))]
#[case::keep_unsealed(json!({ "keep": { "unsealed": true } }))]
#[case::keep_secret(json!({ "keep": { "secret": "gbo/tables" } }))]
#[case::port(json!({ "port": { "port": 5859, "address": "0.0.0.0", "instead-of": "ui.service" } }))]
#[case::network(json!({ "network": { "cut": "vault" } }))]
#[case::network_slow(json!({ "network": { "delay-ms": 300 } }))]
#[case::network_lossy(json!({ "network": { "loss-percent": 30 } }))]
#[case::disk(json!({ "disk": { "path": "/opt/gbo/logs", "size-kib": 512 } }))]
#[case::mount(json!({ "mount": { "path": "/tmp", "mode": "0755" } }))]
#[case::vault(json!({ "vault": { "patch": { "path": "gbo/tables", "key": "password", "value": "it's" } } }))]
#[case::vault_token(json!({ "vault": { "short-token": 60 } }))]
#[case::postgres(json!({ "postgres": { "database": "PROD-ALM", "update-rows": { "table": "action_run", "set": { "title": "it's" }, "where": { "id": 3, "stopped": null } } } }))]
#[case::cache(json!({ "cache": { "rename": { "key": "it's", "to": "b" } } }))]
#[case::objects(json!({ "objects": { "delete": "demo.gbai/demo.gbot/config.csv" } }))]
#[case::certificate(json!({ "certificate": { "path": "/opt/gbo/conf/vault/vault.crt", "key": "/opt/gbo/conf/vault/vault.key", "becomes": "other-name" } }))]
#[case::binary(json!({ "binary": { "path": "/opt/gbo/bin/botui", "becomes": "newer-glibc" } }))]
#[case::git(json!({ "git": { "path": "/opt/gbo/work", "dirty": true } }))]
#[case::instance_set(json!({ "instance": { "device": "eth0", "set": { "ipv4.address": null, "ipv6.address": "fd00::9" } } }))]
#[case::instance_remove(json!({ "instance": { "remove": true, "device": "eth0" } }))]
#[case::instance_config(json!({ "instance": { "config": "limits.memory", "value": "512MiB" } }))]
fn an_act_is_texts_for_sh_that_sh_can_read(#[case] value: Value) {
    let act = act(value.clone()).unwrap();
    for text in [
        &act.needs,
        &act.state,
        &act.keep,
        &act.inject,
        &act.effect,
        &act.restore,
    ] {
        let read = std::process::Command::new("sh")
            .args(["-n", "-c", text])
            .output()
            .unwrap();
        assert!(read.status.success(), "{value}: {text}");
    }
    let name = value.as_object().unwrap().keys().next().unwrap().clone();
    let primitive: Primitive = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(primitive.name(), name);
    let kind = value[&name]
        .as_object()
        .unwrap()
        .keys()
        .find(|field| *field != "device")
        .unwrap()
        .clone();
    let engine = act.engine.as_ref();
    let engine = engine.map_or_else(String::new, |change| format!("\nengine: {change:?}"));
    insta::assert_snapshot!(
        format!("{name}-{kind}"),
        format!(
            "{}\non: {}{engine}\n\n# needs\n{}\n\n# state\n{}\n\n# keep\n{}\n\n# inject\n{}\n\n# effect\n{}\n\n# restore\n{}\n",
            act.words,
            act.on.as_deref().unwrap_or("the scenario's node"),
            act.needs,
            act.state,
            act.keep,
            act.inject,
            act.effect,
            act.restore
        )
    );
}
