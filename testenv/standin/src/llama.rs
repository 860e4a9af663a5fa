//! llama-server of llama.cpp: health while it loads and after, and a model that repeats what it hears.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::flags::Flags;
use crate::server;

/// What it was told.
struct Llama {
    model: String,
    key: Option<String>,
    started: Instant,
    loading: Duration,
}

/// Serves until SIGTERM.
pub fn run(args: &[String]) -> Result<(), String> {
    let switches = [
        "embedding",
        "embeddings",
        "no-mmap",
        "mlock",
        "metrics",
        "flash-attn",
        "fa",
        "cont-batching",
        "no-webui",
        "jinja",
        "verbose",
    ];
    let flags = Flags::parse(args, &switches)?;
    let get = |names: &[&str], variable: &str| {
        flags
            .get(names)
            .map(str::to_owned)
            .or_else(|| std::env::var(variable).ok())
    };
    let model =
        get(&["m", "model"], "LLAMA_ARG_MODEL").ok_or("error: a model is needed: -m FILE")?;
    if let Err(e) = std::fs::metadata(&model) {
        return Err(format!(
            "llama_model_load: error loading model: failed to open {model}: {}",
            server::reason(&e)
        ));
    }
    let host = get(&["host"], "LLAMA_ARG_HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = get(&["port"], "LLAMA_ARG_PORT").unwrap_or_else(|| "8080".to_owned());
    let loading = std::env::var("STANDIN_LLAMA_LOADING_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let alias = get(&["a", "alias"], "LLAMA_ARG_ALIAS").unwrap_or(model);
    let llama = Arc::new(Llama {
        model: alias,
        key: get(&["api-key"], "LLAMA_API_KEY").filter(|key| !key.is_empty()),
        started: Instant::now(),
        loading: Duration::from_secs(loading),
    });
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/chat/completions", post(chat))
        .route_layer(from_fn_with_state(Arc::clone(&llama), admit))
        .route("/health", get_health())
        .route("/v1/health", get_health())
        .route("/v1/models", get_models())
        .route("/models", get_models())
        .with_state(llama);
    server::serve_alone(
        &format!("{host}:{port}"),
        &format!("main: server is listening on http://{host}:{port}"),
        router,
    )
}

fn get_health() -> axum::routing::MethodRouter<Arc<Llama>> {
    get(|State(llama): State<Arc<Llama>>| async move {
        llama
            .loaded()
            .unwrap_or_else(|| Json(json!({ "status": "ok" })).into_response())
    })
}

fn get_models() -> axum::routing::MethodRouter<Arc<Llama>> {
    get(|State(llama): State<Arc<Llama>>| async move {
        Json(json!({
            "object": "list",
            "data": [{ "id": llama.model, "object": "model", "created": created(), "owned_by": "llamacpp" }],
        }))
    })
}

impl Llama {
    /// What is said instead of an answer while the model is not there.
    fn loaded(&self) -> Option<Response> {
        (self.started.elapsed() < self.loading).then(|| {
            error(
                StatusCode::SERVICE_UNAVAILABLE,
                "Loading model",
                "unavailable_error",
            )
        })
    }
}

async fn admit(
    State(llama): State<Arc<Llama>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    if let Some(key) = &llama.key {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if given != Some(key.as_str()) {
            return error(
                StatusCode::UNAUTHORIZED,
                "Invalid API Key",
                "authentication_error",
            );
        }
    }
    match llama.loaded() {
        Some(loading) => loading,
        None => next.run(request).await,
    }
}

async fn chat(State(llama): State<Arc<Llama>>, Json(body): Json<Value>) -> Response {
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return error(
            StatusCode::BAD_REQUEST,
            "'messages' is required",
            "invalid_request_error",
        );
    };
    let said = messages
        .iter()
        .rev()
        .find(|message| message["role"] == "user")
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default();
    let tokens = said.split_whitespace().count();
    let answer = |object: &str, choice: Value| json!({ "id": "chatcmpl-standin", "object": object, "created": created(), "model": llama.model, "choices": [choice] });
    if body["stream"] == Value::Bool(true) {
        let first = answer(
            "chat.completion.chunk",
            json!({ "index": 0, "delta": { "role": "assistant", "content": said }, "finish_reason": null }),
        );
        let last = answer(
            "chat.completion.chunk",
            json!({ "index": 0, "delta": {}, "finish_reason": "stop" }),
        );
        let text = format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n");
        return ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response();
    }
    let mut whole = answer(
        "chat.completion",
        json!({ "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }),
    );
    whole["usage"] =
        json!({ "prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 2 * tokens });
    Json(whole).into_response()
}

fn created() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn error(status: StatusCode, message: &str, kind: &str) -> Response {
    (
        status,
        Json(json!({ "error": { "code": status.as_u16(), "message": message, "type": kind } })),
    )
        .into_response()
}
