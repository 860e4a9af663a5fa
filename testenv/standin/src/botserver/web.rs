//! What the program serves: its health, and a WebSocket that says what it is told.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bot;
use super::start::State;
use super::tls::{self, TlsListener};
use crate::log;

/// Serves until the end of the world.
pub async fn serve(state: Arc<State>) -> Result<(), String> {
    let address = format!("0.0.0.0:{}", state.environment.port);
    let acceptor = if state.environment.tls {
        tls::acceptor(&state.environment.stack)?
    } else {
        None
    };
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|e| format!("Failed to start server: {address}: {}", log::cause(&e)))?;
    let scheme = if acceptor.is_some() { "HTTPS" } else { "HTTP" };
    let text = format!("{scheme} server listening on {address}");
    state.journal.info("server", &text);
    let router = Router::new()
        .route("/health", get(health))
        .route("/api/health", get(api_health))
        .route("/ws", get(socket))
        .with_state(state);
    let served = match acceptor {
        Some(acceptor) => {
            let listener = TlsListener::new(listener, acceptor).map_err(|e| e.to_string())?;
            axum::serve(listener, router).await
        }
        None => axum::serve(listener, router).await,
    };
    served.map_err(|e| e.to_string())
}

async fn health() -> Json<Value> {
    Json(json!({
        "status": "ok",
        "service": "botserver",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": "standin",
    }))
}

async fn api_health(Shared(state): Shared<Arc<State>>) -> (StatusCode, Json<Value>) {
    let database = state.database.get().await.is_ok();
    let (code, status) = if database {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "degraded")
    };
    let body = json!({
        "status": status,
        "service": "botserver",
        "version": env!("CARGO_PKG_VERSION"),
        "build_date": "unknown",
        "commit": "standin",
        "database": database,
    });
    (code, Json(body))
}

/// Who talks to which bot.
#[derive(Deserialize)]
struct Talk {
    bot_name: Option<String>,
    session_id: Option<String>,
}

async fn socket(
    upgrade: WebSocketUpgrade,
    Shared(state): Shared<Arc<State>>,
    Query(talk): Query<Talk>,
) -> Response {
    upgrade.on_upgrade(move |socket| converse(socket, state, talk))
}

/// The first message runs the bot's start script; each one comes back as the bot's TALK.
async fn converse(mut socket: WebSocket, state: Arc<State>, talk: Talk) {
    let name = talk.bot_name.unwrap_or_else(|| "default".to_owned());
    let mut begun = false;
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else {
            continue;
        };
        if !begun {
            begun = true;
            begin(&state, &name, talk.session_id.as_deref()).await;
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let content = said.get("content").and_then(Value::as_str).unwrap_or(&text);
        let answer = json!({"type": "talk", "bot": name, "content": content, "is_complete": true});
        let answer = Message::Text(answer.to_string().into());
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}

async fn begin(state: &State, name: &str, session: Option<&str>) {
    let Ok(client) = state.database.get().await else {
        return;
    };
    let bots = bot::active(&client).await.unwrap_or_default();
    if let Some(bot) = bots.iter().find(|bot| bot.name == name) {
        state.begin(bot, session).await;
    }
}
