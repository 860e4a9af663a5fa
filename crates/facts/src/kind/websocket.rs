//! Whether a WebSocket comes about.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Endpoint, Service, ServiceAsk, Steps, Url, Vantage, check_file, no};

/// Which address.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct WebsocketQuery {
    /// The address, `ws` or `wss`.
    pub websocket: String,
    /// Connects to `host:port` instead of the address's own.
    #[serde(default)]
    pub connect: Option<String>,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

/// A request to upgrade to a WebSocket; it is closed at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Websocket {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of the answer; 101 when it is accepted.
    pub status: Observed<u16>,
    /// Whether the upgrade was accepted, with the right key.
    pub accepted: Observed<bool>,
    /// Where a redirect leads.
    pub location: Observed<String>,
    /// Whether the certificate verifies; absent without TLS.
    pub verified: Observed<bool>,
}

impl WebsocketQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        Steps::new(
            &self.websocket,
            ["a request to upgrade, closed when accepted"],
        )
        .from(self.from)
    }
}

impl Service for Websocket {
    const KIND: &'static str = "websocket";
    const ABOUT: &'static str = "Whether a service accepts the upgrade to a WebSocket.";
    type Query = WebsocketQuery;

    fn check(query: &WebsocketQuery) -> Result<(), String> {
        Url::parse(&query.websocket)?;
        if let Some(connect) = &query.connect {
            Endpoint::parse(connect)?;
        }
        check_file(query.ca.as_ref())
    }

    fn ask(query: &WebsocketQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Websocket(query.clone())
    }

    fn blank(_: &WebsocketQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            status: no(reason),
            accepted: no(reason),
            location: no(reason),
            verified: no(reason),
        }
    }

    fn by_hand(query: &WebsocketQuery) -> String {
        let plain = query.websocket.replacen("ws", "http", 1);
        format!(
            "curl -si -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: eA==' {}",
            sh(&plain)
        )
    }
}
