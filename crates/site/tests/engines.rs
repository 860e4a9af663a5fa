//! Every door into real Docker and Incus containers, and everything that can go wrong behind it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Engine, Node, long, look, options, sh, site, two_looks};
use rstest::rstest;
use runproof_facts::ask::Ask;
use runproof_model::Site;
use runproof_site::{CancellationToken, Gathered, OpenError, Options, Session, Silent};
use serde_json::{Value, json};

fn reach(engine: Engine, via: &str) -> Value {
    json!({ "engine": engine.name(), "via": via })
}

async fn gather_with(
    site: &Site,
    options: Options,
    wanted: &[runproof_facts::registry::Wanted],
    cancel: &CancellationToken,
) -> Gathered {
    let session = Session::open(site, options).await.unwrap();
    let gathered = session.gather(wanted, &Silent, cancel).await;
    session.close().await;
    gathered
}

async fn gather(site: &Site, wanted: &[runproof_facts::registry::Wanted]) -> Gathered {
    gather_with(site, options(), wanted, &CancellationToken::new()).await
}

fn reason(value: &Value) -> &str {
    value["$unknown"]["kind"]
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
}

fn detail(value: &Value) -> &str {
    value["$unknown"]["detail"].as_str().unwrap_or_default()
}

/// Nothing that a script of ours started is left on the node.
async fn assert_clean(node: &Node, words: &[&str]) {
    let mut left = Vec::new();
    for _ in 0..20 {
        left = words
            .iter()
            .chain(&["runproof-"])
            .flat_map(|word| node.processes(word))
            .collect();
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("left behind: {left:?}");
}

#[rstest]
#[tokio::test]
async fn a_healthy_node_answers_by_every_door(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    let site = site(
        reach(engine, via),
        json!({ "system": node.name, "bot": node.name, "meet": { "absent": "no video" }, "metal": { "hypervisor": true } }),
    );
    let hello = sh("printf 'hello\\n'; id -u; echo \"$LC_ALL\"; exit 3");
    let wanted = [
        two_looks(
            "system",
            vec![hello.clone()],
            vec![hello, sh("echo second")],
        ),
        look(
            "bot",
            vec![sh("echo bot"), Ask::Instance, Ask::read("/etc/shadow")],
        ),
        look("meet", vec![sh("echo no")]),
        look("nowhere", vec![sh("echo no")]),
        look("metal", vec![sh("uname -n")]),
    ];
    let gathered = gather(&site, &wanted).await;
    assert_eq!(gathered.facts.len(), wanted.len());
    let fact = |n: usize| &gathered.facts[n].fact;
    assert_eq!(
        fact(0),
        &json!(["3:hello\n0\nC\n", "3:hello\n0\nC\n", "0:second\n"])
    );
    assert_eq!(fact(1)[0], "0:bot\n");
    let described: Value = serde_json::from_str(&fact(1)[1].as_str().unwrap()[2..]).unwrap();
    assert_eq!(described["engine"], engine.name());
    assert!(described["instance"].is_object() && described["snapshots"].is_array());
    assert_eq!(reason(&fact(1)[2]), "not-allowed");
    assert_eq!(reason(fact(2)), "no-such-node");
    assert!(detail(fact(2)).contains("no video"));
    assert_eq!(reason(fact(3)), "no-such-node");
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(fact(4)[0], format!("0:{hostname}"));

    let roles: Vec<&str> = gathered.nodes.iter().map(|n| n.role.as_str()).collect();
    assert_eq!(roles, ["bot", "metal", "system"]);
    let system = &gathered.nodes[2];
    assert_eq!(system.instance, node.name);
    assert!(system.image.is_some() && system.trouble.is_none());
    assert!(system.skew_s.unwrap().abs() < 1.0, "{:?}", system.skew_s);
    assert_clean(&node, &[]).await;
}

#[rstest]
#[tokio::test]
async fn missing_and_stopped_nodes_do_not_stop_the_others(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let (good, stopped) = (Node::start(engine), Node::start(engine));
    stopped.stop();
    let site = site(
        reach(engine, via),
        json!({ "system": good.name, "tables": stopped.name, "drive": "runproof-none-such" }),
    );
    let wanted = [
        look("system", vec![sh("echo ok")]),
        look("tables", vec![sh("echo ok"), Ask::Instance]),
        look("drive", vec![sh("echo ok"), Ask::Instance]),
    ];
    let gathered = gather(&site, &wanted).await;
    let fact = |n: usize| &gathered.facts[n].fact;
    assert_eq!(fact(0)[0], "0:ok\n");
    assert_eq!(reason(&fact(1)[0]), "stopped", "{}", fact(1));
    assert!(
        fact(1)[1].as_str().unwrap().starts_with("0:{"),
        "a stopped node is still described"
    );
    assert_eq!(reason(&fact(2)[0]), "no-such-node", "{}", fact(2));
    assert_eq!(reason(&fact(2)[1]), "no-such-node", "{}", fact(2));
    let trouble = |n: usize| gathered.nodes[n].trouble.clone().unwrap_or_default();
    assert!(
        trouble(0).starts_with("no such node") && trouble(2).starts_with("node is not running")
    );
}

#[rstest]
#[tokio::test]
async fn a_node_without_sh_lacks_a_tool(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    node.sh("rm -f /bin/sh /usr/bin/sh");
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let gathered = gather(&site, &[look("system", vec![sh("echo ok")])]).await;
    let fact = &gathered.facts[0].fact[0];
    assert_eq!(reason(fact), "missing-tool", "{fact}");
    assert!(gathered.nodes[0].trouble.is_some());
}

#[rstest]
#[tokio::test]
async fn garbage_is_no_answer(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    node.fake_sh("head -c 300000 /dev/urandom; head -c 10000 /dev/urandom >&2");
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let gathered = gather(&site, &[look("system", vec![sh("echo ok")])]).await;
    let fact = &gathered.facts[0].fact[0];
    assert_eq!(reason(fact), "garbled", "{fact}");
}

#[rstest]
#[tokio::test]
async fn a_gibibyte_of_output_is_cut_off(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    node.fake_sh("exec -a flood head -c 1G /dev/zero");
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let options = Options {
        output_cap: 8 << 20,
        ..options()
    };
    let start = Instant::now();
    let wanted = [look("system", vec![sh("echo ok")])];
    let gathered = gather_with(&site, options, &wanted, &CancellationToken::new()).await;
    let fact = &gathered.facts[0].fact[0];
    assert_eq!(reason(fact), "cap-reached", "{fact}");
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    assert_clean(&node, &["flood"]).await;
}

#[rstest]
#[tokio::test]
async fn a_hung_look_is_ended_on_the_node_too(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let options = Options {
        probe_timeout: Duration::from_secs(2),
        ..options()
    };
    let start = Instant::now();
    let wanted = [look(
        "system",
        vec![
            sh("echo before"),
            long("sleep 98765 & sleep 98765"),
            sh("echo after"),
        ],
    )];
    let gathered = gather_with(&site, options, &wanted, &CancellationToken::new()).await;
    let fact = &gathered.facts[0].fact;
    assert_eq!(fact[0], "0:before\n");
    assert_eq!(reason(&fact[1]), "timeout");
    assert_eq!(reason(&fact[2]), "timeout");
    assert!(gathered.nodes[0].trouble.is_none(), "something was seen");
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    assert_clean(&node, &["98765"]).await;
}

#[rstest]
#[tokio::test]
async fn a_shell_that_hangs_before_it_reads_is_given_up(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    node.fake_sh("exec sleep 87654");
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let options = Options {
        probe_timeout: Duration::from_secs(1),
        ..options()
    };
    let start = Instant::now();
    let wanted = [look("system", vec![sh("echo ok")])];
    let gathered = gather_with(&site, options, &wanted, &CancellationToken::new()).await;
    assert_eq!(reason(&gathered.facts[0].fact[0]), "timeout");
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    if engine == Engine::Incus {
        // Docker has no way to end an exec whose shell never read a word of ours.
        assert_clean(&node, &["87654"]).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_node_that_stops_in_the_middle_is_stopped(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let session = Session::open(&site, options()).await.unwrap();
    let wanted = [look(
        "system",
        vec![sh("echo before"), long("sleep 300"), sh("echo after")],
    )];
    let cancel = CancellationToken::new();
    let name = node.name.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        let words: &[&str] = match engine {
            Engine::Docker => &["kill"],
            Engine::Incus => &["stop", "-f"],
        };
        let words: Vec<&str> = words.iter().copied().chain([name.as_str()]).collect();
        common::run(engine.name(), &words).unwrap();
    });
    let start = Instant::now();
    let gathered = session.gather(&wanted, &Silent, &cancel).await;
    stopper.join().unwrap();
    let fact = &gathered.facts[0].fact;
    assert_eq!(fact[0], "0:before\n");
    assert_eq!(reason(&fact[2]), "stopped", "{fact}");
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
}

#[rstest]
#[tokio::test]
async fn an_interruption_ends_what_runs_and_keeps_what_came(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
    #[values(true, false)] by_deadline: bool,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    let site = site(reach(engine, via), json!({ "system": node.name }));
    let mut session = options();
    if by_deadline {
        session.deadline = Some(Instant::now() + Duration::from_secs(2));
    }
    let cancel = CancellationToken::new();
    let wanted = [look(
        "system",
        vec![sh("echo before"), long("sleep 76543"), Ask::Instance],
    )];
    let run = gather_with(&site, session, &wanted, &cancel);
    let start = Instant::now();
    let (gathered, ()) = tokio::join!(run, async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        if !by_deadline {
            cancel.cancel();
        }
    });
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    let fact = &gathered.facts[0].fact;
    assert_eq!(fact[0], "0:before\n");
    assert_eq!(reason(&fact[1]), "interrupted");
    assert!(fact[2].is_string());
    assert_clean(&node, &["76543"]).await;
}

#[rstest]
#[tokio::test]
async fn the_wrong_site_is_refused_before_anything_is_looked_at(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let mut site = site(
        reach(engine, via),
        json!({ "system": "runproof-none-such" }),
    );
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    site.identity.hostname = Some(hostname.trim().to_owned());
    assert!(Session::open(&site, options()).await.is_ok());

    site.identity.hostname = Some("prod-host".into());
    let refused = Session::open(&site, options()).await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::WrongSite { expected, .. } if expected == "prod-host"),
        "{refused}"
    );

    site.identity.hostname = None;
    site.identity.subnet = Some("10.255.255.0/30".into());
    let refused = Session::open(&site, options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::WrongSite { .. }), "{refused}");
}

#[rstest]
#[tokio::test]
async fn nodes_in_the_right_network_are_accepted(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    let node = Node::start(engine);
    if engine == Engine::Incus {
        // No DHCP client is needed for what is tested here.
        node.sh("ip addr add 10.77.0.231/24 dev eth0; ip link set eth0 up");
    }
    let mut site = site(reach(engine, via), json!({ "system": node.name }));
    site.identity.subnet = Some("0.0.0.0/0".into());
    let session = Session::open(&site, options()).await.unwrap();
    let found = session.discover().await.unwrap();
    let one = found.iter().find(|one| one.name == node.name).unwrap();
    assert_eq!((one.state.as_str(), one.engine), ("running", engine.name()));
    assert!(one.image.is_some());

    site.identity.subnet = Some("192.0.2.0/24".into());
    let refused = Session::open(&site, options())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(&node.name), "{refused}");
}

#[rstest]
#[tokio::test]
async fn twelve_nodes_at_once(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values("socket", "cli")] via: &str,
) {
    if !engine.ready() {
        return;
    }
    // One node under twelve names would be one exec; so these are three nodes, four execs after each other.
    let nodes: Vec<Node> = (0..3).map(|_| Node::start(engine)).collect();
    let names: Value = nodes
        .iter()
        .enumerate()
        .map(|(n, node)| (format!("n{n}"), json!(node.name)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let site = site(reach(engine, via), names);
    let session = Session::open(&site, options()).await.unwrap();
    let wanted: Vec<_> = (0..3)
        .map(|n| look(&format!("n{n}"), vec![sh(":")]))
        .collect();
    let cancel = CancellationToken::new();
    session.gather(&wanted, &Silent, &cancel).await;
    let start = Instant::now();
    let runs = (0..4).map(|_| session.gather(&wanted, &Silent, &cancel));
    let all = futures_util::future::join_all(runs).await;
    println!(
        "twelve no-op execs by {} {via}: {:?}",
        engine.name(),
        start.elapsed()
    );
    for gathered in all {
        assert!(
            gathered.facts.iter().all(|fact| fact.fact[0] == "0:"),
            "{gathered:?}"
        );
    }
}

#[tokio::test]
async fn on_incus_an_instance_that_is_another_version_by_now_is_not_replaced() {
    if !Engine::Incus.ready() {
        return;
    }
    let node = Node::start(Engine::Incus);
    let reach = serde_json::from_value(reach(Engine::Incus, "socket")).unwrap();
    let door = runproof_site::engine::Engine::open(&reach).await.unwrap();
    let path = format!("/1.0/instances/{}?project={}", node.name, door.project());
    let time = Duration::from_secs(20);
    let (answer, version) = door.versioned(&path, time).await.unwrap();
    let mut body = json!({});
    for field in ["architecture", "config", "devices", "ephemeral", "profiles"] {
        body[field] = answer["metadata"][field].clone();
    }
    common::run("incus", &["config", "set", &node.name, "user.who=another"]).unwrap();
    body["config"]["user.who"] = json!("we");
    let refused = door.replace(&path, &body, &version, time).await;
    let why = refused.unwrap_err().detail;
    assert!(why.contains("ETag doesn't match"), "{why}");
    let (answer, version) = door.versioned(&path, time).await.unwrap();
    assert_eq!(answer["metadata"]["config"]["user.who"], "another");
    door.replace(&path, &body, &version, time).await.unwrap();
}

#[test]
fn a_session_can_be_used_from_a_spawned_task() {
    fn is_send<T: Send>(_: &T) {}
    let site = site(json!({ "engine": "local" }), json!({ "system": "x" }));
    is_send(&async move {
        let session = Session::open(&site, options()).await?;
        session
            .gather(&[], &Silent, &CancellationToken::new())
            .await;
        Ok::<(), OpenError>(())
    });
}
