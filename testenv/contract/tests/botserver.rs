//! botserver, as its public source behaves: what it reads, what it lives on, what it logs and writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use futures_util::{SinkExt, StreamExt};
use redis::AsyncCommands;
use serde_json::{Value, json};
use stage::container::{CACHE_PASSWORD, Container, TABLES_PASSWORD};
use stage::storage::{PASSWORD, Storage, USER};
use stage::{Process, free_port, http, listens, vault};
use tokio_postgres::NoTls;
use tokio_tungstenite::tungstenite::Message;

/// Everything that botserver lives on, all of it real but Vault.
struct Platform {
    tables: Container,
    cache: Container,
    storage: Storage,
    vault: String,
    work: tempfile::TempDir,
}

impl Platform {
    fn up(tables_password: &str) -> Self {
        let (tables, cache) = (Container::tables(), Container::cache());
        let storage = Storage::standin(tempfile::tempdir().unwrap());
        let secrets: BTreeMap<&'static str, Value> = [
            (
                "tables",
                json!({"host": tables.address, "port": "5432", "database": "botserver",
                    "username": "gbuser", "password": tables_password}),
            ),
            (
                "cache",
                json!({"host": cache.address, "port": "6379", "password": CACHE_PASSWORD}),
            ),
            (
                "drive",
                json!({"host": "127.0.0.1", "port": storage.port(), "accesskey": USER, "secret": PASSWORD}),
            ),
        ]
        .into();
        Self {
            tables,
            cache,
            storage,
            vault: vault::up(secrets),
            work: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts botserver with an `.env` in the folder above its own.
    fn start(&self, port: u16) -> Process {
        let folder = tempfile::tempdir().unwrap();
        let env = format!(
            "VAULT_ADDR={}\nVAULT_TOKEN={}\nPORT={port}\nDRIVE_SCAN_INTERVAL=1\nGBO_WORK_PATH={}\n",
            self.vault,
            vault::TOKEN,
            self.work.path().display()
        );
        std::fs::write(folder.path().join(".env"), env).unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        Process::start_in(folder, "bin", "botserver", &["--noconsole"], &[])
    }

    async fn sql(&self) -> tokio_postgres::Client {
        let config = format!(
            "host={} user=gbuser password={TABLES_PASSWORD} dbname=botserver",
            self.tables.address
        );
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn upload(&self, key: &str, text: &str) {
        let client = self.storage.client();
        let _ = client.create_bucket().bucket("demo.gbai").send().await;
        let put = client.put_object().bucket("demo.gbai").key(key);
        let body = ByteStream::from(text.as_bytes().to_vec());
        put.body(body).send().await.unwrap();
    }
}

/// `key=value` of all rows of a bot's configuration.
async fn configuration(sql: &tokio_postgres::Client) -> Vec<String> {
    let text =
        "SELECT config_key || '=' || config_value FROM bot_configuration ORDER BY config_key";
    let rows = sql.query(text, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn count(sql: &tokio_postgres::Client, table: &str) -> i64 {
    let text = format!("SELECT count(*) FROM {table}");
    sql.query_one(&text, &[]).await.unwrap().get(0)
}

async fn eventually<T: PartialEq + std::fmt::Debug>(wanted: T, ask: impl AsyncFn() -> T) {
    for _ in 0..600 {
        if ask().await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ask().await, wanted);
}

async fn health(port: u16) -> (u16, Value) {
    let address = format!("http://127.0.0.1:{port}/api/health");
    let answer = http().get(address).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[test]
fn it_does_not_start_without_the_environment_that_only_systemd_loads() {
    let mut process = Process::start("botserver", &["--noconsole"], &[]);
    assert_eq!(process.exit(), Some(1));
    assert!(process.log().contains("VAULT_ADDR"));
}

#[test]
fn without_vault_it_falls_back_in_silence_and_what_fails_is_the_database() {
    let vault = format!("http://127.0.0.1:{}", free_port());
    let environment = [("VAULT_ADDR", vault.as_str())];
    let mut process = Process::start("botserver", &["--noconsole"], &environment);
    assert_eq!(process.exit(), Some(1));
    let log = process.log();
    let line = "Failed to create database pool: timed out waiting for connection: \
                connection to server at \"localhost\", port 5432 failed: ";
    assert!(log.contains(line), "{log}");
    assert!(!log.to_lowercase().contains("vault"), "{log}");
}

#[test]
fn what_is_set_is_not_overridden_and_a_broken_line_hides_those_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let vault = format!("http://127.0.0.1:{}", free_port());
    let env = format!("VAULT_ADDR={vault}\nthis is no assignment\nRUST_LOG=debug\n");
    std::fs::write(folder.path().join(".env"), env).unwrap();
    let mut quiet = Process::start_in(folder, "", "botserver", &["--noconsole"], &[]);
    assert_eq!(quiet.exit(), Some(1));
    assert!(!quiet.log().contains("gbo/tables"), "{}", quiet.log());
    let environment = [("RUST_LOG", "debug")];
    let folder = quiet.end();
    let mut loud = Process::start_in(folder, "", "botserver", &["--noconsole"], &environment);
    assert_eq!(loud.exit(), Some(1));
    // One line for each secret, at a level that nobody sees by default.
    assert!(
        loud.log()
            .contains("debug secrets:Failed to read secret gbo/tables")
    );
}

#[tokio::test]
async fn docker_a_bucket_becomes_a_bot_with_a_configuration_scripts_and_suggestions() {
    let platform = Platform::up(TABLES_PASSWORD);
    let config = "demo.gbot/config.csv";
    platform
        .upload(config, "name,value\n# why\nllm-provider, groq\nold,1\n")
        .await;
    let script = "ADD_SUGGESTION_TOOL \"enrol\" AS \"Enrol\"\nTALK \"Hi\"\n";
    platform.upload("demo.gbdialog/start.bas", script).await;
    let process = platform.start(free_port());
    process.wait_for("Synced config old=1 for bot demo");
    let sql = platform.sql().await;
    // A header that does not say `key` is a row like any other.
    let rows = ["llm-provider=groq", "name=value", "old=1"].map(str::to_owned);
    assert_eq!(configuration(&sql).await, rows);
    platform.upload(config, "llm-provider,openai\n").await;
    let rows = ["llm-provider=openai", "name=value", "old=1"].map(str::to_owned);
    eventually(rows.to_vec(), async || configuration(&sql).await).await;
    process.wait_for("ETag changed for demo.gbai/demo.gbot/config.csv, will reindex");
    assert_eq!(count(&sql, "gbot_config_sync").await, 0);
    assert!(count(&sql, "__diesel_schema_migrations").await > 0);

    let folder = platform.work.path().join("demo.gbai/demo.gbdialog");
    let compiled = folder.join("start.ast");
    eventually(true, async || compiled.exists()).await;
    process.wait_for("Adding suggestion to Redis key: suggestions:");
    let address = format!("redis://:{CACHE_PASSWORD}@{}:6379", platform.cache.address);
    let client = redis::Client::open(address).unwrap();
    let mut cache = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = cache.keys("suggestions:*").await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let found: Vec<String> = cache.smembers(&keys[0]).await.unwrap();
    assert!(found[0].contains("\"text\":\"Enrol\""), "{found:?}");
    let begun = keys[0].replace("suggestions:", "start_bas_executed:");
    let left: i64 = cache.ttl(begun).await.unwrap();
    assert!((1..=86_400).contains(&left), "{left}");

    // A script that does not compile leaves no compiled one, and one that was removed is forgotten.
    platform
        .upload("demo.gbdialog/start.bas", "TALK \"Hi\n")
        .await;
    process.wait_for("Failed to compile demo.gbai/demo.gbdialog/start.bas");
    eventually(false, async || compiled.exists()).await;
    let client = platform.storage.client();
    let gone = client.delete_object().bucket("demo.gbai").key(config);
    gone.send().await.unwrap();
    process.wait_for("File deleted from S3: demo.gbai/demo.gbot/config.csv (was in DB)");
    eventually(1, async || count(&sql, "drive_files").await).await;
    assert_eq!(configuration(&sql).await.len(), 3);
}

#[tokio::test]
async fn docker_health_follows_the_database_and_that_of_botui_does_not() {
    let platform = Platform::up(TABLES_PASSWORD);
    let port = free_port();
    let process = platform.start(port);
    process.wait_for(&format!("HTTP server listening on 0.0.0.0:{port}"));
    listens(port);
    let (status, body) = health(port).await;
    assert_eq!((status, &body["database"]), (200, &json!(true)));
    let (ui, ui_port) = botui(port);
    assert_eq!(health(ui_port).await.0, 200);

    platform.tables.sh("pg_ctlcluster 15 main stop -m fast");
    let (status, body) = health(port).await;
    assert_eq!((status, &body["database"]), (503, &json!(false)));
    assert_eq!(body["status"], "degraded");
    let simple = http().get(format!("http://127.0.0.1:{port}/health")).send();
    assert_eq!(simple.await.unwrap().status().as_u16(), 200);
    assert_eq!(health(ui_port).await.0, 200);
    platform.tables.sh("pg_ctlcluster 15 main start");
    eventually(200, async || health(port).await.0).await;
    // One that is there and says nothing is no better.
    platform.tables.pause(true);
    assert_eq!(health(port).await.0, 503);
    platform.tables.pause(false);
    eventually(200, async || health(port).await.0).await;

    let address = format!("ws://127.0.0.1:{ui_port}/ws?bot_name=demo&session_id=1&user_id=2");
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    socket
        .send(Message::text("{\"content\":\"hello\"}"))
        .await
        .unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    assert_eq!(answer["content"], "hello");

    let mut second = platform.start(port);
    assert_eq!(second.exit(), Some(1));
    assert!(second.log().contains("address in use"), "{}", second.log());
    drop(ui);
}

fn botui(server: u16) -> (Process, u16) {
    let port = free_port();
    let (text, server) = (port.to_string(), format!("http://localhost:{server}"));
    let environment = [("PORT", text.as_str()), ("BOTSERVER_URL", server.as_str())];
    let process = Process::start("botui", &[], &environment);
    listens(port);
    (process, port)
}

#[tokio::test]
async fn docker_a_wrong_password_of_the_database_ends_the_start_with_the_servers_words() {
    let platform = Platform::up("another-password");
    let mut process = platform.start(free_port());
    assert_eq!(process.exit(), Some(1));
    let log = process.log();
    let words = "failed SASL auth: FATAL:  password authentication failed for user \"gbuser\"";
    assert!(log.contains(words), "{log}");
}

#[tokio::test]
async fn docker_a_cache_behind_a_firewall_times_out_and_is_tried_again() {
    let platform = Platform::up(TABLES_PASSWORD);
    let rule = "INPUT -p tcp --dport 6379 -j DROP";
    platform.cache.sh(&format!("iptables -A {rule}"));
    let process = platform.start(free_port());
    process.wait_for(
        "failed: Failed to establish cache connection: Connection timed out (os error 110). Retrying in 5s...",
    );
    platform.cache.sh(&format!("iptables -D {rule}"));
    let address = &platform.cache.address;
    process.wait_for(&format!(
        "Cache initialized - Valkey connected via {address}:6379"
    ));
}

#[tokio::test]
async fn docker_a_storage_that_is_gone_is_said_at_every_scan_and_the_rest_goes_on() {
    let platform = Platform::up(TABLES_PASSWORD);
    platform.upload("demo.gbot/config.csv", "a,1\n").await;
    let port = free_port();
    let process = platform.start(port);
    process.wait_for("Synced config a=1 for bot demo");
    let _data = platform.storage.end();
    process.wait_for("Failed to list objects in demo.gbai: ");
    assert!(
        process
            .stream("err.log")
            .contains(" error monitor:Failed to list")
    );
    assert!(!process.stream("out.log").contains(" error "));
    assert_eq!(health(port).await.0, 200);
}
