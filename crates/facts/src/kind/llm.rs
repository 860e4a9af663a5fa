//! The server of language models.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{
    NO_CREDENTIAL, Service, ServiceAsk, Steps, Url, check_credential, check_file, no,
};

/// Which server, with which credential.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct LlmQuery {
    /// The address, such as `http://localhost:8081`.
    pub llm: String,
    /// The `Host` header, instead of the address's own.
    #[serde(default)]
    pub host_header: Option<String>,
    /// The credential whose token is sent; `none` asks without one.
    #[serde(default = "credential")]
    pub credential: String,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
}

fn credential() -> String {
    NO_CREDENTIAL.to_owned()
}

/// The server of language models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Llm {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/health`.
    pub health: Observed<u16>,
    /// Whether a model is loaded: `/health` says ok.
    pub ready: Observed<bool>,
    /// The models of `/v1/models`, sorted.
    pub models: Observed<Vec<String>>,
}

impl LlmQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests: Vec<&str> = vec!["GET /health", "GET /v1/models"];
        if self.credential != NO_CREDENTIAL {
            requests.extend(["GET /v1/models with the key"]);
        }
        Steps::new(&self.llm, requests).credential(&self.credential)
    }
}

impl Service for Llm {
    const KIND: &'static str = "llm";
    const ABOUT: &'static str = "A llama.cpp server: health, and the models that it serves.";
    type Query = LlmQuery;

    fn check(query: &LlmQuery) -> Result<(), String> {
        Url::parse(&query.llm)?;
        check_credential(&query.credential)?;
        crate::service::check_host_header(query.host_header.as_ref())?;
        check_file(query.ca.as_ref())
    }

    fn ask(query: &LlmQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Llm(query.clone())
    }

    fn blank(_: &LlmQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            health: no(reason),
            ready: no(reason),
            models: no(reason),
        }
    }

    fn by_hand(query: &LlmQuery) -> String {
        format!(
            "curl -si {}",
            sh(&format!("{}/health", query.llm.trim_end_matches('/')))
        )
    }
}
