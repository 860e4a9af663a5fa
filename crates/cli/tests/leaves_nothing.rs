//! What a look leaves behind on the nodes, in their services and at the engine: nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::holdings::{asked_since, audited, holdings};
use common::{Engine, TestSite, runproof};

const ROLES: [&str; 5] = ["system", "proxy", "drive", "tables", "vault"];

/// Everything that a look could change: the files with mode, owner, size, both times and digest,
/// but for the logs of the services themselves (botserver logs every scan of its drive), how far fail2ban has read in them, and the
/// database's own files (its dumps are compared instead), the processes but this script's own and the
/// database's sessions, the rules without their counters, the units, the modules.
const SNAPSHOT: &str = r#"
roots='/etc /opt /root /home /tmp /usr /var'
find $roots -xdev \( -path /var/log -o -path /var/cache/apt -o -path /opt/gbo/logs -o -path /var/lib/postgresql -o -path /var/lib/fail2ban \) -prune -o -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort
find /etc /opt /root /home /tmp /var -xdev \( -path /var/log -o -path /var/cache/apt -o -path /opt/gbo/logs -o -path /var/lib/postgresql -o -path /var/lib/fail2ban \) -prune -o -type f -exec sha256sum {} + | sort -k2
find /run /dev/shm -xdev \( -path '/run/systemd/journal' -o -path '/run/log' -o -path '/run/systemd/units' -o -path '/run/udev' \) -prune -o -printf '%p %y %m %U %G\n' | sort
echo processes
for p in /proc/[0-9]*; do
  p=${p#/proc/}
  [ "$p" != $$ ] || continue
  s=$(cat /proc/$p/stat 2>/dev/null) || continue
  set -f; set -- ${s##*) }; set +f
  [ "$2" != $$ ] || continue
  printf '%s %s %s\n' "$p" "$2" "$(tr '\0' ' ' < /proc/$p/cmdline 2>/dev/null)"
done | grep -v ' postgres: ' | sort -n
echo rules
iptables-save | grep -v '^#' | sed 's/\[[0-9:]*\]//'
ip6tables-save | grep -v '^#' | sed 's/\[[0-9:]*\]//'
echo units
systemctl list-units --all --plain --no-legend
systemctl list-jobs --no-legend
echo mounts
cut -d' ' -f3- /proc/self/mountinfo
"#;

/// What the engine knows of the nodes.
fn engine_side(site: &TestSite, engine: Engine) -> String {
    let mut all = String::new();
    for role in ROLES {
        let node = site.node(role);
        let logs = format!("/1.0/instances/{node}/logs");
        let (outputs, snapshots) = (
            format!("{logs}/exec-output"),
            format!("/1.0/instances/{node}/snapshots"),
        );
        let asked = match engine {
            Engine::Incus => vec![
                vec!["config", "show", &node],
                vec!["query", &logs],
                vec!["query", &outputs],
                vec!["query", &snapshots],
            ],
            Engine::Docker => vec![vec![
                "inspect",
                "--format",
                "{{json .Config}} {{json .HostConfig}} {{.RestartCount}} {{.Created}} {{.State.StartedAt}}",
                &node,
            ]],
        };
        for words in asked {
            let output = Command::new(engine.name()).args(&words).output().unwrap();
            // A daemon that never kept the output of an exec has no such folder, and says so.
            let kept = words.iter().any(|word| word.ends_with("/exec-output"));
            assert!(output.status.success() || kept, "{words:?}");
            all.push_str(&String::from_utf8_lossy(&output.stdout));
            all.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    all
}

fn snapshot(site: &TestSite, engine: Engine) -> Vec<(String, Vec<String>)> {
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let mut all: Vec<(String, Vec<String>)> = ROLES
        .iter()
        .map(|role| ((*role).to_owned(), lines(site.sh(role, SNAPSHOT))))
        .collect();
    all.extend(holdings(site));
    all.push(("engine".to_owned(), lines(engine_side(site, engine))));
    all
}

/// The lines that only one of two snapshots has.
fn differences(before: &[(String, Vec<String>)], after: &[(String, Vec<String>)]) -> Vec<String> {
    let mut found = Vec::new();
    for ((place, before), (_, after)) in before.iter().zip(after) {
        assert!(before.len() > 3, "{place} was looked at: {before:?}");
        let only = |a: &[String], b: &[String], sign: char| {
            let known: std::collections::HashSet<&String> = b.iter().collect();
            a.iter()
                .filter(|line| !known.contains(line))
                .map(|line| format!("{place} {sign} {line}"))
                .collect::<Vec<_>>()
        };
        found.extend(only(before, after, '-'));
        found.extend(only(after, before, '+'));
    }
    found
}

#[test]
fn on_docker_check_and_record_leave_nothing_behind() {
    check_and_record_leave_nothing_behind(Engine::Docker);
}

#[test]
fn on_incus_check_and_record_leave_nothing_behind() {
    check_and_record_leave_nothing_behind(Engine::Incus);
}

fn check_and_record_leave_nothing_behind(engine: Engine) {
    let site = TestSite::up(engine, "incus", &ROLES);
    // Keys of every type that the cache's look asks for, so that there is something to change.
    let bot = site.sh(
        "tables",
        "cd /; su postgres -c \"psql -At botserver -c \\\"SELECT id FROM bots WHERE name = 'demo'\\\"\"",
    );
    let bot = bot.trim();
    site.sh(
        "system",
        &format!(
            "REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /etc/valkey/valkey.conf); export REDISCLI_AUTH
             valkey-cli sadd suggestions:{bot}:b one two; valkey-cli rpush queue one; valkey-cli hset active_context:a:b k v
             valkey-cli set start_bas_executed:a:b 1 ex 86400; valkey-cli set plain value"
        ),
    );
    let before = snapshot(&site, engine);
    assert_eq!(
        differences(&before, &snapshot(&site, engine)),
        Vec::<String>::new(),
        "the site is at rest"
    );
    let lines = audited(&site);
    for arguments in [&[][..], &["--timeout", "20s"]] {
        assert_eq!(site.check(arguments).code, 0);
    }
    let name = engine.name();
    let by_cli = site.reached_by("cli", &format!("{{ engine: {name}, via: cli }}"));
    assert_eq!(site.check_as(&by_cli, &[]).code, 0);
    let recorded = runproof()
        .args(["record", "--site"])
        .arg(site.file())
        .arg(site.folder.path().join("bundle.json"))
        .output()
        .unwrap();
    assert!(
        recorded.status.success(),
        "{}",
        String::from_utf8_lossy(&recorded.stderr)
    );
    // Of Vault only what the page of footprints has was asked, and it was asked.
    let asked = asked_since(&site, lines);
    let unexpected: Vec<&String> = asked
        .iter()
        .filter(|line| {
            let reads = line.starts_with("read ") || line.starts_with("list ");
            !reads && line.as_str() != "update sys/capabilities-self"
        })
        .collect();
    assert_eq!(unexpected, Vec::<&String>::new());
    assert!(
        asked
            .iter()
            .any(|line| line == "read secret/data/gbo/tables"),
        "{asked:?}"
    );
    assert_eq!(
        differences(&before, &snapshot(&site, engine)),
        Vec::<String>::new()
    );
}

#[test]
fn on_incus_an_interrupted_or_late_check_leaves_nothing_behind() {
    let site = TestSite::up(Engine::Incus, "incus", &ROLES);
    site.sh("system", "mkdir -p /usr/local/sbin; printf '#!/bin/sh\\nexec sleep 4444\\n' > /usr/local/sbin/systemctl; chmod +x /usr/local/sbin/systemctl");
    let unhang = "mv /usr/local/sbin/systemctl /usr/local/sbin/away";
    let hang = "mv /usr/local/sbin/away /usr/local/sbin/systemctl";
    let processes = || {
        site.sh("system", unhang);
        let seen = site.sh("system", "ps -eo pid,args --no-headers | grep -E 'sleep 4444|runproof-[0-9a-z]{8}|timeout -k' | grep -v grep || true");
        site.sh("system", hang);
        seen
    };
    // Its own time is over.
    let late = site.check(&["--timeout", "2s"]);
    assert_eq!(late.code, 2, "{}", late.stderr);
    assert_eq!(processes(), "");
    // The run's time is over.
    let late = site.check(&["--deadline", "2s"]);
    assert_eq!(late.code, 2, "{}", late.stderr);
    assert_eq!(processes(), "");
    // Somebody stops it, politely.
    let run = runproof()
        .args(["check", "--format", "json", "--site"])
        .arg(site.file())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let told = Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success(), "the run was still under way");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["exit_code"], 130);
    assert_eq!(processes(), "");
}
