//! What is set for a bucket, kept as it came.

use s3s::dto::{ServerSideEncryptionConfiguration, VersioningConfiguration};
use serde::{Deserialize, Serialize};

/// The settings of one bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Milliseconds since 1970.
    pub created: u64,
    pub versioning: Option<VersioningConfiguration>,
    pub encryption: Option<ServerSideEncryptionConfiguration>,
    /// JSON.
    pub policy: Option<String>,
}
