//! `/api/healthz`, `/api/v1` and the requests of runners.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::Run;
use super::{Server, VERSION, runner};

/// Everything that is served.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(|| async { Html("<!doctype html>\n<html><head><title>Forgejo: Beyond coding. We Forge.</title></head><body></body></html>\n") }))
        .route("/api/healthz", get(health))
        .route("/api/v1/version", get(|| async { Json(json!({ "version": VERSION })) }))
        .route("/api/v1/repos/search", get(search))
        .route("/api/v1/repos/{owner}/{repository}/actions/runs", get(runs))
        .route("/api/v1/repos/{owner}/{repository}/actions/tasks", get(runs))
        .route("/api/actions/{service}/{method}", post(runner::answer))
        .fallback(|| async { not_found() })
        .with_state(server)
}

async fn health(State(server): State<Arc<Server>>) -> Response {
    let database = server.store.ping().await;
    let (code, status) = match database {
        Ok(()) => (StatusCode::OK, "pass"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "fail"),
    };
    let check = |status: &str| json!([{ "status": status, "time": Timestamp::now().to_string() }]);
    let body = json!({
        "status": status,
        "description": "Forgejo: Beyond coding. We Forge.",
        "checks": { "cache:ping": check("pass"), "database:ping": check(status) },
    });
    (code, Json(body)).into_response()
}

/// A wrong token is refused even where none is needed.
fn refusal(server: &Server, headers: &HeaderMap) -> Option<Response> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = given
        .strip_prefix("token ")
        .or_else(|| given.strip_prefix("Bearer "))
        .unwrap_or_default();
    if !token.is_empty() && server.token.as_deref() == Some(token) {
        return None;
    }
    let body = json!({ "message": "user does not exist [uid: 0, name: ]", "url": format!("{}/api/swagger", server.url) });
    Some((StatusCode::UNAUTHORIZED, Json(body)).into_response())
}

async fn search(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&server, &headers) {
        return refusal;
    }
    let names = ["gb", "botserver", "botui", "botlib"];
    let data: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| json!({ "id": at + 1, "name": name }))
        .collect();
    (
        [("X-Total-Count", names.len().to_string())],
        Json(json!({ "ok": true, "data": data })),
    )
        .into_response()
}

async fn runs(
    State(server): State<Arc<Server>>,
    Path((owner, repository)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refusal(&server, &headers) {
        return refusal;
    }
    let number = |name: &str, default: usize| {
        query
            .get(name)
            .and_then(|text| text.parse().ok())
            .filter(|n| *n > 0)
            .unwrap_or(default)
    };
    let (limit, page) = (number("limit", 50).min(50), number("page", 1));
    match server.store.runs(&owner, &repository).await {
        Ok(all) => {
            let shown: Vec<Value> = all
                .iter()
                .skip((page - 1).saturating_mul(limit))
                .take(limit)
                .map(|run| show(run, &format!("{}/{owner}/{repository}", server.url)))
                .collect();
            Json(json!({ "workflow_runs": shown, "total_count": all.len() })).into_response()
        }
        Err(e) => {
            crate::console::line(&format!(
                "{} [E] cannot list runs: {e}",
                crate::console::stamp()
            ));
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                Json(json!({ "message": "", "url": format!("{}/api/swagger", server.url) })),
            )
                .into_response()
        }
    }
}

fn show(run: &Run, repository: &str) -> Value {
    let status = match run.status {
        1 => "success",
        2 => "failure",
        3 => "cancelled",
        4 => "skipped",
        5 => "waiting",
        6 => "running",
        7 => "blocked",
        _ => "unknown",
    };
    let time = |seconds: i64| {
        Timestamp::from_second(seconds)
            .map(|at| at.to_string())
            .unwrap_or_default()
    };
    json!({
        "id": run.id,
        "name": run.workflow,
        "title": run.title,
        "display_title": run.title,
        "head_branch": run.reference.strip_prefix("refs/heads/").unwrap_or(&run.reference),
        "prettyref": run.reference.strip_prefix("refs/heads/").unwrap_or(&run.reference),
        "head_sha": run.commit,
        "commit_sha": run.commit,
        "run_number": run.index,
        "index_in_repo": run.index,
        "event": run.event,
        "status": status,
        "workflow_id": run.workflow,
        "url": format!("{repository}/actions/runs/{}", run.index),
        "html_url": format!("{repository}/actions/runs/{}", run.index),
        "created_at": time(run.created),
        "created": time(run.created),
        "run_started_at": time(run.started),
        "started": time(run.started),
        "updated_at": time(run.stopped.max(run.started)),
        "stopped": time(run.stopped),
    })
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "errors": null, "message": "not found", "url": "/api/swagger" })),
    )
        .into_response()
}
