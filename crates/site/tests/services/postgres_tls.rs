//! A real PostgreSQL under TLS: whose certificate it was is told, and never believed.

use runproof_model::Site;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::common::{Engine, Folder, Node};
use crate::kit::{ask, is_absent, one, unknown};

/// A server with a certificate of the authority's for `localhost`, and whatever else it is told.
fn server(authority: &Authority, more: &str) -> Node {
    let node = Node::of(Engine::Docker, "runproof-test:tables", &["sleep", "100000"]);
    for name in ["ca.crt", "other.crt", "leaf.crt", "leaf.key"] {
        let text = authority.text(name);
        node.sh(&format!("cat >/tmp/{name} <<'EOF'\n{text}EOF"));
    }
    node.sh("chown postgres /tmp/leaf.key && chmod 600 /tmp/leaf.key");
    node.sh(&format!(
        "cat >/etc/postgresql/15/main/conf.d/tls.conf <<'EOF'\n\
         ssl = on\nssl_cert_file = '/tmp/leaf.crt'\nssl_key_file = '/tmp/leaf.key'\n\
         log_connections = on\n{more}\nEOF"
    ));
    node.sh("pg_ctlcluster 15 main start");
    node.sh(
        "for i in $(seq 300); do su postgres -c 'psql -c \"select 1\"' >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1",
    );
    node.sh(
        "su postgres -c \"psql -qc \\\"CREATE ROLE auditor LOGIN PASSWORD 'CANARY-right'\\\"\"",
    );
    node
}

fn site(node: &Node, folder: &Folder) -> Site {
    let path = folder.0.join("password");
    std::fs::write(&path, "CANARY-right\n").unwrap();
    one(
        "docker",
        &node.name,
        "socket",
        json!({
            "content": ["/tmp/**"],
            "credentials": { "tables": { "user": "auditor", "password_file": path } },
        }),
    )
}

fn query(more: Value) -> Value {
    let mut query = json!({ "postgres": "localhost:5432", "database": "postgres" });
    let more = more.as_object().unwrap().clone();
    query.as_object_mut().unwrap().extend(more);
    query
}

/// How many were let in, by the server's own log.
fn let_in(node: &Node) -> usize {
    node.sh("cat /var/log/postgresql/*.log")
        .lines()
        .filter(|line| line.contains("connection authorized: user=auditor"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_in_docker_says_against_whom_its_certificate_was_verified_and_verify_means_it() {
    if !Engine::Docker.ready() {
        return;
    }
    let authority = Authority::new("pg-tls", "DNS:localhost,IP:127.0.0.1");
    let folder = Folder::new("pg-tls-site");
    let node = server(&authority, "");
    let site = site(&node, &folder);
    let (ca, other) = ("/tmp/ca.crt", "/tmp/other.crt");
    let stranger = "other.example.com";
    let going_in = [
        query(json!({ "ca": ca })),
        query(json!({ "ca": other })),
        query(json!({})),
        query(json!({ "sslmode": "require" })),
        query(json!({ "sslmode": "verify-full", "ca": ca })),
        query(json!({ "sslmode": "verify-ca", "ca": ca, "name": stranger })),
        query(json!({ "ca": "/etc/shadow" })),
        query(json!({ "sslmode": "disable" })),
    ];
    let facts = ask(&site, &going_in).await;
    for fact in &facts {
        assert_eq!(
            (&fact["auth_ok"], &fact["account"]),
            (&json!(true), &json!("auditor")),
            "{fact}"
        );
        assert!(is_absent(&fact["trouble"]));
    }
    for right in [&facts[0], &facts[4]] {
        assert_eq!(
            (&right["tls"], &right["verified"]),
            (&json!(true), &json!(true)),
            "{right}"
        );
        assert!(is_absent(&right["why_not"]));
        assert_eq!(right["verified_against"], ca);
    }
    // It goes in whatever the certificate is, and says that nobody vouches for it.
    for (fact, against) in [
        (&facts[1], other),
        (&facts[2], "this machine"),
        (&facts[3], "this machine"),
        (&facts[5], ca),
    ] {
        assert_eq!(
            (&fact["tls"], &fact["verified"]),
            (&json!(true), &json!(false)),
            "{fact}"
        );
        assert!(fact["why_not"].is_string(), "{fact}");
        assert_eq!(fact["verified_against"], against);
    }
    // A CA that nobody may read proves nothing, either way.
    assert_eq!(facts[6]["tls"], true);
    assert_eq!(unknown(&facts[6]["verified"]), "not-allowed");
    assert_eq!(facts[7]["tls"], false, "{}", facts[7]);
    assert!(is_absent(&facts[7]["verified"]) && is_absent(&facts[7]["verified_against"]));

    let before = let_in(&node);
    assert_eq!(before, going_in.len());
    let staying_out = [
        query(json!({ "sslmode": "verify-full", "ca": other })),
        query(json!({ "sslmode": "verify-full", "ca": ca, "name": stranger })),
        query(json!({ "sslmode": "verify-full" })),
        query(json!({ "sslmode": "verify-ca", "ca": other })),
        query(json!({ "sslmode": "require", "ca": other })),
        query(json!({ "sslmode": "verify-full", "ca": "/tmp/none.crt" })),
        query(json!({ "sslmode": "verify-full", "ca": "/etc/shadow" })),
    ];
    let facts = ask(&site, &staying_out).await;
    for fact in &facts {
        assert_eq!(fact["reachable"], true, "{fact}");
        assert!(fact["auth_ok"]["$unknown"].is_object(), "{fact}");
        assert!(fact["bots"]["$unknown"].is_object(), "{fact}");
        assert!(fact["trouble"].is_string(), "{fact}");
        assert!(!fact.to_string().contains("CANARY"), "{fact}");
    }
    for fact in &facts[..6] {
        assert_eq!(
            (&fact["tls"], &fact["verified"]),
            (&json!(true), &json!(false)),
            "{fact}"
        );
        assert!(
            fact["trouble"].as_str().unwrap().contains("certificate"),
            "{fact}"
        );
    }
    assert_eq!(unknown(&facts[6]["auth_ok"]), "not-allowed");
    // Nobody came so far as to log in.
    assert_eq!(let_in(&node), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_in_docker_without_tls_is_not_logged_into_by_who_requires_it() {
    if !Engine::Docker.ready() {
        return;
    }
    let authority = Authority::new("pg-plain", "DNS:localhost");
    let folder = Folder::new("pg-plain-site");
    let node = server(&authority, "ssl = off");
    let modes = ["prefer", "require", "verify-ca", "verify-full"];
    let queries = modes.map(|mode| query(json!({ "sslmode": mode, "ca": "/tmp/ca.crt" })));
    let facts = ask(&site(&node, &folder), &queries).await;
    for fact in &facts {
        assert_eq!(fact["tls"], false, "{fact}");
        assert!(is_absent(&fact["verified"]) && is_absent(&fact["verified_against"]));
    }
    assert_eq!(facts[0]["auth_ok"], true, "{}", facts[0]);
    for fact in &facts[1..] {
        assert_eq!(unknown(&fact["auth_ok"]), "failed", "{fact}");
        assert!(fact["trouble"].as_str().unwrap().contains("has no TLS"));
    }
    assert_eq!(let_in(&node), 1);
    // Questions that go in the same way go in once.
    let queries = [
        "bots",
        "action_run",
        "none",
        "drive_files",
        "bot_configuration",
    ]
    .map(|table| query(json!({ "tables": [table], "settings": ["port"] })));
    for fact in ask(&site(&node, &folder), &queries).await {
        assert_eq!(fact["settings"]["port"], "5432", "{fact}");
    }
    assert_eq!(let_in(&node), 2);
}
