//! Vault, by its public HTTP API documentation, spoken to by vaultrs, reqwest and its own command line.
//!
//! Against an original: `RUNPROOF_CONTRACT_VAULT_ADDR`, and `RUNPROOF_CONTRACT_VAULT_TOKEN` with a
//! root token. The tests of the seal need a server of their own and start the stand-in always.

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use runproof_contract::{Folder, Running, http, original, port, program, ran, until, until_async};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::SetSecretRequestOptions;
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::sys::ServerStatus;
use vaultrs::{kv2, sys, token};

/// A server, and the folder that a stand-in stores in.
struct Vault {
    address: String,
    token: String,
    keys: Vec<String>,
    running: Option<(Running, Folder)>,
}

impl Vault {
    /// A stand-in that was never initialised.
    fn empty() -> Self {
        let folder = Folder::new();
        let port = port();
        let mut vault = Self {
            address: format!("http://127.0.0.1:{port}"),
            token: String::new(),
            keys: Vec::new(),
            running: None,
        };
        folder.write(
            "vault.hcl",
            &format!(
                "storage \"file\" {{ path = {:?} }}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n",
                folder.text("data")
            ),
        );
        vault.running = Some((serve(&folder, port), folder));
        vault
    }

    /// One that is open and has a root token.
    async fn open() -> Self {
        if let Some(address) = original("VAULT") {
            return Self {
                address,
                token: std::env::var("RUNPROOF_CONTRACT_VAULT_TOKEN")
                    .expect("a root token of the original"),
                keys: Vec::new(),
                running: None,
            };
        }
        let mut vault = Self::empty();
        vault.initialise().await;
        vault.unseal().await;
        vault
    }

    async fn initialise(&mut self) {
        let made = sys::start_initialization(&self.client(""), 5, 3, None)
            .await
            .unwrap();
        assert_eq!((made.keys.len(), made.keys_base64.len()), (5, 5));
        self.keys = made.keys_base64;
        self.token = made.root_token;
    }

    async fn unseal(&self) {
        for key in &self.keys[1..4] {
            sys::unseal(&self.client(""), Some(key.clone()), None, None)
                .await
                .unwrap();
        }
    }

    fn client(&self, token: &str) -> VaultClient {
        let _ = http();
        let settings = VaultClientSettingsBuilder::default()
            .address(&self.address)
            .token(token)
            .build()
            .unwrap();
        VaultClient::new(settings).unwrap()
    }

    fn root(&self) -> VaultClient {
        self.client(&self.token)
    }

    /// A fresh place for secrets.
    async fn mount(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "contract-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let mut options = EnableEngineRequest::builder();
        options.options(HashMap::from([("version".to_owned(), "2".to_owned())]));
        sys::mount::enable(&self.root(), &name, "kv", Some(&mut options))
            .await
            .unwrap();
        // An original upgrades a new mount for a moment before it takes writes.
        until_async("the mount takes writes", || async {
            kv2::set(&self.root(), &name, "probe", &json!({}))
                .await
                .is_ok()
        })
        .await;
        name
    }

    /// The token of a policy, for a time.
    async fn token_for(&self, policy: &str, rules: &str, ttl: &str) -> String {
        sys::policy::set(&self.root(), policy, rules).await.unwrap();
        let mut request = CreateTokenRequest::builder();
        request.policies(vec![policy.to_owned()]).ttl(ttl);
        token::new(&self.root(), Some(&mut request))
            .await
            .unwrap()
            .client_token
    }

    async fn raw(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = http().request(method, format!("{}/v1/{path}", self.address));
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let code = response.status().as_u16();
        (
            code,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        )
    }

    fn cli(&self, args: &[&str]) -> (i32, String, String) {
        ran(Command::new(program())
            .arg("vault")
            .args(args)
            .env("VAULT_ADDR", &self.address)
            .env("VAULT_TOKEN", &self.token)
            .env("HOME", "/nonexistent"))
    }
}

fn serve(folder: &Folder, port: u16) -> Running {
    let config = format!("-config={}", folder.text("vault.hcl"));
    Running::listening("vault", &["server", &config], &[], port)
}

fn code(error: &ClientError) -> u16 {
    match error {
        ClientError::APIError { code, .. } => *code,
        other => panic!("not an answer of the API: {other}"),
    }
}

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
async fn a_token_shows_what_is_left_of_it_and_can_be_renewed_and_revoked() {
    let vault = Vault::open().await;
    let root = vault.root();
    let mut request = CreateTokenRequest::builder();
    request
        .policies(vec!["default".to_owned()])
        .ttl("100s")
        .display_name("bot");
    let made = token::new(&root, Some(&mut request)).await.unwrap();
    assert_eq!(
        (
            made.lease_duration,
            made.renewable,
            made.token_type.as_str()
        ),
        (100, true, "service")
    );
    let seen = token::lookup(&root, &made.client_token).await.unwrap();
    assert_eq!(
        (seen.creation_ttl, seen.policies.clone()),
        (100, vec!["default".to_owned()])
    );
    assert!(seen.ttl <= 100 && seen.ttl > 0, "{}", seen.ttl);
    assert_eq!(seen.id, made.client_token);
    let own = token::lookup_self(&vault.client(&made.client_token))
        .await
        .unwrap();
    assert_eq!(own.accessor, made.accessor);
    let by_accessor = token::lookup_accessor(&root, &made.accessor).await.unwrap();
    assert_eq!(
        by_accessor.id, "",
        "an accessor does not give the token away"
    );
    let longer = token::renew_self(&vault.client(&made.client_token), Some("200s"))
        .await
        .unwrap();
    assert!(
        (199..=200).contains(&longer.lease_duration),
        "{}",
        longer.lease_duration
    );
    token::revoke(&root, &made.client_token).await.unwrap();
    let dead = token::lookup_self(&vault.client(&made.client_token))
        .await
        .unwrap_err();
    assert_eq!(code(&dead), 403);
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_refused() {
    let vault = Vault::open().await;
    let mut request = CreateTokenRequest::builder();
    request.ttl("2s").policies(vec!["default".to_owned()]);
    let made = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let client = vault.client(&made.client_token);
    token::lookup_self(&client).await.unwrap();
    until_async("the token dies", || async {
        token::lookup_self(&client).await.is_err()
    })
    .await;
    let dead = token::lookup_self(&client).await.unwrap_err();
    assert_eq!(code(&dead), 403);
}

#[tokio::test]
async fn a_renewal_never_passes_the_explicit_maximum_and_a_periodic_token_starts_its_period_anew() {
    let vault = Vault::open().await;
    let mut request = CreateTokenRequest::builder();
    request.ttl("60s").explicit_max_ttl("90s");
    let made = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let renewed = token::renew(&vault.root(), &made.client_token, Some("3600s"))
        .await
        .unwrap();
    assert!(renewed.lease_duration <= 90, "{}", renewed.lease_duration);
    let mut request = CreateTokenRequest::builder();
    request.period("45s");
    let periodic = token::new(&vault.root(), Some(&mut request)).await.unwrap();
    let (_, seen) = vault
        .raw(
            "GET",
            "auth/token/lookup-self",
            &periodic.client_token,
            None,
        )
        .await;
    assert_eq!(seen["data"]["period"], 45);
    let renewed = token::renew(&vault.root(), &periodic.client_token, Some("3600s"))
        .await
        .unwrap();
    assert!(
        (44..=45).contains(&renewed.lease_duration),
        "{}",
        renewed.lease_duration
    );
}

#[tokio::test]
async fn a_ttl_beyond_the_servers_limit_is_cut_with_a_warning() {
    let vault = Vault::open().await;
    let body = json!({ "policies": ["default"], "ttl": "1000000h" });
    let (status, body) = vault
        .raw("POST", "auth/token/create", &vault.token, Some(body))
        .await;
    assert_eq!(status, 200);
    assert!(
        body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("exceeded the effective max_ttl"),
        "{body}"
    );
}

#[tokio::test]
async fn what_a_token_made_ends_with_it_and_an_orphan_does_not() {
    let vault = Vault::open().await;
    let rules = "path \"auth/token/create\" { capabilities = [\"update\", \"sudo\"] }";
    let parent = vault.token_for("contract-maker", rules, "60s").await;
    let child = token::new(&vault.client(&parent), None).await.unwrap();
    let mut request = CreateTokenRequest::builder();
    request.no_parent(true);
    let orphan = token::new(&vault.client(&parent), Some(&mut request))
        .await
        .unwrap();
    token::revoke(&vault.root(), &parent).await.unwrap();
    assert!(
        token::lookup_self(&vault.client(&child.client_token))
            .await
            .is_err()
    );
    assert!(
        token::lookup_self(&vault.client(&orphan.client_token))
            .await
            .unwrap()
            .orphan
    );
}

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
async fn no_token_and_a_wrong_token_are_403_and_a_bearer_is_as_good_as_the_header() {
    let vault = Vault::open().await;
    for token in ["", "hvs.wrong"] {
        let (status, body) = vault
            .raw("GET", "auth/token/lookup-self", token, None)
            .await;
        assert_eq!(status, 403);
        assert!(
            body["errors"].to_string().contains("permission denied"),
            "{body}"
        );
    }
    let url = format!("{}/v1/auth/token/lookup-self", vault.address);
    let bearer = http()
        .get(&url)
        .bearer_auth(&vault.token)
        .header("X-Vault-Namespace", "x/")
        .send()
        .await
        .unwrap();
    if original("VAULT").is_none() {
        assert_eq!(
            bearer.status(),
            200,
            "namespaces are ignored where there are none"
        );
    }
    let bearer = http()
        .get(&url)
        .bearer_auth(&vault.token)
        .send()
        .await
        .unwrap();
    assert_eq!(bearer.status(), 200);
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
    assert_eq!(self::code(&refused), 500);
}

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
