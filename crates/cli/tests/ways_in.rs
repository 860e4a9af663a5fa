//! By whichever door a site is entered, the same is found: the engine's socket, its command
//! line, and ssh as an account that has nothing but sudo for the engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use common::sshd::Sshd;
use common::{Checked, Engine, TestSite, runproof};

const URL: &str = "botui-server-url-localhost";

fn over_ssh(sshd: &Sshd, file: &std::path::Path) -> Checked {
    Checked::of(
        runproof()
            .env("PATH", sshd.path())
            .args(["check", "--format", "json", "--site"])
            .arg(file),
    )
}

fn every_way(engine: Engine, more: &[(&str, &str)]) {
    let site = TestSite::up(engine, "incus", &["system", "proxy", "drive"]);
    let sshd = Sshd::up();
    let name = engine.name();
    let host = Sshd::HOST;
    let cli = site.reached_by("cli", &format!("{{ engine: {name}, via: cli }}"));
    let socket = site.reached_by("socket", &format!("{{ engine: {name}, via: socket }}"));
    let ssh = site.reached_by(
        "ssh",
        &format!("{{ engine: {name}, ssh: {host}, sudo: true }}"),
    );
    let more: Vec<_> = more
        .iter()
        .map(|(name, reach)| site.reached_by(name, reach))
        .collect();
    let all_ways = || {
        let mut ways = vec![
            ("socket", site.check_as(&socket, &[])),
            ("command line", site.check_as(&cli, &[])),
            ("ssh", over_ssh(&sshd, &ssh)),
        ];
        ways.extend(more.iter().map(|file| ("more", site.check_as(file, &[]))));
        ways
    };
    let assert_same = |ways: &[(&str, Checked)], code: i32| {
        let first = &ways[0].1;
        assert_eq!(first.code, code, "{}", first.stderr);
        for (way, checked) in ways {
            // Another engine than the profile's is told as such, and nothing else differs.
            let foreign = *way == "more";
            let code = if foreign { 1 } else { code };
            assert_eq!(checked.code, code, "by {way}: {}", checked.stderr);
            for (one, other) in first.findings().iter().zip(checked.findings()) {
                if !foreign || one["id"] != "host-incus-hypervisor" {
                    assert_eq!(one, other, "by {way}");
                }
            }
            assert_eq!(first.findings().len(), checked.findings().len());
        }
    };

    let green = all_ways();
    assert_eq!(green[0].1.roots("fail"), Vec::<String>::new());
    assert_eq!(green[0].1.roots("error"), Vec::<String>::new());
    assert!(green[0].1.roots("pass").len() > 30);
    assert_same(&green, 0);

    site.sh(
        "system",
        "sed -i 's|BOTSERVER_URL=.*|BOTSERVER_URL=https://system.example.com|' /etc/systemd/system/ui.service; systemctl daemon-reload; systemctl restart ui",
    );
    let red = all_ways();
    assert_same(&red, 1);
    for (way, checked) in &red {
        let mut fails = checked.roots("fail");
        fails.retain(|id| !id.starts_with("host-incus-hypervisor@"));
        assert_eq!(fails, [format!("{URL}@system")], "by {way}");
        assert!(checked.message(URL).contains("https://system.example.com"));
    }

    // Without sudo the account may not speak to the engine: nothing is green.
    let bare = site.reached_by("bare", &format!("{{ engine: {name}, ssh: {host} }}"));
    let refused = over_ssh(&sshd, &bare);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert_eq!(refused.roots("pass"), Vec::<String>::new());
    assert_eq!(refused.roots("fail"), Vec::<String>::new());
    assert!(
        refused.message(URL).contains("ermi"),
        "{}",
        refused.message(URL)
    );

    // And a host that is not the one it was is no host at all.
    std::fs::write(
        sshd.known_hosts(),
        format!("{} ssh-ed25519 {}\n", sshd.address(), other_key(&sshd)),
    )
    .unwrap();
    let stranger = over_ssh(&sshd, &ssh);
    assert_eq!(stranger.code, 2, "{}", stranger.stderr);
    assert_eq!(stranger.roots("pass"), Vec::<String>::new());
}

/// A key that is not the host's.
fn other_key(sshd: &Sshd) -> String {
    let text = std::fs::read_to_string(sshd.user_key()).unwrap();
    text.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn on_incus_socket_command_line_and_ssh_with_sudo_find_the_same() {
    // LXD speaks the same interface: here Incus answers for it.
    let lxd = "{ engine: lxd, via: socket, socket: /var/lib/incus/unix.socket }";
    every_way(Engine::Incus, &[("lxd", lxd)]);
}

#[test]
fn on_docker_socket_command_line_and_ssh_with_sudo_find_the_same() {
    every_way(Engine::Docker, &[]);
}
