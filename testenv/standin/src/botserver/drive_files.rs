//! The table `drive_files`: what of a bot's bucket was seen, and in which state.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::bot::Bot;
use super::database::cause;

/// A file that failed this often is left alone until it changes.
pub const MOST_FAILURES: i32 = 5;

/// What is noted of one file.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub etag: Option<String>,
    pub indexed: bool,
    pub failures: i32,
}

/// All files of a bot, by path.
pub async fn of(client: &Client, bot: &Bot) -> Result<HashMap<String, Seen>, String> {
    let rows = client
        .query(
            "SELECT file_path, etag, indexed, fail_count FROM drive_files WHERE bot_id = $1::text::uuid",
            &[&bot.id],
        )
        .await
        .map_err(|e| cause(&e))?;
    let seen = rows.iter().map(|row| {
        let seen = Seen {
            etag: row.get(1),
            indexed: row.get(2),
            failures: row.get(3),
        };
        (row.get(0), seen)
    });
    Ok(seen.collect())
}

/// Notes a new file, or another ETag: not indexed, and no failure so far.
pub async fn upsert(
    client: &Client,
    bot: &Bot,
    path: &str,
    kind: &str,
    etag: Option<&str>,
) -> Result<(), String> {
    let sql = "INSERT INTO drive_files (bot_id, file_path, file_type, etag)
        VALUES ($1::text::uuid, $2, $3, $4)
        ON CONFLICT (bot_id, file_path) DO UPDATE SET file_type = EXCLUDED.file_type,
            etag = EXCLUDED.etag, indexed = false, fail_count = 0, updated_at = now()";
    execute(client, sql, &[&bot.id, &path, &kind, &etag]).await
}

/// Notes that a file was taken in.
pub async fn indexed(client: &Client, bot: &Bot, path: &str) -> Result<(), String> {
    let sql = "UPDATE drive_files SET indexed = true, fail_count = 0, updated_at = now()
        WHERE bot_id = $1::text::uuid AND file_path = $2";
    execute(client, sql, &[&bot.id, &path]).await
}

/// Notes that a file could not be taken in.
pub async fn failed(client: &Client, bot: &Bot, path: &str) -> Result<(), String> {
    let sql = "UPDATE drive_files SET fail_count = fail_count + 1, last_failed_at = now()
        WHERE bot_id = $1::text::uuid AND file_path = $2";
    execute(client, sql, &[&bot.id, &path]).await
}

/// Forgets a file.
pub async fn forget(client: &Client, bot: &Bot, path: &str) -> Result<(), String> {
    let sql = "DELETE FROM drive_files WHERE bot_id = $1::text::uuid AND file_path = $2";
    execute(client, sql, &[&bot.id, &path]).await
}

async fn execute(
    client: &Client,
    sql: &str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<(), String> {
    client
        .execute(sql, values)
        .await
        .map(|_| ())
        .map_err(|e| cause(&e))
}
