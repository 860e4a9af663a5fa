//! `/ws`: a WebSocket to the browser and one to botserver, joined.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Uri;
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Inner;

use super::start::State;
use crate::log;

/// Accepts the browser first, as the original does: a botserver that cannot be reached shows as a
/// connection that closes at once.
pub async fn relay(
    upgrade: WebSocketUpgrade,
    Shared(state): Shared<Arc<State>>,
    uri: Uri,
) -> Response {
    let path = uri.path_and_query().map_or("/ws", |path| path.as_str());
    let target = format!("{}{path}", web_socket(&state.server));
    upgrade.on_upgrade(move |browser| join(browser, target))
}

async fn join(browser: WebSocket, target: String) {
    log::write("info", "ws", &format!("Proxying WebSocket to: {target}"));
    let server = match tokio_tungstenite::connect_async(&target).await {
        Ok((server, _)) => server,
        Err(error) => {
            let text = format!(
                "Failed to connect to backend WebSocket: {}",
                log::chain(&error)
            );
            return log::write("error", "ws", &text);
        }
    };
    log::write("info", "ws", "Connected to backend WebSocket");
    let (mut to_browser, mut from_browser) = browser.split();
    let (mut to_server, mut from_server) = server.split();
    loop {
        let passed = tokio::select! {
            message = from_browser.next() => match message {
                Some(Ok(Message::Text(text))) => to_server.send(Inner::text(text.as_str())).await.is_ok(),
                Some(Ok(Message::Binary(data))) => to_server.send(Inner::Binary(data)).await.is_ok(),
                // Each side's own library answers pings.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
            message = from_server.next() => match message {
                Some(Ok(Inner::Text(text))) => to_browser.send(Message::text(text.as_str())).await.is_ok(),
                Some(Ok(Inner::Binary(data))) => to_browser.send(Message::Binary(data)).await.is_ok(),
                Some(Ok(Inner::Ping(_) | Inner::Pong(_) | Inner::Frame(_))) => true,
                Some(Ok(Inner::Close(_)) | Err(_)) | None => false,
            },
        };
        if !passed {
            return;
        }
    }
}

fn web_socket(server: &str) -> String {
    match server.split_once("://") {
        Some(("https", rest)) => format!("wss://{rest}"),
        Some((_, rest)) => format!("ws://{rest}"),
        None => format!("ws://{server}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_the_socket_follows_that_of_the_server() {
        assert_eq!(web_socket("http://localhost:5858"), "ws://localhost:5858");
        assert_eq!(web_socket("https://a.example.com"), "wss://a.example.com");
    }
}
