//! Rows of the forge's tables.

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workflow run. Status 0 waits, 1 succeeded, 2 failed, 3 was cancelled, 6 runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CiRun {
    /// Its number.
    pub id: i64,
    /// The workflow's file.
    pub workflow: Observed<String>,
    /// Its status.
    pub status: i64,
    /// When it was made.
    pub created: Observed<i64>,
    /// When it last changed.
    pub updated: Observed<i64>,
}

/// A job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CiJob {
    /// Its number.
    pub id: i64,
    /// The number of its run.
    pub run: i64,
    /// Its status.
    pub status: i64,
    /// The number of its task; 0 when there is none.
    pub task: i64,
}

/// A task that a runner took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CiTask {
    /// Its number.
    pub id: i64,
    /// The number of its job.
    pub job: i64,
    /// Its status.
    pub status: i64,
    /// When it last changed.
    pub updated: Observed<i64>,
}

/// A runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// Its name.
    pub name: String,
    /// When it was last heard of.
    pub last_online: Observed<i64>,
    /// When it last worked.
    pub last_active: Observed<i64>,
}
