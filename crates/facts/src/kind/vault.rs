//! Vault: its health, its seal, a token and what it may do.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{
    NO_CREDENTIAL, Service, ServiceAsk, Steps, Url, check_credential, check_file, check_text, no,
};

/// Which Vault, with which token, and which paths.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct VaultQuery {
    /// The address, such as `https://localhost:8200`; or `chain`: the Vault that the site's
    /// credentials come from, from the node whose env file names it, with that file's CA.
    pub vault: String,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
    /// The credential whose token is looked up; `none` asks without one.
    #[serde(default = "none")]
    pub credential: String,
    /// Paths of the API whose capabilities are asked for.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Paths below the KV mount whose names are listed.
    #[serde(default)]
    pub lists: Vec<String>,
}

/// The address that stands for the Vault of the credentials.
pub const CHAIN: &str = "chain";

fn none() -> String {
    NO_CREDENTIAL.to_owned()
}

/// A Vault. Without a credential, what belongs to a token is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// Whether the certificate verifies; absent without TLS.
    pub verified: Observed<bool>,
    /// Why it does not verify; absent when it does.
    pub why_not: Observed<String>,
    /// The status of its health: 200 active, 429 standby, 501 not initialized, 503 sealed.
    pub status: Observed<u16>,
    /// Whether it is initialized.
    pub initialized: Observed<bool>,
    /// Whether it is sealed.
    pub sealed: Observed<bool>,
    /// Whether it stands by.
    pub standby: Observed<bool>,
    /// Its version.
    pub version: Observed<String>,
    /// Its clock.
    pub time: Observed<i64>,
    /// Its seal.
    pub seal: Observed<Seal>,
    /// The token of the credential, looked up by itself.
    pub token: Observed<Token>,
    /// Whether the token is accepted.
    pub token_alive: Observed<bool>,
    /// What the token may do on the declared paths, sorted.
    #[schemars(extend("x-keys" = "capabilities"))]
    pub capabilities: OpenMap<Vec<String>>,
    /// The names below the declared paths, sorted; absent where there are none.
    #[schemars(extend("x-keys" = "lists"))]
    pub lists: OpenMap<Vec<String>>,
}

/// The seal of a Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// `shamir`, or another.
    pub r#type: Observed<String>,
    /// How many keys there are.
    pub shares: Observed<u64>,
    /// How many of them unseal.
    pub threshold: Observed<u64>,
    /// How many have been given.
    pub progress: Observed<u64>,
    /// Where it stores.
    pub storage: Observed<String>,
}

/// A token, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Seconds for which it is still valid; 0 when it does not end.
    pub ttl: Observed<u64>,
    /// Seconds for which it was made, after what the Vault cut from what was asked for; 0 when it does not end.
    pub creation_ttl: Observed<u64>,
    /// When it ends; absent when it does not.
    pub expire_time: Observed<i64>,
    /// Its policies, sorted.
    pub policies: Observed<Vec<String>>,
    /// Whether it can be renewed.
    pub renewable: Observed<bool>,
    /// Whether it has no parent.
    pub orphan: Observed<bool>,
    /// `service` or `batch`.
    pub r#type: Observed<String>,
}

impl VaultQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests = vec![
            "GET /v1/sys/health".to_owned(),
            "GET /v1/sys/seal-status".to_owned(),
        ];
        if self.credential != NO_CREDENTIAL {
            requests.push("GET /v1/auth/token/lookup-self".to_owned());
            if !self.capabilities.is_empty() {
                let paths = self.capabilities.join(", ");
                requests.push(format!("POST /v1/sys/capabilities-self for {paths}"));
            }
            for path in &self.lists {
                requests.push(format!("LIST the names below {path}"));
            }
        }
        let at = if self.vault == CHAIN {
            "the Vault of the credentials"
        } else {
            &self.vault
        };
        Steps::new(at, requests).credential(&self.credential)
    }
}

impl Service for Vault {
    const KIND: &'static str = "vault";
    const ABOUT: &'static str = "A Vault: health, seal, a token's life, policies and capabilities, names below paths. Never a value.";
    type Query = VaultQuery;

    fn check(query: &VaultQuery) -> Result<(), String> {
        if query.vault == CHAIN {
            if query.ca.is_some() {
                return Err("the chain names its own `ca`".to_owned());
            }
        } else {
            Url::parse(&query.vault)?;
        }
        check_credential(&query.credential)?;
        check_text("path", query.capabilities.iter().chain(&query.lists))?;
        check_file(query.ca.as_ref())
    }

    fn ask(query: &VaultQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Vault(query.clone())
    }

    fn blank(query: &VaultQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            verified: no(reason),
            why_not: no(reason),
            status: no(reason),
            initialized: no(reason),
            sealed: no(reason),
            standby: no(reason),
            version: no(reason),
            time: no(reason),
            seal: no(reason),
            token: no(reason),
            token_alive: no(reason),
            capabilities: OpenMap::declared(&query.capabilities, |_| no(reason)),
            lists: OpenMap::declared(&query.lists, |_| no(reason)),
        }
    }

    fn by_hand(query: &VaultQuery) -> String {
        if query.vault == CHAIN {
            return "set -a; . /opt/gbo/bin/.env; curl -s --cacert \"$VAULT_CACERT\" \"$VAULT_ADDR/v1/sys/health\"".to_owned();
        }
        let ca = query
            .ca
            .as_ref()
            .map_or_else(String::new, |ca| format!(" --cacert {}", sh(ca)));
        format!(
            "curl -s{ca} {}",
            sh(&format!(
                "{}/v1/sys/health",
                query.vault.trim_end_matches('/')
            ))
        )
    }
}
