//! Vault, played by the stand-in: the chain of credentials, a token's life, and what is never told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runproof_contract::{Running, port};
use runproof_facts::Secret;
use runproof_facts::secret::Key;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::{kv2, sys, token};

use crate::common::Folder;
use crate::kit::{ask, here, is_absent, unknown};

const POLICY: &str = "path \"secret/data/gbo/*\" { capabilities = [\"read\"] }\n\
                      path \"secret/metadata/gbo/*\" { capabilities = [\"read\", \"list\"] }\n";

struct Vault {
    _running: Running,
    files: runproof_contract::Folder,
    address: String,
    root: VaultClient,
}

fn client(address: &str, token: &str) -> VaultClient {
    let settings = VaultClientSettingsBuilder::default()
        .address(address)
        .token(token)
        .build()
        .unwrap();
    VaultClient::new(settings).unwrap()
}

impl Vault {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let files = runproof_contract::Folder::new();
        let port = port();
        files.write(
            "vault.hcl",
            &format!(
                "storage \"file\" {{ path = {:?} }}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n",
                files.text("data")
            ),
        );
        let address = format!("http://127.0.0.1:{port}");
        let running = Running::listening(
            "vault",
            &["server", "-config", &files.text("vault.hcl")],
            &[],
            port,
        );
        let made = sys::start_initialization(&client(&address, ""), 5, 3, None)
            .await
            .unwrap();
        for key in &made.keys_base64[..3] {
            sys::unseal(&client(&address, ""), Some(key.clone()), None, None)
                .await
                .unwrap();
        }
        let root = client(&address, &made.root_token);
        let mut options = EnableEngineRequest::builder();
        options.options(HashMap::from([("version".to_owned(), "2".to_owned())]));
        sys::mount::enable(&root, "secret", "kv", Some(&mut options))
            .await
            .unwrap();
        sys::policy::set(&root, "botserver", POLICY).await.unwrap();
        Self {
            _running: running,
            files,
            address,
            root,
        }
    }

    async fn token(&self, ttl: &str) -> String {
        let mut request = CreateTokenRequest::builder();
        request.policies(vec!["botserver".to_owned()]).ttl(ttl);
        token::new(&self.root, Some(&mut request))
            .await
            .unwrap()
            .client_token
    }
}

fn site(folder: &Folder, vault: &Vault, token: &str) -> runproof_model::Site {
    let path = folder.0.join(".env").to_string_lossy().into_owned();
    std::fs::write(
        &path,
        format!("VAULT_ADDR={}\nVAULT_TOKEN={token}\n", vault.address),
    )
    .unwrap();
    here(json!({ "credentials": { "env": { "on": "system", "path": path } } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_reads_secrets_and_tells_fingerprints_only() {
    let vault = Vault::start().await;
    let secrets = json!({ "host": "127.0.0.1", "port": "9100", "accesskey": "CANARY-access", "secret": "CANARY-secret", "note": "" });
    kv2::set(&vault.root, "secret", "gbo/drive", &secrets)
        .await
        .unwrap();
    kv2::set(&vault.root, "secret", "gbo/gone", &secrets)
        .await
        .unwrap();
    kv2::delete_latest(&vault.root, "secret", "gbo/gone")
        .await
        .unwrap();
    let folder = Folder::new("vault");
    let token = vault.token("1h").await;
    let site = site(&folder, &vault, &token);
    let facts = ask(
        &site,
        &[
            json!({ "kv": "gbo/drive", "plain": ["host", "port", "none"], "secret": ["accesskey", "secret"] }),
            json!({ "kv": "gbo/none", "plain": ["host"], "secret": ["password"] }),
            json!({ "kv": "other/path", "plain": ["host"] }),
            json!({ "vault": vault.address, "credential": "vault",
                    "capabilities": ["secret/data/gbo/drive", "sys/seal"], "lists": ["gbo", "gbo/none"] }),
            json!({ "vault": vault.address }),
            json!({ "vault": "chain", "credential": "vault" }),
            json!({ "kv": "gbo/gone", "plain": ["host"] }),
        ],
    )
    .await;
    // Deleted is gone, though the Vault still knows its versions.
    assert_eq!(facts[6]["exists"], false, "{}", facts[6]);
    assert!(is_absent(&facts[6]["keys"]) && is_absent(&facts[6]["plain"]["host"]));
    let drive = &facts[0];
    assert_eq!(drive["exists"], true, "{drive}");
    assert_eq!(
        drive["keys"],
        json!(["accesskey", "host", "note", "port", "secret"])
    );
    assert_eq!(drive["empty_keys"], json!(["note"]));
    assert_eq!(drive["plain"]["port"], "9100");
    assert!(is_absent(&drive["plain"]["none"]));
    assert_eq!(drive["version"], 1);
    let expected = serde_json::to_value(Secret::of(b"CANARY-access", &Key::new([7; 32]))).unwrap();
    assert_eq!(drive["secret"]["accesskey"], expected);
    // The Vault's own word that there is none; and its word that we may not know.
    assert_eq!(facts[1]["exists"], false, "{}", facts[1]);
    assert!(is_absent(&facts[1]["secret"]["password"]));
    assert_eq!(unknown(&facts[2]), "permission", "{}", facts[2]);
    let seen = &facts[3];
    assert_eq!(
        (&seen["status"], &seen["sealed"]),
        (&json!(200), &json!(false)),
        "{seen}"
    );
    assert_eq!(seen["seal"]["threshold"], 3);
    assert_eq!(seen["token_alive"], true);
    assert!(seen["token"]["ttl"].as_u64().unwrap() > 3000);
    assert_eq!(seen["token"]["policies"], json!(["botserver", "default"]));
    assert_eq!(
        seen["capabilities"]["secret/data/gbo/drive"],
        json!(["read"])
    );
    assert_eq!(seen["capabilities"]["sys/seal"], json!(["deny"]));
    assert_eq!(seen["lists"]["gbo"], json!(["drive", "gone"]));
    assert!(is_absent(&seen["lists"]["gbo/none"]), "{seen}");
    assert_eq!(unknown(&facts[4]["token_alive"]), "not-allowed");
    assert_eq!(facts[5]["token_alive"], true, "{}", facts[5]);
    for fact in &facts {
        let text = fact.to_string();
        assert!(!text.contains("CANARY") && !text.contains(&token), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_vault_and_a_dead_token_are_told_apart() {
    let vault = Vault::start().await;
    let folder = Folder::new("sealed");
    let query = [
        json!({ "vault": vault.address, "credential": "vault" }),
        json!({ "kv": "gbo/tables", "secret": ["password"] }),
    ];
    let dead = ask(&site(&folder, &vault, "hvs.nobodys"), &query).await;
    assert_eq!(dead[0]["sealed"], false);
    assert_eq!(dead[0]["token_alive"], false, "{}", dead[0]);
    assert_eq!(unknown(&dead[1]), "permission");

    let alive = vault.token("1h").await;
    sys::seal(&vault.root).await.unwrap();
    let sealed = ask(&site(&folder, &vault, &alive), &query).await;
    assert_eq!(
        (&sealed[0]["status"], &sealed[0]["sealed"]),
        (&json!(503), &json!(true)),
        "{}",
        sealed[0]
    );
    // A sealed Vault cannot say whether the token lives.
    assert_eq!(
        unknown(&sealed[0]["token_alive"]),
        "unreachable",
        "{}",
        sealed[0]
    );
    assert_eq!(unknown(&sealed[1]), "unreachable");
    let _: &Value = &sealed[0];
    let _ = &vault.files;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_credential_is_unknown_and_says_what_to_do() {
    let folder = Folder::new("missing");
    let path = folder.0.join(".env").to_string_lossy().into_owned();
    std::fs::write(&path, "PORT=5858\n").unwrap();
    let site = here(json!({ "credentials": { "env": { "on": "system", "path": path } } }));
    let facts = ask(
        &site,
        &[
            json!({ "kv": "gbo/tables", "secret": ["password"] }),
            json!({ "forgejo": "http://127.0.0.1:1", "credential": "alm" }),
        ],
    )
    .await;
    let detail = facts[0]["$unknown"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("does not set VAULT_ADDR") && detail.contains("`credentials`"),
        "{detail}"
    );
    assert_eq!(facts[1]["reachable"], false);
}

/// A way to a port that counts who takes it.
async fn counted(to: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_questions_to_a_vault_go_over_one_connection() {
    let vault = Vault::start().await;
    for name in ["tables", "drive", "cache"] {
        let path = format!("gbo/{name}");
        kv2::set(
            &vault.root,
            "secret",
            &path,
            &json!({ "host": "127.0.0.1" }),
        )
        .await
        .unwrap();
    }
    let to = vault.address.rsplit(':').next().unwrap().parse().unwrap();
    let (port, count) = counted(to).await;
    let folder = Folder::new("vault-line");
    let path = folder.0.join(".env").to_string_lossy().into_owned();
    let token = vault.token("1h").await;
    let env = format!("VAULT_ADDR=http://127.0.0.1:{port}\nVAULT_TOKEN={token}\n");
    std::fs::write(&path, env).unwrap();
    let site = here(json!({ "credentials": { "env": { "on": "system", "path": path } } }));
    let mut queries: Vec<Value> = ["tables", "drive", "cache", "none"]
        .map(|name| json!({ "kv": format!("gbo/{name}"), "plain": ["host"] }))
        .into();
    queries.push(json!({ "vault": "chain", "credential": "vault", "lists": ["gbo"] }));
    let facts = ask(&site, &queries).await;
    for fact in &facts[..3] {
        assert_eq!(fact["plain"]["host"], "127.0.0.1", "{fact}");
        assert_eq!(fact["mount"], "secret", "{fact}");
    }
    assert_eq!(facts[3]["exists"], false, "{}", facts[3]);
    assert_eq!(facts[4]["token_alive"], true, "{}", facts[4]);
    assert_eq!(facts[4]["token"]["creation_ttl"], 3600, "{}", facts[4]);
    // A client that is quicker than its own pool dials once more before the first is back in it.
    let dialled = count.load(Ordering::Relaxed);
    assert!((1..=2).contains(&dialled), "{dialled} for five questions");
}
