//! What a runner asks for: to be registered, to declare itself, and work, of which there is none here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::Server;
use super::store::said;

/// Answers a request of the runner's service.
pub async fn answer(
    State(server): State<Arc<Server>>,
    Path((_, method)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let client = match server.store.connect().await {
        Ok(client) => client,
        Err(e) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &e),
    };
    match method.as_str() {
        "Ping" => Json(
            json!({ "data": format!("Hello, {}!", body["data"].as_str().unwrap_or_default()) }),
        )
        .into_response(),
        "Register" => register(client.as_ref(), &body).await,
        "Declare" | "FetchTask" => {
            let uuid = headers
                .get("x-runner-uuid")
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            match seen(client.as_ref(), uuid).await {
                Ok(true) => Json(json!({ "tasksVersion": "0" })).into_response(),
                Ok(false) => refuse(
                    StatusCode::UNAUTHORIZED,
                    "unauthenticated",
                    "unregistered runner",
                ),
                Err(e) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &e),
            }
        }
        other => refuse(
            StatusCode::NOT_FOUND,
            "unimplemented",
            &format!("no method {other}"),
        ),
    }
}

/// Notes that a runner called; without a database every runner is known.
async fn seen(client: Option<&Client>, uuid: &str) -> Result<bool, String> {
    let Some(client) = client else {
        return Ok(!uuid.is_empty());
    };
    let now = jiff::Timestamp::now().as_second();
    client
        .execute(
            "UPDATE action_runner SET last_online = $1, last_active = $1 WHERE uuid = $2",
            &[&now, &uuid],
        )
        .await
        .map(|rows| rows > 0)
        .map_err(|e| said(&e))
}

/// A runner comes with a token of `action_runner_token` and leaves with a name of its own.
async fn register(client: Option<&Client>, body: &Value) -> Response {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, token) = (text("name"), text("token"));
    let made = match fresh() {
        Ok(made) => made,
        Err(e) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &e),
    };
    if let Some(client) = client {
        let found = client
            .query_opt(
                "SELECT 1 FROM action_runner_token WHERE token = $1 AND is_active",
                &[&token],
            )
            .await;
        match found {
            Ok(Some(_)) => {}
            Ok(None) => {
                return refuse(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "runner registration token not found",
                );
            }
            Err(e) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &said(&e)),
        }
        let now = jiff::Timestamp::now().as_second();
        let added = client
            .execute(
                "INSERT INTO action_runner (uuid, name, version, owner_id, repo_id, last_online, last_active, created, updated) VALUES ($1, $2, $3, 0, 0, $4, $4, $4, $4)",
                &[&made.0, &name, &text("version"), &now],
            )
            .await;
        if let Err(e) = added {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &said(&e));
        }
    } else if token.is_empty() {
        return refuse(
            StatusCode::NOT_FOUND,
            "not_found",
            "runner registration token not found",
        );
    }
    Json(json!({ "runner": { "id": "1", "uuid": made.0, "name": name, "token": made.1 } }))
        .into_response()
}

fn fresh() -> Result<(String, String), String> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 36];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "no randomness".to_owned())?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    );
    Ok((uuid, hex[32..].to_owned()))
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}
