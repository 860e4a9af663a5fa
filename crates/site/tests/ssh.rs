//! The same site behind ssh: one connection, one session, sudo, many nodes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking"
)]

mod common;

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Engine, Folder, Node, long, look, options, run, sh, site};
use rstest::rstest;
use runproof_facts::ask::Ask;
use runproof_site::{CancellationToken, OpenError, Options, Session, Silent};
use serde_json::{Value, json};

/// An sshd of our own on a loopback port, with a client configuration that knows it as `testhost`.
struct Server {
    folder: Folder,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Option<Self> {
        let skip = |why: &str| {
            assert!(std::env::var_os("CI").is_none(), "no sshd: {why}");
            println!("skipped: no sshd: {why}");
            None
        };
        let sshd = PathBuf::from("/usr/sbin/sshd");
        if !sshd.exists() {
            return skip("/usr/sbin/sshd is not installed");
        }
        let id = run("id", &["-un"]).unwrap();
        let user = String::from_utf8_lossy(&id.stdout).trim().to_owned();
        if user != "root" {
            return skip("only root can start one that logs in");
        }
        std::fs::create_dir_all("/run/sshd").unwrap();
        let folder = Folder::new("sshd");
        let at = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
        for key in ["host", "user"] {
            run(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)],
            )
            .unwrap();
        }
        std::fs::copy(at("user.pub"), at("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        std::fs::write(
            at("sshd_config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nMaxSessions 1\n\
                 SetEnv PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                at("host"),
                at("authorized"),
                at("bin")
            ),
        )
        .unwrap();
        let host_key = std::fs::read_to_string(at("host.pub")).unwrap();
        std::fs::write(at("known"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        std::fs::write(
            at("ssh_config"),
            format!(
                "Host testhost\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n\
                 Host stranger\n  HostName 127.0.0.1\n  Port {port}\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
                at("user"),
                at("known")
            ),
        )
        .unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, child };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("sshd does not listen");
    }

    /// Puts a script in the place of a program, for those who come in.
    fn replace(&self, program: &str, script: &str) {
        let bin = self.folder.0.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let place = bin.join(program);
        std::fs::write(&place, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
    }

    fn options(&self) -> Options {
        Options {
            ssh_config: Some(self.folder.0.join("ssh_config")),
            ..options()
        }
    }
}

fn reason(value: &Value) -> &str {
    value["$unknown"]["kind"]
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
}

#[rstest]
#[tokio::test]
async fn a_site_behind_ssh_answers_with_and_without_sudo(
    #[values(Engine::Docker, Engine::Incus)] engine: Engine,
    #[values(true, false)] sudo: bool,
) {
    if !engine.ready() {
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let (node, stopped) = (Node::start(engine), Node::start(engine));
    stopped.stop();
    let mut site = site(
        json!({ "engine": engine.name(), "ssh": "testhost", "sudo": sudo }),
        json!({ "system": node.name, "tables": stopped.name, "drive": "runproof-none-such", "metal": { "hypervisor": true } }),
    );
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    site.identity.hostname = Some(hostname.trim().to_owned());
    let session = Session::open(&site, server.options()).await.unwrap();
    let wanted = [
        look(
            "system",
            vec![
                sh("echo it\\'s \"$(id -u)\"; printf '\\000\\377'; exit 4"),
                Ask::Instance,
            ],
        ),
        look("tables", vec![sh("echo no")]),
        look("drive", vec![sh("echo no")]),
        look("metal", vec![sh("uname -n")]),
    ];
    let cancel = CancellationToken::new();
    let gathered = session.gather(&wanted, &Silent, &cancel).await;
    let fact = |n: usize| &gathered.facts[n].fact[0];
    assert_eq!(fact(0), "4:it's 0\n\0\u{fffd}");
    assert!(
        gathered.facts[0].fact[1]
            .as_str()
            .unwrap()
            .starts_with("0:{")
    );
    assert_eq!(reason(fact(1)), "stopped", "{}", fact(1));
    assert_eq!(reason(fact(2)), "no-such-node", "{}", fact(2));
    assert_eq!(fact(3), &json!(format!("0:{hostname}")));
    assert!(
        gathered
            .nodes
            .iter()
            .find(|n| n.role.as_str() == "system")
            .unwrap()
            .image
            .is_some()
    );
    session.close().await;

    site.identity.hostname = Some("prod-host".into());
    let refused = Session::open(&site, server.options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::WrongSite { .. }), "{refused}");
}

#[tokio::test]
async fn a_hung_look_behind_ssh_is_ended_on_the_node() {
    if !Engine::Incus.ready() {
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let node = Node::start(Engine::Incus);
    let site = site(
        json!({ "engine": "incus", "ssh": "testhost" }),
        json!({ "system": node.name, "metal": { "hypervisor": true } }),
    );
    let options = Options {
        probe_timeout: Duration::from_secs(2),
        ..server.options()
    };
    let session = Session::open(&site, options).await.unwrap();
    let wanted = [
        look("system", vec![sh("echo before"), long("sleep 65432")]),
        look("metal", vec![sh("echo before"), long("sleep 65432")]),
    ];
    let cancel = CancellationToken::new();
    let start = Instant::now();
    let gathered = session.gather(&wanted, &Silent, &cancel).await;
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    for fact in &gathered.facts {
        assert_eq!(fact.fact[0], "0:before\n");
        assert_eq!(reason(&fact.fact[1]), "timeout");
    }
    // The node's processes are the host's too, so one list shows both.
    let left = || {
        let output = run("ps", &["-eo", "args"]).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter(|line| line.starts_with("sleep 65432"))
            .count()
    };
    for _ in 0..20 {
        if left() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(left(), 0);
    session.close().await;
}

#[tokio::test]
async fn an_unreachable_or_unknown_host_is_not_entered() {
    let Some(server) = Server::start() else {
        return;
    };
    let nodes = json!({ "system": "x" });
    let stranger = site(
        json!({ "engine": "incus", "ssh": "stranger" }),
        nodes.clone(),
    );
    let refused = Session::open(&stranger, server.options())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("erification"), "{refused}");

    let nobody = site(
        json!({ "engine": "incus", "ssh": "ssh://127.0.0.1:1" }),
        nodes.clone(),
    );
    let refused = Session::open(&nobody, server.options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unreachable(_)), "{refused}");

    let option = site(
        json!({ "engine": "incus", "ssh": "-oProxyCommand=x" }),
        nodes,
    );
    let refused = Session::open(&option, server.options()).await.unwrap_err();
    assert!(matches!(refused, OpenError::BadSite(_)), "{refused}");
}

#[tokio::test]
async fn a_lost_connection_is_made_again_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let site = site(
        json!({ "engine": "local", "ssh": "testhost" }),
        json!({ "system": "x" }),
    );
    let session = Session::open(&site, server.options()).await.unwrap();
    let cancel = CancellationToken::new();
    let wanted = [look("system", vec![sh("echo ok")])];
    let first = session.gather(&wanted, &Silent, &cancel).await;
    assert_eq!(first.facts[0].fact[0], "0:ok\n");
    // The session's own process of sshd goes away; the listener stays.
    let parent = server.child.id().to_string();
    let children = run("ps", &["-o", "pid=", "--ppid", &parent]).unwrap();
    for pid in String::from_utf8_lossy(&children.stdout).split_whitespace() {
        run("kill", &["-KILL", pid]).unwrap();
    }
    let second = session.gather(&wanted, &Silent, &cancel).await;
    assert_eq!(second.facts[0].fact[0], "0:ok\n", "{second:?}");
    session.close().await;
}

/// What the real `incus` does now and then on a busy machine: the script runs, its output is lost.
#[rstest]
#[case::twice(2, true)]
#[case::always(99, false)]
#[tokio::test]
async fn an_answer_of_which_incus_lost_every_word_is_asked_for_again(
    #[case] lost: usize,
    #[case] answered: bool,
) {
    if !Engine::Incus.ready() {
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let node = Node::start(Engine::Incus);
    server.replace(
        "incus",
        &format!(
            "real=/usr/bin/incus; case $1 in exec) ;; *) exec $real \"$@\";; esac\n\
             case \"$*\" in */dev/tcp*) kind=dial;; *) kind=script;; esac\n\
             echo >>\"$0.$kind\"; [ \"$(wc -l <\"$0.$kind\")\" -gt {lost} ] || exec >/dev/null 2>&1\n\
             exec $real \"$@\""
        ),
    );
    let site = site(
        json!({ "engine": "incus", "ssh": "testhost" }),
        json!({ "system": node.name }),
    );
    let session = Session::open(&site, server.options()).await.unwrap();
    let wanted = [
        look("system", vec![sh("echo ok")]),
        service("system", &json!({ "ssh": "127.0.0.1:1" })),
    ];
    let gathered = session
        .gather(&wanted, &Silent, &CancellationToken::new())
        .await;
    session.close().await;
    let [script, port] = gathered.facts.as_slice() else {
        panic!("{:?}", gathered.facts)
    };
    if answered {
        assert_eq!(script.fact[0], "0:ok\n");
        assert_eq!(port.fact["reachable"], false, "{}", port.fact);
    } else {
        assert_eq!(reason(&script.fact[0]), "garbled");
        assert_eq!(reason(&port.fact), "failed", "{}", port.fact);
    }
}

#[tokio::test]
async fn twelve_execs_over_one_session_beside_the_plain_ones() {
    if !Engine::Incus.ready() {
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let nodes: Vec<Node> = (0..3).map(|_| Node::start(Engine::Incus)).collect();
    let names: serde_json::Map<String, Value> = nodes
        .iter()
        .enumerate()
        .map(|(n, node)| (format!("n{n}"), json!(node.name)))
        .collect();
    let site = site(
        json!({ "engine": "incus", "ssh": "testhost", "sudo": true }),
        names.into(),
    );
    let wanted: Vec<_> = (0..3)
        .map(|n| look(&format!("n{n}"), vec![sh(":")]))
        .collect();
    let cancel = CancellationToken::new();

    let config = server.folder.0.join("ssh_config");
    let mut plain = String::new();
    for node in nodes.iter().cycle().take(12) {
        plain.push_str(&format!("sudo -n incus exec {} -- true & ", node.name));
    }
    plain.push_str("wait");
    for _ in 0..2 {
        let start = Instant::now();
        run("ssh", &["-F", config.to_str().unwrap(), "testhost", &plain]).unwrap();
        let plain = start.elapsed();

        let start = Instant::now();
        let session = Session::open(&site, server.options()).await.unwrap();
        let opened = start.elapsed();
        let runs = (0..4).map(|_| session.gather(&wanted, &Silent, &cancel));
        let all = futures_util::future::join_all(runs).await;
        println!(
            "twelve over ssh: plain {plain:?}, ours {:?}, of which entering {opened:?}",
            start.elapsed()
        );
        session.close().await;
        for gathered in all {
            assert!(
                gathered.facts.iter().all(|fact| fact.fact[0] == "0:"),
                "{gathered:?}"
            );
        }
    }
}

/// What a suite wants of a node.
fn service(role_name: &str, query: &Value) -> runproof_facts::Wanted {
    let kind = runproof_facts::kinds()
        .iter()
        .find(|kind| query.get(kind.name).is_some())
        .unwrap();
    let probe = kind.probe(query).unwrap();
    runproof_facts::Wanted {
        role: common::role(role_name),
        kind: kind.name,
        query: probe.query(),
        probe: std::sync::Arc::from(probe),
        reads: runproof_facts::Reads::All,
    }
}

#[tokio::test]
async fn a_service_behind_ssh_is_asked_from_there_in_docker() {
    if !Engine::Docker.ready() {
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let node = Node::start(Engine::Docker);
    if node.sh("command -v valkey-server || true").is_empty() {
        println!("skipped: the image has no valkey-server");
        return;
    }
    node.sh("valkey-server --bind 127.0.0.1 --port 6379 --daemonize yes");
    let site = site(
        json!({ "engine": "docker", "ssh": "testhost" }),
        json!({ "system": node.name }),
    );
    let session = Session::open(&site, server.options()).await.unwrap();
    let wanted = [
        service(
            "system",
            &json!({ "cache": "127.0.0.1:6379", "credential": "none" }),
        ),
        service("system", &json!({ "ssh": "127.0.0.1:22" })),
    ];
    let gathered = session
        .gather(&wanted, &Silent, &CancellationToken::new())
        .await;
    session.close().await;
    let [cache, ssh] = gathered.facts.as_slice() else {
        panic!("{:?}", gathered.facts)
    };
    assert_eq!(cache.fact["ping"], true, "{}", cache.fact);
    assert_eq!(ssh.fact["reachable"], false, "{}", ssh.fact);
    for _ in 0..50 {
        if node.processes("runproof-").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{:?}", node.processes("runproof-"));
}
