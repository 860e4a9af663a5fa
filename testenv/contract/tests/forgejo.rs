//! Forgejo and its runner, by the public API documentation, spoken to by reqwest, psql's protocol and each other.
//!
//! Against an original: `RUNPROOF_CONTRACT_FORGEJO_ADDR`, a URL, and `_REPO` with `owner/name`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use runproof_contract::{Folder, Running, http, original, port, ran, until, until_async};
use serde_json::{Value, json};

struct Forgejo {
    address: String,
    repository: String,
    running: Option<Running>,
    folder: Folder,
}

impl Forgejo {
    /// `more` are further lines of app.ini.
    fn start(port: u16, more: &str) -> Self {
        let folder = Folder::new();
        let runs: Value = (1..=7)
            .map(|id| json!({ "id": id, "index": id, "title": format!("build {id}"), "status": if id == 3 { 2 } else { 1 }, "workflow": "botserver.yaml", "reference": "refs/heads/main", "created": 1_700_000_000 + id }))
            .collect();
        let file = folder.write("runs.json", &runs.to_string());
        let ini = folder.write(
            "app.ini",
            &format!("APP_NAME = x\n[server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\n[standin]\nRUNS = {file}\nAPI_TOKEN = a-token-of-the-tests\n{more}"),
        );
        let running = Running::listening("forgejo", &["web", "--config", &ini], &[], port);
        Self {
            address: format!("http://127.0.0.1:{port}"),
            repository: "platform/botserver".to_owned(),
            running: Some(running),
            folder,
        }
    }

    fn plain() -> Self {
        match original("FORGEJO") {
            Some(address) => {
                let repository = std::env::var("RUNPROOF_CONTRACT_FORGEJO_REPO")
                    .expect("a repository of the original");
                Self {
                    address,
                    repository,
                    running: None,
                    folder: Folder::new(),
                }
            }
            None => Self::start(port(), ""),
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = http().get(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.header("Authorization", format!("token {token}"));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        )
    }
}

#[tokio::test]
async fn health_passes_and_the_version_is_told() {
    let forgejo = Forgejo::plain();
    let (status, health) = forgejo.get("/api/healthz", None).await;
    assert_eq!((status, &health["status"]), (200, &json!("pass")));
    assert_eq!(health["checks"]["database:ping"][0]["status"], "pass");
    let (_, version) = forgejo.get("/api/v1/version", None).await;
    assert!(
        version["version"]
            .as_str()
            .unwrap()
            .starts_with(|c: char| c.is_ascii_digit())
    );
    assert_eq!(forgejo.get("/api/v1/nothing", None).await.0, 404);
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_no_more_than_asked_for() {
    let forgejo = Forgejo::plain();
    let path = format!("/api/v1/repos/{}/actions", forgejo.repository);
    for list in ["runs", "tasks"] {
        let (status, body) = forgejo.get(&format!("{path}/{list}?limit=5"), None).await;
        assert_eq!(status, 200, "{list}");
        let runs = body["workflow_runs"].as_array().unwrap();
        assert!(runs.len() <= 5 && body["total_count"].is_u64(), "{body}");
        let ids: Vec<i64> = runs.iter().map(|run| run["id"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    }
    if original("FORGEJO").is_none() {
        let (_, body) = forgejo
            .get(&format!("{path}/tasks?limit=5&page=2"), None)
            .await;
        assert_eq!(
            (
                body["workflow_runs"].as_array().unwrap().len(),
                &body["total_count"]
            ),
            (2, &json!(7))
        );
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_a_search_counts_in_a_header() {
    let forgejo = Forgejo::plain();
    assert_eq!(
        forgejo
            .get("/api/v1/repos/search?limit=1", Some("wrong"))
            .await
            .0,
        401
    );
    let found = http()
        .get(format!("{}/api/v1/repos/search?limit=1", forgejo.address))
        .send()
        .await
        .unwrap();
    assert_eq!(found.status(), 200);
    assert!(
        found.headers()["x-total-count"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .is_ok()
    );
    if let Some(mut running) = { forgejo }.running.take() {
        assert_eq!(running.end(), Some(0));
        assert!(!running.output().contains("a-token-of-the-tests"));
    }
}

/// A PostgreSQL of the tests' own; `None` where its programs are not installed.
struct Database {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Database {
    fn start() -> Option<Self> {
        let bin = (11..30)
            .rev()
            .map(|n| PathBuf::from(format!("/usr/lib/postgresql/{n}/bin")))
            .find(|bin| bin.join("initdb").exists())?;
        let (folder, port) = (Folder::new(), port());
        let data = folder.path("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(folder.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        if ran(Command::new("id").arg("-u")).1.trim() == "0" {
            // PostgreSQL refuses to run as root.
            assert_eq!(ran(Command::new("chown").arg("nobody").arg(&data)).0, 0);
        }
        let (code, _, error) = ran(unprivileged(&bin.join("initdb"))
            .args(["-A", "trust", "-U", "forgejo", "-D"])
            .arg(&data));
        assert_eq!(code, 0, "{error}");
        let child = unprivileged(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-k",
                "",
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-c",
                "fsync=off",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self {
            child,
            port,
            _folder: folder,
        })
    }

    async fn client(&self, database: &str) -> Option<tokio_postgres::Client> {
        let dsn = format!(
            "host=127.0.0.1 port={} user=forgejo dbname={database}",
            self.port
        );
        let (client, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls)
            .await
            .ok()?;
        tokio::spawn(connection);
        Some(client)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SIGKILL would leave its children behind.
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}

fn unprivileged(program: &Path) -> Command {
    if ran(Command::new("id").arg("-u")).1.trim() != "0" {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--clear-groups", "--"])
        .arg(program);
    command
}

const TABLES: &str = "
CREATE TABLE action_run (id bigserial PRIMARY KEY, title text, repo_id bigint, workflow_id text, index bigint, ref text,
  commit_sha text, event text, status integer NOT NULL DEFAULT 0, started bigint, stopped bigint, created bigint);
CREATE TABLE action_runner (id bigserial PRIMARY KEY, uuid char(36) UNIQUE, name text, version text, owner_id bigint, repo_id bigint,
  last_online bigint, last_active bigint, created bigint, updated bigint);
CREATE TABLE action_runner_token (id bigserial PRIMARY KEY, token text UNIQUE, is_active boolean);
INSERT INTO action_run (title, repo_id, workflow_id, index, status, created) VALUES ('one', 1, 'botserver.yaml', 1, 1, 1700000000), ('stuck', 1, 'botserver.yaml', 2, 6, 1700000100);
INSERT INTO action_runner_token (token, is_active) VALUES ('registration', true);
";

#[tokio::test]
async fn with_a_database_the_runs_are_its_rows_and_runners_are_known_by_its_tables() {
    if original("FORGEJO").is_some() {
        return;
    }
    let Some(database) = Database::start() else {
        eprintln!("PostgreSQL is not installed: postgresql has it");
        return;
    };
    until_async("PostgreSQL answers", || async {
        database.client("postgres").await.is_some()
    })
    .await;
    database
        .client("postgres")
        .await
        .unwrap()
        .batch_execute("CREATE DATABASE \"PROD-ALM\"")
        .await
        .unwrap();
    let client = database.client("PROD-ALM").await.unwrap();
    client.batch_execute(TABLES).await.unwrap();
    let server = port();
    let section = format!(
        "[database]\nDB_TYPE = postgres\nHOST = 127.0.0.1:{}\nNAME = PROD-ALM\nUSER = forgejo\n",
        database.port
    );
    let forgejo = Forgejo::start(server, &section);
    let path = "/api/v1/repos/platform/botserver/actions/tasks?limit=5";
    let (_, body) = forgejo.get(path, None).await;
    assert_eq!(body["workflow_runs"][0]["status"], "running", "{body}");
    client
        .execute("UPDATE action_run SET status = 2 WHERE id = 2", &[])
        .await
        .unwrap();
    assert_eq!(
        forgejo.get(path, None).await.1["workflow_runs"][0]["status"],
        "failure"
    );

    let runner = Runner::new();
    let (code, out) = runner.register(server, "wrong");
    assert_eq!(code, 1);
    assert!(out.contains("registration token not found"), "{out}");
    assert_eq!(runner.register(server, "registration").0, 0);
    let running = runner.daemon();
    until("the runner is known", || {
        running.output().contains("declared successfully")
    });
    let row = client
        .query_one("SELECT name, last_online FROM action_runner", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "alm-ci");
    assert!(jiff::Timestamp::now().as_second() - row.get::<_, i64>(1) < 120);
    client
        .execute("DELETE FROM action_runner", &[])
        .await
        .unwrap();
    until("a runner that was removed is told so", || {
        running.output().contains("unregistered runner")
    });

    drop(database);
    let (status, health) = forgejo.get("/api/healthz", None).await;
    assert_eq!((status, &health["status"]), (503, &json!("fail")));
}

/// A runner's folder.
struct Runner {
    folder: Folder,
    config: String,
}

impl Runner {
    fn new() -> Self {
        let folder = Folder::new();
        let config = folder.write(
            "config.yaml",
            &format!(
                "log:\n  level: info\nrunner:\n  file: {}\n  fetch_interval: 1s\n",
                folder.text(".runner")
            ),
        );
        std::fs::create_dir(folder.path("tmp")).unwrap();
        let runner = Self { folder, config };
        runner.tmp(0o1777);
        runner
    }

    fn tmp(&self, mode: u32) {
        std::fs::set_permissions(self.folder.path("tmp"), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn register(&self, port: u16, token: &str) -> (i32, String) {
        let instance = format!("http://127.0.0.1:{port}");
        let args = [
            "-c",
            &self.config,
            "register",
            "--no-interactive",
            "--instance",
            &instance,
            "--token",
            token,
            "--name",
            "alm-ci",
            "--labels",
            "gbo",
        ];
        let mut running = Running::start("forgejo-runner", &args, &[]);
        (running.ended().unwrap(), running.output())
    }

    fn daemon(&self) -> Running {
        Running::start(
            "forgejo-runner",
            &["-c", &self.config, "daemon"],
            &[("TMPDIR", &self.folder.text("tmp"))],
        )
    }
}

#[test]
fn a_runner_with_the_wrong_port_says_connection_refused_until_its_file_is_mended() {
    if original("FORGEJO").is_some() {
        return;
    }
    let server = port();
    let forgejo = Forgejo::start(server, "");
    let runner = Runner::new();
    assert_eq!(runner.register(server, "any").0, 0);
    let file = runner.folder.path(".runner");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        good.replace(&format!(":{server}"), &format!(":{}", port())),
    )
    .unwrap();
    let mut lost = runner.daemon();
    until("it says why", || {
        lost.output().contains("connect: connection refused")
    });
    assert_eq!(lost.end(), Some(0));
    std::fs::write(&file, &good).unwrap();
    let found = runner.daemon();
    until("it works", || {
        found.output().contains("declared successfully")
    });
    let secret = serde_json::from_str::<Value>(&good).unwrap()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(secret.len() > 7 && !found.output().contains(&secret));
    drop(forgejo);
    until("a server that goes away is noticed", || {
        found.output().contains("failed to fetch task")
    });
}

#[test]
fn a_runner_refuses_a_temporary_folder_that_is_not_open_to_all() {
    if original("FORGEJO").is_some() {
        return;
    }
    let server = port();
    let forgejo = Forgejo::start(server, "");
    let runner = Runner::new();
    assert_eq!(runner.register(server, "any").0, 0);
    runner.tmp(0o755);
    let running = runner.daemon();
    until("it says why", || {
        running.output().contains("permission denied")
    });
    assert!(!running.output().contains("declared successfully"));
    runner.tmp(0o1777);
    until("it works once the mode is right", || {
        running.output().contains("declared successfully")
    });
    assert!(forgejo.folder.path("app.ini").exists());
}

#[test]
fn a_runner_that_was_never_registered_does_not_start() {
    let runner = Runner::new();
    let mut running = runner.daemon();
    assert_eq!(running.ended(), Some(1));
    assert!(
        running
            .output()
            .contains("please register the runner first"),
        "{}",
        running.output()
    );
}
