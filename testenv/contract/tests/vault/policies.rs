//! What a token may do, and what is written down about it.

use crate::{Vault, code};
use runproof_contract::{Folder, original};
use serde_json::{Value, json};
use vaultrs::{kv2, sys};

#[tokio::test]
async fn a_policy_decides_what_a_token_may_read_write_and_list() {
    let vault = Vault::open().await;
    let mount = vault.mount().await;
    for name in ["gbo/tables", "gbo/jwt", "other"] {
        kv2::set(&vault.root(), &mount, name, &json!({ "k": "v" }))
            .await
            .unwrap();
    }
    let rules = format!(
        "path \"{mount}/data/gbo/*\" {{ capabilities = [\"read\"] }}\n\
         path \"{mount}/data/gbo/jwt\" {{ capabilities = [\"deny\"] }}\n\
         path \"{mount}/metadata/*\" {{ capabilities = [\"list\"] }}\n"
    );
    let token = vault.token_for("contract-reader", &rules, "60s").await;
    let client = vault.client(&token);
    kv2::read::<Value>(&client, &mount, "gbo/tables")
        .await
        .unwrap();
    assert_eq!(
        code(
            &kv2::read::<Value>(&client, &mount, "gbo/jwt")
                .await
                .unwrap_err()
        ),
        403
    );
    assert_eq!(
        code(
            &kv2::read::<Value>(&client, &mount, "other")
                .await
                .unwrap_err()
        ),
        403
    );
    assert_eq!(
        code(
            &kv2::set(&client, &mount, "gbo/tables", &json!({}))
                .await
                .unwrap_err()
        ),
        403
    );
    assert_eq!(
        kv2::list(&client, &mount, "gbo").await.unwrap(),
        ["jwt", "tables"]
    );
    assert_eq!(code(&sys::policy::list(&client).await.unwrap_err()), 403);

    let paths =
        json!({ "paths": [format!("{mount}/data/gbo/x"), format!("{mount}/data/gbo/jwt")] });
    let (status, body) = vault
        .raw("POST", "sys/capabilities-self", &token, Some(paths))
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["data"][format!("{mount}/data/gbo/x")], json!(["read"]));
    assert_eq!(
        body["data"][format!("{mount}/data/gbo/jwt")],
        json!(["deny"])
    );
    let (_, body) = vault
        .raw(
            "POST",
            "sys/capabilities-self",
            &vault.token,
            Some(json!({ "path": "x" })),
        )
        .await;
    assert_eq!(body["capabilities"], json!(["root"]));
}

#[tokio::test]
async fn policies_are_listed_read_and_removed_and_one_that_makes_no_sense_is_refused() {
    let vault = Vault::open().await;
    let root = vault.root();
    let rules = "path \"a/*\" { capabilities = [\"read\"] }";
    sys::policy::set(&root, "contract-one", rules)
        .await
        .unwrap();
    assert!(
        sys::policy::list(&root)
            .await
            .unwrap()
            .policies
            .contains(&"contract-one".to_owned())
    );
    assert_eq!(
        sys::policy::read(&root, "contract-one")
            .await
            .unwrap()
            .rules,
        rules
    );
    let (_, body) = vault
        .raw("GET", "sys/policies/acl/contract-one", &vault.token, None)
        .await;
    assert_eq!(body["data"]["policy"], rules);
    let wrong = sys::policy::set(
        &root,
        "contract-two",
        "path \"a\" { capabilities = [\"reed\"] }",
    )
    .await;
    assert_eq!(code(&wrong.unwrap_err()), 400);
    sys::policy::delete(&root, "contract-one").await.unwrap();
    assert_eq!(
        vault
            .raw("GET", "sys/policies/acl/contract-one", &vault.token, None)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn an_audit_device_gets_a_line_before_and_after_and_no_secret_in_clear() {
    if original("VAULT").is_some() {
        return;
    }
    let vault = Vault::open().await;
    let mount = vault.mount().await;
    let folder = Folder::new();
    let log = folder.text("audit.log");
    let (code, _, error) = vault.cli(&["audit", "enable", "file", &format!("file_path={log}")]);
    assert_eq!(code, 0, "{error}");
    kv2::set(
        &vault.root(),
        &mount,
        "s",
        &json!({ "password": "hunter2hunter2" }),
    )
    .await
    .unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("hunter2") && !text.contains(&vault.token));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let about: Vec<&Value> = lines
        .iter()
        .filter(|line| line["request"]["path"] == format!("{mount}/data/s"))
        .collect();
    assert_eq!(
        (&about[0]["type"], &about[1]["type"]),
        (&json!("request"), &json!("response"))
    );
    assert!(
        about[0]["auth"]["client_token"]
            .as_str()
            .unwrap()
            .starts_with("hmac-sha256:")
    );

    // A log that cannot be written stops the server: what is not written down must not happen.
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    let refused = kv2::read::<Value>(&vault.root(), &mount, "s")
        .await
        .unwrap_err();
    assert_eq!(crate::code(&refused), 500);
}
