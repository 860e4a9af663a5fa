//! The statements: every SQL that runproof ever sends stands here.
//!
//! Whatever is read is cast to one of three types, so that a server's own types
//! (`timestamp` here, `timestamptz` there) change nothing.

use std::collections::BTreeMap;

use runproof_facts::kind::postgres::{
    Bot, CiJob, CiRun, CiTask, Column, ConfigSync, DriveFile, DriveFiles, Migration, Runner,
};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row};
use zeroize::Zeroizing;

use super::meaning;

/// How many rows of one sort are taken where the last ones do not suffice.
const MOST: usize = 5000;
/// How many files of the drive monitor are told.
const FILES: i64 = 1000;

/// Rows of a table that may not be there.
pub(super) type Found<T> = Observed<T>;

/// What a server says of itself.
#[derive(Clone)]
pub(in crate::service) struct About {
    /// The number of its version, such as 150014.
    pub number: u64,
    /// Its name, such as `15.14`.
    pub version: String,
    /// Its clock.
    pub now: i64,
}

/// A session.
pub(super) struct Rows<'a>(pub &'a Client);

/// A column by its number; one of another type is our mistake, or a server's of another age.
fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Reason> {
    row.try_get(at)
        .map_err(|_| Reason::new(ReasonKind::Garbled, format!("column {at} of a row")))
}

fn text(row: &Row, at: usize) -> Result<String, Reason> {
    Ok(one_line(get(row, at)?, 500))
}

fn maybe_text(row: &Row, at: usize) -> Result<Observed<String>, Reason> {
    let found: Option<&str> = get(row, at)?;
    Ok(found.map(|text| one_line(text, 500)).into())
}

fn maybe<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<Observed<T>, Reason> {
    Ok(get::<Option<T>>(row, at)?.into())
}

fn count(row: &Row, at: usize) -> Result<u64, Reason> {
    u64::try_from(get::<i64>(row, at)?)
        .map_err(|_| Reason::new(ReasonKind::Garbled, "a negative count"))
}

impl Rows<'_> {
    async fn ask(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.0.query(sql, parameters).await
    }

    /// Rows of a table of the platform. That there is no such table is believed only when the
    /// catalogue, which everybody may read, has none of that name in any schema: one in a
    /// schema that is closed to this account looks just as absent.
    async fn of<T>(
        &self,
        table: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        make: impl Fn(&Row) -> Result<T, Reason>,
    ) -> Found<Vec<T>> {
        match self.ask(sql, parameters).await {
            Ok(rows) if rows.len() > MOST => Observed::unknown(
                ReasonKind::CapReached,
                format!("more than {MOST} rows of {table}"),
            ),
            Ok(rows) => rows.iter().map(make).collect::<Result<Vec<T>, _>>().into(),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                match self.is_known(table).await {
                    Ok(false) => Observed::Absent,
                    Ok(true) => Observed::unknown(
                        ReasonKind::Hidden,
                        format!("{table} is in a schema that this account does not see"),
                    ),
                    Err(reason) => Observed::Unknown(reason),
                }
            }
            Err(error) => Observed::Unknown(meaning(&error)),
        }
    }

    async fn is_known(&self, table: &str) -> Result<bool, Reason> {
        let sql = "SELECT count(*) FROM pg_catalog.pg_class \
                   WHERE relname = $1::text AND relkind IN ('r', 'v', 'm', 'f', 'p')";
        let rows = self
            .ask(sql, &[&table])
            .await
            .map_err(|error| meaning(&error))?;
        match rows.first() {
            Some(row) => Ok(get::<i64>(row, 0)? > 0),
            None => Err(Reason::new(ReasonKind::Garbled, "a count without a row")),
        }
    }

    /// What the server says of itself.
    pub async fn about(&self) -> Result<About, Reason> {
        let sql = "SELECT current_setting('server_version_num')::bigint, \
                   current_setting('server_version')::text, extract(epoch FROM now())::bigint";
        let rows = self.ask(sql, &[]).await.map_err(|error| meaning(&error))?;
        let row = rows
            .first()
            .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no version"))?;
        let name = text(row, 1)?;
        let name = name.split_whitespace().next().unwrap_or_default();
        Ok(About {
            number: count(row, 0)?,
            version: name.to_owned(),
            now: get(row, 2)?,
        })
    }

    /// The names of all databases.
    pub async fn databases(&self) -> Result<Vec<String>, Reason> {
        let sql = "SELECT datname::text FROM pg_catalog.pg_database \
                   WHERE NOT datistemplate ORDER BY 1 LIMIT 1000";
        let rows = self.ask(sql, &[]).await.map_err(|error| meaning(&error))?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    /// Settings by name.
    pub async fn settings(&self, names: &[String]) -> Result<BTreeMap<String, String>, Reason> {
        let sql = "SELECT name::text, setting::text FROM pg_catalog.pg_settings \
                   WHERE name = ANY($1::text[])";
        let rows = self
            .ask(sql, &[&names])
            .await
            .map_err(|error| meaning(&error))?;
        rows.iter()
            .map(|row| Ok((text(row, 0)?, text(row, 1)?)))
            .collect()
    }

    /// The columns of tables, in their order; absent where the catalogue has no such table.
    pub async fn columns(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Observed<Vec<Column>>>, Reason> {
        // The catalogue and not information_schema, which hides what the account may not read.
        let sql = "SELECT c.relname::text, a.attname::text, \
                   format_type(a.atttypid, a.atttypmod)::text, NOT a.attnotnull \
                   FROM pg_catalog.pg_class c \
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
                   WHERE c.relname = ANY($1::text[]) AND c.relkind IN ('r', 'v', 'm', 'f', 'p') \
                   AND a.attnum > 0 AND NOT a.attisdropped \
                   AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                   ORDER BY n.nspname, c.relname, a.attnum LIMIT 5001";
        let rows = self
            .ask(sql, &[&names])
            .await
            .map_err(|error| meaning(&error))?;
        if rows.len() > MOST {
            return Err(Reason::new(ReasonKind::CapReached, "too many columns"));
        }
        let mut found: BTreeMap<String, Observed<Vec<Column>>> = names
            .iter()
            .map(|name| (name.clone(), Observed::Absent))
            .collect();
        for row in &rows {
            let column = Column {
                name: text(row, 1)?,
                r#type: text(row, 2)?,
                nullable: get(row, 3)?,
            };
            let columns = found.entry(text(row, 0)?).or_insert(Observed::Absent);
            match columns {
                Observed::Known(columns) => columns.push(column),
                Observed::Absent | Observed::Unknown(_) => {
                    *columns = Observed::Known(vec![column]);
                }
            }
        }
        Ok(found)
    }

    /// Diesel's migrations.
    pub async fn migrations(&self) -> Found<Vec<Migration>> {
        let sql = "SELECT version::text, extract(epoch FROM run_on)::bigint \
                   FROM __diesel_schema_migrations ORDER BY 1 LIMIT 5001";
        self.of("__diesel_schema_migrations", sql, &[], |row| {
            Ok(Migration {
                version: text(row, 0)?,
                run_on: get(row, 1)?,
            })
        })
        .await
    }

    /// The bots.
    pub async fn bots(&self) -> Found<Vec<Bot>> {
        let sql = "SELECT id::text, name::text, is_active::boolean FROM bots \
                   ORDER BY name LIMIT 5001";
        self.of("bots", sql, &[], |row| {
            Ok(Bot {
                id: text(row, 0)?,
                name: text(row, 1)?,
                active: maybe(row, 2)?,
            })
        })
        .await
    }

    /// The configuration of a bot; absent when there is no such bot.
    pub async fn configuration(&self, bot: &str) -> Found<BTreeMap<String, Zeroizing<String>>> {
        let known = "SELECT count(*) FROM bots WHERE name::text = $1::text";
        let counted = self
            .of("bots", known, &[&bot], |row| get::<i64>(row, 0))
            .await
            .map(|counts| counts.first().copied().unwrap_or_default());
        let sql = "SELECT c.config_key::text, c.config_value::text FROM bot_configuration c \
                   JOIN bots b ON b.id = c.bot_id WHERE b.name::text = $1::text \
                   ORDER BY 1 LIMIT 5001";
        match counted {
            Observed::Known(0) => return Observed::Absent,
            Observed::Known(_) => {}
            Observed::Absent => return Observed::Absent,
            Observed::Unknown(reason) => return Observed::Unknown(reason),
        }
        self.of("bot_configuration", sql, &[&bot], |row| {
            let key: &str = get(row, 0)?;
            let value: Option<String> = get(row, 1)?;
            Ok((key.to_owned(), Zeroizing::new(value.unwrap_or_default())))
        })
        .await
        .map(|pairs| pairs.into_iter().collect())
    }

    /// What the drive monitor says of configuration files.
    pub async fn config_sync(&self, bot: Option<&str>) -> Found<Vec<ConfigSync>> {
        let sql = "SELECT s.bot_id::text, s.config_file_path::text, \
                   extract(epoch FROM s.last_sync_at)::bigint, s.file_hash::text, \
                   s.sync_count::bigint FROM gbot_config_sync s \
                   WHERE $1::text IS NULL OR s.bot_id IN (SELECT id FROM bots WHERE name::text = $1) \
                   ORDER BY 1 LIMIT 5001";
        self.of("gbot_config_sync", sql, &[&bot], |row| {
            Ok(ConfigSync {
                bot_id: text(row, 0)?,
                path: maybe_text(row, 1)?,
                last_sync: maybe(row, 2)?,
                hash: maybe_text(row, 3)?,
                count: maybe(row, 4)?,
            })
        })
        .await
    }

    /// The drive monitor's files.
    pub async fn drive_files(&self, bot: Option<&str>) -> Found<DriveFiles> {
        let of = "WHERE $1::text IS NULL OR bot_id IN (SELECT id FROM bots WHERE name::text = $1)";
        let counts = format!(
            "SELECT count(*), count(*) FILTER (WHERE indexed), \
             count(*) FILTER (WHERE fail_count > 0) FROM drive_files {of}"
        );
        let list = format!(
            "SELECT file_path::text, etag::text, indexed::boolean, fail_count::bigint \
             FROM drive_files {of} ORDER BY 1 LIMIT {FILES}"
        );
        let files = self
            .of("drive_files", &list, &[&bot], |row| {
                Ok(DriveFile {
                    path: text(row, 0)?,
                    etag: maybe_text(row, 1)?,
                    indexed: get(row, 2)?,
                    failures: get(row, 3)?,
                })
            })
            .await;
        let counted = self
            .of("drive_files", &counts, &[&bot], |row| {
                Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?))
            })
            .await;
        files.and_then(|files| {
            counted.and_then(|counts| match counts.first() {
                Some(&(total, indexed, failed)) => Observed::Known(DriveFiles {
                    total,
                    indexed,
                    failed,
                    files,
                }),
                None => Observed::unknown(ReasonKind::Garbled, "a count without a row"),
            })
        })
    }

    /// The last workflow runs.
    pub async fn ci_runs(&self) -> Found<Vec<CiRun>> {
        let sql = "SELECT id::bigint, workflow_id::text, status::bigint, created::bigint, \
                   updated::bigint FROM action_run ORDER BY id DESC LIMIT 200";
        self.of("action_run", sql, &[], |row| {
            Ok(CiRun {
                id: get(row, 0)?,
                workflow: maybe_text(row, 1)?,
                status: get(row, 2)?,
                created: maybe(row, 3)?,
                updated: maybe(row, 4)?,
            })
        })
        .await
    }

    /// The last jobs.
    pub async fn ci_jobs(&self) -> Found<Vec<CiJob>> {
        let sql = "SELECT id::bigint, run_id::bigint, status::bigint, \
                   coalesce(task_id, 0)::bigint FROM action_run_job ORDER BY id DESC LIMIT 500";
        self.of("action_run_job", sql, &[], |row| {
            Ok(CiJob {
                id: get(row, 0)?,
                run: get(row, 1)?,
                status: get(row, 2)?,
                task: get(row, 3)?,
            })
        })
        .await
    }

    /// The last tasks.
    pub async fn ci_tasks(&self) -> Found<Vec<CiTask>> {
        let sql = "SELECT id::bigint, job_id::bigint, status::bigint, updated::bigint \
                   FROM action_task ORDER BY id DESC LIMIT 500";
        self.of("action_task", sql, &[], |row| {
            Ok(CiTask {
                id: get(row, 0)?,
                job: get(row, 1)?,
                status: get(row, 2)?,
                updated: maybe(row, 3)?,
            })
        })
        .await
    }

    /// The runners that are not deleted.
    pub async fn runners(&self) -> Found<Vec<Runner>> {
        let sql = "SELECT name::text, last_online::bigint, last_active::bigint \
                   FROM action_runner WHERE coalesce(deleted, 0) = 0 ORDER BY 1 LIMIT 5001";
        self.of("action_runner", sql, &[], |row| {
            Ok(Runner {
                name: text(row, 0)?,
                last_online: maybe(row, 1)?,
                last_active: maybe(row, 2)?,
            })
        })
        .await
    }

    /// How many registration tokens there are; their values are not read.
    pub async fn runner_tokens(&self) -> Found<u64> {
        let sql = "SELECT count(*) FROM action_runner_token";
        self.of("action_runner_token", sql, &[], |row| count(row, 0))
            .await
            .and_then(|counts| match counts.first() {
                Some(&counted) => Observed::Known(counted),
                None => Observed::unknown(ReasonKind::Garbled, "a count without a row"),
            })
    }
}

#[cfg(test)]
mod tests {
    /// Every statement of this file.
    fn statements() -> Vec<&'static str> {
        include_str!("rows.rs")
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.contains(" FROM ") || text.starts_with("SELECT"))
            .collect()
    }

    #[test]
    fn no_statement_writes() {
        assert!(statements().len() >= 15);
        for sql in statements() {
            let start = sql.trim_start();
            // A statement, or the condition of some.
            assert!(
                start.starts_with("SELECT ") || start.starts_with("WHERE "),
                "{sql}"
            );
            for word in [
                "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "COPY", "LOCK", "FOR ",
            ] {
                assert!(!sql.contains(word), "{sql}");
            }
        }
    }
}
