//! From the command line to a server that serves, in the order of the original.

use std::sync::Arc;

use super::bas;
use super::bot::{self, Bot};
use super::bucket::Storage;
use super::cache::Cache;
use super::compiler;
use super::database::Database;
use super::environment::Environment;
use super::journal::Journal;
use super::secrets::Secrets;
use super::{discovery, migrations, web};

/// What every part of the running program uses.
pub struct State {
    pub environment: Environment,
    pub journal: Journal,
    pub database: Database,
    pub cache: Option<Cache>,
    pub storage: Storage,
}

/// Serves until the end of the world.
pub fn run(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg == "--version" || arg == "-v") {
        crate::say(&format!(
            "botserver {} (a stand-in of runproof)",
            env!("CARGO_PKG_VERSION")
        ));
        return Ok(());
    }
    let environment = Environment::load()?;
    let journal = Journal::new(args);
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?
        .block_on(serve(environment, journal))
}

async fn serve(environment: Environment, journal: Journal) -> Result<(), String> {
    let secrets = Secrets::read(&environment, journal).await;
    let database = Database::new(&secrets.tables, journal);
    database
        .connect()
        .await
        .map_err(|e| format!("Failed to create database pool: {e}"))?;
    migrate(&database, journal).await;
    journal.info("botserver", "Database initialized - PostgreSQL connected");
    let cache = Cache::connect(&secrets.cache, journal).await;
    let storage =
        Storage::new(&secrets.drive).map_err(|e| format!("Failed to initialize Drive: {e}"))?;
    let port = environment.port;
    let state = Arc::new(State {
        environment,
        journal,
        database,
        cache,
        storage,
    });
    journal.info(
        "botserver",
        &format!("Starting HTTP server on 0.0.0.0:{port}"),
    );
    tokio::spawn(discovery::run(Arc::clone(&state)));
    journal.info("botserver", &format!("Server started on port {port}"));
    web::serve(state).await
}

/// A database that is only partly migrated does not keep the program from starting.
async fn migrate(database: &Database, journal: Journal) {
    journal.info("bootstrap", "Running database migrations...");
    let result = match database.get().await {
        Ok(client) => migrations::run(&client).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => journal.info("bootstrap", "Database migrations completed successfully"),
        Err(error) => {
            journal.error("bootstrap", &format!("Failed to run migrations: {error}"));
            let text = "Continuing despite migration errors - database might be partially migrated";
            journal.warn("bootstrap", text);
        }
    }
}

impl State {
    /// Whether LOAD_ONLY lets a bot in.
    pub fn wanted(&self, name: &str) -> bool {
        let only = &self.environment.load_only;
        only.is_empty() || only.iter().any(|one| one == name)
    }

    /// Runs a bot's start script for a session, a new one when none is given: once, and only the compiled one.
    pub async fn begin(&self, bot: &Bot, session: Option<&str>) {
        let folder = compiler::folder(&self.environment.work, bot);
        let Ok(script) = std::fs::read_to_string(folder.join("start.ast")) else {
            return;
        };
        let (Some(cache), suggestions) = (&self.cache, bas::suggestions(&script)) else {
            return;
        };
        if let Err(error) = self.suggest(bot, session, cache, &suggestions).await {
            let text = format!("Failed to run start.bas of {}: {error}", bot.name);
            self.journal.error("add_suggestion", &text);
        }
    }

    async fn suggest(
        &self,
        bot: &Bot,
        session: Option<&str>,
        cache: &Cache,
        suggestions: &[serde_json::Value],
    ) -> Result<(), String> {
        let session = match session {
            Some(session) => session.to_owned(),
            None => bot::session(&*self.database.get().await?, bot).await?,
        };
        if cache.begin(&bot.id, &session).await? && !suggestions.is_empty() {
            let key = format!("suggestions:{}:{session}", bot.id);
            let text = format!("Adding suggestion to Redis key: {key}");
            self.journal.info("add_suggestion", &text);
            cache.suggest(&key, suggestions).await?;
        }
        Ok(())
    }
}
