//! A site without an engine, and the plan of any site.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking"
)]

mod common;

use std::sync::Mutex;

use common::{look, options, role, sh, site, two_looks};
use runproof_facts::ask::{Ask, Command};
use runproof_facts::reads::Reads;
use runproof_facts::registry::{Wanted, kind};
use runproof_model::Role;
use runproof_site::{
    CancellationToken, Gathered, OpenError, Progress, Session, Silent, Stage, plan,
};
use serde_json::json;

#[tokio::test]
async fn every_role_is_this_machine_and_the_environment_is_cleared() {
    let site = site(
        json!({ "engine": "local" }),
        json!({ "system": "a", "tables": "b", "meet": { "absent": "no video" } }),
    );
    let session = Session::open(&site, options()).await.unwrap();
    let wanted = [
        look(
            "system",
            vec![sh("echo ${CARGO_MANIFEST_DIR-cleared} $LC_ALL")],
        ),
        look("tables", vec![sh("echo tables"), Ask::Instance]),
        look("meet", vec![sh("echo no")]),
    ];
    let gathered = session
        .gather(&wanted, &Silent, &CancellationToken::new())
        .await;
    assert_eq!(gathered.facts[0].fact[0], "0:cleared C\n");
    assert_eq!(gathered.facts[1].fact[0], "0:tables\n");
    assert_eq!(gathered.facts[1].fact[1]["$unknown"]["kind"], "unsupported");
    assert_eq!(gathered.facts[2].fact["$unknown"]["kind"], "no-such-node");
    assert!(session.discover().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_real_kind_of_fact_is_gathered() {
    let site = site(json!({ "engine": "local" }), json!({ "system": "a" }));
    let session = Session::open(&site, options()).await.unwrap();
    let kind = kind("file").unwrap();
    let probe = kind.probe(&json!({ "file": "/etc/passwd" })).unwrap();
    let wanted = [Wanted {
        role: role("system"),
        kind: kind.name,
        query: probe.query(),
        probe: probe.into(),
        reads: Reads::All,
    }];
    let gathered = session
        .gather(&wanted, &Silent, &CancellationToken::new())
        .await;
    assert_eq!(gathered.facts[0].fact["exists"], true);
    assert_eq!(gathered.facts[0].query, wanted[0].query);
}

#[tokio::test]
async fn a_run_that_is_over_before_it_begins_still_has_every_record() {
    let site = site(json!({ "engine": "local" }), json!({ "system": "a" }));
    let session = Session::open(&site, options()).await.unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let Gathered { nodes, facts } = session
        .gather(
            &[two_looks("system", vec![sh("echo")], vec![sh("id")])],
            &Silent,
            &cancel,
        )
        .await;
    assert_eq!(facts[0].fact[0]["$unknown"]["kind"], "interrupted");
    assert_eq!(facts[0].fact[1]["$unknown"]["kind"], "interrupted");
    assert!(
        nodes[0]
            .trouble
            .as_deref()
            .unwrap()
            .starts_with("interrupted")
    );
}

#[tokio::test]
async fn the_wrong_machine_is_refused() {
    let mut site = site(json!({ "engine": "local" }), json!({ "system": "a" }));
    site.identity.hostname = Some("prod-host".into());
    let refused = Session::open(&site, options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::WrongSite { .. }), "{refused}");
    site.identity.hostname = None;
    site.identity.subnet = Some("203.0.113.252/30".into());
    let refused = Session::open(&site, options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::WrongSite { .. }), "{refused}");
    site.identity.subnet = Some("203.0.113.0".into());
    let refused = Session::open(&site, options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::BadSite(_)), "{refused}");
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn node_started(&self, role: &Role) {
        self.0.lock().unwrap().push(format!("start {role}"));
    }
    fn stage(&self, role: &Role, stage: Stage, looks: usize) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{stage:?} {role} {looks}"));
    }
    fn node_done(&self, role: &Role, trouble: Option<&str>) {
        self.0
            .lock()
            .unwrap()
            .push(format!("done {role} {trouble:?}"));
    }
}

#[tokio::test]
async fn progress_hears_of_every_node_and_stage() {
    let site = site(json!({ "engine": "local" }), json!({ "system": "a" }));
    let session = Session::open(&site, options()).await.unwrap();
    let heard = Heard::default();
    let wanted = [
        two_looks("system", vec![sh("echo a")], vec![sh("echo b")]),
        look("system", vec![sh("echo a")]),
    ];
    session
        .gather(&wanted, &heard, &CancellationToken::new())
        .await;
    assert_eq!(
        *heard.0.lock().unwrap(),
        [
            "start system",
            "First system 1",
            "Second system 1",
            "done system None"
        ]
    );
}

#[test]
fn the_plan_shows_what_would_run_where_and_as_whom_without_touching_anything() {
    let site = site(
        json!({ "engine": "incus", "ssh": "ops@prod.example.com", "sudo": true, "project": "live" }),
        json!({ "system": "sys1", "metal": { "hypervisor": true }, "meet": { "absent": "none" } }),
    );
    let wanted = [
        look(
            "system",
            vec![
                Ask::stat("/a b"),
                Ask::read("/etc/shadow"),
                Ask::Instance,
                Ask::Run(Command::new("show", "systemctl show -- \"$1\"").args(["ui.service"])),
            ],
        ),
        look("metal", vec![Ask::stat("/opt")]),
        look("meet", vec![Ask::stat("/opt")]),
    ];
    let plans = plan(&site, &options(), &wanted).unwrap();
    let roles: Vec<&str> = plans.iter().map(|plan| plan.role.as_str()).collect();
    assert_eq!(roles, ["metal", "system"]);
    let system = &plans[1];
    assert!(
        system.how.starts_with("ssh -T ") && system.how.contains(" -- ops@prod.example.com "),
        "{}",
        system.how
    );
    assert!(
        system.how.contains(
            "sudo -n incus exec --project live --mode non-interactive local:sys1 -- sh -c"
        ),
        "{}",
        system.how
    );
    assert_eq!(
        system.as_whom,
        "root in sys1, from the ssh account of ops@prod.example.com"
    );
    assert!(system.script.contains("B=BOUNDARY\n") && system.script.contains("'/a b'"));
    assert!(!system.script.contains("/etc/shadow"));
    assert_eq!(system.looks[0], "stat '/a b'");
    assert!(system.looks[1].contains("not allowed to be read"));
    assert_eq!(system.looks[3], "run show ui.service");
    assert!(plans[0].how.contains("sudo -n sh -c"), "{}", plans[0].how);
}
