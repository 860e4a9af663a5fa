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
    Endpoint, NO_CREDENTIAL, Service, ServiceAsk, Steps, check_credential, check_text, check_tls,
    no,
};

mod forge;
mod part;
mod platform;

pub use forge::{CiJob, CiRun, CiTask, Runner};
pub use part::Part;
pub use platform::{Bot, Column, ConfigSync, DriveFile, DriveFiles, Migration};

/// What is asked of TLS, in the words of `sslmode`, with their meaning.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS where the server has it, whatever its certificate, which is told.
    #[default]
    Prefer,
    /// TLS, whatever the certificate; where a `ca` is named, as `verify-ca`.
    Require,
    /// TLS, and nobody logs in unless the certificate leads to one that is trusted; its names do not count.
    VerifyCa,
    /// TLS, and nobody logs in unless the certificate leads to one that is trusted and holds the name.
    VerifyFull,
}

impl SslMode {
    /// The word of `sslmode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

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
    /// What is asked of TLS: `disable`, `prefer`, `require`, `verify-ca` or `verify-full`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// A file of the node with the certificates that are trusted, instead of this machine's own.
    #[serde(default)]
    pub ca: Option<String>,
    /// The name that the certificate must hold; the host when left out.
    #[serde(default)]
    pub name: Option<String>,
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

/// A PostgreSQL server and one database of it, read in a session that cannot write.
/// A table that the database does not have is absent, with all that would stand in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Whether something listens there.
    pub reachable: Observed<bool>,
    /// Why there is no session; absent when there is one.
    pub trouble: Observed<String>,
    /// Whether the session is under TLS.
    pub tls: Observed<bool>,
    /// Whether the certificate leads to one that is trusted, is valid now, and holds the name; absent without TLS.
    pub verified: Observed<bool>,
    /// Why it does not verify; absent when it does.
    pub why_not: Observed<String>,
    /// Against what it was verified: the file of `ca`, or `this machine`; absent without TLS.
    pub verified_against: Observed<String>,
    /// Whether the credential logs in.
    pub auth_ok: Observed<bool>,
    /// The account that logged in.
    pub account: Observed<String>,
    /// The server's version, such as `15.14`.
    pub version: Observed<String>,
    /// Its major version.
    pub major: Observed<u64>,
    /// Its clock when the session began.
    pub now: Observed<i64>,
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

impl PostgresQuery {
    /// The look in words.
    pub fn steps(&self, parts: &[Part]) -> Steps {
        let mut requests = Vec::new();
        if self.credential == NO_CREDENTIAL {
            requests.push("a connection, without logging in".to_owned());
        } else {
            let database = self.database.as_deref().unwrap_or("the credential's own");
            let trust = self.ca.as_deref().unwrap_or("this machine's certificates");
            requests.push(format!(
                "log in to database {database}, read only, sslmode {}, verified by {trust}",
                self.sslmode.as_str()
            ));
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
        check_tls(&query.postgres, query.name.as_ref(), query.ca.as_ref())?;
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
            tls: no(reason),
            verified: no(reason),
            why_not: no(reason),
            verified_against: no(reason),
            auth_ok: no(reason),
            account: no(reason),
            version: no(reason),
            major: no(reason),
            now: no(reason),
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
