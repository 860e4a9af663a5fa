//! A secret of Vault's KV store: that it is there, and fingerprints of its values.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environ;
use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::secret::Secret;
use crate::service::{Service, ServiceAsk, Steps, check_credential, check_text, no};

/// Which path, and which of its values.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct KvQuery {
    /// The path below the KV mount, such as `gbo/tables`.
    pub kv: String,
    /// Keys whose values are plain.
    #[serde(default)]
    pub plain: Vec<String>,
    /// Keys whose values are secret.
    #[serde(default)]
    pub secret: Vec<String>,
    /// The credential that reads it.
    #[serde(default = "vault")]
    pub credential: String,
}

fn vault() -> String {
    "vault".to_owned()
}

/// A secret of the Vault that the site's credentials come from. Its values never leave memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kv {
    /// The KV mount that it was looked for in, such as `secret`.
    pub mount: Observed<String>,
    /// Whether the path holds a secret that is not deleted.
    pub exists: Observed<bool>,
    /// The names of its keys, sorted.
    pub keys: Observed<Vec<String>>,
    /// The declared plain values.
    #[schemars(extend("x-keys" = "plain"))]
    pub plain: OpenMap<String>,
    /// The declared secret values.
    #[schemars(extend("x-keys" = "secret"))]
    pub secret: OpenMap<Secret>,
    /// The keys whose value is empty, sorted.
    pub empty_keys: Observed<Vec<String>>,
    /// Its version.
    pub version: Observed<u64>,
    /// When that version was written.
    pub created: Observed<i64>,
}

impl KvQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        Steps::new(
            "the Vault of the credentials",
            [format!("read the secret {}", self.kv)],
        )
        .credential(&self.credential)
    }
}

impl Service for Kv {
    const KIND: &'static str = "kv";
    const ABOUT: &'static str = "A secret in Vault's KV store: whether it is there, its key names, declared plain values, fingerprints of secret ones.";
    type Query = KvQuery;

    fn check(query: &KvQuery) -> Result<(), String> {
        check_text("path", [&query.kv])?;
        let fine = |part: &str| {
            !part.is_empty()
                && part != ".."
                && part != "."
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if !query.kv.split('/').all(fine) {
            return Err(format!("{:?} is not a path of a secret", query.kv));
        }
        check_credential(&query.credential)?;
        environ::check_plain(&query.plain)?;
        environ::check_names(query.plain.iter().chain(&query.secret))
    }

    fn ask(query: &KvQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Kv(query.clone())
    }

    fn blank(query: &KvQuery, reason: &Reason) -> Self {
        Self {
            mount: no(reason),
            exists: no(reason),
            keys: no(reason),
            plain: OpenMap::declared(&query.plain, |_| no(reason)),
            secret: OpenMap::declared(&query.secret, |_| no(reason)),
            empty_keys: no(reason),
            version: no(reason),
            created: no(reason),
        }
    }

    fn by_hand(query: &KvQuery) -> String {
        format!("vault kv get {}", sh(&format!("secret/{}", query.kv)))
    }
}
