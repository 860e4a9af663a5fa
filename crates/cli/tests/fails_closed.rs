//! "Could not look" is never green: each way of not being able to look, on a real node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Checked, Engine, TestSite, runproof};

const FIREWALL: &str = "fw-loopback-accept-before-drop";
const UNIT: &str = "svc-botserver-active";
const ENV: &str = "env-allowlist-runtime-keys";

/// Judged alone, an invariant is an error with this in its message, and the exit code says so.
fn assert_unestablished(checked: &Checked, id: &str, reason: &str) {
    let finding = checked.finding(id);
    assert_eq!(finding["verdict"], "error", "{finding:#}");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains(reason), "{message}");
    assert_eq!(checked.code, 2, "{}", checked.stderr);
}

/// Whatever a node says, we stay below 200 MB.
fn assert_lean(checked: &Checked) {
    assert!(checked.peak_kib > 1000, "the memory was not seen");
    assert!(
        checked.peak_kib < 200_000,
        "{} KiB of memory",
        checked.peak_kib
    );
}

/// A program of the node that does something else than it should.
fn fake(site: &TestSite, name: &str, body: &str) {
    site.sh(
        "system",
        &format!("mkdir -p /usr/local/sbin; printf '#!/bin/sh\\n{body}\\n' > /usr/local/sbin/{name}; chmod +x /usr/local/sbin/{name}"),
    );
}

fn real(site: &TestSite, name: &str) {
    site.sh("system", &format!("rm /usr/local/sbin/{name}"));
}

fn cannot_look(engine: Engine) {
    let site = TestSite::up(engine, "incus", &["system"]);
    let one = |id: &str| site.check(&["--id", id]);
    for id in [FIREWALL, UNIT, ENV] {
        assert_eq!(one(id).code, 0, "{id} is green before");
    }

    // The tool is missing.
    site.sh("system", "mkdir /root/away; for t in /usr/sbin/*tables* /usr/sbin/nft; do [ ! -e $t ] || mv $t /root/away; done");
    assert_unestablished(&one(FIREWALL), FIREWALL, "");
    site.sh("system", "mv /root/away/* /usr/sbin/");
    assert_eq!(one(FIREWALL).code, 0);

    // It is not permitted.
    for name in ["iptables-save", "iptables-nft-save", "iptables-legacy-save"] {
        fake(
            &site,
            name,
            "echo \"iptables-save: Permission denied (you must be root)\" >&2; exit 4",
        );
    }
    assert_unestablished(&one(FIREWALL), FIREWALL, "ermi");
    for name in ["iptables-save", "iptables-nft-save", "iptables-legacy-save"] {
        real(&site, name);
    }

    // It hangs, and what we started is gone afterwards.
    fake(&site, "systemctl", "exec sleep 3333");
    let hung = site.check(&["--id", UNIT, "--timeout", "15s"]);
    assert_unestablished(&hung, UNIT, "does not come back");
    let left = site.sh("system", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q 'sleep 3333' && echo $p; done; true");
    assert_eq!(left, "", "the hung command still runs");

    // It says 1 GiB.
    fake(&site, "systemctl", "head -c 1073741824 /dev/zero");
    let flooded = one(UNIT);
    assert_unestablished(&flooded, UNIT, "");
    assert_lean(&flooded);

    // It says garbage.
    fake(&site, "systemctl", "head -c 100000 /dev/urandom");
    assert_unestablished(&one(UNIT), UNIT, "");

    // It says nothing.
    fake(&site, "systemctl", "exit 0");
    assert_unestablished(&one(UNIT), UNIT, "");
    real(&site, "systemctl");

    // The shell itself says 1 GiB, outside of every bound on the node.
    site.sh("system", "mkdir -p /usr/local/sbin; printf '#!/bin/bash\\nexec head -c 1073741824 /dev/zero\\n' > /usr/local/sbin/sh; chmod +x /usr/local/sbin/sh");
    let flooded = one(UNIT);
    site.bash("system", "rm /usr/local/sbin/sh");
    assert_unestablished(&flooded, UNIT, "");
    assert_lean(&flooded);
    assert_eq!(one(UNIT).code, 0);

    // The env file is there and is no file.
    site.sh(
        "system",
        "mv /opt/gbo/bin/.env /root/env; mkfifo /opt/gbo/bin/.env",
    );
    assert_unestablished(&one(ENV), ENV, "regular");
    site.sh(
        "system",
        "rm /opt/gbo/bin/.env; mv /root/env /opt/gbo/bin/.env",
    );

    // The bus is dead.
    site.sh("system", "mv /run/systemd/private /run/systemd/private.away; mv /run/dbus/system_bus_socket /run/dbus/away");
    assert_unestablished(&one(UNIT), UNIT, "systemd does not answer");
    site.sh("system", "mv /run/systemd/private.away /run/systemd/private; mv /run/dbus/away /run/dbus/system_bus_socket");
    assert_eq!(one(UNIT).code, 0);
}

#[test]
fn on_incus_a_look_that_cannot_be_done_is_an_error() {
    cannot_look(Engine::Incus);
}

#[test]
fn on_docker_a_look_that_cannot_be_done_is_an_error() {
    cannot_look(Engine::Docker);
}

#[test]
fn on_incus_a_file_that_root_itself_may_not_read_is_an_error() {
    let site = TestSite::up(Engine::Incus, "incus", &["system"]);
    // A file of the host's root is nobody's in an unprivileged container.
    let secret = site.folder.path().join("unreadable");
    std::fs::write(&secret, "VAULT_ADDR=https://vault:8200\n").unwrap();
    let mut permissions = std::fs::metadata(&secret).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(&secret, permissions).unwrap();
    let added = Command::new("incus")
        .args([
            "config",
            "device",
            "add",
            &site.node("system"),
            "unreadable",
            "disk",
            "path=/opt/gbo/bin/.env",
        ])
        .arg(format!("source={}", secret.display()))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(added.success());
    assert_unestablished(&site.check(&["--id", ENV]), ENV, "permission");
}

fn stop(engine: Engine, node: &str) {
    let words: &[&str] = match engine {
        Engine::Docker => &["docker", "kill"],
        Engine::Incus => &["incus", "stop", "-f"],
    };
    let stopped = Command::new(words[0])
        .args(&words[1..])
        .arg(node)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(stopped.success());
}

fn stops_in_mid_run(engine: Engine) {
    let site = TestSite::up(engine, "incus", &["system", "drive"]);
    fake(&site, "systemctl", "exec sleep 20");
    let mut run = runproof()
        .args([
            "check", "--format", "json", "--suite", "svc", "--suite", "drive", "--site",
        ])
        .arg(site.file())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        run.try_wait().unwrap().is_none(),
        "the run is still looking"
    );
    stop(engine, &site.node("system"));
    let output = run.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of = |node: &str| {
        findings
            .iter()
            .filter(|f| f["node"] == node && f["verdict"] != "skip")
            .collect::<Vec<_>>()
    };
    assert!(
        of("system")
            .iter()
            .any(|f| f["id"] == UNIT && f["verdict"] == "error"),
        "{findings:#?}"
    );
    // The other node was looked at all the same.
    assert!(of("drive").iter().any(|f| f["verdict"] == "pass"));
    // And a node that is not running at all is an error too, not a skip.
    let after = site.check(&["--id", UNIT]);
    assert_unestablished(&after, UNIT, "not running");
    let running = site.check(&["--id", "ct-all-running"]);
    assert_eq!(running.code, 1);
}

#[test]
fn on_incus_a_node_that_stops_in_mid_run_leaves_errors_and_the_others_go_on() {
    stops_in_mid_run(Engine::Incus);
}

#[test]
fn on_docker_a_node_that_stops_in_mid_run_leaves_errors_and_the_others_go_on() {
    stops_in_mid_run(Engine::Docker);
}

#[test]
fn on_incus_the_wrong_host_is_refused_before_any_node_is_looked_at() {
    let site = TestSite::up(Engine::Incus, "incus", &["system"]);
    for identity in [
        "{ hostname: prod-host.example.com }",
        "{ subnet: 10.99.99.0/24 }",
    ] {
        let text = site.with_line("identity:", &format!("identity: {identity}"));
        std::fs::write(site.file(), text).unwrap();
        let checked = site.check(&[]);
        assert_eq!(checked.code, 2, "{}", checked.stderr);
        assert_eq!(checked.roots("pass"), Vec::<String>::new());
        assert!(
            checked.message(UNIT).contains("another site"),
            "{}",
            checked.message(UNIT)
        );
    }
}

#[test]
fn on_incus_a_role_that_the_site_file_leaves_out_is_an_error() {
    let site = TestSite::up(Engine::Incus, "incus", &["drive"]);
    std::fs::write(site.file(), site.with_line("  system:", "")).unwrap();
    let checked = site.check(&["--id", UNIT]);
    assert_unestablished(&checked, UNIT, "system");
}

#[test]
fn on_docker_a_node_without_a_shell_or_without_existence_is_an_error() {
    let site = TestSite::up(Engine::Docker, "incus", &["drive"]);
    let nobody = format!("  system: {}-nobody", site.prefix);
    std::fs::write(site.file(), site.with_line("  system:", &nobody)).unwrap();
    assert_unestablished(&site.check(&["--id", UNIT]), UNIT, "no such node");
    site.sh("drive", "rm /bin/sh");
    let checked = site.check(&["--id", "drive-unit-drive"]);
    assert_unestablished(&checked, "drive-unit-drive", "");
}
