//! Credentials from Vault; whatever cannot be read is what the program was built with.

use std::time::Duration;

use reqwest::{Certificate, Client};
use serde_json::{Map, Value};

use super::environment::Environment;
use super::journal::Journal;
use crate::log::chain;

/// How to reach the services.
pub struct Secrets {
    pub tables: Tables,
    pub cache: Cache,
    pub drive: Drive,
}

/// `gbo/tables`
pub struct Tables {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub username: String,
    pub password: String,
}

/// `gbo/cache`
pub struct Cache {
    pub host: String,
    pub port: u16,
    pub password: Option<String>,
}

/// `gbo/drive`
pub struct Drive {
    pub host: String,
    pub port: u16,
    pub accesskey: String,
    pub secret: String,
}

impl Secrets {
    /// Reads all three. It never fails: that Vault is down shows only later, as a password that is wrong.
    pub async fn read(environment: &Environment, journal: Journal) -> Self {
        let vault = Vault::new(environment);
        let mut values = Vec::new();
        for name in ["tables", "cache", "drive"] {
            let value = match &vault {
                Ok(vault) => vault.read(name).await,
                Err(error) => Err(error.clone()),
            };
            values.push(value.unwrap_or_else(|error| {
                let text = format!("Failed to read secret gbo/{name}: {error}, using defaults");
                journal.debug("secrets", &text);
                Map::new()
            }));
        }
        let [tables, cache, drive] = [0, 1, 2].map(|at| Values(&values[at]));
        Self {
            tables: Tables {
                host: tables.text("host", "localhost"),
                port: tables.port(5432),
                database: tables.text("database", "botserver"),
                username: tables.text("username", "gbuser"),
                password: tables.text("password", ""),
            },
            cache: Cache {
                host: cache.text("host", "localhost"),
                port: cache.port(6379),
                password: Some(cache.text("password", "")).filter(|text| !text.is_empty()),
            },
            drive: Drive {
                host: drive.text("host", "localhost"),
                port: drive.port(9100),
                accesskey: drive.text("accesskey", ""),
                secret: drive.text("secret", ""),
            },
        }
    }
}

struct Values<'a>(&'a Map<String, Value>);

impl Values<'_> {
    fn text(&self, key: &str, default: &str) -> String {
        match self.0.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => default.to_owned(),
        }
    }

    fn port(&self, default: u16) -> u16 {
        self.text("port", "").parse().unwrap_or(default)
    }
}

struct Vault {
    client: Client,
    address: String,
    token: String,
}

impl Vault {
    fn new(environment: &Environment) -> Result<Self, String> {
        let mut builder = Client::builder()
            .timeout(Duration::from_secs(10))
            .danger_accept_invalid_certs(environment.vault_skip_verify);
        // A file that is not there is passed over in silence, as by the original; one that is no certificate is not.
        if let Some(path) = environment
            .vault_cacert
            .as_ref()
            .filter(|path| path.exists())
        {
            let pem = std::fs::read(path).map_err(|e| e.to_string())?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(|e| e.to_string())? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            client: builder.build().map_err(|e| chain(&e))?,
            address: environment.vault_addr.clone(),
            token: environment.vault_token.clone(),
        })
    }

    async fn read(&self, name: &str) -> Result<Map<String, Value>, String> {
        let answer = self
            .client
            .get(format!("{}/v1/secret/data/gbo/{name}", self.address))
            .header("X-Vault-Token", &self.token)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|e| chain(&e))?;
        let mut body: Value = answer.json().await.map_err(|e| chain(&e))?;
        match body.pointer_mut("/data/data").map(Value::take) {
            Some(Value::Object(values)) => Ok(values),
            _ => Err("no data".to_owned()),
        }
    }
}
