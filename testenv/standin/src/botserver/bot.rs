//! The bots, as the table `bots` has them.

use tokio_postgres::Client;

use super::database::cause;

/// One bot.
#[derive(Debug, Clone)]
pub struct Bot {
    /// A UUID, as text.
    pub id: String,
    pub name: String,
}

impl Bot {
    /// Where its files are.
    pub fn bucket(&self) -> String {
        format!("{}.gbai", self.name)
    }
}

/// The active bots.
pub async fn active(client: &Client) -> Result<Vec<Bot>, String> {
    let sql = "SELECT id::text, name FROM bots WHERE is_active ORDER BY name";
    let rows = client.query(sql, &[]).await.map_err(|e| cause(&e))?;
    let bots = rows.iter().map(|row| Bot {
        id: row.get(0),
        name: row.get(1),
    });
    Ok(bots.collect())
}

/// Makes a bot of a bucket's name, if there is none.
pub async fn create(client: &Client, name: &str) -> Result<bool, String> {
    let sql = "INSERT INTO bots (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    let made = client.execute(sql, &[&name]).await.map_err(|e| cause(&e))?;
    Ok(made > 0)
}

/// Sets one entry of a bot's configuration.
pub async fn configure(client: &Client, bot: &Bot, key: &str, value: &str) -> Result<(), String> {
    let sql = "INSERT INTO bot_configuration (bot_id, config_key, config_value)
        VALUES ($1::text::uuid, $2, $3)
        ON CONFLICT (bot_id, config_key)
        DO UPDATE SET config_value = EXCLUDED.config_value, updated_at = now()";
    let done = client.execute(sql, &[&bot.id, &key, &value]).await;
    done.map(|_| ()).map_err(|e| cause(&e))
}

/// Begins a session with a bot, and gives its identifier.
pub async fn session(client: &Client, bot: &Bot) -> Result<String, String> {
    let sql = "INSERT INTO user_sessions (bot_id) VALUES ($1::text::uuid) RETURNING id::text";
    let row = client.query_one(sql, &[&bot.id]).await;
    row.map(|row| row.get(0)).map_err(|e| cause(&e))
}
