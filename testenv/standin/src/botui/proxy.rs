//! `/api/…`: the same request to botserver, its answer back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::start::State;
use crate::log;

/// As much of a request as is passed on.
const MOST: usize = 64 << 20;

/// Forwards one request.
pub async fn forward(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    match pass(&state, request).await {
        Ok(response) => response,
        Err(error) => {
            log::write("error", "proxy", &format!("Proxy request failed: {error}"));
            (StatusCode::BAD_GATEWAY, format!("Proxy error: {error}")).into_response()
        }
    }
}

async fn pass(state: &State, request: Request) -> Result<Response, String> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST)
        .await
        .map_err(|e| e.to_string())?;
    let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let answer = state
        .client
        .request(head.method, format!("{}{target}", state.server))
        .headers(end_to_end(head.headers))
        .body(body)
        .send()
        .await
        .map_err(|e| log::chain(&e))?;
    let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
    let body = answer.bytes().await.map_err(|e| log::chain(&e))?;
    Ok((status, headers, Body::from(body)).into_response())
}

/// What belongs to one connection stays with it.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
