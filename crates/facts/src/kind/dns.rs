//! What a name server answers.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Endpoint, Service, ServiceAsk, Steps, Vantage, no};

/// Over what it is asked.
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
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP; only where this machine itself asks.
    Udp,
}

/// Which question to which server.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct DnsQuery {
    /// The name that is asked for.
    pub dns: String,
    /// The type, such as `A`, `MX`, `SOA`, `ANY`.
    #[serde(default = "a")]
    pub r#type: String,
    /// The server, `host:port`.
    pub at: String,
    /// Over what it is asked.
    #[serde(default)]
    pub over: Transport,
    /// Whether the server is asked to ask others.
    #[serde(default)]
    pub recurse: bool,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

fn a() -> String {
    "A".to_owned()
}

/// An answer of a name server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Whether something listens there; over UDP, whether an answer came.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The code of the answer, such as `NOERROR`, `NXDOMAIN`, `REFUSED`.
    pub rcode: Observed<String>,
    /// Whether the server answers for the zone itself.
    pub authoritative: Observed<bool>,
    /// Whether the server offers to ask others.
    pub recursion: Observed<bool>,
    /// The records of the answer.
    pub answers: Observed<Vec<Record>>,
    /// The data of the records of the asked type, sorted.
    pub data: Observed<Vec<String>>,
    /// The serial of the zone, when the answer holds its SOA record.
    pub serial: Observed<u32>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name, with the dot at the end.
    pub name: String,
    /// Its type.
    pub r#type: String,
    /// For how many seconds it may be kept.
    pub ttl: u32,
    /// What it says, as a zone file has it.
    pub data: String,
}

impl DnsQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let over = match self.over {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        };
        Steps::new(
            &self.at,
            [format!("{} {} over {over}", self.r#type, self.dns)],
        )
        .from(self.from)
    }
}

impl Service for Dns {
    const KIND: &'static str = "dns";
    const ABOUT: &'static str =
        "One question to a named DNS server, from inside a node or from here.";
    type Query = DnsQuery;

    fn check(query: &DnsQuery) -> Result<(), String> {
        Endpoint::parse(&query.at)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-*".contains(&b);
        if query.dns.is_empty() || query.dns.len() > 253 || !query.dns.bytes().all(plain) {
            return Err(format!("{:?} is not a name", query.dns));
        }
        let word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if query.r#type.is_empty() || query.r#type.len() > 10 || !query.r#type.bytes().all(word) {
            return Err(format!("{:?} is not a type of records", query.r#type));
        }
        if query.over == Transport::Udp && query.from == Vantage::Node {
            return Err("over UDP it can be asked from here only".to_owned());
        }
        Ok(())
    }

    fn ask(query: &DnsQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Dns(query.clone())
    }

    fn blank(_: &DnsQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            rcode: no(reason),
            authoritative: no(reason),
            recursion: no(reason),
            answers: no(reason),
            data: no(reason),
            serial: no(reason),
        }
    }

    fn by_hand(query: &DnsQuery) -> String {
        match Endpoint::parse(&query.at) {
            Ok(at) => format!(
                "dig +tcp @{} -p {} {} {}",
                sh(&at.host),
                at.port,
                sh(&query.dns),
                query.r#type
            ),
            Err(_) => format!("dig {} {}", sh(&query.dns), query.r#type),
        }
    }
}
