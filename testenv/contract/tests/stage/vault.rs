//! As much of Vault as hands out credentials: what botserver asks for, to whom shows the token.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The token that opens it.
pub const TOKEN: &str = "hvs.contract";

/// Serves these secrets below `gbo/` from a thread of its own, so that a test may block; gives the address.
pub fn up(secrets: BTreeMap<&'static str, Value>) -> String {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let router = Router::new()
                .route("/v1/secret/data/gbo/{name}", get(read))
                .with_state(Arc::new(secrets));
            axum::serve(listener, router).await
        })
    });
    format!("http://{}", receive.recv().unwrap())
}

async fn read(
    State(secrets): State<Arc<BTreeMap<&'static str, Value>>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    if headers
        .get("X-Vault-Token")
        .is_none_or(|token| token != TOKEN)
    {
        let refusal = json!({"errors": ["permission denied"]});
        return (StatusCode::FORBIDDEN, Json(refusal));
    }
    match secrets.get(name.as_str()) {
        Some(values) => (
            StatusCode::OK,
            Json(json!({"data": {"data": values, "metadata": {"version": 1}}})),
        ),
        None => (StatusCode::NOT_FOUND, Json(json!({"errors": []}))),
    }
}
