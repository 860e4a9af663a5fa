//! `vault server`: the listeners, and HTTP translated for the routes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query, Request as HttpRequest, State};
use axum::http::{Response, StatusCode, header};
use serde_json::Value;

use super::core::Core;
use super::reply::Reply;
use super::request::{self, Operation, Request};
use super::{VERSION, config, hex, route};
use crate::console;
use crate::server::{self, Peer};

/// More than any secret should be.
const BODY: usize = 1 << 20;

type Shared = Arc<Mutex<Core>>;

/// Serves until SIGTERM.
pub fn run(config: Option<&str>) -> Result<(), String> {
    let path = config.ok_or("Must specify at least one config path using -config")?;
    let config = config::read(Path::new(path))?;
    server::run(async move {
        let told = server::ending()?;
        let mut bound = Vec::new();
        for listener in &config.listeners {
            let socket = server::bind(&listener.address)
                .await
                .map_err(|e| format!("Error initializing listener of type tcp: {e}"))?;
            bound.push((socket, listener.tls.clone()));
        }
        announce(&config);
        let core = Arc::new(Mutex::new(Core::new(config)));
        let router = Router::new().fallback(handle).with_state(core);
        let mut serving = tokio::task::JoinSet::new();
        for (socket, tls) in bound {
            let (router, told) = (router.clone(), told.clone());
            match tls {
                Some(tls) => serving.spawn(server::serve_tls(socket, tls, router, told)),
                None => serving.spawn(server::serve(socket, router, told)),
            };
        }
        while let Some(ended) = serving.join_next().await {
            ended.map_err(|e| e.to_string())??;
        }
        console::line("==> Vault shutdown triggered");
        Ok(())
    })
}

fn announce(config: &config::Config) {
    console::line("==> Vault server configuration:\n");
    console::line(&format!("             Api Address: {}", config.api_addr));
    for listener in &config.listeners {
        let tls = if listener.tls.is_some() {
            "enabled"
        } else {
            "disabled"
        };
        console::line(&format!(
            "              Listener 1: tcp (addr: {:?}, tls: {tls:?})",
            listener.address
        ));
    }
    console::line("                 Storage: file");
    console::line(&format!("                 Version: Vault v{VERSION}\n"));
    console::line("==> Vault server started! Log data will stream in below:\n");
}

async fn handle(State(core): State<Shared>, http: HttpRequest) -> Response<Body> {
    let id = hex::uuid().unwrap_or_default();
    let head = http.method() == axum::http::Method::HEAD;
    let reply = match read(&id, http).await {
        Ok(request) => {
            // A panic of another request is no reason to stop answering.
            let mut core = core.lock().unwrap_or_else(PoisonError::into_inner);
            route::answer(&mut core, &request)
        }
        Err(reply) => reply,
    };
    write(reply, &id, head)
}

async fn read(id: &str, http: HttpRequest) -> Result<Request, Reply> {
    let (parts, body) = http.into_parts();
    let Some(path) = parts.uri.path().strip_prefix("/v1/") else {
        return Err(Reply::raw(
            404,
            Value::String("404 page not found".to_owned()),
        ));
    };
    let path = percent(path).ok_or_else(|| Reply::error(400, "invalid URL escape"))?;
    let query = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri)
        .map(|Query(query)| query)
        .unwrap_or_default();
    let operation = Operation::of(&parts.method, &query).ok_or_else(Reply::unsupported)?;
    let bytes = to_bytes(body, BODY)
        .await
        .map_err(|_| Reply::error(413, "error parsing JSON: http: request body too large"))?;
    let body = if bytes.iter().all(u8::is_ascii_whitespace) {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).map_err(|_| Reply::error(400, "error parsing JSON"))?
    };
    let plain = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    let tls = parts
        .extensions
        .get::<ConnectInfo<Peer>>()
        .map(|info| info.0.0);
    Ok(Request {
        id: id.to_owned(),
        operation,
        path,
        query,
        token: request::token(&parts.headers),
        body,
        remote: plain
            .or(tls)
            .map(|from| from.ip().to_string())
            .unwrap_or_default(),
    })
}

fn write(reply: Reply, id: &str, head: bool) -> Response<Body> {
    let code = StatusCode::from_u16(reply.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = reply.wire(id).map(|body| format!("{body}\n"));
    let mut response = Response::new(match body {
        Some(text) if !head => Body::from(text),
        _ => Body::empty(),
    });
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

/// `%2F` and its like, in a path.
fn percent(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (code, tail) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(std::str::from_utf8(code).ok()?)?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_path_are_undone_and_broken_ones_refused() {
        assert_eq!(
            percent("secret/data/a%20b").as_deref(),
            Some("secret/data/a b")
        );
        for path in ["a%2", "a%zz", "%ff"] {
            assert_eq!(percent(path), None, "{path}");
        }
    }
}
