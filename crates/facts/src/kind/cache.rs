//! Valkey or Redis.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::scrub;
use crate::service::{
    Endpoint, NO_CREDENTIAL, Service, ServiceAsk, Steps, Vantage, check_credential, check_text, no,
};

/// Which server, and what of it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct CacheQuery {
    /// `host:port`.
    pub cache: String,
    /// The credential that logs in; `none` asks without one.
    #[serde(default = "cache")]
    pub credential: String,
    /// Fields of INFO that are told, such as `used_memory`.
    #[serde(default)]
    pub info: Vec<String>,
    /// Patterns of keys that are counted, such as `suggestions:*`.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

fn cache() -> String {
    "cache".to_owned()
}

/// A Valkey or Redis server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// Whether it refuses those who do not log in.
    pub auth_required: Observed<bool>,
    /// Whether the credential is accepted; absent when the server takes none.
    pub auth_ok: Observed<bool>,
    /// Whether it answers PING.
    pub ping: Observed<bool>,
    /// Its version.
    pub version: Observed<String>,
    /// `valkey` or `redis`.
    pub server: Observed<String>,
    /// The addresses on which it says that it listens.
    pub bind: Observed<Vec<String>>,
    /// The declared fields of INFO.
    #[schemars(extend("x-keys" = "info"))]
    pub info: OpenMap<String>,
    /// The keys of the declared patterns.
    #[schemars(extend("x-keys" = "patterns"))]
    pub patterns: OpenMap<Keys>,
}

/// The keys of a pattern; of their names, no more than the bots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// How many there are.
    pub count: Observed<u64>,
    /// How many of each type, such as `set`.
    pub types: Observed<BTreeMap<String, u64>>,
    /// How many never end.
    pub without_ttl: Observed<u64>,
    /// The second part of names that are made as `suggestions:BOT:SESSION`, each once, sorted; absent for
    /// other patterns, whose names may hold what nobody else may have.
    pub bots: Observed<Vec<String>>,
}

/// The keys whose second part is a bot.
const OF_BOTS: [&str; 4] = [
    "suggestions:",
    "switchers:",
    "active_context:",
    "start_bas_executed:",
];

/// Whether the keys of a pattern are named after bots.
pub fn is_of_bots(pattern: &str) -> bool {
    OF_BOTS.iter().any(|prefix| pattern.starts_with(prefix))
}

impl CacheQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests = vec!["PING without logging in".to_owned()];
        if self.credential != NO_CREDENTIAL {
            requests.push("AUTH".to_owned());
        }
        requests.extend(["INFO".to_owned(), "CONFIG GET bind".to_owned()]);
        for pattern in &self.patterns {
            requests.push(format!("SCAN {pattern}, TYPE and TTL of what is found"));
        }
        Steps::new(&self.cache, requests)
            .from(self.from)
            .credential(&self.credential)
    }
}

impl Service for Cache {
    const KIND: &'static str = "cache";
    const ABOUT: &'static str = "A Valkey or Redis server: authentication, version, declared INFO fields, counts and types of keys.";
    type Query = CacheQuery;

    fn check(query: &CacheQuery) -> Result<(), String> {
        Endpoint::parse(&query.cache)?;
        check_credential(&query.credential)?;
        check_text("field", &query.info)?;
        if let Some(name) = query.info.iter().find(|name| scrub::names_a_secret(name)) {
            return Err(format!("the field {name:?} is secret by its name"));
        }
        check_text("pattern", &query.patterns)
    }

    fn ask(query: &CacheQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Cache(query.clone())
    }

    fn blank(query: &CacheQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            auth_required: no(reason),
            auth_ok: no(reason),
            ping: no(reason),
            version: no(reason),
            server: no(reason),
            bind: no(reason),
            info: OpenMap::declared(&query.info, |_| no(reason)),
            patterns: OpenMap::declared(&query.patterns, |_| no(reason)),
        }
    }

    fn by_hand(query: &CacheQuery) -> String {
        match Endpoint::parse(&query.cache) {
            Ok(at) => format!("valkey-cli -h {} -p {} ping", sh(&at.host), at.port),
            Err(_) => "valkey-cli ping".to_owned(),
        }
    }
}
