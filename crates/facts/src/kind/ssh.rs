//! What an SSH server says before anybody logs in.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{Endpoint, Service, ServiceAsk, Steps, Vantage, no};

/// Which server.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct SshQuery {
    /// `host:port`.
    pub ssh: String,
    /// From where it is asked.
    #[serde(default)]
    pub from: Vantage,
}

/// An SSH server, as far as it shows itself to strangers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no greeting; absent when there is one.
    pub trouble: Observed<String>,
    /// The version line, such as `SSH-2.0-OpenSSH_9.2`.
    pub banner: Observed<String>,
    /// The types of host keys that it offers, in its order.
    pub host_keys: Observed<Vec<String>>,
    /// The ciphers that it offers, in its order.
    pub ciphers: Observed<Vec<String>>,
}

impl SshQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        Steps::new(
            &self.ssh,
            ["the version line and the first packet; nobody logs in"],
        )
        .from(self.from)
    }
}

impl Service for Ssh {
    const KIND: &'static str = "ssh";
    const ABOUT: &'static str =
        "An SSH server's version line and the key types and ciphers that it offers.";
    type Query = SshQuery;

    fn check(query: &SshQuery) -> Result<(), String> {
        Endpoint::parse(&query.ssh).map(|_| ())
    }

    fn ask(query: &SshQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Ssh(query.clone())
    }

    fn blank(_: &SshQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            banner: no(reason),
            host_keys: no(reason),
            ciphers: no(reason),
        }
    }

    fn by_hand(query: &SshQuery) -> String {
        match Endpoint::parse(&query.ssh) {
            Ok(at) => format!("ssh-keyscan -p {} {}", at.port, sh(&at.host)),
            Err(_) => "ssh-keyscan".to_owned(),
        }
    }
}
