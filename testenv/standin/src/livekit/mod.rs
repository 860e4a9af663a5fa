//! LiveKit: its health, and rooms for those who sign with one of its keys.

mod grant;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::flags::Flags;
use crate::{nested, server};
use grant::Grant;

/// What it was told, and its rooms.
struct Livekit {
    keys: BTreeMap<String, String>,
    rooms: Mutex<BTreeMap<String, Value>>,
}

/// Serves until SIGTERM.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["dev"])?;
    let text = match (flags.get(&["config"]), flags.get(&["config-body"])) {
        (_, Some(body)) => body.to_owned(),
        (Some(path), None) => std::fs::read_to_string(path)
            .map_err(|e| format!("could not load config: open {path}: {}", server::reason(&e)))?,
        (None, None) => std::env::var("LIVEKIT_CONFIG").unwrap_or_default(),
    };
    let file = nested::flatten(&text, ".");
    let mut keys: BTreeMap<String, String> = file
        .iter()
        .filter_map(|(name, secret)| Some((name.strip_prefix("keys.")?.to_owned(), secret.clone())))
        .collect();
    let given = flags
        .get(&["keys"])
        .map(str::to_owned)
        .or_else(|| std::env::var("LIVEKIT_KEYS").ok());
    keys.extend(given.iter().filter_map(|pair| {
        let (key, secret) = pair.split_once(':')?;
        Some((key.trim().to_owned(), secret.trim().to_owned()))
    }));
    if flags.on(&["dev"]) && keys.is_empty() {
        keys.insert("devkey".to_owned(), "secret".to_owned());
    }
    if keys.is_empty() {
        return Err(
            "one of key-file or keys must be provided in order to support a secure installation"
                .to_owned(),
        );
    }
    let port = flags
        .get(&["port"])
        .or_else(|| file.get("port").map(String::as_str))
        .unwrap_or("7880");
    let bind = flags.get(&["bind"]).unwrap_or("0.0.0.0");
    let livekit = Arc::new(Livekit {
        keys,
        rooms: Mutex::new(BTreeMap::new()),
    });
    let router = Router::new()
        .route("/", get(|| async { "OK" }))
        .route("/rtc/validate", get(validate))
        .route("/twirp/livekit.RoomService/{method}", post(rooms))
        .with_state(livekit);
    server::serve_alone(
        &format!("{bind}:{port}"),
        &format!(
            "{}\tINFO\tlivekit\tservice/server.go\tstarting LiveKit server\t{{\"portHttp\": {port}}}",
            crate::console::stamp()
        ),
        router,
    )
}

/// A token's grant; no token at all is none, a bad one is refused at the door.
fn grant(
    livekit: &Livekit,
    headers: &HeaderMap,
    query: &BTreeMap<String, String>,
) -> Result<Option<Grant>, String> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = match header {
        Some(value) => match value.strip_prefix("Bearer ") {
            Some(token) => token,
            None => {
                return Err("invalid authorization header. Must start with Bearer ".to_owned());
            }
        },
        None => match query.get("access_token") {
            Some(token) => token.as_str(),
            None => return Ok(None),
        },
    };
    Grant::read(token, &livekit.keys).map(Some)
}

async fn validate(
    State(livekit): State<Arc<Livekit>>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    match grant(&livekit, &headers, &query) {
        Ok(Some(grant)) if grant.allows("roomJoin") => "success".into_response(),
        Ok(_) => (StatusCode::UNAUTHORIZED, "permissions denied").into_response(),
        Err(e) => (StatusCode::UNAUTHORIZED, e).into_response(),
    }
}

async fn rooms(
    State(livekit): State<Arc<Livekit>>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let grant = match grant(&livekit, &parts.headers, &BTreeMap::new()) {
        Ok(grant) => grant,
        Err(e) => return (StatusCode::UNAUTHORIZED, e).into_response(),
    };
    let needed = match method.as_str() {
        "ListRooms" => "roomList",
        "CreateRoom" | "DeleteRoom" => "roomCreate",
        other => {
            return twirp(
                StatusCode::NOT_FOUND,
                "bad_route",
                &format!("no handler for path \"/twirp/livekit.RoomService/{other}\""),
            );
        }
    };
    if !grant.is_some_and(|grant| grant.allows(needed)) {
        return twirp(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "permissions denied",
        );
    }
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return twirp(
            StatusCode::BAD_REQUEST,
            "malformed",
            "the json request could not be decoded",
        );
    };
    let mut rooms = livekit.rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let name = |member: &str| {
        body.get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match method.as_str() {
        "CreateRoom" => {
            let name = name("name");
            if name.is_empty() {
                return twirp(
                    StatusCode::BAD_REQUEST,
                    "invalid_argument",
                    "name is required",
                );
            }
            let at = jiff::Timestamp::now().as_second();
            let room = json!({ "sid": format!("RM_{at}"), "name": name, "num_participants": 0, "creation_time": at.to_string() });
            Json(rooms.entry(name).or_insert(room).clone()).into_response()
        }
        "DeleteRoom" => match rooms.remove(&name("room")) {
            Some(_) => Json(json!({})).into_response(),
            None => twirp(
                StatusCode::NOT_FOUND,
                "not_found",
                "requested room does not exist",
            ),
        },
        _ => {
            let names = body.get("names").and_then(Value::as_array);
            let wanted = |room: &Value| {
                names.is_none_or(|names| names.is_empty() || names.contains(&room["name"]))
            };
            Json(json!({ "rooms": rooms.values().filter(|room| wanted(room)).collect::<Vec<_>>() }))
                .into_response()
        }
    }
}

fn twirp(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "msg": message }))).into_response()
}
