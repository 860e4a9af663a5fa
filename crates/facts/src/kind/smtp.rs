//! A server that speaks SMTP.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::tls::Tls;
use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Service, ServiceAsk, Steps, check_tls, mail_query, no};

mail_query!(SmtpQuery, smtp);

/// A server that speaks SMTP. Nobody logs in and nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no greeting; absent when there is one.
    pub trouble: Observed<String>,
    /// The greeting.
    pub greeting: Observed<String>,
    /// The extensions that EHLO shows, sorted, before TLS where there is a before.
    pub extensions: Observed<Vec<String>>,
    /// Whether STARTTLS is offered; absent under implicit TLS.
    pub starttls: Observed<bool>,
    /// The handshake; absent when none is offered.
    pub handshake: Observed<Tls>,
    /// The extensions that EHLO shows, sorted, under TLS.
    pub extensions_under_tls: Observed<Vec<String>>,
}

impl SmtpQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let requests: &[&str] = if self.implicit {
            &["a TLS handshake", "EHLO, QUIT"]
        } else {
            &["EHLO, QUIT", "STARTTLS where offered, then EHLO, QUIT"]
        };
        Steps::new(&self.smtp, requests.iter().copied()).from(self.from)
    }
}

impl Service for Smtp {
    const KIND: &'static str = "smtp";
    const ABOUT: &'static str =
        "A mail server's greeting, extensions and TLS, on the ports for delivery and submission.";
    type Query = SmtpQuery;

    fn check(query: &SmtpQuery) -> Result<(), String> {
        check_tls(&query.smtp, query.name.as_ref(), query.ca.as_ref())
    }

    fn ask(query: &SmtpQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Smtp(query.clone())
    }

    fn blank(_: &SmtpQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            greeting: no(reason),
            extensions: no(reason),
            starttls: no(reason),
            handshake: no(reason),
            extensions_under_tls: no(reason),
        }
    }

    fn by_hand(query: &SmtpQuery) -> String {
        let start = if query.implicit {
            ""
        } else {
            " -starttls smtp"
        };
        format!("openssl s_client{start} -connect {}", sh(&query.smtp))
    }
}
