//! One request to an HTTP service.

use std::collections::BTreeSet;

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use serde_json::Value;

use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::scrub;
use crate::service::{
    Endpoint, Service, ServiceAsk, Steps, Url, Vantage, check_file, check_host_header, check_text,
    no,
};

/// Headers that carry what nobody else may have.
const SECRET_HEADERS: &[&str] = &[
    "set-cookie",
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "x-vault-token",
];

/// How it is asked. Nothing that changes anything.
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
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// With the body of the answer.
    #[default]
    Get,
    /// Without it.
    Head,
}

impl Method {
    /// As it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// Which address, and what of the answer.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct HttpQuery {
    /// The address.
    pub http: String,
    /// `GET` or `HEAD`.
    #[serde(default)]
    pub method: Method,
    /// Connects to `host:port` instead of the address's own.
    #[serde(default)]
    pub connect: Option<String>,
    /// The `Host` header, instead of the address's own.
    #[serde(default)]
    pub host_header: Option<String>,
    /// Headers of the answer that are told, in lower case.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Pointers into a JSON answer whose values are told, such as `/status`.
    #[serde(default)]
    pub json: Vec<String>,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

/// One request to an HTTP service, without credentials; redirects are told and not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status.
    pub status: Observed<u16>,
    /// The declared headers of the answer.
    #[schemars(extend("x-keys" = "headers"))]
    pub headers: OpenMap<String>,
    /// What stands at the declared pointers of a JSON answer.
    #[schemars(extend("x-keys" = "json"))]
    pub json: OpenMap<Value>,
    /// Where a redirect leads.
    pub location: Observed<String>,
    /// The title of an HTML answer.
    pub title: Observed<String>,
    /// How many bytes the body has.
    pub bytes: Observed<u64>,
    /// SHA-256 of the body, in hexadecimal.
    pub digest: Observed<String>,
    /// From the request to the end of the answer, in milliseconds.
    pub elapsed_ms: Observed<u64>,
    /// Whether the certificate verifies; absent without TLS. An answer under one that does not is told all the same.
    pub verified: Observed<bool>,
    /// Why it does not verify; absent when it does.
    pub why_not: Observed<String>,
}

impl HttpQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut request = format!("{} {}", self.method.as_str(), self.http);
        if let Some(connect) = &self.connect {
            request.push_str(&format!(" at {connect}"));
        }
        if let Some(host) = &self.host_header {
            request.push_str(&format!(" with `Host: {host}`"));
        }
        Steps::new(&self.http, [request]).from(self.from)
    }
}

impl Service for Http {
    const KIND: &'static str = "http";
    const ABOUT: &'static str = "One HTTP request from inside a node or from here: status, declared headers and JSON, redirect, time, TLS.";
    type Query = HttpQuery;

    fn check(query: &HttpQuery) -> Result<(), String> {
        Url::parse(&query.http)?;
        if let Some(connect) = &query.connect {
            Endpoint::parse(connect)?;
        }
        check_host_header(query.host_header.as_ref())?;
        check_text("header", &query.headers)?;
        for name in &query.headers {
            if SECRET_HEADERS.contains(&name.as_str()) || scrub::names_a_secret(name) {
                return Err(format!("the header {name:?} may hold a secret"));
            }
            if name
                .bytes()
                .any(|b| !(b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
            {
                return Err(format!("{name:?} is not a header in lower case"));
            }
        }
        let mut seen = BTreeSet::new();
        for pointer in &query.json {
            let last = pointer.rsplit('/').next().unwrap_or_default();
            if !pointer.starts_with('/') || pointer.len() > 200 || !seen.insert(pointer) {
                return Err(format!(
                    "{pointer:?} is not a pointer into JSON, or stands twice"
                ));
            }
            if scrub::names_a_secret(last) {
                return Err(format!("what stands at {pointer:?} is secret by its name"));
            }
        }
        check_file(query.ca.as_ref())
    }

    fn ask(query: &HttpQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Http(query.clone())
    }

    fn blank(query: &HttpQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            status: no(reason),
            headers: OpenMap::declared(&query.headers, |_| no(reason)),
            json: OpenMap::declared(&query.json, |_| no(reason)),
            location: no(reason),
            title: no(reason),
            bytes: no(reason),
            digest: no(reason),
            elapsed_ms: no(reason),
            verified: no(reason),
            why_not: no(reason),
        }
    }

    fn by_hand(query: &HttpQuery) -> String {
        let ca = query
            .ca
            .as_ref()
            .map_or_else(String::new, |ca| format!(" --cacert {}", sh(ca)));
        format!("curl -si{ca} {}", sh(&query.http))
    }
}
