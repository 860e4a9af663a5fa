//! The six invariants that the platform's operators named, broken by hand on real nodes:
//! each break turns its finding red, with the found value, and nothing else but what follows from it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use common::{Checked, Engine, TestSite, root};

const SYSTEM: &str = "system";

/// Everything that applies is green before anything is broken.
fn assert_green(site: &TestSite) {
    let checked = site.check(&[]);
    assert_eq!(
        checked.roots("fail"),
        Vec::<String>::new(),
        "{:#?}",
        checked.report["findings"]
    );
    assert_eq!(checked.roots("error"), Vec::<String>::new());
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

/// Breaks, checks that just these roots are red, mends, checks that all is green again.
fn breaks(site: &TestSite, role: &str, break_it: &str, red: &[&str], found: &str, mend_it: &str) {
    site.sh(role, break_it);
    let checked = site.check(&[]);
    assert_eq!(checked.code, 1, "{break_it}\n{}", checked.stderr);
    assert_red(&checked, red, found);
    site.sh(role, mend_it);
    assert_green(site);
}

fn assert_red(checked: &Checked, red: &[&str], found: &str) {
    assert_eq!(
        checked.roots("fail"),
        red,
        "{:#?}",
        checked.report["findings"]
    );
    assert_eq!(checked.roots("error"), Vec::<String>::new());
    for cause in checked.causes() {
        let root = |red: &str| red.split('@').next() == Some(cause);
        assert!(red.iter().any(|r| root(r)), "a consequence of {cause}");
    }
    let id = red[0].split('@').next().unwrap();
    assert!(
        checked.message(id).contains(found),
        "{}",
        checked.message(id)
    );
}

fn newer_glibc() -> std::path::PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || std::path::PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        Into::into,
    );
    cache.join("runproof-test/images/newer-glibc")
}

fn the_six(engine: Engine, profile: &str) {
    let site = TestSite::up(engine, profile, &["system", "proxy", "drive"]);
    let server = if profile == "lxd" {
        "system.service"
    } else {
        "botserver.service"
    };
    assert_green(&site);

    // 1. BOTSERVER_URL, in the unit and by a drop-in.
    breaks(
        &site,
        SYSTEM,
        "sed -i 's|BOTSERVER_URL=.*|BOTSERVER_URL=https://system.example.com|' /etc/systemd/system/ui.service; systemctl daemon-reload; systemctl restart ui",
        &["botui-server-url-localhost@system"],
        "https://system.example.com",
        "sed -i 's|BOTSERVER_URL=.*|BOTSERVER_URL=http://localhost:5858|' /etc/systemd/system/ui.service; systemctl daemon-reload; systemctl restart ui; sleep 1",
    );
    breaks(
        &site,
        SYSTEM,
        "mkdir -p /etc/systemd/system/ui.service.d; printf '[Service]\\nEnvironment=BOTSERVER_URL=https://chat.example.com\\n' > /etc/systemd/system/ui.service.d/url.conf",
        &["botui-server-url-localhost@system"],
        "https://chat.example.com",
        "rm -r /etc/systemd/system/ui.service.d; systemctl daemon-reload",
    );
    // 2. A secret in the env file.
    breaks(
        &site,
        SYSTEM,
        "echo 'SMTP_PASSWORD=not-a-real-one' >> /opt/gbo/bin/.env",
        &["env-allowlist-runtime-keys@system"],
        "SMTP_PASSWORD",
        "sed -i '/SMTP_PASSWORD/d' /opt/gbo/bin/.env",
    );
    // 3. The DROP above the loopback rule.
    breaks(
        &site,
        SYSTEM,
        "iptables -I INPUT 1 -p tcp --dport 6379 -j DROP",
        &["fw-loopback-accept-before-drop@system"],
        "6379",
        "iptables -D INPUT 1",
    );
    // 4. The storage block.
    breaks(
        &site,
        "proxy",
        "cp /opt/gbo/conf/config /opt/gbo/conf/config.bak-$(date +%Y%m%d%H%M); cp /opt/gbo/conf/config /root/config.good; sed -i '/storage file_system {/,/^\\t}/d' /opt/gbo/conf/config; ! grep -q storage /opt/gbo/conf/config",
        &["caddy-storage-set@proxy"],
        "storage",
        "cat /root/config.good > /opt/gbo/conf/config",
    );
    // 5. The listener on 9000. The drive monitor writes of it, so the error log is tidied too.
    site.sh(
        "drive",
        "sed -i 's/:9100/:9000/' /etc/systemd/system/drive.service; systemctl daemon-reload; systemctl restart drive; sleep 0.5",
    );
    let checked = site.check(&[]);
    assert_eq!(checked.code, 1, "{}", checked.stderr);
    assert_red(&checked, &["drive-listens-9100@drive"], "port: 9000");
    site.sh(
        "drive",
        "sed -i 's/:9000/:9100/' /etc/systemd/system/drive.service; systemctl daemon-reload; systemctl restart drive; sleep 6",
    );
    site.sh(
        SYSTEM,
        "for log in err error; do : > /opt/gbo/logs/$log.log; done",
    );
    assert_green(&site);
    // 6. A binary that needs a newer glibc. It has crashed by then, and is stopped: between two
    // restarts systemd calls the unit active for a moment, and the tree of causes would change.
    site.sh(SYSTEM, "cp -p /opt/gbo/bin/botserver /root/botserver.good");
    site.push(SYSTEM, &newer_glibc(), "/opt/gbo/bin/botserver");
    breaks(
        &site,
        SYSTEM,
        &format!(
            "chown gbuser:gbuser /opt/gbo/bin/botserver; chmod 0755 /opt/gbo/bin/botserver; systemctl restart {server} || true; sleep 1; systemctl stop {server}"
        ),
        &["glibc-binary-le-container@system"],
        "2.38",
        &format!(
            "systemctl stop {server}; cp -p /root/botserver.good /opt/gbo/bin/botserver; : > /opt/gbo/logs/err.log; : > /opt/gbo/logs/error.log; systemctl reset-failed {server}; systemctl start {server}; sleep 1"
        ),
    );
}

#[test]
fn on_incus_each_of_the_six_named_invariants_turns_red_when_broken_by_hand() {
    the_six(Engine::Incus, "incus");
}

#[test]
fn on_docker_each_of_the_six_named_invariants_turns_red_when_broken_by_hand() {
    the_six(Engine::Docker, "incus");
}

#[test]
fn on_incus_the_six_named_invariants_hold_and_break_under_the_lxd_profile() {
    the_six(Engine::Incus, "lxd");
}

#[test]
fn the_repository_has_the_roles_of_the_test_site() {
    for role in ["system", "proxy", "drive"] {
        assert!(
            root()
                .join("testenv/roles")
                .join(role)
                .join("setup")
                .exists()
        );
    }
}
