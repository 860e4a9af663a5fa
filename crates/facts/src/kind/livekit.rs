//! The video server.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reads::Reads;
use crate::service::{NO_CREDENTIAL, Service, ServiceAsk, Steps, check_api, curl, no};

/// Which server.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct LivekitQuery {
    /// The address, such as `http://localhost:7880`.
    pub livekit: String,
    /// The `Host` header, instead of the address's own.
    #[serde(default)]
    pub host_header: Option<String>,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
}

/// The video server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Livekit {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/`.
    pub status: Observed<u16>,
    /// Whether it says OK.
    pub ok: Observed<bool>,
    /// Whether `/rtc/validate` refuses a request without a token.
    pub refuses_strangers: Observed<bool>,
}

impl LivekitQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        Steps::new(&self.livekit, ["GET /", "GET /rtc/validate"])
    }
}

impl Service for Livekit {
    const KIND: &'static str = "livekit";
    const ABOUT: &'static str =
        "LiveKit: whether it answers, and whether it refuses those without a token.";
    type Query = LivekitQuery;

    fn check(query: &LivekitQuery) -> Result<(), String> {
        let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
        check_api(&query.livekit, NO_CREDENTIAL, host, ca)
    }

    fn ask(query: &LivekitQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Livekit(query.clone())
    }

    fn blank(_: &LivekitQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            status: no(reason),
            ok: no(reason),
            refuses_strangers: no(reason),
        }
    }

    fn by_hand(query: &LivekitQuery) -> String {
        curl(&query.livekit, "/")
    }
}
