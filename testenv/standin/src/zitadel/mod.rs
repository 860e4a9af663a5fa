//! Zitadel: users, organizations and tokens of the second API, behind the name the server is known by.

mod api;
mod config;
mod organizations;
mod refusal;
mod state;
mod users;

use std::sync::{Arc, Mutex, PoisonError};

use crate::flags::Flags;
use crate::{console, server};
use config::Config;
use state::State;

/// A server: what it was told and what it keeps.
struct Server {
    config: Config,
    state: Mutex<State>,
}

impl Server {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic of another request is no reason to stop answering.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until SIGTERM, or tells whether another one does.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["masterkeyFromEnv", "init-projections"])?;
    let config = Config::read(&flags)?;
    match flags.words.first().map(String::as_str) {
        Some("start" | "start-from-init" | "start-from-setup") => serve(config, &flags),
        // The state makes itself at the first start.
        Some("init" | "setup") => Ok(()),
        Some("ready") => ready(config.port),
        _ => Err("Usage: zitadel start|start-from-init|start-from-setup|init|setup|ready [--config FILE] [--port PORT]".to_owned()),
    }
}

fn serve(config: Config, flags: &Flags) -> Result<(), String> {
    let key = match (flags.get(&["masterkey"]), flags.get(&["masterkeyFile"])) {
        (Some(key), _) => Some(key.to_owned()),
        (None, Some(file)) => std::fs::read_to_string(file)
            .ok()
            .map(|key| key.trim().to_owned()),
        (None, None) => std::env::var("ZITADEL_MASTERKEY").ok(),
    };
    match key.map(|key| key.len()) {
        Some(32) => {}
        Some(_) => return Err("masterkey must be 32 bytes".to_owned()),
        None => return Err("No master key provided".to_owned()),
    }
    let state = State::open(&config)?;
    let address = format!("0.0.0.0:{}", config.port);
    let started = format!(
        "time=\"{}\" level=info msg=\"server is listening on [::]:{}\" external_domain={}",
        console::stamp(),
        config.port,
        config.domains[0]
    );
    let server = Arc::new(Server {
        config,
        state: Mutex::new(state),
    });
    server::serve_alone(&address, &started, api::router(server))
}

fn ready(port: u16) -> Result<(), String> {
    server::run(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(Vec::new())
            .build()
            .map_err(|e| e.to_string())?;
        let answer = client
            .get(format!("http://127.0.0.1:{port}/debug/ready"))
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("ready check failed: {}", answer.status())),
            Err(_) => Err(format!(
                "ready check failed: dial tcp 127.0.0.1:{port}: connect: connection refused"
            )),
        }
    })
}
