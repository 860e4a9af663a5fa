//! A server that speaks IMAP.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::tls::Tls;
use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Service, ServiceAsk, Steps, check_tls, mail_query, no};

mail_query!(ImapQuery, imap);

/// A server that speaks IMAP. Nobody logs in and nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imap {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no greeting; absent when there is one.
    pub trouble: Observed<String>,
    /// The greeting.
    pub greeting: Observed<String>,
    /// The capabilities, sorted, before TLS where there is a before.
    pub capabilities: Observed<Vec<String>>,
    /// Whether STARTTLS is offered; absent under implicit TLS.
    pub starttls: Observed<bool>,
    /// The handshake; absent when none is offered.
    pub handshake: Observed<Tls>,
    /// The capabilities, sorted, under TLS.
    pub capabilities_under_tls: Observed<Vec<String>>,
}

impl ImapQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let requests: &[&str] = if self.implicit {
            &["a TLS handshake", "CAPABILITY, LOGOUT"]
        } else {
            &[
                "CAPABILITY, LOGOUT",
                "STARTTLS where offered, then CAPABILITY, LOGOUT",
            ]
        };
        Steps::new(&self.imap, requests.iter().copied()).from(self.from)
    }
}

impl Service for Imap {
    const KIND: &'static str = "imap";
    const ABOUT: &'static str = "A mailbox server's greeting, capabilities and TLS.";
    type Query = ImapQuery;

    fn check(query: &ImapQuery) -> Result<(), String> {
        check_tls(&query.imap, query.name.as_ref(), query.ca.as_ref())
    }

    fn ask(query: &ImapQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Imap(query.clone())
    }

    fn blank(_: &ImapQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            greeting: no(reason),
            capabilities: no(reason),
            starttls: no(reason),
            handshake: no(reason),
            capabilities_under_tls: no(reason),
        }
    }

    fn by_hand(query: &ImapQuery) -> String {
        let start = if query.implicit {
            ""
        } else {
            " -starttls imap"
        };
        format!("openssl s_client{start} -connect {}", sh(&query.imap))
    }
}
