//! The vector database.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reads::Reads;
use crate::service::{NO_CREDENTIAL, Service, ServiceAsk, Steps, api_query, check_api, curl, no};

api_query!(
    /// Which server, with which credential.
    QdrantQuery,
    /// The address, such as `http://localhost:6333`.
    qdrant,
    NO_CREDENTIAL
);

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
        let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
        check_api(&query.qdrant, &query.credential, host, ca)
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
        curl(&query.qdrant, "/healthz")
    }
}
