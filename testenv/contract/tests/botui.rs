//! botui, as its public source behaves: what it hands on to botserver, and what it says when it cannot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod stage;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::{Method, Uri};
use axum::routing::{any, get};
use futures_util::{SinkExt, StreamExt};
use stage::{Process, free_port, http, listens};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message as Inner;

/// What a botserver of the test was asked, a line a request.
type Asked = Arc<Mutex<Vec<String>>>;

/// A botserver that notes what it is asked, and says in a WebSocket what it is told.
async fn botserver() -> (String, Asked) {
    let asked = Asked::default();
    let note = |State(asked): State<Asked>, method: Method, uri: Uri, body: Bytes| async move {
        let body = String::from_utf8(body.to_vec()).unwrap();
        asked.lock().await.push(format!("{method} {uri} {body}"));
        "answered"
    };
    let echo = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                let _ = socket.send(Message::Text(text)).await;
            }
        })
    };
    let router = Router::new()
        .route("/ws", get(echo))
        .fallback(any(note))
        .with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

struct Ui {
    process: Process,
    port: u16,
}

impl Ui {
    fn up(server: &str) -> Self {
        let port = free_port();
        let text = port.to_string();
        let environment = [("PORT", text.as_str()), ("BOTSERVER_URL", server)];
        let process = Process::start("botui", &[], &environment);
        listens(port);
        Self { process, port }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let address = format!("http://127.0.0.1:{}{path}", self.port);
        http().get(address).send().await.unwrap()
    }
}

#[tokio::test]
async fn health_asks_botserver_for_its_simple_health_only() {
    let (server, asked) = botserver().await;
    let ui = Ui::up(&server);
    assert_eq!(ui.get("/health").await.status().as_u16(), 200);
    assert_eq!(ui.get("/api/health").await.status().as_u16(), 200);
    assert_eq!(*asked.lock().await, ["GET /health ", "GET /health "]);
}

#[tokio::test]
async fn a_request_is_handed_on_with_its_method_its_query_and_its_body() {
    let (server, asked) = botserver().await;
    let ui = Ui::up(&server);
    let address = format!("http://127.0.0.1:{}/api/bots?name=a%20b", ui.port);
    let answer = http().post(address).body("text").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "answered");
    assert_eq!(*asked.lock().await, ["POST /api/bots?name=a%20b text"]);
}

#[tokio::test]
async fn a_web_socket_is_joined_to_that_of_botserver() {
    let (server, _) = botserver().await;
    let ui = Ui::up(&server);
    let address = format!("ws://127.0.0.1:{}/ws?session_id=1&user_id=2", ui.port);
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    socket.send(Inner::text("hello")).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(answer.to_text().unwrap(), "hello");
}

#[tokio::test]
async fn a_botserver_that_cannot_be_reached_is_a_bad_gateway_and_a_line_in_the_log() {
    let ui = Ui::up(&format!("http://127.0.0.1:{}", free_port()));
    assert_eq!(ui.get("/health").await.status().as_u16(), 503);
    assert_eq!(ui.get("/api/bots").await.status().as_u16(), 502);
    ui.process.wait_for("Proxy request failed: ");
    let address = format!("ws://127.0.0.1:{}/ws", ui.port);
    // The browser is accepted first, and then dropped before the first word.
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    let next = socket.next().await;
    assert!(!matches!(next, Some(Ok(Inner::Text(_)))), "{next:?}");
    ui.process
        .wait_for("Failed to connect to backend WebSocket: ");
}

#[tokio::test]
async fn every_other_path_is_the_page() {
    let ui = Ui::up("http://127.0.0.1:1");
    for path in ["/", "/demo"] {
        let answer = ui.get(path).await;
        assert_eq!(answer.status().as_u16(), 200);
        assert!(answer.text().await.unwrap().contains("<html"));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_ends_it() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut second = Process::start("botui", &[], &[("PORT", &port)]);
    assert_eq!(second.exit(), Some(1));
    assert!(second.log().contains("address in use"), "{}", second.log());
}
