//! llama-server of llama.cpp, by its public documentation, spoken to by reqwest.
//!
//! Against an original: `RUNPROOF_CONTRACT_LLAMA_ADDR`, a URL of one that has loaded its model and has no key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use runproof_contract::{Folder, Running, http, original, port, until_async};
use serde_json::{Value, json};

struct Llama {
    address: String,
    running: Option<Running>,
    _folder: Folder,
}

impl Llama {
    fn start(more: &[&str], environment: &[(&str, &str)]) -> Self {
        let (folder, port) = (Folder::new(), port());
        let (model, text) = (folder.write("model.gguf", "GGUF"), port.to_string());
        let mut args = vec![
            "-m",
            model.as_str(),
            "--host",
            "127.0.0.1",
            "--port",
            text.as_str(),
        ];
        args.extend(more);
        let running = Running::listening("llama-server", &args, environment, port);
        Self {
            address: format!("http://127.0.0.1:{port}"),
            running: Some(running),
            _folder: folder,
        }
    }

    fn plain() -> Self {
        match original("LLAMA") {
            Some(address) => Self {
                address,
                running: None,
                _folder: Folder::new(),
            },
            None => Self::start(&[], &[]),
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let response = http()
            .get(format!("{}{path}", self.address))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn chat(&self, body: &Value, key: Option<&str>) -> (u16, String) {
        let mut request = http()
            .post(format!("{}/v1/chat/completions", self.address))
            .json(body);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

fn hello() -> Value {
    json!({ "messages": [{ "role": "system", "content": "be short" }, { "role": "user", "content": "hello there" }], "max_tokens": 16 })
}

#[tokio::test]
async fn a_loaded_model_is_healthy_listed_and_answers() {
    let llama = Llama::plain();
    assert_eq!(llama.get("/health").await, (200, json!({ "status": "ok" })));
    let (_, models) = llama.get("/v1/models").await;
    assert!(models["data"][0]["id"].is_string());
    let (status, text) = llama.chat(&hello(), None).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &answer["object"]),
        (200, &json!("chat.completion"))
    );
    assert!(
        answer["choices"][0]["message"]["content"].is_string()
            && answer["usage"]["total_tokens"].is_u64()
    );
    let mut body = hello();
    body["stream"] = true.into();
    let (_, text) = llama.chat(&body, None).await;
    assert!(
        text.starts_with("data: {") && text.trim_end().ends_with("data: [DONE]"),
        "{text}"
    );
}

#[tokio::test]
async fn while_it_loads_it_is_503_and_then_it_is_not() {
    if original("LLAMA").is_some() {
        return;
    }
    let llama = Llama::start(&[], &[("STANDIN_LLAMA_LOADING_SECONDS", "3")]);
    let (status, body) = llama.get("/health").await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (503, &json!("Loading model"))
    );
    assert_eq!(llama.chat(&hello(), None).await.0, 503);
    until_async("it is loaded", || async {
        llama.get("/health").await.0 == 200
    })
    .await;
    assert_eq!(llama.chat(&hello(), None).await.0, 200);
}

#[tokio::test]
async fn with_a_key_only_health_and_models_are_open() {
    if original("LLAMA").is_some() {
        return;
    }
    let mut llama = Llama::start(&["--api-key", "a-key-of-the-tests"], &[]);
    assert_eq!(llama.get("/health").await.0, 200);
    assert_eq!(llama.get("/v1/models").await.0, 200);
    let (status, text) = llama.chat(&hello(), Some("wrong")).await;
    assert_eq!(status, 401);
    assert!(text.contains("Invalid API Key"), "{text}");
    assert_eq!(
        llama.chat(&hello(), Some("a-key-of-the-tests")).await.0,
        200
    );
    let running = llama.running.as_mut().unwrap();
    assert_eq!(running.end(), Some(0));
    assert!(!running.output().contains("a-key-of-the-tests"));
}

#[test]
fn it_does_not_start_without_its_model() {
    if original("LLAMA").is_some() {
        return;
    }
    let mut running = Running::start("llama-server", &["-m", "/nonexistent/model.gguf"], &[]);
    assert_eq!(running.ended(), Some(1));
    assert!(
        running.output().contains("failed to open"),
        "{}",
        running.output()
    );
}
