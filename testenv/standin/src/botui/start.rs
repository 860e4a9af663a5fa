//! From the command line to a server that serves.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{proxy, socket};
use crate::log;

/// What every request needs.
pub struct State {
    /// Without a slash at its end.
    pub server: String,
    pub client: reqwest::Client,
}

/// Serves until the end of the world.
pub fn run(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg == "--version" || arg == "-v") {
        crate::say(&format!(
            "botui {} (a stand-in of runproof)",
            env!("CARGO_PKG_VERSION")
        ));
        return Ok(());
    }
    let server =
        std::env::var("BOTSERVER_URL").unwrap_or_else(|_| "http://localhost:8080".to_owned());
    let port = std::env::var("PORT")
        .ok()
        .and_then(|text| text.parse().ok());
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?
        .block_on(serve(&server, port.unwrap_or(3000)))
}

async fn serve(server: &str, port: u16) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .build()
        .map_err(|e| e.to_string())?;
    let state = Arc::new(State {
        server: server.trim_end_matches('/').to_owned(),
        client,
    });
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", port))
        .await
        .map_err(|e| format!("Failed to bind to 0.0.0.0:{port}: {}", log::cause(&e)))?;
    log::write(
        "info",
        "botui",
        &format!("UI server listening on 0.0.0.0:{port}"),
    );
    let router = Router::new()
        .route("/health", get(health))
        .route("/api/health", get(health))
        .route("/ws", get(socket::relay))
        .route("/api/{*path}", any(proxy::forward))
        .fallback(get(page))
        .with_state(state);
    axum::serve(listener, router)
        .await
        .map_err(|e| e.to_string())
}

/// It asks for botserver's simple health only, so it stays green when the database is gone.
async fn health(Shared(state): Shared<Arc<State>>) -> (StatusCode, Json<Value>) {
    let asked = state
        .client
        .get(format!("{}/health", state.server))
        .timeout(Duration::from_secs(5))
        .send()
        .await;
    if asked.is_ok_and(|answer| answer.status().is_success()) {
        let body = json!({"status": "healthy", "service": "botui", "mode": "web"});
        (StatusCode::OK, Json(body))
    } else {
        let body =
            json!({"status": "unhealthy", "service": "botui", "error": "botserver unreachable"});
        (StatusCode::SERVICE_UNAVAILABLE, Json(body))
    }
}

/// Every path that is no request is a bot's name, and has the same page.
async fn page() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>General Bots</title></head>\
         <body><main id=\"chat\">This is a stand-in of runproof.</main></body></html>\n",
    )
}
