//! LiveKit, by its public server API documentation, spoken to by reqwest with tokens signed here.
//!
//! Against an original: `RUNPROOF_CONTRACT_LIVEKIT_ADDR`, a URL, with `_KEY` and `_SECRET`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use runproof_contract::{Folder, Running, http, original, port};
use serde_json::{Value, json};

struct Livekit {
    address: String,
    key: String,
    secret: String,
    _running: Option<Running>,
}

impl Livekit {
    fn start() -> Self {
        if let Some(address) = original("LIVEKIT") {
            let variable = |name: &str| {
                std::env::var(format!("RUNPROOF_CONTRACT_LIVEKIT_{name}"))
                    .expect("key and secret of the original")
            };
            return Self {
                address,
                key: variable("KEY"),
                secret: variable("SECRET"),
                _running: None,
            };
        }
        let (folder, port) = (Folder::new(), port());
        let (key, secret) = (
            "APIcontract".to_owned(),
            "a-secret-of-thirty-two-characters".to_owned(),
        );
        let config = folder.write(
            "livekit.yaml",
            &format!("port: {port}\nkeys:\n  {key}: {secret}\n"),
        );
        let running = Running::listening(
            "livekit-server",
            &["--config", &config, "--bind", "127.0.0.1"],
            &[],
            port,
        );
        Self {
            address: format!("http://127.0.0.1:{port}"),
            key,
            secret,
            _running: Some(running),
        }
    }

    fn token(&self, video: Value, lives: i64) -> String {
        sign(&self.key, &self.secret, "HS256", video, lives)
    }

    async fn ask(&self, method: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        let url = format!("{}/twirp/livekit.RoomService/{method}", self.address);
        let mut request = http().post(url).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }
}

fn sign(key: &str, secret: &str, algorithm: &str, video: Value, lives: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": algorithm, "typ": "JWT" }));
    let claims = part(
        json!({ "iss": key, "sub": "contract", "nbf": now - 5, "exp": now + lives, "video": video }),
    );
    let signed = format!("{header}.{claims}");
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        signed.as_bytes(),
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[tokio::test]
async fn the_root_says_ok_and_a_stranger_may_not_join() {
    let livekit = Livekit::start();
    let root = http().get(&livekit.address).send().await.unwrap();
    assert_eq!(
        (root.status().as_u16(), root.text().await.unwrap().trim()),
        (200, "OK")
    );
    let validate = async |query: &str| {
        http()
            .get(format!("{}/rtc/validate{query}", livekit.address))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(validate("").await, 401);
    let token = livekit.token(json!({ "roomJoin": true, "room": "contract" }), 60);
    assert_eq!(validate(&format!("?access_token={token}")).await, 200);
}

#[tokio::test]
async fn rooms_are_made_listed_and_removed_by_those_whose_token_allows_it() {
    let livekit = Livekit::start();
    let token = livekit.token(json!({ "roomCreate": true, "roomList": true }), 60);
    let name = format!("contract-{}", std::process::id());
    let (status, made) = livekit
        .ask("CreateRoom", Some(&token), json!({ "name": name }))
        .await;
    assert_eq!((status, &made["name"]), (200, &json!(name)), "{made}");
    let (_, list) = livekit
        .ask("ListRooms", Some(&token), json!({ "names": [name] }))
        .await;
    assert_eq!(list["rooms"].as_array().unwrap().len(), 1);
    assert_eq!(
        livekit
            .ask("DeleteRoom", Some(&token), json!({ "room": name }))
            .await
            .0,
        200
    );
    let (_, list) = livekit
        .ask("ListRooms", Some(&token), json!({ "names": [name] }))
        .await;
    assert!(list["rooms"].as_array().is_none_or(Vec::is_empty));
}

#[tokio::test]
async fn no_token_a_forged_an_expired_and_a_poor_one_are_refused() {
    let livekit = Livekit::start();
    let list = json!({ "roomList": true });
    let (status, body) = livekit.ask("ListRooms", None, json!({})).await;
    assert_eq!(
        (status, &body["code"]),
        (401, &json!("unauthenticated")),
        "{body}"
    );
    for token in [
        sign(
            &livekit.key,
            "another-secret-of-thirty-two-chars",
            "HS256",
            list.clone(),
            60,
        ),
        sign("APIstranger", &livekit.secret, "HS256", list.clone(), 60),
        sign(&livekit.key, &livekit.secret, "none", list.clone(), 60),
        livekit.token(list, -60),
        livekit.token(json!({ "roomJoin": true }), 60),
        "nonsense".to_owned(),
    ] {
        assert_eq!(
            livekit.ask("ListRooms", Some(&token), json!({})).await.0,
            401,
            "{token}"
        );
    }
}

#[test]
fn it_does_not_start_without_keys() {
    if original("LIVEKIT").is_some() {
        return;
    }
    let mut running = Running::start("livekit-server", &["--port", "1"], &[]);
    assert_eq!(running.ended(), Some(1));
    assert!(
        running.output().contains("keys must be provided"),
        "{}",
        running.output()
    );
}
