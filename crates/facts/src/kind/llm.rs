//! The server of language models.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reads::Reads;
use crate::service::{NO_CREDENTIAL, Service, ServiceAsk, Steps, api_query, check_api, curl, no};

api_query!(
    /// Which server, with which credential.
    LlmQuery,
    /// The address, such as `http://localhost:8081`.
    llm,
    NO_CREDENTIAL
);

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
        let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
        check_api(&query.llm, &query.credential, host, ca)
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
        curl(&query.llm, "/health")
    }
}
