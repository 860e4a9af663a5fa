//! Secrets of the second version of the key-value engine, and where they are mounted.

use crate::{Vault, code};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::SetSecretRequestOptions;
use vaultrs::{kv2, sys};

#[tokio::test]
async fn a_secret_has_versions_that_can_be_deleted_restored_and_destroyed() {
    let vault = Vault::open().await;
    let (mount, client) = (vault.mount().await, vault.root());
    for version in 1..=2 {
        let made = kv2::set(&client, &mount, "gbo/drive", &json!({ "n": version }))
            .await
            .unwrap();
        assert_eq!(made.version, version);
    }
    let old: Value = kv2::read_version(&client, &mount, "gbo/drive", 1)
        .await
        .unwrap();
    assert_eq!(old["n"], 1);
    assert_eq!(
        kv2::list(&client, &mount, "").await.unwrap(),
        ["gbo/", "probe"]
    );
    assert_eq!(kv2::list(&client, &mount, "gbo").await.unwrap(), ["drive"]);

    kv2::delete_latest(&client, &mount, "gbo/drive")
        .await
        .unwrap();
    let path = format!("{mount}/data/gbo/drive");
    let (status, body) = vault.raw("GET", &path, &vault.token, None).await;
    assert_eq!((status, &body["data"]["data"]), (404, &Value::Null));
    assert_ne!(body["data"]["metadata"]["deletion_time"], "");
    kv2::undelete_versions(&client, &mount, "gbo/drive", vec![2])
        .await
        .unwrap();
    let again: Value = kv2::read(&client, &mount, "gbo/drive").await.unwrap();
    assert_eq!(again["n"], 2);

    kv2::destroy_versions(&client, &mount, "gbo/drive", vec![1])
        .await
        .unwrap();
    let metadata = kv2::read_metadata(&client, &mount, "gbo/drive")
        .await
        .unwrap();
    assert_eq!((metadata.current_version, metadata.versions.len()), (2, 2));
    assert!(metadata.versions["1"].destroyed && !metadata.versions["2"].destroyed);
    kv2::delete_metadata(&client, &mount, "gbo/drive")
        .await
        .unwrap();
    let gone = kv2::read::<Value>(&client, &mount, "gbo/drive")
        .await
        .unwrap_err();
    assert_eq!(code(&gone), 404);
}

#[tokio::test]
async fn a_path_without_a_secret_is_404_with_no_errors_and_a_stale_write_is_refused() {
    let vault = Vault::open().await;
    let mount = vault.mount().await;
    let (status, body) = vault
        .raw("GET", &format!("{mount}/data/none"), &vault.token, None)
        .await;
    assert_eq!((status, body), (404, json!({ "errors": [] })));
    let (status, body) = vault
        .raw("GET", "no-such-mount/data/x", &vault.token, None)
        .await;
    assert_eq!(status, 404);
    assert!(
        body["errors"][0]
            .as_str()
            .unwrap()
            .contains("no handler for route"),
        "{body}"
    );
    let with = |cas| SetSecretRequestOptions { cas };
    kv2::set_with_options(&vault.root(), &mount, "x", &json!({}), with(0))
        .await
        .unwrap();
    let stale = kv2::set_with_options(&vault.root(), &mount, "x", &json!({}), with(0))
        .await
        .unwrap_err();
    assert_eq!(code(&stale), 400);
    kv2::set_with_options(&vault.root(), &mount, "x", &json!({}), with(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn mounts_are_listed_and_the_preflight_tells_the_version_to_those_who_may_reach_in() {
    let vault = Vault::open().await;
    let mount = vault.mount().await;
    let mounts = sys::mount::list(&vault.root()).await.unwrap();
    let about = &mounts[&format!("{mount}/")];
    assert_eq!(
        (
            about.mount_type.as_str(),
            about.options.as_ref().unwrap()["version"].as_str()
        ),
        ("kv", "2")
    );
    assert!(mounts.contains_key("sys/"));
    let path = format!("sys/internal/ui/mounts/{mount}/gbo/tables");
    let (_, body) = vault.raw("GET", &path, &vault.token, None).await;
    assert_eq!(body["data"]["path"], format!("{mount}/"));
    let stranger = vault
        .token_for(
            "contract-stranger",
            "path \"x\" { capabilities = [\"read\"] }",
            "60s",
        )
        .await;
    assert_eq!(vault.raw("GET", &path, &stranger, None).await.0, 403);
    sys::mount::disable(&vault.root(), &mount).await.unwrap();
}
