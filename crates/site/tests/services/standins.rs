//! Services that the stand-in plays, asked by the collectors; what it shares with each original
//! is held by the contract tests.

use std::time::Duration;

use runproof_contract::{Running, port};
use serde_json::{Value, json};

use crate::common::Folder;
use crate::kit::{ask, gather, here, is_absent, unknown};

/// A site that is this machine, with one token for a service.
fn with_token(folder: &Folder, service: &str, token: &str) -> runproof_model::Site {
    let path = folder.0.join(format!("{service}-token"));
    std::fs::write(&path, format!("{token}\n")).unwrap();
    here(json!({ "credentials": { service: { "token_file": path } } }))
}

fn says_nothing_secret(facts: &[Value]) {
    for fact in facts {
        assert!(!fact.to_string().contains("CANARY"), "{fact}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qdrant_tells_its_health_to_strangers_and_its_collections_to_who_has_the_key() {
    let folder = Folder::new("qdrant");
    let collections = folder.0.join("storage/collections");
    std::fs::create_dir_all(&collections).unwrap();
    for name in ["demo", "another"] {
        std::fs::write(collections.join(format!("{name}.json")), "{}").unwrap();
    }
    let port = port();
    let number = port.to_string();
    let storage = folder.0.join("storage").to_string_lossy().into_owned();
    let environment = [
        ("QDRANT__SERVICE__HOST", "127.0.0.1"),
        ("QDRANT__SERVICE__HTTP_PORT", number.as_str()),
        ("QDRANT__SERVICE__API_KEY", "CANARY-key"),
        ("QDRANT__STORAGE__STORAGE_PATH", storage.as_str()),
    ];
    let _running = Running::listening("qdrant", &[], &environment, port);
    let at = format!("http://127.0.0.1:{port}");
    let query = [
        json!({ "qdrant": at, "credential": "vectordb" }),
        json!({ "qdrant": at }),
    ];
    let facts = ask(&with_token(&folder, "vectordb", "CANARY-key"), &query).await;
    let known = &facts[0];
    assert_eq!(known["reachable"], true, "{known}");
    assert!(is_absent(&known["trouble"]));
    assert_eq!(
        (&known["healthz"], &known["readyz"]),
        (&json!(200), &json!(200))
    );
    assert!(known["version"].as_str().unwrap().starts_with("1."));
    assert_eq!(known["auth_required"], true);
    assert_eq!(known["collections"], json!(["another", "demo"]));
    // A stranger learns that there is a lock, and no more.
    assert_eq!(facts[1]["auth_required"], true, "{}", facts[1]);
    assert_eq!(unknown(&facts[1]["collections"]), "permission");

    let wrong = ask(&with_token(&folder, "vectordb", "CANARY-wrong"), &query).await;
    assert_eq!(wrong[0]["auth_required"], true, "{}", wrong[0]);
    assert_eq!(unknown(&wrong[0]["collections"]), "permission");
    says_nothing_secret(&facts);
    says_nothing_secret(&wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn livekit_is_well_and_refuses_strangers_and_another_server_is_no_livekit() {
    let folder = Folder::new("livekit");
    let port = port();
    let config = folder.0.join("livekit.yaml");
    std::fs::write(
        &config,
        format!("port: {port}\nkeys:\n  APItest: CANARY-secret-of-thirty-two-characters\n"),
    )
    .unwrap();
    let config = config.to_string_lossy();
    let arguments = ["--config", config.as_ref(), "--bind", "127.0.0.1"];
    let _running = Running::listening("livekit-server", &arguments, &[], port);
    let (_llama, llama) = llama(&folder, &[]);
    let facts = ask(
        &here(json!({})),
        &[
            json!({ "livekit": format!("http://127.0.0.1:{port}") }),
            json!({ "livekit": llama }),
        ],
    )
    .await;
    let livekit = &facts[0];
    assert_eq!(
        (&livekit["reachable"], &livekit["status"], &livekit["ok"]),
        (&json!(true), &json!(200), &json!(true)),
        "{livekit}"
    );
    assert!(is_absent(&livekit["trouble"]));
    assert_eq!(livekit["refuses_strangers"], true);
    // It answers, and is something else.
    assert_eq!(facts[1]["reachable"], true, "{}", facts[1]);
    assert_eq!(
        (&facts[1]["ok"], &facts[1]["refuses_strangers"]),
        (&json!(false), &json!(false))
    );
    says_nothing_secret(&facts);
}

/// A llama-server and its address.
fn llama(folder: &Folder, environment: &[(&str, &str)]) -> (Running, String) {
    let model = folder.0.join("model.gguf");
    std::fs::write(&model, "GGUF").unwrap();
    let (port, model) = (port(), model.to_string_lossy().into_owned());
    let number = port.to_string();
    let arguments = ["-m", &model, "--host", "127.0.0.1", "--port", &number];
    let running = Running::listening("llama-server", &arguments, environment, port);
    (running, format!("http://127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_model_is_ready_when_it_is_loaded_and_not_before() {
    let folder = Folder::new("llm");
    let (_loaded, loaded) = llama(&folder, &[]);
    let (_loading, loading) = llama(&folder, &[("STANDIN_LLAMA_LOADING_SECONDS", "600")]);
    let facts = ask(
        &here(json!({})),
        &[json!({ "llm": loaded }), json!({ "llm": loading })],
    )
    .await;
    let llm = &facts[0];
    assert_eq!(
        (&llm["reachable"], &llm["health"], &llm["ready"]),
        (&json!(true), &json!(200), &json!(true)),
        "{llm}"
    );
    assert!(is_absent(&llm["trouble"]));
    let models = llm["models"].as_array().unwrap();
    assert!(
        models.len() == 1 && models[0].as_str().unwrap().contains("model"),
        "{llm}"
    );
    assert_eq!(
        (&facts[1]["health"], &facts[1]["ready"]),
        (&json!(503), &json!(false)),
        "{}",
        facts[1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_tells_its_health_and_to_a_living_token_its_repositories() {
    let folder = Folder::new("forgejo");
    let port = port();
    let ini = folder.0.join("app.ini");
    let runs = folder.0.join("runs.json");
    std::fs::write(&runs, "[]").unwrap();
    std::fs::write(
        &ini,
        format!(
            "APP_NAME = x\n[server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\n[standin]\nRUNS = {}\nAPI_TOKEN = CANARY-token\n",
            runs.display()
        ),
    )
    .unwrap();
    let ini = ini.to_string_lossy();
    let _running = Running::listening("forgejo", &["web", "--config", &ini], &[], port);
    let at = format!("http://127.0.0.1:{port}");
    let query = [
        json!({ "forgejo": at, "credential": "alm" }),
        json!({ "forgejo": at }),
    ];
    let facts = ask(&with_token(&folder, "alm", "CANARY-token"), &query).await;
    let forge = &facts[0];
    assert_eq!(
        (&forge["reachable"], &forge["healthz"], &forge["healthy"]),
        (&json!(true), &json!(200), &json!(true)),
        "{forge}"
    );
    assert!(is_absent(&forge["trouble"]));
    assert!(forge["version"].as_str().unwrap().starts_with("11."));
    assert_eq!(
        (&forge["token_alive"], &forge["repositories"]),
        (&json!(true), &json!(4))
    );
    // Whoever shows no token cannot say whether one lives.
    assert_eq!(facts[1]["healthy"], true, "{}", facts[1]);
    assert_eq!(unknown(&facts[1]["token_alive"]), "not-allowed");

    let dead = ask(&with_token(&folder, "alm", "CANARY-dead"), &query).await;
    assert_eq!(dead[0]["token_alive"], false, "{}", dead[0]);
    assert!(dead[0]["repositories"]["$unknown"].is_object());
    says_nothing_secret(&facts);
    says_nothing_secret(&dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_without_its_database_says_itself_that_it_is_not_well() {
    let folder = Folder::new("forgejo-alone");
    let (port, nobody) = (port(), runproof_contract::port());
    let ini = folder.0.join("app.ini");
    std::fs::write(
        &ini,
        format!(
            "APP_NAME = x\n[server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\n[database]\nDB_TYPE = postgres\nHOST = 127.0.0.1:{nobody}\nNAME = none\nUSER = u\n"
        ),
    )
    .unwrap();
    let ini = ini.to_string_lossy();
    let _running = Running::listening("forgejo", &["web", "--config", &ini], &[], port);
    let query = json!({ "forgejo": format!("http://127.0.0.1:{port}") });
    let forge = &ask(&here(json!({})), &[query]).await[0];
    assert_eq!(
        (&forge["healthz"], &forge["healthy"]),
        (&json!(503), &json!(false)),
        "{forge}"
    );
}

/// Ages of what services tell are judged by the clock of their node.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_which_nothing_but_services_is_asked_has_a_clock() {
    let port = port();
    let nobody = json!({ "http": format!("http://127.0.0.1:{port}/") });
    let gathered = gather(&here(json!({})), &[nobody], Duration::from_secs(60)).await;
    assert!(gathered.nodes[0].now.is_some_and(|now| now > 1.7e9));
    assert_eq!(gathered.nodes[0].trouble, None);
}
