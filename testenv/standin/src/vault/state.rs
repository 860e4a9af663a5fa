//! Everything an unsealed server knows; serialised, it is what the barrier encrypts.

use std::collections::BTreeMap;

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hex;
use super::kv::Store;
use super::policy::{self, Acl};
use super::token::Token;

/// What is stored.
#[derive(Serialize, Deserialize)]
pub struct State {
    /// The cluster's identifier.
    pub cluster: String,
    /// By name; `root` has no text.
    pub policies: BTreeMap<String, String>,
    /// By the keyed digest of their identifiers.
    pub tokens: BTreeMap<String, Token>,
    /// Secret engines by their path with its slash.
    pub mounts: BTreeMap<String, Mount>,
    /// Audit devices by their path with its slash.
    pub audits: BTreeMap<String, Audit>,
    /// Key of those digests and of the audit log's.
    salt: String,
}

/// One secret engine of type `kv`, version 2.
#[derive(Serialize, Deserialize)]
pub struct Mount {
    /// Its identifier.
    pub uuid: String,
    /// Its name in logs.
    pub accessor: String,
    /// What its maker noted.
    pub description: String,
    /// What it keeps.
    pub store: Store,
}

/// One audit device of type `file`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Audit {
    /// Where the lines go.
    pub file_path: String,
    /// What its maker noted.
    pub description: String,
}

impl State {
    /// Of a server that was just initialised.
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            cluster: hex::uuid()?,
            policies: BTreeMap::from([
                ("default".to_owned(), policy::DEFAULT.to_owned()),
                ("root".to_owned(), String::new()),
            ]),
            tokens: BTreeMap::new(),
            mounts: BTreeMap::new(),
            audits: BTreeMap::new(),
            salt: hex::encode(&super::barrier::random(32)?),
        })
    }

    /// A keyed digest, so that neither disk nor log holds what it is of.
    pub fn digest(&self, text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.salt.as_bytes());
        hex::encode(hmac::sign(&key, text.as_bytes()).as_ref())
    }

    /// The storage key and the token of an identifier, if it lives.
    pub fn token(&self, id: &str, now: i64) -> Option<(String, &Token)> {
        let key = self.digest(id);
        let token = self.tokens.get(&key).filter(|token| !token.dead(now))?;
        Some((key, token))
    }

    /// The storage key of a living token by its accessor.
    pub fn accessor(&self, accessor: &str, now: i64) -> Option<String> {
        self.tokens
            .iter()
            .find(|(_, token)| token.accessor == accessor && !token.dead(now))
            .map(|(key, _)| key.clone())
    }

    /// Removes a token and what it made; `alone` leaves its children as orphans.
    pub fn revoke(&mut self, key: &str, alone: bool) {
        self.tokens.remove(key);
        let children: Vec<String> = self
            .tokens
            .iter()
            .filter(|(_, token)| token.parent.as_deref() == Some(key))
            .map(|(child, _)| child.clone())
            .collect();
        for child in children {
            if alone {
                if let Some(token) = self.tokens.get_mut(&child) {
                    token.parent = None;
                }
            } else {
                self.revoke(&child, false);
            }
        }
    }

    /// Removes the tokens whose time is over, and what they made.
    pub fn bury(&mut self, now: i64) {
        let dead: Vec<String> = self
            .tokens
            .iter()
            .filter(|(_, token)| token.dead(now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in dead {
            self.revoke(&key, false);
        }
    }

    /// What a token may do, all of its policies together.
    pub fn acl(&self, token: &Token) -> Acl {
        if token.policies.iter().any(|name| name == "root") {
            return Acl::root();
        }
        let mut acl = Acl::default();
        for text in token
            .policies
            .iter()
            .filter_map(|name| self.policies.get(name))
        {
            // It was checked when it was written.
            let _ = acl.add(text);
        }
        acl
    }

    /// The mount that a path is in, and what follows.
    pub fn mount<'a>(&self, path: &'a str) -> Option<(String, &'a str)> {
        self.mounts
            .keys()
            .filter_map(|mount| Some((mount.clone(), path.strip_prefix(mount.as_str())?)))
            .max_by_key(|(mount, _)| mount.len())
    }
}

impl Mount {
    /// An empty one.
    pub fn new(description: &str) -> Result<Self, String> {
        Ok(Self {
            uuid: hex::uuid()?,
            accessor: format!("kv_{}", &hex::uuid()?[..8]),
            description: description.to_owned(),
            store: Store::default(),
        })
    }

    /// As `sys/mounts` shows it.
    pub fn show(&self) -> Value {
        describe(
            "kv",
            &self.accessor,
            &self.uuid,
            &self.description,
            json!({ "version": "2" }),
        )
    }
}

/// A mount of any type as `sys/mounts` and `sys/auth` show it.
pub fn describe(
    kind: &str,
    accessor: &str,
    uuid: &str,
    description: &str,
    options: Value,
) -> Value {
    json!({
        "accessor": accessor,
        "config": { "default_lease_ttl": 0, "force_no_cache": false, "max_lease_ttl": 0, "token_type": "default-service" },
        "deprecation_status": "supported",
        "description": description,
        "external_entropy_access": false,
        "local": false,
        "options": options,
        "plugin_version": "",
        "running_plugin_version": "",
        "running_sha256": "",
        "seal_wrap": false,
        "type": kind,
        "uuid": uuid,
    })
}
