//! Real servers in containers, reached through their engines.

use std::time::Duration;

use rstest::rstest;
use runproof_facts::Secret;
use runproof_facts::secret::Key;
use serde_json::{Value, json};

use crate::common::{Engine, Folder, Node};
use crate::kit::{ask, is_absent, one, unknown};

/// Waits in the node for a command to succeed.
fn until(node: &Node, command: &str) {
    node.sh(&format!(
        "for i in $(seq 300); do {command} >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1"
    ));
}

const TABLES: &str = "
CREATE ROLE auditor LOGIN PASSWORD 'CANARY-right';
CREATE DATABASE botserver OWNER auditor;
\\c botserver
CREATE TABLE bots (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) NOT NULL, is_active boolean NOT NULL DEFAULT true);
CREATE TABLE bot_configuration (bot_id uuid, config_key text, config_value text);
CREATE TABLE gbot_config_sync (bot_id uuid, config_file_path text, last_sync_at timestamptz, file_hash text, sync_count int);
CREATE TABLE drive_files (bot_id uuid, file_path text, etag text, indexed boolean, fail_count int);
CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());
INSERT INTO bots (name) VALUES ('demo');
INSERT INTO bot_configuration SELECT id, 'llm-provider', 'groq' FROM bots;
INSERT INTO bot_configuration SELECT id, 'llm-key', 'CANARY-llm' FROM bots;
INSERT INTO drive_files SELECT id, 'demo.gbai/a', 'e1', true, 0 FROM bots UNION SELECT id, 'demo.gbai/b', NULL, false, 2 FROM bots;
INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('20260101000000', '2026-01-01 00:00:00');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor;
REVOKE SELECT ON gbot_config_sync FROM auditor;
CREATE SCHEMA closed;
CREATE TABLE closed.action_run (id int);
";

#[tokio::test(flavor = "multi_thread")]
async fn postgres_in_docker_tells_versions_tables_and_rows_and_is_not_written_to() {
    if !Engine::Docker.ready() {
        return;
    }
    let node = Node::of(
        Engine::Docker,
        "runproof-test:tables",
        &["sh", "-c", "pg_ctlcluster 15 main start; exec sleep 100000"],
    );
    until(&node, "su postgres -c 'psql -c \"select 1\"'");
    node.sh(&format!(
        "su postgres -c 'psql -q -v ON_ERROR_STOP=1' <<'EOF'\n{TABLES}\nEOF"
    ));
    let folder = Folder::new("pg");
    let password = |name: &str, text: &str| {
        let path = folder.0.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        json!({ "credentials": { "tables": { "user": "auditor", "password_file": path } } })
    };
    let right = one(
        "docker",
        &node.name,
        "socket",
        password("right", "CANARY-right"),
    );
    let query = json!({ "postgres": "localhost:5432", "database": "botserver",
        "settings": ["default_transaction_read_only", "no_such_setting"],
        "tables": ["bots", "none"], "bot": "demo", "config": ["llm-provider", "theme"], "secret": ["llm-key"] });
    let counts = "su postgres -c \"psql -At botserver -c 'select sum(n_tup_ins+n_tup_upd+n_tup_del) from pg_stat_user_tables'\"";
    let before = node.sh(counts);
    let facts = ask(
        &right,
        &[
            query.clone(),
            json!({ "postgres": "localhost:5432", "database": "none" }),
            json!({ "postgres": "localhost:5433" }),
            json!({ "tls": "localhost:5432", "starttls": "postgres" }),
        ],
    )
    .await;
    let fact = &facts[0];
    assert_eq!(fact["auth_ok"], true, "{fact}");
    assert_eq!(
        (&fact["major"], &fact["account"]),
        (&json!(15), &json!("auditor"))
    );
    assert_eq!(fact["databases"], json!(["botserver", "postgres"]));
    assert_eq!(fact["settings"]["default_transaction_read_only"], "on");
    assert!(is_absent(&fact["settings"]["no_such_setting"]));
    assert_eq!(fact["tables"]["bots"][1]["name"], "name");
    assert!(is_absent(&fact["tables"]["none"]));
    assert_eq!(fact["bots"][0]["name"], "demo");
    assert_eq!(fact["bots"][0]["active"], true);
    assert_eq!(fact["config_keys"], json!(["llm-key", "llm-provider"]));
    assert_eq!(fact["config"]["llm-provider"], "groq");
    assert!(is_absent(&fact["config"]["theme"]));
    let expected = serde_json::to_value(Secret::of(b"CANARY-llm", &Key::new([7; 32]))).unwrap();
    assert_eq!(fact["secret"]["llm-key"], expected);
    assert_eq!(
        fact["migrations"],
        json!([{ "version": "20260101000000", "run_on": 1_767_225_600 }])
    );
    let files = &fact["drive_files"];
    assert_eq!(
        (&files["total"], &files["indexed"], &files["failed"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert!(is_absent(&files["files"][1]["etag"]));
    // What may not be read, and what hides in a schema that is closed, is not absent.
    assert_eq!(unknown(&fact["config_sync"]), "permission");
    assert_eq!(unknown(&fact["ci_runs"]), "hidden");
    assert!(is_absent(&fact["ci_jobs"]) && is_absent(&fact["runner_tokens"]));

    assert_eq!(facts[1]["auth_ok"], true, "{}", facts[1]);
    assert!(
        facts[1]["trouble"]
            .as_str()
            .unwrap()
            .contains("no such database")
    );
    assert_eq!(facts[2]["reachable"], false, "{}", facts[2]);
    assert_eq!(unknown(&facts[2]["bots"]), "unreachable");
    assert_eq!(facts[3]["spoken"], true, "{}", facts[3]);

    let wrong = one(
        "docker",
        &node.name,
        "socket",
        password("wrong", "CANARY-wrong"),
    );
    let refused = &ask(&wrong, &[query]).await[0];
    assert_eq!(refused["auth_ok"], false, "{refused}");
    assert_eq!(unknown(&refused["bots"]), "permission");
    for fact in facts.iter().chain([refused]) {
        assert!(!fact.to_string().contains("CANARY"), "{fact}");
    }
    // Statistics come late; they are asked for after a while.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(node.sh(counts), before);
    assert_eq!(node.processes("runproof-"), Vec::<String>::new());
}

#[rstest]
#[case::docker_socket(Engine::Docker, "socket")]
#[case::docker_cli(Engine::Docker, "cli")]
#[case::incus_socket(Engine::Incus, "socket")]
#[case::incus_cli(Engine::Incus, "cli")]
#[tokio::test(flavor = "multi_thread")]
async fn loopback_of_a_container_is_seen_from_inside_and_nothing_stays_behind(
    #[case] engine: Engine,
    #[case] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    if node
        .sh("command -v valkey-server caddy || true")
        .lines()
        .count()
        < 2
    {
        println!("skipped: the image has no valkey-server and caddy");
        return;
    }
    node.sh("valkey-server --bind 127.0.0.1 --port 6379 --requirepass CANARY-pass --daemonize yes");
    node.sh("caddy respond --listen 127.0.0.1:8080 --body '{\"status\":\"ok\"}' --header 'Server: x' >/dev/null 2>&1 &");
    until(&node, "exec 3<>/dev/tcp/127.0.0.1/6379");
    until(&node, "exec 3<>/dev/tcp/127.0.0.1/8080");
    node.sh("valkey-cli -a CANARY-pass sadd suggestions:b:s x y; valkey-cli -a CANARY-pass set other 1 ex 1000");
    let folder = Folder::new("cache");
    let at = |name: &str, text: &str| {
        let path = folder.0.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        json!({ "credentials": { "cache": { "password_file": path } } })
    };
    let site = one(engine.name(), &node.name, via, at("right", "CANARY-pass"));
    let query = json!({ "cache": "127.0.0.1:6379", "info": ["role", "none"],
        "patterns": ["suggestions:*", "other", "nothing:*"] });
    let facts = ask(
        &site,
        &[
            query.clone(),
            json!({ "cache": "127.0.0.1:6379", "credential": "none" }),
            json!({ "cache": "127.0.0.1:6380" }),
            json!({ "http": "http://localhost:8080/health", "json": ["/status", "/none"], "headers": ["server", "date"] }),
            json!({ "http": "http://no-such-name.invalid/" }),
            json!({ "websocket": "ws://localhost:8080/ws" }),
            json!({ "http": "http://127.0.0.1:8080/", "from": "here" }),
        ],
    )
    .await;
    let cache = &facts[0];
    assert_eq!(
        (&cache["auth_required"], &cache["auth_ok"], &cache["ping"]),
        (&json!(true), &json!(true), &json!(true)),
        "{cache}"
    );
    assert_eq!(cache["server"], "valkey");
    assert_eq!(cache["bind"], json!(["127.0.0.1"]));
    assert_eq!(cache["info"]["role"], "master");
    assert!(is_absent(&cache["info"]["none"]));
    let suggestions = &cache["patterns"]["suggestions:*"];
    assert_eq!(suggestions["types"], json!({ "set": 1 }));
    assert_eq!(suggestions["without_ttl"], 1);
    assert_eq!(suggestions["bots"], json!(["b"]));
    // Names of other keys may hold what nobody else may have.
    assert!(is_absent(&cache["patterns"]["other"]["bots"]));
    assert_eq!(cache["patterns"]["other"]["without_ttl"], 0);
    assert_eq!(cache["patterns"]["nothing:*"]["count"], 0);
    assert_eq!(facts[1]["auth_required"], true, "{}", facts[1]);
    assert_eq!(unknown(&facts[1]["ping"]), "permission");
    assert_eq!(facts[2]["reachable"], false, "{}", facts[2]);
    let http = &facts[3];
    assert_eq!(
        (&http["status"], &http["json"]["/status"]),
        (&json!(200), &json!("ok")),
        "{http}"
    );
    assert!(is_absent(&http["json"]["/none"]) && is_absent(&http["verified"]));
    assert_eq!(facts[4]["reachable"], false, "{}", facts[4]);
    assert_eq!(
        (&facts[5]["status"], &facts[5]["accepted"]),
        (&json!(200), &json!(false)),
        "{}",
        facts[5]
    );
    // This machine has another loopback.
    assert_ne!(facts[6]["status"], json!(200));
    let wrong = &ask(
        &one(engine.name(), &node.name, via, at("wrong", "CANARY-wrong")),
        &[query],
    )
    .await[0];
    assert_eq!(wrong["auth_ok"], false, "{wrong}");
    assert_eq!(unknown(&wrong["patterns"]["other"]), "permission");
    for fact in facts.iter().chain([wrong]) {
        assert!(!fact.to_string().contains("CANARY"), "{fact}");
    }
    // A busy engine may take a while to notice that nobody listens to a program any more.
    for _ in 0..300 {
        if node.processes("runproof-").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{:?}", node.processes("runproof-"));
}

const ZONE: &str = "$ORIGIN example.com.
@ 300 IN SOA ns hostmaster 2026010101 3600 600 86400 300
@ 300 IN NS ns
@ 300 IN MX 10 mail
ns 300 IN A 10.0.2.53
www 300 IN A 10.0.2.80
";

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_in_docker_answers_from_inside() {
    if !Engine::Docker.ready() {
        return;
    }
    let node = Node::start(Engine::Docker);
    if node.sh("command -v knotd || true").is_empty() {
        println!("skipped: the image has no knotd");
        return;
    }
    node.sh(&format!(
        "mkdir -p /z /run/knot && cat >/z/example.com.zone <<'EOF'\n{ZONE}EOF"
    ));
    node.sh("printf 'server:\\n    listen: 127.0.0.1@53\\n    rundir: /z\\ndatabase:\\n    storage: /z\\nzone:\\n  - domain: example.com\\n    storage: /z\\n    file: example.com.zone\\n' >/z/knot.conf");
    node.sh("knotd -c /z/knot.conf -d");
    until(&node, "exec 3<>/dev/tcp/127.0.0.1/53");
    let site = one("docker", &node.name, "socket", json!({}));
    let at = "127.0.0.1:53";
    let facts: Vec<Value> = ask(
        &site,
        &[
            json!({ "dns": "example.com", "type": "SOA", "at": at }),
            json!({ "dns": "www.example.com", "at": at }),
            json!({ "dns": "none.example.com", "at": at }),
            json!({ "dns": "example.org", "at": at }),
            json!({ "dns": "example.com", "type": "MX", "at": at }),
            json!({ "dns": "example.com", "at": "127.0.0.1:54" }),
        ],
    )
    .await;
    assert_eq!(
        (&facts[0]["serial"], &facts[0]["authoritative"]),
        (&json!(2_026_010_101), &json!(true)),
        "{}",
        facts[0]
    );
    assert_eq!(facts[1]["data"], json!(["10.0.2.80"]), "{}", facts[1]);
    assert!(is_absent(&facts[1]["serial"]));
    assert_eq!(facts[2]["rcode"], "NXDOMAIN");
    assert_eq!(facts[3]["rcode"], "REFUSED");
    assert_eq!(facts[4]["data"], json!(["10 mail.example.com."]));
    assert_eq!(facts[5]["reachable"], false);
}
