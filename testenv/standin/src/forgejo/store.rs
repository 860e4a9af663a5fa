//! Where runs are: the tables of the original's database, or a file with the same columns.

use std::path::PathBuf;

use serde::Deserialize;
use tokio_postgres::{Client, NoTls};

/// The place.
pub enum Store {
    /// PostgreSQL, asked anew each time, so that it may come and go.
    Database(Box<tokio_postgres::Config>),
    /// A JSON file; one that is not there holds nothing.
    File(PathBuf),
}

/// One run, by the columns of `action_run`.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// `id`
    pub id: i64,
    /// `index`
    #[serde(default)]
    pub index: i64,
    /// `title`
    #[serde(default)]
    pub title: String,
    /// `status`: 0 unknown, 1 success, 2 failure, 3 cancelled, 4 skipped, 5 waiting, 6 running, 7 blocked.
    pub status: i64,
    /// `workflow_id`
    #[serde(default)]
    pub workflow: String,
    /// `ref`
    #[serde(default)]
    pub reference: String,
    /// `commit_sha`
    #[serde(default)]
    pub commit: String,
    /// `event`
    #[serde(default)]
    pub event: String,
    /// `created`, seconds since 1970
    #[serde(default)]
    pub created: i64,
    /// `started`
    #[serde(default)]
    pub started: i64,
    /// `stopped`
    #[serde(default)]
    pub stopped: i64,
}

impl Store {
    /// From app.ini: `[database]` when it is PostgreSQL, `[standin] RUNS` otherwise.
    pub fn new(get: &impl Fn(&str, &str) -> Option<String>) -> Result<Self, String> {
        if get("database", "DB_TYPE").as_deref() != Some("postgres") {
            let file = get("standin", "RUNS").unwrap_or_else(|| "runs.json".to_owned());
            return Ok(Self::File(file.into()));
        }
        let address = get("database", "HOST").unwrap_or_else(|| "127.0.0.1:5432".to_owned());
        let (host, port) = address.rsplit_once(':').unwrap_or((&address, "5432"));
        let mut config = tokio_postgres::Config::new();
        config
            .host(host)
            .port(
                port.parse()
                    .map_err(|_| format!("[database] HOST has no port: {address}"))?,
            )
            .dbname(get("database", "NAME").unwrap_or_else(|| "forgejo".to_owned()))
            .user(get("database", "USER").unwrap_or_else(|| "forgejo".to_owned()))
            .connect_timeout(std::time::Duration::from_secs(5));
        if let Some(password) = get("database", "PASSWD") {
            config.password(password);
        }
        Ok(Self::Database(Box::new(config)))
    }

    /// A connection, when there is a database.
    pub async fn connect(&self) -> Result<Option<Client>, String> {
        let Self::Database(config) = self else {
            return Ok(None);
        };
        let (client, connection) = config.connect(NoTls).await.map_err(|e| said(&e))?;
        tokio::spawn(async move {
            // Its end is seen by whoever asks next.
            let _ = connection.await;
        });
        Ok(Some(client))
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), String> {
        match self.connect().await? {
            Some(client) => client
                .simple_query("SELECT 1")
                .await
                .map(|_| ())
                .map_err(|e| said(&e)),
            None => Ok(()),
        }
    }

    /// The runs of a repository, newest first.
    pub async fn runs(&self, owner: &str, repository: &str) -> Result<Vec<Run>, String> {
        let client = match (self, self.connect().await?) {
            (Self::File(file), _) => return from_file(file),
            (Self::Database(_), Some(client)) => client,
            (Self::Database(_), None) => return Ok(Vec::new()),
        };
        // A lab fills the tables of the runs and not always that of the repositories.
        let known = client
            .query_one("SELECT to_regclass('repository') IS NOT NULL", &[])
            .await
            .map_err(|e| said(&e))?
            .get::<_, bool>(0);
        let filter = if known {
            "WHERE repo_id = (SELECT id FROM repository WHERE lower(owner_name) = lower($1) AND lower_name = lower($2))"
        } else {
            "WHERE $1 <> '' AND $2 <> ''"
        };
        let query = format!(
            "SELECT id::bigint, coalesce(index, 0)::bigint, coalesce(title, ''), status::bigint, coalesce(workflow_id, ''), coalesce(ref, ''), \
             coalesce(commit_sha, ''), coalesce(event, ''), coalesce(created, 0)::bigint, coalesce(started, 0)::bigint, coalesce(stopped, 0)::bigint \
             FROM action_run {filter} ORDER BY id DESC LIMIT 1000"
        );
        let statement = client
            .prepare_typed(
                &query,
                &[
                    tokio_postgres::types::Type::TEXT,
                    tokio_postgres::types::Type::TEXT,
                ],
            )
            .await
            .map_err(|e| said(&e))?;
        let rows = client
            .query(&statement, &[&owner, &repository])
            .await
            .map_err(|e| said(&e))?;
        let run = |row: tokio_postgres::Row| Run {
            id: row.get(0),
            index: row.get(1),
            title: row.get(2),
            status: row.get(3),
            workflow: row.get(4),
            reference: row.get(5),
            commit: row.get(6),
            event: row.get(7),
            created: row.get(8),
            started: row.get(9),
            stopped: row.get(10),
        };
        Ok(rows.into_iter().map(run).collect())
    }
}

fn from_file(file: &std::path::Path) -> Result<Vec<Run>, String> {
    let mut runs: Vec<Run> = match std::fs::read(file) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", file.display()))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(format!("{}: {}", file.display(), crate::server::reason(&e))),
    };
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    Ok(runs)
}

/// An error of the database, with its cause.
pub fn said(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
