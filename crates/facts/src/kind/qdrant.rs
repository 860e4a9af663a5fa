//! The vector database.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{
    NO_CREDENTIAL, Service, ServiceAsk, Steps, Url, check_credential, check_file, no,
};

/// Which server, with which credential.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct QdrantQuery {
    /// The address, such as `http://localhost:6333`.
    pub qdrant: String,
    /// The `Host` header, instead of the address's own.
    #[serde(default)]
    pub host_header: Option<String>,
    /// The credential whose token is sent; `none` asks without one.
    #[serde(default = "credential")]
    pub credential: String,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
}

fn credential() -> String {
    NO_CREDENTIAL.to_owned()
}

/// The vector database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Qdrant {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/healthz`.
    pub healthz: Observed<u16>,
    /// The status of `/readyz`.
    pub readyz: Observed<u16>,
    /// Its version.
    pub version: Observed<String>,
    /// Whether it refuses to list collections without a key.
    pub auth_required: Observed<bool>,
    /// The names of the collections, sorted.
    pub collections: Observed<Vec<String>>,
}

impl QdrantQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests: Vec<&str> =
            vec!["GET /healthz", "GET /readyz", "GET /", "GET /collections"];
        if self.credential != NO_CREDENTIAL {
            requests.extend(["GET /collections with the key"]);
        }
        Steps::new(&self.qdrant, requests).credential(&self.credential)
    }
}

impl Service for Qdrant {
    const KIND: &'static str = "qdrant";
    const ABOUT: &'static str = "Qdrant: health, version, names of collections.";
    type Query = QdrantQuery;

    fn check(query: &QdrantQuery) -> Result<(), String> {
        Url::parse(&query.qdrant)?;
        check_credential(&query.credential)?;
        crate::service::check_host_header(query.host_header.as_ref())?;
        check_file(query.ca.as_ref())
    }

    fn ask(query: &QdrantQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Qdrant(query.clone())
    }

    fn blank(_: &QdrantQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            healthz: no(reason),
            readyz: no(reason),
            version: no(reason),
            auth_required: no(reason),
            collections: no(reason),
        }
    }

    fn by_hand(query: &QdrantQuery) -> String {
        format!(
            "curl -si {}",
            sh(&format!("{}/healthz", query.qdrant.trim_end_matches('/')))
        )
    }
}
