//! NocoDB: its health and the page of its dashboard.

use std::time::Instant;

use axum::response::{Html, Redirect};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::server;

/// Serves until SIGTERM.
pub fn run() -> Result<(), String> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let started = Instant::now();
    let health = move || async move {
        Json(json!({
            "message": "OK",
            "timestamp": jiff::Timestamp::now().to_string(),
            "uptime": started.elapsed().as_secs_f64(),
        }))
    };
    let router = Router::new()
        .route("/", get(|| async { Redirect::temporary("/dashboard") }))
        .route("/dashboard", get(|| async { Html("<!doctype html>\n<html><head><title>NocoDB</title></head><body></body></html>\n") }))
        .route("/api/v1/health", get(health));
    server::serve_alone(
        &format!("0.0.0.0:{port}"),
        &format!("App started successfully. Visit -> http://localhost:{port}/dashboard"),
        router,
    )
}
