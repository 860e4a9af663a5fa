//! The forge.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reads::Reads;
use crate::service::{NO_CREDENTIAL, Service, ServiceAsk, Steps, api_query, check_api, curl, no};

api_query!(
    /// Which server, with which credential.
    ForgejoQuery,
    /// The address, such as `http://localhost:4747`.
    forgejo,
    NO_CREDENTIAL
);

/// The forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forgejo {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/api/healthz`.
    pub healthz: Observed<u16>,
    /// Whether its own checks pass.
    pub healthy: Observed<bool>,
    /// Its version.
    pub version: Observed<String>,
    /// Whether the access token is accepted.
    pub token_alive: Observed<bool>,
    /// How many repositories the token sees.
    pub repositories: Observed<u64>,
}

impl ForgejoQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests: Vec<&str> = vec!["GET /api/healthz", "GET /api/v1/version"];
        if self.credential != NO_CREDENTIAL {
            requests.extend(["GET /api/v1/repos/search, one"]);
        }
        Steps::new(&self.forgejo, requests).credential(&self.credential)
    }
}

impl Service for Forgejo {
    const KIND: &'static str = "forgejo";
    const ABOUT: &'static str =
        "Forgejo: health, version, and with a token the workflow runs of its repositories.";
    type Query = ForgejoQuery;

    fn check(query: &ForgejoQuery) -> Result<(), String> {
        let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
        check_api(&query.forgejo, &query.credential, host, ca)
    }

    fn ask(query: &ForgejoQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Forgejo(query.clone())
    }

    fn blank(_: &ForgejoQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            healthz: no(reason),
            healthy: no(reason),
            version: no(reason),
            token_alive: no(reason),
            repositories: no(reason),
        }
    }

    fn by_hand(query: &ForgejoQuery) -> String {
        curl(&query.forgejo, "/api/healthz")
    }
}
