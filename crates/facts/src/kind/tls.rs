//! What a service shows of itself when TLS is spoken to it.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Service, ServiceAsk, Steps, Vantage, check_tls, no};

/// What is said before the handshake.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Before {
    /// Nothing.
    #[default]
    Nothing,
    /// EHLO and STARTTLS.
    Smtp,
    /// STARTTLS.
    Imap,
    /// PostgreSQL's request for TLS.
    Postgres,
}

/// Which service, and against what its certificate is verified.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct TlsQuery {
    /// `host:port`.
    pub tls: String,
    /// The name that is asked for, and that the certificate must hold; the host when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
    /// What is said before the handshake.
    #[serde(default)]
    pub starttls: Before,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

/// A TLS handshake with a service: certificates, protocol, and whether they verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why it is not reachable, or why no handshake came about; absent when one did.
    pub trouble: Observed<String>,
    /// Whether TLS is spoken.
    pub spoken: Observed<bool>,
    /// The protocol, such as `TLSv1.3`.
    pub protocol: Observed<String>,
    /// The certificates in the order in which they were sent; the first is the service's own.
    pub chain: Observed<Vec<Certificate>>,
    /// Whether the chain leads to a trusted certificate, is valid now, and holds the name.
    pub verified: Observed<bool>,
    /// Why it does not verify; absent when it does.
    pub why_not: Observed<String>,
    /// The names of the service's own certificate, sorted.
    pub names: Observed<Vec<String>>,
    /// Who issued the service's own certificate.
    pub issuer: Observed<String>,
    /// When the service's own certificate begins to be valid.
    pub not_before: Observed<i64>,
    /// When the service's own certificate ends to be valid.
    pub not_after: Observed<i64>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its DNS names and addresses, sorted.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: i64,
    /// When it ends to be valid.
    pub not_after: i64,
    /// Whether it may issue others.
    pub ca: bool,
    /// SHA-256 of the whole, in hexadecimal.
    pub sha256: String,
}

impl TlsQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let before = match self.starttls {
            Before::Nothing => "",
            Before::Smtp => "EHLO, STARTTLS, ",
            Before::Imap => "STARTTLS, ",
            Before::Postgres => "SSLRequest, ",
        };
        let trust = self.ca.as_deref().unwrap_or("this machine's certificates");
        let name = self.name.as_deref().unwrap_or("its host");
        Steps::new(
            &self.tls,
            [format!(
                "{before}a TLS handshake for the name {name}, verified by {trust}"
            )],
        )
        .from(self.from)
    }
}

impl Service for Tls {
    const KIND: &'static str = "tls";
    const ABOUT: &'static str = "A TLS handshake: certificates, names, validity, protocol, and whether a given CA verifies them.";
    type Query = TlsQuery;

    fn check(query: &TlsQuery) -> Result<(), String> {
        check_tls(&query.tls, query.name.as_ref(), query.ca.as_ref())
    }

    fn ask(query: &TlsQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Tls(query.clone())
    }

    fn blank(_: &TlsQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            spoken: no(reason),
            protocol: no(reason),
            chain: no(reason),
            verified: no(reason),
            why_not: no(reason),
            names: no(reason),
            issuer: no(reason),
            not_before: no(reason),
            not_after: no(reason),
        }
    }

    fn by_hand(query: &TlsQuery) -> String {
        let ca = query
            .ca
            .as_ref()
            .map_or_else(String::new, |ca| format!(" -CAfile {}", sh(ca)));
        format!(
            "openssl s_client -connect {}{ca} </dev/null",
            sh(&query.tls)
        )
    }
}
