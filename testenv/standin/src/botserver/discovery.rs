//! Bots come from buckets: whoever makes `demo.gbai` gets a bot `demo`, and each active bot a monitor.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::bot;
use super::monitor::Monitor;
use super::start::State;

/// Looks for new bots for ever.
pub async fn run(state: Arc<State>) {
    let mut monitored = HashSet::new();
    create(&state).await;
    let bots = active(&state).await;
    let text = format!("Found {} active bots to monitor", bots.len());
    state.journal.info("bootstrap", &text);
    monitor(&state, bots, &mut monitored);
    loop {
        tokio::time::sleep(Duration::from_secs(state.environment.scan_interval)).await;
        create(&state).await;
        let bots = active(&state).await;
        monitor(&state, bots, &mut monitored);
    }
}

async fn create(state: &State) {
    let names = match state.storage.buckets().await {
        Ok(names) => names,
        Err(error) => {
            let text = format!("Failed to list S3 buckets for bot discovery: {error}");
            return state.journal.error("bootstrap", &text);
        }
    };
    let bots = names.iter().filter_map(|name| name.strip_suffix(".gbai"));
    for name in bots.filter(|name| state.wanted(name)) {
        let made = match state.database.get().await {
            Ok(client) => bot::create(&client, name).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(true) => {
                let text = format!("Created bot from drive bucket: {name}");
                state.journal.info("bootstrap", &text);
            }
            Ok(false) => {}
            Err(error) => {
                let text = format!("Failed to create bot {name}: {error}");
                state.journal.error("bootstrap", &text);
            }
        }
    }
}

/// The original takes a database that does not answer for one without bots.
async fn active(state: &State) -> Vec<bot::Bot> {
    match state.database.get().await {
        Ok(client) => bot::active(&client).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn monitor(state: &Arc<State>, bots: Vec<bot::Bot>, monitored: &mut HashSet<String>) {
    for bot in bots {
        if state.wanted(&bot.name) && monitored.insert(bot.id.clone()) {
            let text = format!(
                "Starting DriveMonitor for bot: {} (bucket: {})",
                bot.name,
                bot.bucket()
            );
            state.journal.info("bootstrap", &text);
            tokio::spawn(Monitor::new(Arc::clone(state), bot).run());
        }
    }
}
