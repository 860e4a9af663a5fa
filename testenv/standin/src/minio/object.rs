//! What is known of one object besides its bytes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::{ETag, ETagCondition, Timestamp};
use serde::{Deserialize, Serialize};

/// An object, without its key and its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Without quotes.
    pub etag: String,
    pub size: u64,
    /// Milliseconds since 1970.
    pub modified: u64,
    /// The file of its bytes, in the folder of its bucket.
    pub data: String,
    #[serde(flatten)]
    pub about: About,
}

/// What the client says of an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

impl Object {
    /// The ETag as the protocol has it.
    pub fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    /// Whether a condition names this object.
    pub fn matches(&self, condition: &ETagCondition) -> bool {
        match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => tag.value() == self.etag,
        }
    }

    /// When it was last written.
    pub fn modified(&self) -> Timestamp {
        moment(self.modified)
    }
}

/// Milliseconds since 1970 as the protocol's moment.
pub fn moment(milliseconds: u64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_millis(milliseconds)).into()
}

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
