//! Servers that mean harm: whatever they do, nothing is absent, and it ends.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::Folder;
use crate::kit::{ask_within, here, unknown};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Never says a word.
    Mute,
    /// Hangs up at once.
    HangsUp,
    /// Says nonsense for ever.
    Floods,
    /// Nonsense bytes, then the end.
    Garbage,
    /// HTTP with a body that never ends.
    EndlessBody,
    /// HTTP with headers that never end.
    EndlessHeaders,
    /// HTTP whose body forges the marks of a recording.
    Forger,
}

async fn serve(manner: Manner, mut client: TcpStream) {
    let nonsense: Vec<u8> = (0..=255_u8).rev().cycle().take(8192).collect();
    let mut hear = vec![0; 4096];
    match manner {
        Manner::Mute => loop {
            if !matches!(client.read(&mut hear).await, Ok(1..)) {
                break;
            }
        },
        Manner::HangsUp => {}
        Manner::Floods => while client.write_all(&nonsense).await.is_ok() {},
        Manner::Garbage => {
            let _ = client.write_all(&nonsense).await;
        }
        Manner::EndlessBody => {
            let _ = client.read(&mut hear).await;
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let _ = client.write_all(head.as_bytes()).await;
            let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
            while client.write_all(chunk.as_bytes()).await.is_ok() {}
        }
        Manner::EndlessHeaders => {
            let _ = client.read(&mut hear).await;
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n").await;
            let header = format!("x-a: {}\r\n", "y".repeat(1000));
            while client.write_all(header.as_bytes()).await.is_ok() {}
        }
        Manner::Forger => {
            while let Ok(1..) = client.read(&mut hear).await {
                let body = r#"{"$absent":true,"data":{"$absent":true},"status":{"$absent":true},"sealed":{"$absent":true},"version":{"$absent":true},"result":{"collections":{"$absent":true}},"details":{"totalResult":{"$absent":true}}}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if client.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    }
}

async fn server(manner: Manner) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(manner, client));
        }
    });
    port
}

/// A question of each kind that reaches a port.
fn queries(port: u16) -> Vec<Value> {
    let at = format!("127.0.0.1:{port}");
    let plain = format!("http://{at}");
    let secure = format!("https://{at}");
    vec![
        json!({ "http": format!("{plain}/x"), "json": ["/status"], "headers": ["server"] }),
        json!({ "http": format!("{secure}/x"), "json": ["/status"] }),
        json!({ "tls": at }),
        json!({ "tls": at, "starttls": "smtp" }),
        json!({ "tls": at, "starttls": "imap" }),
        json!({ "tls": at, "starttls": "postgres" }),
        json!({ "websocket": format!("ws://{at}/ws") }),
        json!({ "websocket": format!("wss://{at}/ws") }),
        json!({ "vault": plain, "credential": "vault", "capabilities": ["secret/data/x"], "lists": ["gbo"] }),
        json!({ "kv": "gbo/tables", "plain": ["port"], "secret": ["username"] }),
        json!({ "postgres": at, "settings": ["port"], "tables": ["bots"], "bot": "b", "config": ["theme"] }),
        json!({ "cache": at, "info": ["uptime_in_seconds"], "patterns": ["a:*"] }),
        json!({ "objects": plain, "buckets": ["b"], "prefixes": ["b/p"], "heads": ["b/k"], "lines": ["b/k"] }),
        json!({ "dns": "example.com", "at": at }),
        json!({ "smtp": at }),
        json!({ "smtp": at, "implicit": true }),
        json!({ "imap": at }),
        json!({ "imap": at, "implicit": true }),
        json!({ "ssh": at }),
        json!({ "zitadel": plain }),
        json!({ "forgejo": plain, "credential": "alm" }),
        json!({ "qdrant": plain, "credential": "vectordb" }),
        json!({ "livekit": plain }),
        json!({ "llm": plain, "credential": "llm" }),
    ]
}

/// Every place where something is said to be absent.
fn absences(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if map.contains_key("$absent") => found.push(at.to_owned()),
        Value::Object(map) => {
            for (key, inner) in map {
                absences(inner, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| absences(item, at, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The most memory that this process ever had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_server_proves_no_absence_and_ends(
    #[values(
        Manner::Mute,
        Manner::HangsUp,
        Manner::Floods,
        Manner::Garbage,
        Manner::EndlessBody,
        Manner::EndlessHeaders,
        Manner::Forger
    )]
    manner: Manner,
) {
    let port = server(manner).await;
    let folder = Folder::new("hostile");
    let path = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
    for name in ["token", "password"] {
        std::fs::write(path(name), "CANARY-hunter2\n").unwrap();
    }
    std::fs::write(
        path(".env"),
        format!("VAULT_ADDR=http://127.0.0.1:{port}\nVAULT_TOKEN=CANARY-token\n"),
    )
    .unwrap();
    let site = here(json!({ "credentials": {
        "env": { "on": "system", "path": path(".env") },
        "tables": { "user": "u", "password_file": path("password") },
        "drive": { "access_key": "u", "secret_file": path("password") },
        "cache": { "password_file": path("password") },
        "directory": { "pat_file": path("token") },
        "alm": { "token_file": path("token") },
        "vectordb": { "token_file": path("token") },
        "llm": { "token_file": path("token") },
    }}));
    let queries = queries(port);
    let started = Instant::now();
    let facts = ask_within(&site, &queries, Duration::from_secs(12)).await;
    assert!(started.elapsed() < Duration::from_secs(120));
    assert!(peak() < 1500, "{} MiB", peak());
    for (query, fact) in queries.iter().zip(&facts) {
        let mut found = Vec::new();
        absences(fact, "", &mut found);
        // What is absent because nothing is wrong, or because no TLS was asked for.
        found.retain(|at| {
            ![
                "trouble", "verified", "why_not", "location", "title", "starttls",
            ]
            .contains(&at.as_str())
        });
        if manner == Manner::Forger {
            // It answered, in HTTP: that it lacks a header is true.
            found.retain(|at| at != "server" && !at.starts_with('/'));
        }
        assert!(found.is_empty(), "{manner:?} {query}: {found:?} in {fact}");
        assert!(!fact.to_string().contains("CANARY"), "{query}: {fact}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_a_listener_is_not_reachable_and_the_rest_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let site = here(json!({}));
    let queries = queries(port);
    for (query, fact) in queries
        .iter()
        .zip(ask_within(&site, &queries, Duration::from_secs(20)).await)
    {
        if query.get("kv").is_some() {
            assert_eq!(unknown(&fact), "not-allowed", "{fact}");
            continue;
        }
        assert_eq!(fact["reachable"], false, "{query}: {fact}");
        let mut found = Vec::new();
        absences(&fact, "", &mut found);
        assert!(found.is_empty(), "{query}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_not_sent_to_an_address_that_is_no_node_of_the_site() {
    let site = here(json!({ "credentials": { "tables": { "password_file": "/nowhere" } } }));
    let query = json!({ "postgres": "198.51.100.7:5432" });
    let wanted = [crate::kit::wanted("system", &query)];
    let session = runproof_site::Session::open(&site, crate::common::options())
        .await
        .unwrap();
    let plan = session.plan(&wanted);
    assert!(
        plan[0].looks[0].contains("ask 198.51.100.7:5432 with the credential `tables`"),
        "{:?}",
        plan[0].looks
    );
    assert!(plan[0].looks[0].contains("the file /nowhere of this machine"));
    // The stranger is an address of this machine that is neither loopback nor private.
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let query = json!({ "cache": format!("{}:{port}", name.trim()) });
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut heard = vec![0; 100];
            while let Ok(1..) = client.read(&mut heard).await {
                assert!(!String::from_utf8_lossy(&heard).contains("AUTH"));
                let _ = client
                    .write_all(b"-NOAUTH Authentication required.\r\n")
                    .await;
            }
        }
    });
    let fact = &ask_within(&site, &[query], Duration::from_secs(20)).await[0];
    if fact["reachable"] == true {
        assert_eq!(unknown(&fact["auth_ok"]), "not-allowed", "{fact}");
    }
}
