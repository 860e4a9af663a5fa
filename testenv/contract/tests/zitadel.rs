//! Zitadel, by the documentation of its second API, spoken to by reqwest.
//!
//! Against an original: `RUNPROOF_CONTRACT_ZITADEL_ADDR` (its URL), `_HOST` (its name) and `_TOKEN`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use reqwest::Method;
use runproof_contract::{Folder, Running, http, original, port, program, ran};
use serde_json::{Value, json};

const KEY: &str = "0123456789abcdef0123456789abcdef";

struct Directory {
    address: String,
    host: String,
    token: String,
    folder: Folder,
    port: u16,
    running: Option<Running>,
}

impl Directory {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(more: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        if let (Some(address), true) = (original("ZITADEL"), more.is_empty()) {
            let variable = |name: &str| {
                std::env::var(format!("RUNPROOF_CONTRACT_ZITADEL_{name}"))
                    .expect("host and token of the original")
            };
            return Self {
                address,
                host: variable("HOST"),
                token: variable("TOKEN"),
                folder,
                port: 0,
                running: None,
            };
        }
        let port = port();
        let mut directory = Self {
            address: format!("http://127.0.0.1:{port}"),
            host: "login.example.com".to_owned(),
            token: String::new(),
            folder,
            port,
            running: None,
        };
        directory.folder.write(
            "zitadel.yaml",
            "ExternalDomain: login.example.com\nExternalPort: 443\nExternalSecure: true\n",
        );
        directory.serve(more);
        directory.token =
            std::fs::read_to_string(directory.folder.path("conf/admin-pat.txt")).unwrap();
        directory
    }

    fn serve(&mut self, more: &[(&str, &str)]) {
        let (state, pat) = (
            self.folder.text("state.json"),
            self.folder.text("conf/admin-pat.txt"),
        );
        let mut environment = vec![
            ("ZITADEL_MASTERKEY", KEY),
            ("ZITADEL_FIRSTINSTANCE_PATPATH", pat.as_str()),
            ("STANDIN_ZITADEL_STATE", state.as_str()),
            ("STANDIN_ZITADEL_DOMAINS", "10.0.2.9"),
        ];
        environment.extend(more);
        let (config, port) = (self.folder.text("zitadel.yaml"), self.port.to_string());
        let args = [
            "start-from-init",
            "--masterkeyFromEnv",
            "--tlsMode",
            "disabled",
            "--config",
            &config,
            "--port",
            &port,
        ];
        self.running = Some(Running::listening(
            "zitadel",
            &args,
            &environment,
            self.port,
        ));
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        host: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = http()
            .request(method, format!("{}{path}", self.address))
            .header("Host", host);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, &self.host, &self.token, None)
            .await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::POST, path, &self.host, &self.token, Some(body))
            .await
    }
}

fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{name}-{}", now.as_nanos())
}

fn human(name: &str) -> Value {
    json!({
        "username": name,
        "profile": { "givenName": "Ada", "familyName": "Example" },
        "email": { "email": format!("{name}@example.com"), "isVerified": true },
        "password": { "password": "Correct-horse-1", "changeRequired": false },
    })
}

#[tokio::test]
async fn health_needs_no_name_and_everything_else_is_404_under_a_name_it_does_not_know() {
    let directory = Directory::start();
    for path in ["/debug/healthz", "/debug/ready"] {
        assert_eq!(
            directory
                .ask(Method::GET, path, "anything.invalid", "", None)
                .await
                .0,
            200,
            "{path}"
        );
    }
    for host in ["localhost", "unknown.example.com", "127.0.0.1"] {
        if host == directory.host {
            continue;
        }
        let (status, body) = directory
            .ask(
                Method::POST,
                "/v2/users",
                host,
                &directory.token,
                Some(json!({})),
            )
            .await;
        assert_eq!((status, &body["code"]), (404, &json!(5)), "{host}: {body}");
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("Instance not found"),
            "{body}"
        );
        assert_eq!(
            directory
                .ask(Method::GET, "/ui/console", host, "", None)
                .await
                .0,
            404,
            "{host}"
        );
    }
    let with_port = format!("{}:9000", directory.host);
    assert_eq!(
        directory
            .ask(
                Method::POST,
                "/v2/users",
                &with_port,
                &directory.token,
                Some(json!({}))
            )
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_name_added_to_the_instance_is_as_good_as_its_own() {
    if original("ZITADEL").is_some() {
        return;
    }
    let directory = Directory::start();
    assert_eq!(
        directory
            .ask(
                Method::POST,
                "/v2/users",
                "10.0.2.9",
                &directory.token,
                Some(json!({}))
            )
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn discovery_names_the_issuer_and_the_console_is_a_page() {
    let directory = Directory::start();
    let (status, body) = directory.get("/.well-known/openid-configuration").await;
    assert_eq!(status, 200);
    let issuer = body["issuer"].as_str().unwrap();
    assert!(
        issuer.starts_with("http") && issuer.contains(&directory.host),
        "{issuer}"
    );
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
    ] {
        assert!(
            body[member].as_str().unwrap().starts_with(issuer),
            "{member}"
        );
    }
    let (status, page) = directory.get("/ui/console").await;
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().contains("<html"));
}

#[tokio::test]
async fn without_a_token_and_with_a_wrong_one_it_is_401_with_code_16() {
    let directory = Directory::start();
    let (status, body) = directory
        .ask(
            Method::POST,
            "/v2/users",
            &directory.host,
            "",
            Some(json!({})),
        )
        .await;
    assert_eq!((status, &body["code"]), (401, &json!(16)), "{body}");
    assert_eq!(body["message"], "auth header missing");
    let (status, body) = directory
        .ask(
            Method::POST,
            "/v2/users",
            &directory.host,
            "wrong",
            Some(json!({})),
        )
        .await;
    assert_eq!((status, &body["code"]), (401, &json!(16)));
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("Errors.Token.Invalid"),
        "{body}"
    );
}

#[tokio::test]
async fn a_token_that_expired_is_invalid_and_a_new_one_works() {
    let directory = Directory::start();
    let (_, body) = directory
        .post(
            "/v2/users",
            json!({ "queries": [{ "typeQuery": { "type": "TYPE_MACHINE" } }] }),
        )
        .await;
    let machine = body["result"][0]["userId"].as_str().unwrap().to_owned();
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let (status, made) = directory
        .post(
            &format!("/v2/users/{machine}/pats"),
            json!({ "expirationDate": expires.to_string() }),
        )
        .await;
    assert!((200..300).contains(&status), "{made}");
    let short = made["token"].as_str().unwrap();
    let ask = async || {
        directory
            .ask(
                Method::POST,
                "/v2/users",
                &directory.host,
                short,
                Some(json!({})),
            )
            .await
    };
    assert_eq!(ask().await.0, 200);
    runproof_contract::until_async("the token expires", || async { ask().await.0 == 401 }).await;
    let (_, body) = ask().await;
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("Errors.Token.Invalid"),
        "{body}"
    );
    let (_, made) = directory
        .post(&format!("/v2/users/{machine}/pats"), json!({}))
        .await;
    let (status, _) = directory
        .ask(
            Method::POST,
            "/v2/users",
            &directory.host,
            made["token"].as_str().unwrap(),
            Some(json!({})),
        )
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_first_token_can_be_born_dead() {
    if original("ZITADEL").is_some() {
        return;
    }
    let directory = Directory::start_with(&[(
        "ZITADEL_FIRSTINSTANCE_ORG_MACHINE_PAT_EXPIRATIONDATE",
        "2020-01-01T00:00:00Z",
    )]);
    let (status, body) = directory.post("/v2/users", json!({})).await;
    assert_eq!((status, &body["code"]), (401, &json!(16)));
}

#[tokio::test]
async fn a_human_is_made_found_changed_and_removed() {
    let directory = Directory::start();
    let name = unique("ada");
    let (status, made) = directory.post("/v2/users/human", human(&name)).await;
    assert_eq!(status, 201, "{made}");
    let id = made["userId"].as_str().unwrap().to_owned();
    let (status, again) = directory.post("/v2/users/human", human(&name)).await;
    assert_eq!((status, &again["code"]), (409, &json!(6)));

    let (_, found) = directory
        .post(
            "/v2/users",
            json!({ "queries": [{ "userNameQuery": { "userName": name } }] }),
        )
        .await;
    assert_eq!(
        found["details"]["totalResult"], "1",
        "64-bit numbers are texts"
    );
    assert_eq!(found["result"][0]["human"]["profile"]["givenName"], "Ada");
    let (_, page) = directory
        .post(
            "/v2/users",
            json!({ "query": { "offset": "0", "limit": 1 } }),
        )
        .await;
    assert_eq!(page["result"].as_array().unwrap().len(), 1);
    assert!(
        page["details"]["totalResult"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 1
    );
    let (_, user) = directory.get(&format!("/v2/users/{id}")).await;
    assert_eq!(user["user"]["userId"], id.as_str());

    let login = async |password: &str| {
        directory.post("/v2/sessions", json!({ "checks": { "user": { "loginName": name }, "password": { "password": password } } })).await.0
    };
    assert_eq!(login("Correct-horse-1").await, 201);
    let path = format!("/v2/users/{id}/password");
    let (status, weak) = directory
        .post(&path, json!({ "newPassword": { "password": "weak" } }))
        .await;
    assert_eq!(status, 400, "{weak}");
    assert_eq!(
        directory
            .post(
                &path,
                json!({ "newPassword": { "password": "Battery-staple-2" } })
            )
            .await
            .0,
        200
    );
    assert_eq!(login("Battery-staple-2").await, 201);
    assert_eq!(login("Correct-horse-1").await, 400);

    assert_eq!(
        directory
            .ask(
                Method::DELETE,
                &format!("/v2/users/{id}"),
                &directory.host,
                &directory.token,
                None
            )
            .await
            .0,
        200
    );
    assert_eq!(directory.get(&format!("/v2/users/{id}")).await.0, 404);
    let (status, body) = directory
        .post("/v2/users/human", json!({ "username": "x" }))
        .await;
    assert_eq!((status, &body["code"]), (400, &json!(3)), "{body}");
}

#[tokio::test]
async fn an_organization_is_made_found_and_given_a_domain() {
    let directory = Directory::start();
    let name = unique("org");
    let (status, made) = directory
        .post("/v2/organizations", json!({ "name": name }))
        .await;
    assert!((200..=201).contains(&status), "{made}");
    let id = made["organizationId"].as_str().unwrap();
    let (_, found) = directory
        .post(
            "/v2/organizations/_search",
            json!({ "queries": [{ "nameQuery": { "name": name } }] }),
        )
        .await;
    assert_eq!(
        (&found["details"]["totalResult"], &found["result"][0]["id"]),
        (&json!("1"), &json!(id))
    );
    let path = format!("/v2/organizations/{id}/domains");
    let domain = format!("{name}.example.com");
    let (status, body) = directory
        .post(&path, json!({ "domain": domain, "domainName": domain }))
        .await;
    assert!((200..=201).contains(&status), "{body}");
    assert_eq!(
        directory.post(&path, json!({ "domain": domain })).await.0,
        409
    );
    assert_eq!(
        directory
            .post(
                "/v2/organizations/404404/domains",
                json!({ "domain": "x.example.com" })
            )
            .await
            .0,
        404
    );
    assert_eq!(
        directory
            .post("/v2/organizations", json!({ "name": name }))
            .await
            .0,
        409
    );
    assert_eq!(directory.post("/v2/organizations", json!({})).await.0, 400);
}

#[tokio::test]
async fn what_it_knows_outlives_a_restart_and_secrets_lie_neither_in_its_log_nor_open_on_disk() {
    if original("ZITADEL").is_some() {
        return;
    }
    let mut directory = Directory::start();
    let name = unique("ada");
    assert_eq!(directory.post("/v2/users/human", human(&name)).await.0, 201);
    let mut running = directory.running.take().unwrap();
    assert_eq!(running.end(), Some(0));
    assert!(
        !running.output().contains(&directory.token)
            && running.output().contains("server is listening")
    );
    let kept = std::fs::read_to_string(directory.folder.path("state.json")).unwrap();
    assert!(!kept.contains(&directory.token) && !kept.contains("Correct-horse-1"));
    directory.serve(&[]);
    let (_, found) = directory
        .post(
            "/v2/users",
            json!({ "queries": [{ "userNameQuery": { "userName": name } }] }),
        )
        .await;
    assert_eq!(found["details"]["totalResult"], "1");
}

#[test]
fn it_does_not_start_without_its_master_key_and_ready_tells_whether_it_runs() {
    if original("ZITADEL").is_some() {
        return;
    }
    let mut running = Running::start(
        "zitadel",
        &["start", "--port", "1"],
        &[("ZITADEL_MASTERKEY", "short")],
    );
    assert_eq!(running.ended(), Some(1));
    assert!(
        running.output().contains("32 bytes"),
        "{}",
        running.output()
    );
    let ready = |port: u16| {
        ran(std::process::Command::new(program()).args([
            "zitadel",
            "ready",
            "--port",
            &port.to_string(),
        ]))
        .0
    };
    assert_eq!(ready(port()), 1);
    let directory = Directory::start();
    assert_eq!(ready(directory.port), 0);
}
