//! The commands of the runbooks, and the trust they need.

use crate::{Vault, serve};
use runproof_contract::{Folder, port, program, ran, until};
use serde_json::{Value, json};
use std::process::Command;

#[tokio::test]
async fn the_command_line_does_what_the_runbooks_type_with_the_originals_exit_codes() {
    let mut vault = Vault::empty();
    assert_eq!(vault.cli(&["status"]).0, 2, "not initialised is sealed");
    let (code, out, _) = vault.cli(&["operator", "init", "-format=json"]);
    assert_eq!(code, 0);
    let init: Value = serde_json::from_str(&out).unwrap();
    vault.token = init["root_token"].as_str().unwrap().to_owned();
    assert_eq!(vault.cli(&["status"]).0, 2);
    for key in &init["unseal_keys_b64"].as_array().unwrap()[..3] {
        assert_eq!(
            vault.cli(&["operator", "unseal", key.as_str().unwrap()]).0,
            0
        );
    }
    let (code, out, _) = vault.cli(&["status"]);
    assert_eq!(code, 0);
    assert!(out.contains("Sealed          false"), "{out}");
    assert_eq!(
        vault.cli(&["secrets", "enable", "-path=secret", "kv-v2"]).0,
        0
    );

    let (code, _, error) = vault.cli(&["kv", "get", "secret/gbo/tables"]);
    assert_eq!(
        (code, error.trim()),
        (2, "No value found at secret/data/gbo/tables")
    );
    let put = [
        "kv",
        "put",
        "secret/gbo/tables",
        "host=10.0.2.5",
        "port=5432",
        "password=a=b",
    ];
    assert_eq!(vault.cli(&put).0, 0);
    let (_, out, _) = vault.cli(&["kv", "get", "secret/gbo/tables"]);
    assert!(
        out.contains("secret/data/gbo/tables") && out.contains("host        10.0.2.5"),
        "{out}"
    );
    assert_eq!(
        vault
            .cli(&["kv", "get", "-field=password", "secret/gbo/tables"])
            .1,
        "a=b\n"
    );
    let (_, out, _) = vault.cli(&["kv", "get", "-format=json", "secret/gbo/tables"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["data"]["data"]["port"], "5432");
    assert_eq!(
        vault.cli(&["kv", "list", "secret/gbo"]).1,
        "Keys\n----\ntables\n"
    );
    assert_eq!(
        vault.cli(&["kv", "metadata", "get", "secret/gbo/tables"]).0,
        0
    );
    assert_eq!(vault.cli(&["kv", "delete", "secret/gbo/tables"]).0, 0);
    assert_eq!(vault.cli(&["kv", "get", "secret/gbo/tables"]).0, 2);

    let folder = Folder::new();
    let policy = folder.write(
        "botserver.hcl",
        "path \"secret/data/gbo/*\" { capabilities = [\"read\"] }\n",
    );
    assert_eq!(vault.cli(&["policy", "write", "botserver", &policy]).0, 0);
    assert!(vault.cli(&["policy", "list"]).1.contains("botserver\n"));
    assert!(
        vault
            .cli(&["policy", "read", "botserver"])
            .1
            .contains("secret/data/gbo")
    );
    let create = [
        "token",
        "create",
        "-policy=botserver",
        "-ttl=8760h",
        "-format=json",
    ];
    let (code, out, _) = vault.cli(&create);
    assert_eq!(code, 0);
    let made: Value = serde_json::from_str(&out).unwrap();
    let id = made["auth"]["client_token"].as_str().unwrap();
    assert_eq!(made["auth"]["policies"], json!(["botserver", "default"]));
    assert_eq!(vault.cli(&["token", "lookup", id]).0, 0);
    assert_eq!(vault.cli(&["token", "renew", id]).0, 0);
    assert_eq!(vault.cli(&["token", "revoke", id]).0, 0);
    let (code, _, error) = vault.cli(&["token", "lookup", id]);
    assert_eq!(code, 2);
    assert!(
        error.contains("Code: 403") && error.contains("bad token"),
        "{error}"
    );

    assert_eq!(vault.cli(&["operator", "seal"]).0, 0);
    assert_eq!(vault.cli(&["status"]).0, 2);
    let (code, _, error) = vault.cli(&["kv", "get", "secret/gbo/tables"]);
    assert_eq!(code, 2);
    assert!(error.contains("Vault is sealed"), "{error}");
    drop(vault.running.take());
    let (code, _, error) = vault.cli(&["status"]);
    assert_eq!(code, 1, "nobody there is not sealed");
    assert!(error.contains("connection refused"), "{error}");
    assert_eq!(vault.cli(&["status", "-no-such-flag=1"]).0, 1);
}

#[tokio::test]
async fn over_tls_the_authority_is_checked_unless_that_is_switched_off() {
    let folder = Folder::new();
    let openssl = |args: &[&str]| {
        let (code, _, error) = ran(Command::new("openssl").args(args));
        assert_eq!(code, 0, "{error}");
    };
    let (ca, ca_key) = (folder.text("ca.crt"), folder.text("ca.key"));
    let (leaf, key, csr) = (
        folder.text("leaf.crt"),
        folder.text("leaf.key"),
        folder.text("leaf.csr"),
    );
    let extensions = folder.write(
        "ext",
        "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n",
    );
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=ca",
        "-keyout",
        &ca_key,
        "-out",
        &ca,
    ]);
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        &key,
        "-out",
        &csr,
    ]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
        "-CAcreateserial",
        "-extfile",
        &extensions,
        "-out",
        &leaf,
    ]);
    let port = port();
    folder.write(
        "vault.hcl",
        &json!({
            "storage": { "file": { "path": folder.text("data") } },
            "listener": [{ "tcp": { "address": format!("127.0.0.1:{port}"), "tls_cert_file": leaf, "tls_key_file": key } }],
        })
        .to_string(),
    );
    let running = serve(&folder, port);
    let status = |environment: &[(&str, &str)]| {
        ran(Command::new(program())
            .args(["vault", "status"])
            .env("VAULT_ADDR", format!("https://127.0.0.1:{port}"))
            .envs(environment.iter().copied()))
    };
    assert_eq!(status(&[("VAULT_CACERT", &ca)]).0, 2, "sealed, and trusted");
    assert_eq!(status(&[("VAULT_SKIP_VERIFY", "true")]).0, 2);
    let (code, _, error) = status(&[]);
    assert_eq!(code, 1);
    assert!(error.contains("x509"), "{error}");
    let (code, _, error) = status(&[("VAULT_CACERT", "/nonexistent")]);
    assert_eq!(code, 1);
    assert!(error.contains("CA File"), "{error}");
    running.signal("HUP");
    until("the certificate is read again and it still answers", || {
        status(&[("VAULT_CACERT", &ca)]).0 == 2
    });
    let (code, ..) = ran(Command::new("curl").args([
        "-sf",
        "-o",
        "/dev/null",
        "--cacert",
        &ca,
        &format!("https://localhost:{port}/v1/sys/seal-status"),
    ]));
    assert_eq!(code, 0);
}
