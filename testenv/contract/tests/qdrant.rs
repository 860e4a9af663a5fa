//! Qdrant, by its public REST documentation, spoken to by reqwest.
//!
//! Against an original: `RUNPROOF_CONTRACT_QDRANT_ADDR`, a URL, and `_KEY` with its API key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use reqwest::Method;
use runproof_contract::{Folder, Running, http, original, port};
use serde_json::{Value, json};

const KEY: &str = "an-api-key-of-the-tests";

struct Qdrant {
    address: String,
    key: String,
    folder: Folder,
    port: u16,
    running: Option<Running>,
}

impl Qdrant {
    fn start() -> Self {
        let folder = Folder::new();
        if let Some(address) = original("QDRANT") {
            let key =
                std::env::var("RUNPROOF_CONTRACT_QDRANT_KEY").expect("the key of the original");
            return Self {
                address,
                key,
                folder,
                port: 0,
                running: None,
            };
        }
        let port = port();
        let mut qdrant = Self {
            address: format!("http://127.0.0.1:{port}"),
            key: KEY.to_owned(),
            folder,
            port,
            running: None,
        };
        qdrant.serve();
        qdrant
    }

    fn serve(&mut self) {
        let (port, storage) = (self.port.to_string(), self.folder.text("storage"));
        let environment = [
            ("QDRANT__SERVICE__HOST", "127.0.0.1"),
            ("QDRANT__SERVICE__HTTP_PORT", port.as_str()),
            ("QDRANT__SERVICE__API_KEY", KEY),
            ("QDRANT__STORAGE__STORAGE_PATH", storage.as_str()),
        ];
        self.running = Some(Running::listening("qdrant", &[], &environment, self.port));
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> (u16, String) {
        let mut request = http().request(method, format!("{}{path}", self.address));
        if let Some(key) = key {
            request = request.header("api-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, text) = self.ask(method, path, Some(&self.key), body).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

#[tokio::test]
async fn health_and_version_need_no_key() {
    let qdrant = Qdrant::start();
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(
            qdrant.ask(Method::GET, path, None, None).await.0,
            200,
            "{path}"
        );
    }
    let (status, text) = qdrant.ask(Method::GET, "/", None, None).await;
    let about: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    assert!(about["title"].as_str().unwrap().contains("qdrant") && about["version"].is_string());
}

#[tokio::test]
async fn collections_need_the_key_in_either_header() {
    let qdrant = Qdrant::start();
    assert_eq!(
        qdrant.ask(Method::GET, "/collections", None, None).await.0,
        401
    );
    assert!(matches!(
        qdrant
            .ask(Method::GET, "/collections", Some("wrong"), None)
            .await
            .0,
        401 | 403
    ));
    let bearer = http()
        .get(format!("{}/collections", qdrant.address))
        .bearer_auth(&qdrant.key)
        .send()
        .await
        .unwrap();
    assert_eq!(bearer.status(), 200);
}

#[tokio::test]
async fn a_collection_is_made_listed_and_removed_and_outlives_a_restart() {
    let mut qdrant = Qdrant::start();
    let name = format!("contract_{}", std::process::id());
    let path = format!("/collections/{name}");
    let vectors = json!({ "vectors": { "size": 4, "distance": "Cosine" } });
    assert_eq!(
        qdrant
            .json(Method::PUT, &path, Some(vectors.clone()))
            .await
            .0,
        200
    );
    assert_eq!(qdrant.json(Method::PUT, &path, Some(vectors)).await.0, 409);
    if let Some(mut running) = qdrant.running.take() {
        assert_eq!(running.end(), Some(0));
        assert!(!running.output().contains(KEY));
        qdrant.serve();
    }
    let (_, list) = qdrant.json(Method::GET, "/collections", None).await;
    assert!(
        list["result"]["collections"]
            .as_array()
            .unwrap()
            .contains(&json!({ "name": name })),
        "{list}"
    );
    let (_, about) = qdrant.json(Method::GET, &path, None).await;
    assert_eq!(
        (&about["status"], &about["result"]["status"]),
        (&json!("ok"), &json!("green"))
    );
    assert_eq!(
        qdrant.json(Method::DELETE, &path, None).await.1["result"],
        true
    );
    let (status, gone) = qdrant.json(Method::GET, &path, None).await;
    assert_eq!(status, 404);
    assert!(
        gone["status"]["error"]
            .as_str()
            .unwrap()
            .contains("doesn't exist"),
        "{gone}"
    );
}
