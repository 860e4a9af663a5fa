//! The connection to PostgreSQL, made anew when it is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::address;
use super::journal::Journal;
use super::secrets::Tables;

/// How long the original's pool waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// The database.
pub struct Database {
    config: Config,
    host: String,
    port: u16,
    journal: Journal,
    client: Mutex<Option<Arc<Client>>>,
}

impl Database {
    pub fn new(tables: &Tables, journal: Journal) -> Self {
        let mut config = Config::new();
        config
            .host(&tables.host)
            .port(tables.port)
            .dbname(&tables.database)
            .user(&tables.username)
            .password(&tables.password)
            .application_name("botserver")
            .connect_timeout(WAIT);
        Self {
            config,
            host: tables.host.clone(),
            port: tables.port,
            journal,
            client: Mutex::new(None),
        }
    }

    /// A connection that answers now; the one there is, or a new one.
    pub async fn get(&self) -> Result<Arc<Client>, String> {
        match tokio::time::timeout(WAIT, self.checked()).await {
            Ok(client) => client,
            Err(_) => {
                // Whoever comes next must not wait for the same silence again.
                if let Ok(mut slot) = self.client.try_lock() {
                    *slot = None;
                }
                Err(self.refused("timeout expired"))
            }
        }
    }

    async fn checked(&self) -> Result<Arc<Client>, String> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref()
            && client.simple_query("").await.is_ok()
        {
            return Ok(Arc::clone(client));
        }
        *slot = None;
        let client = Arc::new(self.dial().await?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Tries every address, and says why the first one failed.
    async fn dial(&self) -> Result<Client, String> {
        let addresses = address::of(&self.host, self.port)
            .await
            .map_err(|e| format!("could not translate host name \"{}\": {e}", self.host))?;
        let mut refused = None;
        for address in addresses {
            let mut config = self.config.clone();
            match config.hostaddr(address.ip()).connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return Ok(client);
                }
                Err(error) => refused = refused.or_else(|| Some(cause(&error))),
            }
        }
        Err(self.refused(&refused.unwrap_or_default()))
    }

    /// The first connection: tried for as long as the pool would wait, then the program gives up.
    pub async fn connect(&self) -> Result<(), String> {
        let until = tokio::time::Instant::now() + WAIT;
        let mut pause = Duration::from_millis(200);
        loop {
            match self.get().await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() + pause < until => {
                    self.journal.error("r2d2", &error);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(format!("timed out waiting for connection: {error}")),
            }
        }
    }

    fn refused(&self, cause: &str) -> String {
        format!(
            "connection to server at \"{}\", port {} failed: {cause}",
            self.host, self.port
        )
    }
}

/// What the server said, or what the network did, in the words operators look for.
pub fn cause(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) if *said.code() == SqlState::INVALID_PASSWORD => {
            format!("failed SASL auth: {}:  {}", said.severity(), said.message())
        }
        Some(said) => format!("{}:  {}", said.severity(), said.message()),
        None => crate::log::chain(error),
    }
}
