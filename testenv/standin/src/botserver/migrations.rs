//! The tables, made step by step; which steps were done is noted where diesel notes it.

use tokio_postgres::Client;

use super::database::cause;

/// In order, by diesel's version: the name's digits.
const STEPS: &[(&str, &str)] = &[
    ("20250101000000", include_str!("migrations/bots.sql")),
    (
        "20250601000000",
        include_str!("migrations/configuration.sql"),
    ),
    ("20260301000000", include_str!("migrations/drive_files.sql")),
];

const NOTES: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version VARCHAR(50) PRIMARY KEY NOT NULL,
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)";

/// Does what is not done yet.
pub async fn run(client: &Client) -> Result<(), String> {
    client.batch_execute(NOTES).await.map_err(|e| cause(&e))?;
    for (version, sql) in STEPS {
        let done = client
            .query_opt(
                "SELECT 1 FROM __diesel_schema_migrations WHERE version = $1",
                &[version],
            )
            .await
            .map_err(|e| cause(&e))?;
        if done.is_none() {
            // One batch is one transaction: a step that fails leaves nothing.
            let note =
                format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
            let batch = format!("BEGIN; {sql}; {note}; COMMIT");
            if let Err(error) = client.batch_execute(&batch).await {
                let _ = client.batch_execute("ROLLBACK").await;
                return Err(format!("Failed to run {version} with: {}", cause(&error)));
            }
        }
    }
    Ok(())
}
