//! Rows of the platform's own tables.

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, in SQL's word.
    pub r#type: String,
    /// Whether it may be null.
    pub nullable: bool,
}

/// A migration that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// Its version.
    pub version: String,
    /// When it was run.
    pub run_on: i64,
}

/// A bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is active; absent when the table does not say.
    pub active: Observed<bool>,
}

/// What the drive monitor says of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSync {
    /// The bot's identifier.
    pub bot_id: String,
    /// The file.
    pub path: Observed<String>,
    /// When it was last read.
    pub last_sync: Observed<i64>,
    /// Its hash.
    pub hash: Observed<String>,
    /// How often it was read.
    pub count: Observed<i64>,
}

/// The drive monitor's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriveFiles {
    /// How many there are.
    pub total: u64,
    /// How many are indexed.
    pub indexed: u64,
    /// How many failed at least once.
    pub failed: u64,
    /// The first thousand, by path.
    pub files: Vec<DriveFile>,
}

/// A file as the drive monitor knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriveFile {
    /// Its place, `bucket/key`.
    pub path: String,
    /// The ETag that was last seen.
    pub etag: Observed<String>,
    /// Whether it is indexed.
    pub indexed: bool,
    /// How often it failed.
    pub failures: i64,
}
