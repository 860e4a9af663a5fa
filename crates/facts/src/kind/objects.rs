//! A store of objects that speaks S3.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::service::{
    NO_CREDENTIAL, Service, ServiceAsk, Steps, Url, check_credential, check_file, check_text, no,
};

/// Which store, and what of it. A place is written `bucket/key`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ObjectsQuery {
    /// The address, such as `http://localhost:9100`.
    pub objects: String,
    /// The credential that signs; `none` asks only for the health.
    #[serde(default = "drive")]
    pub credential: String,
    /// Buckets that are looked at.
    #[serde(default)]
    pub buckets: Vec<String>,
    /// Places below which objects are listed, such as `demo.gbai/demo.gbot/`.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Objects whose metadata is asked for.
    #[serde(default)]
    pub heads: Vec<String>,
    /// Small objects whose lines are told: they hold nothing secret.
    #[serde(default)]
    pub lines: Vec<String>,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
}

fn drive() -> String {
    "drive".to_owned()
}

/// A store of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no answer; absent when there is one.
    pub trouble: Observed<String>,
    /// The status of `/minio/health/live`.
    pub live: Observed<u16>,
    /// The status of `/minio/health/ready`.
    pub ready: Observed<u16>,
    /// Whether the credential is accepted.
    pub accepted: Observed<bool>,
    /// The names of all buckets, sorted.
    pub all_buckets: Observed<Vec<String>>,
    /// The declared buckets; absent where there is none.
    #[schemars(extend("x-keys" = "buckets"))]
    pub buckets: OpenMap<Bucket>,
    /// The keys below the declared places, sorted; empty where there are none.
    #[schemars(extend("x-keys" = "prefixes"))]
    pub prefixes: OpenMap<Vec<String>>,
    /// The declared objects; absent where there is none.
    #[schemars(extend("x-keys" = "heads"))]
    pub heads: OpenMap<Head>,
    /// The lines of the declared small objects; absent where there is none.
    #[schemars(extend("x-keys" = "lines"))]
    pub lines: OpenMap<Vec<String>>,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// `Enabled` or `Suspended`; absent when it never was enabled.
    pub versioning: Observed<String>,
    /// The algorithm with which it encrypts by itself; absent when it does not.
    pub encryption: Observed<String>,
}

/// The metadata of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The ETag without quotes.
    pub etag: Observed<String>,
    /// Its size.
    pub size: Observed<u64>,
    /// Its last change.
    pub modified: Observed<i64>,
}

impl ObjectsQuery {
    /// The look in words.
    pub fn steps(&self) -> Steps {
        let mut requests = vec![
            "GET /minio/health/live".to_owned(),
            "GET /minio/health/ready".to_owned(),
        ];
        if self.credential != NO_CREDENTIAL {
            requests.push("ListBuckets".to_owned());
            let each = |word: &'static str, names: &[String]| {
                names
                    .iter()
                    .map(|name| format!("{word} {name}"))
                    .collect::<Vec<_>>()
            };
            requests.extend(each(
                "GetBucketVersioning, GetBucketEncryption of",
                &self.buckets,
            ));
            requests.extend(each("ListObjectsV2 of", &self.prefixes));
            requests.extend(each("HeadObject of", &self.heads));
            requests.extend(each("GetObject of", &self.lines));
        }
        Steps::new(&self.objects, requests).credential(&self.credential)
    }
}

/// Bucket and key of a place.
///
/// # Errors
/// When it is none.
pub fn place(text: &str) -> Result<(&str, &str), String> {
    match text.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() => Ok((bucket, key)),
        Some(_) | None => Err(format!("{text:?} is not `bucket/key`")),
    }
}

impl Service for Objects {
    const KIND: &'static str = "objects";
    const ABOUT: &'static str = "A store of objects (S3): health, whether the credentials are accepted, buckets, keys, ETags, small plain objects.";
    type Query = ObjectsQuery;

    fn check(query: &ObjectsQuery) -> Result<(), String> {
        Url::parse(&query.objects)?;
        check_credential(&query.credential)?;
        check_text("bucket", &query.buckets)?;
        let places = || {
            query
                .prefixes
                .iter()
                .chain(&query.heads)
                .chain(&query.lines)
        };
        check_text("place", places())?;
        for text in places() {
            place(text)?;
        }
        check_file(query.ca.as_ref())
    }

    fn ask(query: &ObjectsQuery, _: &Reads) -> ServiceAsk {
        ServiceAsk::Objects(query.clone())
    }

    fn blank(query: &ObjectsQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            live: no(reason),
            ready: no(reason),
            accepted: no(reason),
            all_buckets: no(reason),
            buckets: OpenMap::declared(&query.buckets, |_| no(reason)),
            prefixes: OpenMap::declared(&query.prefixes, |_| no(reason)),
            heads: OpenMap::declared(&query.heads, |_| no(reason)),
            lines: OpenMap::declared(&query.lines, |_| no(reason)),
        }
    }

    fn by_hand(query: &ObjectsQuery) -> String {
        format!(
            "curl -si {}",
            sh(&format!(
                "{}/minio/health/live",
                query.objects.trim_end_matches('/')
            ))
        )
    }
}
