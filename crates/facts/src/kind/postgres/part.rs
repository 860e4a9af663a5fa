//! What of a database costs a statement of its own.

use schemars::JsonSchema;
use serde::Serialize;

/// A part of the fact that costs a statement of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `databases`.
    Databases,
    /// `settings`.
    Settings,
    /// `tables`.
    Tables,
    /// `migrations`.
    Migrations,
    /// `bots`.
    Bots,
    /// `config`, `secret` and `config_keys`.
    Config,
    /// `config_sync`.
    ConfigSync,
    /// `drive_files`.
    DriveFiles,
    /// `ci_runs`.
    CiRuns,
    /// `ci_jobs`.
    CiJobs,
    /// `ci_tasks`.
    CiTasks,
    /// `runners`.
    Runners,
    /// `runner_tokens`.
    RunnerTokens,
}

impl Part {
    /// Every part, with the fields that call for it and what is read for it, in words.
    pub const ALL: [(Self, &'static [&'static str], &'static str); 13] = [
        (Self::Databases, &["databases"], "pg_database"),
        (Self::Settings, &["settings"], "pg_settings"),
        (Self::Tables, &["tables"], "information_schema.columns"),
        (
            Self::Migrations,
            &["migrations"],
            "__diesel_schema_migrations",
        ),
        (Self::Bots, &["bots"], "bots"),
        (
            Self::Config,
            &["config", "secret", "config_keys"],
            "bot_configuration of the bot",
        ),
        (Self::ConfigSync, &["config_sync"], "gbot_config_sync"),
        (Self::DriveFiles, &["drive_files"], "drive_files"),
        (Self::CiRuns, &["ci_runs"], "action_run, the last 200"),
        (Self::CiJobs, &["ci_jobs"], "action_run_job, the last 500"),
        (Self::CiTasks, &["ci_tasks"], "action_task, the last 500"),
        (Self::Runners, &["runners"], "action_runner"),
        (
            Self::RunnerTokens,
            &["runner_tokens"],
            "action_runner_token, counted",
        ),
    ];

    /// What is read for it, in words.
    pub(super) fn words(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(part, ..)| *part == self)
            .map_or("", |(_, _, words)| words)
    }
}
