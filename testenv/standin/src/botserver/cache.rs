//! Valkey: tried for a minute at the start; if that fails, the program does without until the next start.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use serde_json::Value;
use tokio::net::TcpStream;

use super::address;
use super::journal::Journal;
use super::secrets;
use crate::log::chain;

const ATTEMPTS: u32 = 12;
const BETWEEN: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// `ETIMEDOUT` of Linux.
const TIMED_OUT: i32 = 110;

/// The cache, once it answered.
pub struct Cache {
    place: Place,
}

struct Place {
    host: String,
    port: u16,
    password: Option<String>,
}

impl Cache {
    /// Tries without a password and then with the one there is, as often as the original does.
    pub async fn connect(cache: &secrets::Cache, journal: Journal) -> Option<Self> {
        let place = |password| Place {
            host: cache.host.clone(),
            port: cache.port,
            password,
        };
        let mut places = vec![place(None)];
        if let Some(password) = &cache.password {
            places.push(place(Some(password.clone())));
        }
        let text = format!(
            "Attempting to connect to cache, trying {} URL(s)",
            places.len()
        );
        journal.info("bootstrap", &text);
        let mut at = 0;
        for attempt in 1..=ATTEMPTS {
            let error = match places[at].ping().await {
                Ok(()) => {
                    let text = format!(
                        "Cache initialized - Valkey connected via {}:{}",
                        cache.host, cache.port
                    );
                    journal.info("bootstrap", &text);
                    let place = places.swap_remove(at);
                    return Some(Self { place });
                }
                Err(error) => error,
            };
            if at + 1 < places.len() {
                at += 1;
                journal.info("bootstrap", "Trying next cache URL...");
            } else if attempt < ATTEMPTS {
                let text = format!(
                    "Cache connection attempt {attempt}/{ATTEMPTS} failed: {error}. Retrying in 5s..."
                );
                journal.info("bootstrap", &text);
                tokio::time::sleep(BETWEEN).await;
            } else {
                let text = format!(
                    "Cache connection failed after {ATTEMPTS} attempts: {error}. Cache functions will be disabled."
                );
                journal.warn("bootstrap", &text);
            }
        }
        None
    }

    /// Says that a session's start script runs now; false when it did already.
    pub async fn begin(&self, bot: &str, session: &str) -> Result<bool, String> {
        let mut connection = self.place.open().await?;
        let set: Option<String> = redis::cmd("SET")
            .arg(format!("start_bas_executed:{bot}:{session}"))
            .arg("1")
            .arg("NX")
            .arg("EX")
            .arg(86_400)
            .query_async(&mut connection)
            .await
            .map_err(|e| e.to_string())?;
        Ok(set.is_some())
    }

    /// Adds suggestions to the set of a session; the same one twice is one.
    pub async fn suggest(&self, key: &str, suggestions: &[Value]) -> Result<(), String> {
        let mut connection = self.place.open().await?;
        for suggestion in suggestions {
            redis::cmd("SADD")
                .arg(key)
                .arg(suggestion.to_string())
                .query_async::<()>(&mut connection)
                .await
                .map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

impl Place {
    async fn ping(&self) -> Result<(), String> {
        let failed = |error| format!("Failed to establish cache connection: {error}");
        let mut connection = self.open().await.map_err(failed)?;
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
            .map(|_| ())
            .map_err(|e| format!("Cache PING failed: {e}"))
    }

    async fn open(&self) -> Result<MultiplexedConnection, String> {
        let address = self.answering().await.map_err(|e| e.to_string())?;
        let address = redis::ConnectionAddr::Tcp(address.ip().to_string(), address.port());
        let mut settings = redis::RedisConnectionInfo::default();
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let info = redis::IntoConnectionInfo::into_connection_info(address)
            .map_err(|e| e.to_string())?
            .set_redis_settings(settings);
        let client = Client::open(info).map_err(|e| e.to_string())?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(CONNECT));
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|e| chain(&e))
    }

    /// The first address that takes a connection, else why the first one did not.
    async fn answering(&self) -> io::Result<SocketAddr> {
        let mut refused = None;
        for address in address::of(&self.host, self.port).await? {
            // A packet that a firewall drops is never answered. The kernel would say so after two
            // minutes, in these words.
            let silence = || Err(io::Error::from_raw_os_error(TIMED_OUT));
            let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
            match connected.unwrap_or_else(|_| silence()) {
                Ok(_) => return Ok(address),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }
}
