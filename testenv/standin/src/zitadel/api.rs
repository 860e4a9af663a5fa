//! Requests: first the name the server is called by, then the token, then what is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State as Extract};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, http::HeaderMap};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::state::State;
use super::{Server, organizations, users};

/// More than any request should be.
const BODY: usize = 1 << 20;

/// What an answer is made of.
pub type Answer = Result<(StatusCode, Value), Refusal>;

/// Everything that is served.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/debug/healthz", get(|| async { "ok" }))
        .route("/debug/ready", get(|| async { "ok" }))
        .fallback(handle)
        .with_state(server)
}

async fn handle(Extract(server): Extract<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| parts.uri.host())
        .unwrap_or_default();
    if !server.config.knows(host) {
        return Err(Refusal::missing(
            format!(
                "unable to set instance using origin {{{host} http}} (ExternalDomain is {}): ID=QUERY-1kIjX Message=Instance not found. Make sure you got the domain right",
                server.config.domains[0]
            ),
            None,
        ));
    }
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match segments.as_slice() {
        [".well-known", "openid-configuration"] => {
            return Ok(Json(discovery(&server.config.issuer())).into_response());
        }
        ["oauth", "v2", "keys"] => return Ok(Json(json!({ "keys": [] })).into_response()),
        ["ui", "console", ..] => return Ok(page("ZITADEL • Console")),
        ["ui", "login" | "v2", ..] => return Ok(page("ZITADEL • Login")),
        [] => {
            return Ok((StatusCode::FOUND, [(header::LOCATION, "/ui/console")]).into_response());
        }
        _ => {}
    }
    let bytes = to_bytes(body, BODY)
        .await
        .map_err(|_| Refusal::argument("request body too large"))?;
    let body: Value = if bytes.iter().all(u8::is_ascii_whitespace) {
        json!({})
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|e| Refusal::argument(format!("proto: syntax error: {e}")))?
    };
    let mut state = server.state();
    let organization = authenticate(&state, &parts.headers)?;
    let domain = &server.config.domains[0];
    let (status, body) = match (parts.method.as_str(), segments.as_slice()) {
        ("POST", ["v2", "sessions"]) => users::session(&mut state, &body),
        (method, ["v2", "users", rest @ ..]) => {
            users::answer(&mut state, method, rest, &body, &organization, domain)
        }
        (method, ["v2", "organizations", rest @ ..]) => {
            organizations::answer(&mut state, method, rest, &body, domain)
        }
        _ => Err(Refusal::missing("Not Found", None)),
    }?;
    let only_reads = parts.method == "GET"
        || matches!(
            segments.as_slice(),
            ["v2", "users"] | [.., "_search" | "search"]
        );
    if !only_reads {
        state.save().map_err(Refusal::broken)?;
    }
    Ok((status, Json(body)).into_response())
}

/// The organization of whoever asks.
fn authenticate(state: &State, headers: &HeaderMap) -> Result<String, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(Refusal::token("auth header missing", None));
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "))
        .ok_or_else(|| Refusal::token("invalid auth header", None))?;
    state
        .holder(token.trim())
        .and_then(|pat| state.users.get(&pat.user))
        .map(|user| user.organization.clone())
        .ok_or_else(|| Refusal::token("Errors.Token.Invalid", Some("AUTH-7fs1e")))
}

fn page(title: &str) -> Response {
    Html(format!("<!doctype html>\n<html lang=\"en\"><head><title>{title}</title></head><body><cnsl-root></cnsl-root></body></html>\n")).into_response()
}

fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/v2/authorize"),
        "token_endpoint": format!("{issuer}/oauth/v2/token"),
        "introspection_endpoint": format!("{issuer}/oauth/v2/introspect"),
        "userinfo_endpoint": format!("{issuer}/oidc/v1/userinfo"),
        "revocation_endpoint": format!("{issuer}/oauth/v2/revoke"),
        "end_session_endpoint": format!("{issuer}/oidc/v1/end_session"),
        "jwks_uri": format!("{issuer}/oauth/v2/keys"),
        "scopes_supported": ["openid", "profile", "email", "phone", "address", "offline_access"],
        "response_types_supported": ["code", "id_token", "id_token token"],
        "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    })
}

/// Where a search begins and how many it wants; 64-bit numbers may come as texts.
pub fn window(body: &Value) -> (usize, usize) {
    let number = |name: &str| {
        let value = body.pointer("/query")?.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let offset = usize::try_from(number("offset").unwrap_or(0)).unwrap_or(usize::MAX);
    let limit = usize::try_from(number("limit").filter(|limit| *limit > 0).unwrap_or(100))
        .unwrap_or(usize::MAX);
    (offset, limit.min(1000))
}

/// The answer to a search.
pub fn found(all: Vec<Value>, body: &Value) -> Value {
    let (offset, limit) = window(body);
    json!({
        "details": { "totalResult": all.len().to_string(), "timestamp": jiff::Timestamp::now().to_string() },
        "result": all.into_iter().skip(offset).take(limit).collect::<Vec<_>>(),
    })
}
