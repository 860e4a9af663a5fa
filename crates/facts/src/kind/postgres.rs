//! PostgreSQL, and what the platform keeps in it.
//!
//! There is no SQL in a query: each table of the platform that matters has a field,
//! whose statement is ours (`runproof-site`); only what is read is asked for.

use runproof_model::{Observed, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::reads::Reads;
use crate::scrub;
use crate::secret::Secret;
use crate::service::{
    Endpoint, NO_CREDENTIAL, Service, ServiceAsk, Steps, check_credential, check_text, no,
};

/// Which database, as whom, and what of it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct PostgresQuery {
    /// `host:port`.
    pub postgres: String,
    /// The database; the one that the credential names when left out.
    #[serde(default)]
    pub database: Option<String>,
    /// The credential that logs in; `none` only knocks.
    #[serde(default = "tables")]
    pub credential: String,
    /// Settings that are told, such as `listen_addresses`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Tables whose columns are told.
    #[serde(default)]
    pub tables: Vec<String>,
    /// The bot whose configuration and files are told, by name.
    #[serde(default)]
    pub bot: Option<String>,
    /// Keys of the bot's configuration whose values are plain.
    #[serde(default)]
    pub config: Vec<String>,
    /// Keys of the bot's configuration whose values are secret.
    #[serde(default)]
    pub secret: Vec<String>,
}

fn tables() -> String {
    "tables".to_owned()
}

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

    fn words(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(part, ..)| *part == self)
            .map_or("", |(_, _, words)| words)
    }
}

/// A PostgreSQL server and one database of it, read in a session that cannot write.
/// A table that the database does not have is absent, with all that would stand in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no session; absent when there is one.
    pub trouble: Observed<String>,
    /// Whether the credential logs in.
    pub auth_ok: Observed<bool>,
    /// The account that logged in.
    pub account: Observed<String>,
    /// The server's version, such as `15.14`.
    pub version: Observed<String>,
    /// Its major version.
    pub major: Observed<u64>,
    /// The names of all databases, sorted.
    pub databases: Observed<Vec<String>>,
    /// The declared settings; absent where the server knows none of that name.
    #[schemars(extend("x-keys" = "settings"))]
    pub settings: OpenMap<String>,
    /// The declared tables; absent where there is none.
    #[schemars(extend("x-keys" = "tables"))]
    pub tables: OpenMap<Vec<Column>>,
    /// Diesel's migrations, oldest first.
    pub migrations: Observed<Vec<Migration>>,
    /// The bots, by name.
    pub bots: Observed<Vec<Bot>>,
    /// The names of the bot's configuration, sorted.
    pub config_keys: Observed<Vec<String>>,
    /// The declared plain values of the bot's configuration.
    #[schemars(extend("x-keys" = "config"))]
    pub config: OpenMap<String>,
    /// The declared secret values of the bot's configuration.
    #[schemars(extend("x-keys" = "secret"))]
    pub secret: OpenMap<Secret>,
    /// What the drive monitor says of its configuration files; of the bot, when one is named.
    pub config_sync: Observed<Vec<ConfigSync>>,
    /// The drive monitor's files; of the bot, when one is named.
    pub drive_files: Observed<DriveFiles>,
    /// The last workflow runs, newest first.
    pub ci_runs: Observed<Vec<CiRun>>,
    /// The last jobs, newest first.
    pub ci_jobs: Observed<Vec<CiJob>>,
    /// The last tasks, newest first.
    pub ci_tasks: Observed<Vec<CiTask>>,
    /// The runners, by name.
    pub runners: Observed<Vec<Runner>>,
    /// How many registration tokens there are.
    pub runner_tokens: Observed<u64>,
}

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

impl PostgresQuery {
    /// The look in words.
    pub fn steps(&self, parts: &[Part]) -> Steps {
        let mut requests = Vec::new();
        if self.credential == NO_CREDENTIAL {
            requests.push("a connection, without logging in".to_owned());
        } else {
            let database = self.database.as_deref().unwrap_or("the credential's own");
            requests.push(format!("log in to database {database}, read only"));
            requests.extend(parts.iter().map(|part| format!("read {}", part.words())));
        }
        Steps::new(&self.postgres, requests).credential(&self.credential)
    }
}

impl Service for Postgres {
    const KIND: &'static str = "postgres";
    const ABOUT: &'static str = "A PostgreSQL database: login, version, settings, tables, and the platform's own tables by typed rows.";
    type Query = PostgresQuery;

    fn check(query: &PostgresQuery) -> Result<(), String> {
        Endpoint::parse(&query.postgres)?;
        check_credential(&query.credential)?;
        check_text("database", &query.database)?;
        check_text("setting", &query.settings)?;
        check_text("table", &query.tables)?;
        check_text("bot", &query.bot)?;
        check_text("key", query.config.iter().chain(&query.secret))?;
        if let Some(name) = query
            .config
            .iter()
            .chain(&query.settings)
            // The platform keeps the keys of language models under `llm-key` and the like.
            .find(|name| scrub::names_a_secret(name) || name.ends_with("-key"))
        {
            return Err(format!(
                "{name:?} is secret by its name: declare it as secret"
            ));
        }
        if query.bot.is_none() && !(query.config.is_empty() && query.secret.is_empty()) {
            return Err("keys of a configuration need a `bot`".to_owned());
        }
        Ok(())
    }

    fn ask(query: &PostgresQuery, reads: &Reads) -> ServiceAsk {
        let parts = Part::ALL
            .iter()
            .filter(|(part, fields, _)| {
                let declared = match part {
                    Part::Settings => !query.settings.is_empty(),
                    Part::Tables => !query.tables.is_empty(),
                    Part::Config => query.bot.is_some(),
                    Part::Databases
                    | Part::Migrations
                    | Part::Bots
                    | Part::ConfigSync
                    | Part::DriveFiles
                    | Part::CiRuns
                    | Part::CiJobs
                    | Part::CiTasks
                    | Part::Runners
                    | Part::RunnerTokens => true,
                };
                declared && reads.want_any(fields)
            })
            .map(|(part, ..)| *part);
        ServiceAsk::Postgres(query.clone(), parts.collect())
    }

    fn blank(query: &PostgresQuery, reason: &Reason) -> Self {
        Self {
            reachable: no(reason),
            trouble: no(reason),
            auth_ok: no(reason),
            account: no(reason),
            version: no(reason),
            major: no(reason),
            databases: no(reason),
            settings: OpenMap::declared(&query.settings, |_| no(reason)),
            tables: OpenMap::declared(&query.tables, |_| no(reason)),
            migrations: no(reason),
            bots: no(reason),
            config_keys: no(reason),
            config: OpenMap::declared(&query.config, |_| no(reason)),
            secret: OpenMap::declared(&query.secret, |_| no(reason)),
            config_sync: no(reason),
            drive_files: no(reason),
            ci_runs: no(reason),
            ci_jobs: no(reason),
            ci_tasks: no(reason),
            runners: no(reason),
            runner_tokens: no(reason),
        }
    }

    fn by_hand(query: &PostgresQuery) -> String {
        let database = query.database.as_deref().unwrap_or("postgres");
        match Endpoint::parse(&query.postgres) {
            Ok(at) => format!(
                "psql -h {} -p {} -d {} -c '\\dt'",
                sh(&at.host),
                at.port,
                sh(database)
            ),
            Err(_) => format!("psql -d {}", sh(database)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn query() -> PostgresQuery {
        serde_json::from_value(serde_json::json!({"postgres": "localhost:5432"})).unwrap()
    }

    #[test]
    fn only_the_tables_that_are_read_are_asked_for() {
        let mut reads = Reads::nothing();
        reads.add(["bots", "*", "name"]);
        let ServiceAsk::Postgres(_, parts) = Postgres::ask(&query(), &reads) else {
            panic!("another kind");
        };
        assert_eq!(parts, [Part::Bots]);
    }

    #[rstest]
    #[case(serde_json::json!({"config": ["llm-key"], "bot": "b"}), false)]
    #[case(serde_json::json!({"config": ["llm-provider"], "bot": "b"}), true)]
    #[case(serde_json::json!({"config": ["llm-provider"]}), false)]
    #[case(serde_json::json!({"settings": ["ssl_passphrase_command_password"]}), false)]
    #[case(serde_json::json!({"credential": "A;b"}), false)]
    fn values_that_may_be_secret_are_never_plain(
        #[case] more: serde_json::Value,
        #[case] fine: bool,
    ) {
        let mut whole = serde_json::json!({"postgres": "localhost:5432"});
        whole
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let query: PostgresQuery = serde_json::from_value(whole).unwrap();
        assert_eq!(<Postgres as Service>::check(&query).is_ok(), fine);
    }
}
