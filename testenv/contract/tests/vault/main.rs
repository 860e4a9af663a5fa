//! Vault, by its public HTTP API documentation, spoken to by vaultrs, reqwest and its own command line.
//!
//! Against an original: `RUNPROOF_CONTRACT_VAULT_ADDR`, and `RUNPROOF_CONTRACT_VAULT_TOKEN` with a
//! root token. The tests of the seal need a server of their own and start the stand-in always.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

mod command_line;
mod policies;
mod seal;
mod secrets;
mod tokens;

use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use runproof_contract::{Folder, Running, http, original, port, program, ran, until_async};
use serde_json::{Value, json};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
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
    if let ClientError::APIError { code, .. } = error {
        return *code;
    }
    panic!("not an answer of the API: {error}");
}
