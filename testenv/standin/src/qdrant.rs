//! Qdrant: health, version and collections, behind an API key when it has one.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::flags::Flags;
use crate::{nested, server};

/// What it was told.
struct Qdrant {
    key: Option<String>,
    reader: Option<String>,
    collections: PathBuf,
}

/// Serves until SIGTERM.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["force-snapshot", "disable-telemetry"])?;
    let file = match flags.get(&["config-path"]) {
        Some(path) => nested::flatten(
            &std::fs::read_to_string(path)
                .map_err(|e| format!("{path}: {}", server::reason(&e)))?,
            "__",
        ),
        None => nested::flatten(
            &std::fs::read_to_string("config/config.yaml").unwrap_or_default(),
            "__",
        ),
    };
    let setting = |name: &str| {
        let variable = format!("QDRANT__{}", name.to_uppercase());
        std::env::var(variable)
            .ok()
            .or_else(|| file.get(name).cloned())
            .filter(|value| !value.is_empty())
    };
    let host = setting("service__host").unwrap_or_else(|| "0.0.0.0".to_owned());
    let port = setting("service__http_port").unwrap_or_else(|| "6333".to_owned());
    let storage = setting("storage__storage_path").unwrap_or_else(|| "./storage".to_owned());
    let qdrant = Qdrant {
        key: setting("service__api_key"),
        reader: setting("service__read_only_api_key"),
        collections: PathBuf::from(storage).join("collections"),
    };
    std::fs::create_dir_all(&qdrant.collections)
        .map_err(|e| format!("{}: {}", qdrant.collections.display(), server::reason(&e)))?;
    let router = Router::new()
        .route("/", get_json(json!({ "title": "qdrant - vector search engine", "version": "1.13.0+standin", "commit": "" })))
        .route("/healthz", get(|| async { "healthz check passed" }))
        .route("/livez", get(|| async { "livez check passed" }))
        .route("/readyz", get(|| async { "all shards are ready" }))
        .fallback(handle)
        .with_state(Arc::new(qdrant));
    server::serve_alone(
        &format!("{host}:{port}"),
        &format!(
            "{} INFO qdrant::actix: Qdrant HTTP listening on {port}",
            crate::console::stamp()
        ),
        router,
    )
}

fn get_json(body: Value) -> axum::routing::MethodRouter<Arc<Qdrant>> {
    get(move || async move { Json(body) })
}

async fn handle(State(qdrant): State<Arc<Qdrant>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let reads = parts.method == "GET";
    if let Some(refusal) = qdrant.refusal(&parts.headers, reads) {
        return refusal;
    }
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (parts.method.as_str(), segments.as_slice()) {
        ("GET", ["collections"]) => done(json!({ "collections": qdrant.list() })),
        ("GET", ["collections", name]) => match qdrant.read(name) {
            Some(config) => done(json!({
                "status": "green",
                "optimizer_status": "ok",
                "points_count": 0,
                "indexed_vectors_count": 0,
                "segments_count": 1,
                "config": { "params": config },
                "payload_schema": {},
            })),
            None => missing(name),
        },
        ("GET", ["collections", name, "exists"]) => {
            done(json!({ "exists": qdrant.read(name).is_some() }))
        }
        ("PUT", ["collections", name]) => qdrant.create(name, &body),
        ("DELETE", ["collections", name]) => {
            let gone = qdrant
                .file(name)
                .is_some_and(|file| std::fs::remove_file(file).is_ok());
            done(json!(gone))
        }
        _ => error(StatusCode::NOT_FOUND, "Not found"),
    }
}

impl Qdrant {
    /// Why a request may not go on.
    fn refusal(&self, headers: &HeaderMap, reads: bool) -> Option<Response> {
        let key = self.key.as_deref()?;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text("api-key")
            .or_else(|| text("authorization").and_then(|value| value.strip_prefix("Bearer ")));
        let refusal = match given {
            Some(given) if given == key => return None,
            Some(given) if self.reader.as_deref() == Some(given) => {
                if reads {
                    return None;
                }
                (StatusCode::FORBIDDEN, "Write access denied")
            }
            Some(_) => (StatusCode::UNAUTHORIZED, "Invalid API key or JWT"),
            None => (
                StatusCode::UNAUTHORIZED,
                "Must provide an API key or an Authorization bearer token",
            ),
        };
        Some(refusal.into_response())
    }

    /// A collection's file; a name that would lead elsewhere has none.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let good = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        good.then(|| self.collections.join(format!("{name}.json")))
    }

    fn list(&self) -> Vec<Value> {
        let mut names: Vec<String> = std::fs::read_dir(&self.collections)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                Some(
                    entry
                        .file_name()
                        .to_str()?
                        .strip_suffix(".json")?
                        .to_owned(),
                )
            })
            .collect();
        names.sort();
        names.iter().map(|name| json!({ "name": name })).collect()
    }

    fn read(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.file(name)?).ok()?).ok()
    }

    fn create(&self, name: &str, body: &Value) -> Response {
        let Some(file) = self.file(name) else {
            return error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Validation error: collection name contains forbidden characters",
            );
        };
        if file.exists() {
            return error(
                StatusCode::CONFLICT,
                &format!("Wrong input: Collection `{name}` already exists!"),
            );
        }
        if body.pointer("/vectors").is_none() {
            return error(
                StatusCode::BAD_REQUEST,
                "Format error in JSON body: missing field `vectors`",
            );
        }
        match std::fs::write(file, body.to_string()) {
            Ok(()) => done(json!(true)),
            Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &server::reason(&e)),
        }
    }
}

fn done(result: Value) -> Response {
    Json(json!({ "result": result, "status": "ok", "time": 0.0 })).into_response()
}

fn missing(name: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        &format!("Not found: Collection `{name}` doesn't exist!"),
    )
}

fn error(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(json!({ "status": { "error": message }, "time": 0.0 })),
    )
        .into_response()
}
