//! The identity provider.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reads::Reads;
use crate::service::{NO_CREDENTIAL, Service, ServiceAsk, Steps, api_query, check_api, curl, no};

api_query!(
    /// Which server, with which credential.
    ZitadelQuery,
    /// The address, such as `http://localhost:9000`.
    zitadel,
    "directory"
);

/// The identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zitadel {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/debug/healthz`.
    pub healthz: Observed<u16>,
    /// The status of `/debug/ready`.
    pub ready: Observed<u16>,
    /// The status of an API call under a `Host` header that the server does not know.
    pub without_host: Observed<u16>,
    /// The status of `/ui/console/`.
    pub console: Observed<u16>,
    /// Whether the access token is accepted.
    pub token_alive: Observed<bool>,
    /// How many users the token sees.
    pub users: Observed<u64>,
    /// How many organizations the token sees.
    pub organizations: Observed<u64>,
}

impl ZitadelQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests: Vec<&str> = vec![
            "GET /debug/healthz",
            "GET /debug/ready",
            "GET /ui/console/",
            "POST /v2/users under another Host header",
        ];
        if self.credential != NO_CREDENTIAL {
            requests.extend(["POST /v2/users, one", "POST /v2/organizations/_search, one"]);
        }
        Steps::new(&self.zitadel, requests).credential(&self.credential)
    }
}

impl Service for Zitadel {
    const KIND: &'static str = "zitadel";
    const ABOUT: &'static str = "Zitadel: health, whether the access token is alive, counts of users and organizations, the rule about the Host header.";
    type Query = ZitadelQuery;

    fn check(query: &ZitadelQuery) -> Result<(), String> {
        let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
        check_api(&query.zitadel, &query.credential, host, ca)
    }

    fn ask(query: &ZitadelQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Zitadel(query.clone())
    }

    fn blank(_: &ZitadelQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            healthz: no(reason),
            ready: no(reason),
            without_host: no(reason),
            console: no(reason),
            token_alive: no(reason),
            users: no(reason),
            organizations: no(reason),
        }
    }

    fn by_hand(query: &ZitadelQuery) -> String {
        curl(&query.zitadel, "/debug/healthz")
    }
}
