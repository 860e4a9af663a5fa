//! Health, initialising, unsealing and sealing.

use crate::{Vault, code, serve};
use runproof_contract::Running;
use serde_json::{Value, json};
use vaultrs::sys::ServerStatus;
use vaultrs::{kv2, sys};

#[tokio::test]
async fn health_says_by_its_status_whether_it_is_initialised_sealed_or_open() {
    let mut vault = Vault::empty();
    let client = vault.client("");
    assert!(matches!(
        sys::status(&client).await.unwrap(),
        ServerStatus::UNINITIALIZED
    ));
    assert_eq!(
        vault
            .raw("GET", "sys/health?uninitcode=299", "", None)
            .await
            .0,
        299
    );
    vault.initialise().await;
    assert!(matches!(
        sys::status(&client).await.unwrap(),
        ServerStatus::SEALED
    ));
    let (code, body) = vault.raw("GET", "sys/health", "", None).await;
    assert_eq!(
        (code, &body["sealed"], &body["initialized"]),
        (503, &json!(true), &json!(true))
    );
    assert_eq!(
        vault
            .raw("GET", "sys/health?sealedcode=200", "", None)
            .await
            .0,
        200
    );
    assert_eq!(vault.raw("HEAD", "sys/health", "", None).await.0, 503);
    vault.unseal().await;
    let health = sys::health(&client).await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby);
    assert_eq!(
        vault
            .raw("GET", "sys/health?activecode=204", "", None)
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn a_standby_and_the_secondaries_have_codes_of_their_own() {
    for (role, usual, query, asked) in [
        ("standby", 429, "standbyok=true", 200),
        ("performance-standby", 473, "perfstandbyok=true", 200),
        ("dr-secondary", 472, "drsecondarycode=210", 210),
    ] {
        let mut vault = Vault::empty();
        let (mut running, folder) = vault.running.take().unwrap();
        running.end();
        let port = vault.address.rsplit(':').next().unwrap().parse().unwrap();
        let config = format!("-config={}", folder.text("vault.hcl"));
        let _running = Running::listening(
            "vault",
            &["server", &config],
            &[("STANDIN_VAULT_ROLE", role)],
            port,
        );
        vault.initialise().await;
        vault.unseal().await;
        assert_eq!(
            vault.raw("GET", "sys/health", "", None).await.0,
            usual,
            "{role}"
        );
        assert_eq!(
            vault
                .raw("GET", &format!("sys/health?{query}"), "", None)
                .await
                .0,
            asked,
            "{role}"
        );
    }
}

#[tokio::test]
async fn three_of_five_keys_open_it_and_two_do_not() {
    let mut vault = Vault::empty();
    vault.initialise().await;
    let client = vault.client("");
    let give = async |at: usize| {
        sys::unseal(&client, Some(vault.keys[at].clone()), None, None)
            .await
            .unwrap()
    };
    let first = give(4).await;
    assert_eq!(
        (
            first.sealed,
            first.threshold,
            first.n_shares,
            first.progress
        ),
        (true, 3, 5, 1)
    );
    assert_eq!(give(4).await.progress, 1, "the same key twice is one key");
    assert_eq!(give(0).await.progress, 2);
    let reset = sys::unseal(&client, None, Some(true), None).await.unwrap();
    assert_eq!(reset.progress, 0);
    give(2).await;
    give(1).await;
    assert!(!give(3).await.sealed);
}

#[tokio::test]
async fn a_forged_key_opens_nothing_and_starts_the_count_anew() {
    let mut vault = Vault::empty();
    vault.initialise().await;
    let forged = "00".repeat(32) + "09";
    let client = vault.client("");
    for key in [&vault.keys[0], &vault.keys[1]] {
        sys::unseal(&client, Some(key.clone()), None, None)
            .await
            .unwrap();
    }
    let (code, body) = vault
        .raw("PUT", "sys/unseal", "", Some(json!({ "key": forged })))
        .await;
    assert_eq!(code, 400, "{body}");
    let (_, status) = vault.raw("GET", "sys/seal-status", "", None).await;
    assert_eq!(
        (&status["sealed"], &status["progress"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        vault
            .raw("PUT", "sys/unseal", "", Some(json!({ "key": "%%" })))
            .await
            .0,
        400
    );
    assert_eq!(
        vault
            .raw(
                "PUT",
                "sys/init",
                "",
                Some(json!({ "secret_shares": 1, "secret_threshold": 1 }))
            )
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_sealed_server_answers_503_and_what_it_knew_is_back_when_it_opens_even_after_a_restart() {
    let mut vault = Vault::empty();
    vault.initialise().await;
    vault.unseal().await;
    let mount = vault.mount().await;
    kv2::set(
        &vault.root(),
        &mount,
        "gbo/tables",
        &json!({ "host": "10.0.2.5" }),
    )
    .await
    .unwrap();
    sys::seal(&vault.root()).await.unwrap();
    let sealed = kv2::read::<Value>(&vault.root(), &mount, "gbo/tables")
        .await
        .unwrap_err();
    assert_eq!(code(&sealed), 503);

    let (mut running, folder) = vault.running.take().unwrap();
    running.signal("HUP");
    assert!(
        matches!(
            sys::status(&vault.client("")).await.unwrap(),
            ServerStatus::SEALED
        ),
        "SIGHUP ends nothing"
    );
    assert_eq!(running.end(), Some(0), "SIGTERM is an orderly end");
    assert!(
        !running.output().contains(&vault.token),
        "no secret in the log"
    );
    let port = vault.address.rsplit(':').next().unwrap().parse().unwrap();
    for file in ["core/_seal-config", "logical/_state"] {
        let stored = std::fs::read(folder.path("data").join(file)).unwrap();
        assert!(
            !stored.windows(8).any(|bytes| bytes == b"10.0.2.5"),
            "{file} is encrypted"
        );
    }
    vault.running = Some((serve(&folder, port), folder));
    assert!(matches!(
        sys::status(&vault.client("")).await.unwrap(),
        ServerStatus::SEALED
    ));
    vault.unseal().await;
    let back: Value = kv2::read(&vault.root(), &mount, "gbo/tables")
        .await
        .unwrap();
    assert_eq!(back["host"], "10.0.2.5");
}
