//! Looks at services: questions that a client of ours asks instead of a shell.
//!
//! A kind of this sort has one look, which carries everything that is asked, with
//! credentials by name only. Who asks (`runproof-site`) answers with the fact in its
//! recorded form; so plans, deduplication, bundles and replay know no difference.

use std::fmt::Debug;

use runproof_model::credentials::CREDENTIALS;
use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::{
    cache, dns, forgejo, http, imap, kv, livekit, llm, objects, postgres, qdrant, smtp, ssh, tls,
    vault, websocket, zitadel,
};
use crate::reads::Reads;

mod endpoint;
mod query;

pub use endpoint::{Endpoint, Url, check_file, check_text};
pub use query::MailWay;
pub(crate) use query::{api_query, check_api, check_tls, curl, mail_query};

/// The name that stands for no credential.
pub const NO_CREDENTIAL: &str = "none";

/// From where a service is asked.
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
pub enum Vantage {
    /// From inside the node.
    #[default]
    Node,
    /// From the machine on which runproof runs.
    Here,
}

/// What is asked of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "each carries the query of the kind of its name"
)]
pub enum ServiceAsk {
    Cache(cache::CacheQuery),
    Dns(dns::DnsQuery),
    Forgejo(forgejo::ForgejoQuery),
    Http(http::HttpQuery),
    Imap(imap::ImapQuery),
    Kv(kv::KvQuery),
    Livekit(livekit::LivekitQuery),
    Llm(llm::LlmQuery),
    Objects(objects::ObjectsQuery),
    Postgres(postgres::PostgresQuery, Vec<postgres::Part>),
    Qdrant(qdrant::QdrantQuery),
    Smtp(smtp::SmtpQuery),
    Ssh(ssh::SshQuery),
    Tls(tls::TlsQuery),
    Vault(vault::VaultQuery),
    Websocket(websocket::WebsocketQuery),
    Zitadel(zitadel::ZitadelQuery),
}

/// A look in words: where, as whom, and each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The service, as it is addressed.
    pub at: String,
    /// From where.
    pub from: Vantage,
    /// The credential's name.
    pub credential: Option<String>,
    /// What is asked, in order.
    pub requests: Vec<String>,
}

impl Steps {
    /// Requests to `at` without a credential, from inside the node.
    pub fn new(
        at: impl Into<String>,
        requests: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            at: at.into(),
            from: Vantage::Node,
            credential: None,
            requests: requests.into_iter().map(Into::into).collect(),
        }
    }

    /// From another place.
    #[must_use]
    pub fn from(mut self, from: Vantage) -> Self {
        self.from = from;
        self
    }

    /// With a credential, unless it is [`NO_CREDENTIAL`].
    #[must_use]
    pub fn credential(mut self, name: &str) -> Self {
        self.credential = (name != NO_CREDENTIAL).then(|| name.to_owned());
        self
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ask {}", self.at)?;
        match self.from {
            Vantage::Node => {}
            Vantage::Here => f.write_str(" from this machine")?,
        }
        match &self.credential {
            Some(name) => write!(f, " with the credential `{name}`")?,
            None => f.write_str(" without a credential")?,
        }
        write!(f, ": {}", self.requests.join("; "))
    }
}

impl ServiceAsk {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        match self {
            Self::Cache(query) => query.steps(),
            Self::Dns(query) => query.steps(),
            Self::Forgejo(query) => query.steps(),
            Self::Http(query) => query.steps(),
            Self::Imap(query) => query.steps(),
            Self::Kv(query) => query.steps(),
            Self::Livekit(query) => query.steps(),
            Self::Llm(query) => query.steps(),
            Self::Objects(query) => query.steps(),
            Self::Postgres(query, parts) => query.steps(parts),
            Self::Qdrant(query) => query.steps(),
            Self::Smtp(query) => query.steps(),
            Self::Ssh(query) => query.steps(),
            Self::Tls(query) => query.steps(),
            Self::Vault(query) => query.steps(),
            Self::Websocket(query) => query.steps(),
            Self::Zitadel(query) => query.steps(),
        }
    }
}

/// A fact that a client of ours brings.
pub trait Service: Serialize + DeserializeOwned + JsonSchema + Debug {
    /// The kind's name, as suites write it.
    const KIND: &'static str;
    /// One sentence for the reference.
    const ABOUT: &'static str;
    /// To be raised by hand whenever the service is asked, or its answer read, otherwise than
    /// before, see [`Fact::REVISION`].
    const REVISION: u16 = 1;
    /// What can be asked.
    type Query: Serialize + DeserializeOwned + JsonSchema + Debug;

    /// Refuses what cannot be asked, as [`Fact::check`] does.
    fn check(query: &Self::Query) -> Result<(), String>;

    /// The one look, for the fields that are read.
    fn ask(query: &Self::Query, reads: &Reads) -> ServiceAsk;

    /// The fact of which nothing is known, for one reason: what a collector begins with.
    fn blank(query: &Self::Query, reason: &Reason) -> Self;

    /// The command with which an operator asks by hand.
    fn by_hand(query: &Self::Query) -> String;
}

impl<F: Service> Fact for F {
    const KIND: &'static str = <F as Service>::KIND;
    const ABOUT: &'static str = <F as Service>::ABOUT;
    const REVISION: u16 = <F as Service>::REVISION;
    type Query = <F as Service>::Query;

    fn check(query: &Self::Query) -> Result<(), String> {
        <F as Service>::check(query)
    }

    fn asks(query: &Self::Query) -> Vec<Ask> {
        Self::asks_for(query, &Reads::All)
    }

    fn read(query: &Self::Query, answers: &Answers, context: &Context) -> Reading<Self> {
        Self::read_for(query, &Reads::All, answers, context)
    }

    fn asks_for(query: &Self::Query, reads: &Reads) -> Vec<Ask> {
        vec![Ask::Service(Box::new(<F as Service>::ask(query, reads)))]
    }

    fn read_for(
        query: &Self::Query,
        reads: &Reads,
        answers: &Answers,
        _: &Context,
    ) -> Reading<Self> {
        let ask = Ask::Service(Box::new(<F as Service>::ask(query, reads)));
        Reading::Done(answers.service(&ask))
    }

    fn by_hand(query: &Self::Query) -> String {
        <F as Service>::by_hand(query)
    }
}

/// A field that is unknown for that reason.
pub(crate) fn no<T>(reason: &Reason) -> Observed<T> {
    Observed::Unknown(reason.clone())
}

/// Refuses what cannot name a credential.
pub(crate) fn check_credential(name: &str) -> Result<(), String> {
    if name == NO_CREDENTIAL || CREDENTIALS.contains(&name) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} is no credential; there are {} and {NO_CREDENTIAL}",
            CREDENTIALS.join(", ")
        ))
    }
}

/// Refuses what cannot stand in a `Host` header.
pub(crate) fn check_host_header(host: Option<&String>) -> Result<(), String> {
    match host {
        Some(host) if Endpoint::parse(host).is_err() => Endpoint::new(host, 1).map(|_| ()),
        Some(_) | None => Ok(()),
    }
}
