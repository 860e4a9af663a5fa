//! Drills on a real lab: what is broken is noticed, mended, and always undone, whatever dies in between.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking"
)]

mod common;

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Engine, TestSite};
use serde_json::Value;

const SCENARIO: &str = "botui-server-url-external";
const UNIT: &str = "/etc/systemd/system/ui.service";
const ENV: &str = "/opt/gbo/bin/.env";

/// A command whose program is missing, and whose last complaint is a secret.
const COMPLAINS: &str = "no-such-program --mend; code=$?; sed -n 's/^requirepass //p' /etc/valkey/valkey.conf >&2; exit $code";

/// A unit that runs for a moment whenever it is started: a restart makes it green, and mends nothing.
const COMES_AND_GOES: &str = r#"
  - id: probe-comes-and-goes
    title: botui does not stay up
    on: system
    fault:
      unit: { name: ui.service, drop-in: "[Service]\nExecStart=\nExecStart=/bin/sleep 2\nRestartSec=8\n" }
      then: [ { restart-unit: ui.service } ]
    turns-red: [svc-ui-active]
    cascades:
      [
        caddy-upstream-listens, env-chat-url-pattern, ext-botui-public-url, svc-botui-binary-path, svc-botui-listens-5859,
        svc-port-held-by-its-unit, svc-systemctl-only,
      ]
    fix: { run: [ systemctl restart ui ] }
    sources: [production-guide/common-operations]
"#;

/// A C library that says it is an old one while something holds, and then mends by itself.
fn old_library(id: &str, while_: &str, fix: &str) -> String {
    format!(
        r#"
  - id: {id}
    title: the C library says for a while that it is an old one
    on: system
    fault:
      edit-file:
        path: /usr/bin/getconf
        content: |
          #!/bin/sh
          echo x >>/run/probe-looks
          if {while_}; then echo glibc 2.1; else ldd --version | sed -n '1s/.* /glibc /p'; fi
    turns-red: [glibc-binary-le-container]
    fix: {{ run: [ "{fix}" ] }}
    sources: [production-guide/troubleshooting-quick-reference]
"#
    )
}

fn drill(site: &TestSite, words: &[&str]) -> Command {
    let mut command = site.runproof();
    command
        .args(["drill", "--site", &site.prefix, "--no-progress"])
        .args(words)
        .stdin(Stdio::null());
    command
}

fn rows(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["format"], "runproof.drill/1");
    report["scenarios"].as_array().unwrap().clone()
}

/// What the scenario changes, and what a drill may leave.
fn state(site: &TestSite) -> String {
    site.sh(
        "system",
        &format!(
            "sha256sum {UNIT}; stat -c '%a %U %G' {UNIT}; systemctl show -p ActiveState,Environment,NeedDaemonReload ui.service; \
             ls /var/lib/runproof-kept {UNIT}.runproof-new 2>/dev/null || true"
        ),
    )
}

/// Waits until nobody is at work on the faults of the lab and nothing is open.
fn healed(site: &TestSite) {
    let end = Instant::now() + Duration::from_secs(90);
    let journal = site.kept().join("faults.jsonl");
    while journal.exists() {
        assert!(
            Instant::now() < end,
            "{}",
            std::fs::read_to_string(&journal).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn on_incus_a_fault_is_caught_its_fix_proven_and_nothing_of_it_is_left() {
    let site = TestSite::up(
        Engine::Incus,
        "incus",
        &["system", "tables", "vault", "drive"],
    );
    let before = state(&site);
    let output = drill(&site, &["--format", "json", SCENARIO])
        .output()
        .unwrap();
    let rows = rows(&output);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["outcome"], "caught", "{}", rows[0]);
    assert_eq!(rows[0]["fix"]["fix"], "proven", "{}", rows[0]);
    assert_eq!(rows[0]["anew"], serde_json::json!([]));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(state(&site), before);

    killed_at_every_step(&site, &before);
    let report = held_and_undone(&site, &before);
    reproduced(&site, &before, &report);
}

#[test]
fn on_incus_a_fix_that_proves_nothing_is_told_and_what_is_no_node_of_the_lab_is_refused() {
    let site = TestSite::up(
        Engine::Incus,
        "incus",
        &["system", "tables", "vault", "drive"],
    );
    let before = state(&site);
    fixes_that_prove_nothing(&site, &before);
    refused(&site, &before);
    what_is_somebody_elses_is_made_anew(&site, &before);
}

/// SIGKILL at each step of the journal and between: the watchdog makes it good, or the next command.
fn killed_at_every_step(site: &TestSite, before: &str) {
    // The act 0 is the log that every fault fills; the act 1 is the fault's own.
    for step in [
        "begin",
        "doing:0",
        "injected:0",
        "done:0",
        "doing:1",
        "injected:1",
        "done:1",
        "fixed",
        "fixing",
        "mended",
        "restored:1",
        "restored:0",
        "cleared",
        "undone",
    ] {
        let output = drill(site, &[SCENARIO])
            .env("RUNPROOF_TEST_DIE_AT", step)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), None, "it was killed at {step}");
        healed(site);
        assert_eq!(state(site), before, "killed at {step}");
    }
    // Nobody stands by: the next command on the lab finds it.
    let output = drill(site, &[SCENARIO])
        .env("RUNPROOF_TEST_DIE_AT", "done")
        .env("RUNPROOF_TEST_NO_WATCHDOG", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), None);
    std::thread::sleep(Duration::from_secs(1));
    assert_ne!(state(site), before, "nobody has undone it yet");
    let status = site
        .runproof()
        .args(["lab", "status", "--name", &site.prefix])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(
        said.contains(&format!("undone in the lab {}: {SCENARIO}", site.prefix)),
        "{said}"
    );
    assert_eq!(state(site), before);
}

/// The report of what was checked meanwhile.
fn held_and_undone(site: &TestSite, before: &str) -> PathBuf {
    let output = drill(site, &["--format", "json", "--hold", SCENARIO])
        .output()
        .unwrap();
    assert_eq!(rows(&output)[0]["outcome"], "caught");
    assert_ne!(state(site), before);
    let report = site.folder.path().join("broken.json");
    let check = site
        .runproof()
        .args(["check", "--site", &site.prefix, "--output"])
        .arg(format!("json={}", report.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(
        check.status.code(),
        Some(1),
        "it is broken on purpose: {said}"
    );
    assert!(said.contains("drill --undo"), "{said}");
    // Another one does not go on top of it.
    let output = drill(site, &[SCENARIO]).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let output = site
        .runproof()
        .args(["drill", "--undo", "--site", &site.prefix])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    healed(site);
    assert_eq!(state(site), before);
    report
}

/// A report of a broken site becomes a lab that is broken in the same way.
fn reproduced(site: &TestSite, before: &str, report: &Path) {
    let mut command = site.runproof();
    command
        .args(["reproduce", "--no-progress", "--lab", &site.prefix])
        .arg(report);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}{table}");
    assert!(
        said.contains(&format!("the best match is {SCENARIO}")),
        "{said}"
    );
    assert!(table.contains("caught"), "{table}");
    assert_ne!(state(site), before, "it is held, to look at");
    let undo = ["drill", "--undo", "--site", &site.prefix];
    assert!(site.runproof().args(undo).status().unwrap().success());
    healed(site);
    assert_eq!(state(site), before);
}

/// Suites of one's own: a fix whose program is missing shows no defect of the document, and a drill after
/// which something is left is none that is proven.
fn fixes_that_prove_nothing(site: &TestSite, before: &str) {
    let suites = tempfile::tempdir().unwrap();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
    let copied = Command::new("cp")
        .arg("-r")
        .args([built_in.join("."), suites.path().to_owned()])
        .status()
        .unwrap();
    assert!(copied.success());
    let documented = std::fs::read_to_string(suites.path().join("botui.yaml")).unwrap();
    let (_, scenario) = documented.split_once("scenarios:\n").unwrap();
    let end = scenario
        .match_indices("\n  - id: ")
        .next()
        .map_or(scenario.len(), |(at, _)| at + 1);
    let scenario = &scenario[..end];
    let last = "        - systemctl restart ui\n";
    assert!(scenario.contains(last), "{scenario}");
    let missing = scenario.replace(SCENARIO, "probe-program-missing").replace(
        "      run:\n",
        &format!("      document-defect: nobody knows\n      run:\n        - {COMPLAINS}\n"),
    );
    let leaves = scenario
        .replace(SCENARIO, "probe-fix-leaves")
        .replace(last, &format!("{last}        - echo '# left' >> {ENV}\n"));
    // The first look is that of the red, the second that of the judge.
    let two_looks = "[ $(wc -l </run/probe-looks) -le 2 ]";
    let moments = old_library("probe-red-for-moments", two_looks, "true");
    // Longer than it is watched, shorter than its fix takes.
    let seconds = "[ $(($(date +%s) - $(stat -c %Y $0))) -lt 9 ]";
    let healed = old_library("probe-time-mends", seconds, "sleep 10");
    std::fs::write(
        suites.path().join("probe.yaml"),
        format!("suite: probe\nscenarios:\n{missing}{leaves}{COMES_AND_GOES}{moments}{healed}"),
    )
    .unwrap();
    let suites = suites.path().to_str().unwrap();
    let row = |name: &str| {
        let words = ["--format", "json", "--suites", suites, name];
        let output = drill(site, &words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(state(site), before, "{name}");
        rows(&output).remove(0)
    };
    let missing = row("probe-program-missing");
    assert_eq!(missing["outcome"], "fix-failed", "{missing}");
    assert_eq!(missing["fix"]["fix"], "cannot-run", "{missing}");
    let why = missing["fix"]["why"].as_str().unwrap();
    assert!(why.starts_with("`no-such-program --mend; "), "{why}");
    // What a command complains of may be a secret of the lab.
    assert!(
        why.ends_with("` ended with 127: <LAB_CACHE_PASSWORD>"),
        "{why}"
    );
    let flaps = row("probe-comes-and-goes");
    assert_eq!(flaps["outcome"], "fix-failed", "{flaps}");
    assert_eq!(flaps["fix"]["fix"], "failed", "{flaps}");
    let why = flaps["fix"]["why"].as_str().unwrap();
    let said = "green for moments, and then red again: svc-ui-active";
    assert!(why.starts_with(said), "{why}");
    let moments = row("probe-red-for-moments");
    site.sh("system", "rm /run/probe-looks");
    assert_eq!(moments["outcome"], "fix-unneeded", "{moments}");
    assert_eq!(moments["fix"]["fix"], "unneeded", "{moments}");
    let why = moments["fix"]["why"].as_str().unwrap();
    assert_eq!(why, "it turned green by itself");
    let healed = row("probe-time-mends");
    site.sh("system", "rm /run/probe-looks");
    assert_eq!(healed["outcome"], "fix-unneeded", "{healed}");
    let leaves = row("probe-fix-leaves");
    site.sh("system", &format!("sed -i '/^# left$/d' {ENV}"));
    assert_eq!(leaves["outcome"], "not-restored", "{leaves}");
    assert_eq!(leaves["fix"]["fix"], "proven", "{leaves}");
    assert!(leaves["residue"].to_string().contains(ENV), "{leaves}");
}

/// What is no lab of ours, or not the node that was made, is refused before the first byte.
fn refused(site: &TestSite, before: &str) {
    for place in ["sites/prod.yaml", "./x.yaml", "bundle:x", "/etc/prod.yaml"] {
        let output = site
            .runproof()
            .args(["drill", "--site", place, SCENARIO])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{place}");
    }
    somebody_elses(site);
    led_astray(site);
    let node = site.node("system");
    let copy = format!("{node}-copy");
    let incus = |words: &[&str]| {
        let output = Command::new("incus").args(words).output().unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let refusal = |words: &str| refusal(site, words);
    // A copy beside the node: both claim to be it.
    incus(&["copy", &node, &copy]);
    refusal("2 instances");
    // Two cannot have one address.
    incus(&["config", "device", "remove", &copy, "eth0"]);
    incus(&["stop", "-f", &node]);
    // The copy in the node's place: its name and label are right, it is another instance.
    let away = format!("{node}-away");
    incus(&["rename", &node, &away]);
    incus(&["rename", &copy, &node]);
    incus(&["start", &node]);
    refusal("2 instances");
    incus(&["config", "set", &away, "user.runproof-lab="]);
    refusal("another instance");
    incus(&["delete", "-f", &node]);
    // A container made anew with the name and the labels of the old one, by hand.
    let label = |key: &str| {
        let output = Command::new("incus")
            .args(["config", "get", &away, key])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (nonce, role) = (label("user.runproof-nonce"), label("user.runproof-role"));
    assert!(!nonce.is_empty() && role == "system", "{nonce} {role}");
    let labels = [
        format!("user.runproof-lab={}", site.prefix),
        format!("user.runproof-nonce={nonce}"),
        format!("user.runproof-role={role}"),
    ];
    let mut launch = vec!["launch", "runproof-test-slim", &node];
    for label in &labels {
        launch.extend(["-c", label]);
    }
    incus(&launch);
    refusal("another instance");
    incus(&["delete", "-f", &node]);
    // The node under another name.
    incus(&["config", "set", &away, &labels[0]]);
    refusal("another instance carries its labels");
    incus(&["rename", &away, &node]);
    incus(&["start", &node]);
    // The nonce in the node is another one: somebody else's lab.
    let nonce = site.sh(
        "system",
        "cat /etc/runproof-lab; echo other >/etc/runproof-lab",
    );
    refusal("nonce");
    site.sh(
        "system",
        &format!("echo {} >/etc/runproof-lab", nonce.trim()),
    );
    let end = Instant::now() + Duration::from_secs(60);
    while !site
        .sh("system", "systemctl is-active ui.service || true")
        .starts_with("active")
    {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(state(site), before);
}

fn refusal(site: &TestSite, words: &str) {
    let output = drill(site, &[SCENARIO]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0));
    assert!(said.contains(words), "{words}: {said}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("0 of 0 scenarios proven"), "{table}");
}

/// A lab of another user, seen from here, and ours, seen by another user.
fn somebody_elses(site: &TestSite) {
    let folder = site.kept();
    let mine = std::fs::metadata(&folder).unwrap();
    chown(&folder, Some(mine.uid() + 1), None).unwrap();
    refusal(site, "belongs to another user");
    chown(&folder, Some(mine.uid()), None).unwrap();

    let other = tempfile::tempdir().unwrap();
    let output = drill(site, &[SCENARIO])
        .env("XDG_STATE_HOME", other.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no lab"), "{said}");
    assert_eq!(output.stdout, b"");
}

/// A site file in the lab's own place that leads somewhere else.
fn led_astray(site: &TestSite) {
    let file = site.kept().join(format!("sites/{}.yaml", site.prefix));
    let written = std::fs::read_to_string(&file).unwrap();
    let system = format!("system: {}", site.node("system"));
    for (from, to, words) in [
        (
            "engine: incus",
            "engine: incus, ssh: nobody@127.0.0.1",
            "leads to another machine by ssh",
        ),
        ("engine: incus", "engine: local", "leads to another engine"),
        (
            "engine: incus",
            "engine: incus, project: other",
            "leads to another engine",
        ),
        (
            system.as_str(),
            "system: somebody-elses",
            "names other instances",
        ),
    ] {
        assert!(written.contains(from), "{written}");
        std::fs::write(&file, written.replace(from, to)).unwrap();
        refusal(site, words);
    }
    std::fs::write(&file, written).unwrap();
}

/// A state that neither the fault nor a fix has left is not guessed away.
fn what_is_somebody_elses_is_made_anew(site: &TestSite, before: &str) {
    let output = drill(site, &["--hold", SCENARIO]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    site.sh("system", &format!("echo '# by hand' >>{UNIT}"));
    let output = site
        .runproof()
        .args(["recover", &site.prefix])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the node system"), "{said}");
    healed(site);
    let words = |text: &str| text.lines().next().map(str::to_owned);
    assert_eq!(words(&state(site)), words(before));
}

/// What the engine and the node say of a node's card.
fn card(site: &TestSite) -> String {
    let devices = Command::new("incus")
        .args(["config", "device", "show", &site.node("webmail")])
        .output()
        .unwrap();
    let addresses = site.sh(
        "webmail",
        "ip -4 -o addr show scope global | awk '{print $2, $4}'; ip -4 route; ls /var/lib/runproof-kept 2>/dev/null || true",
    );
    let lines = addresses.lines().map(str::trim_end).collect::<Vec<_>>();
    format!(
        "{}{}",
        String::from_utf8_lossy(&devices.stdout),
        lines.join("\n")
    )
}

#[test]
fn on_incus_what_the_engine_changed_is_noticed_and_put_back_whoever_dies() {
    // The network of a site is known by another node when this one has none.
    let site = TestSite::up(Engine::Incus, "incus", &["dns", "webmail"]);
    let before = card(&site);
    assert!(
        before.contains("ipv4.address") && before.contains("default via"),
        "{before}"
    );
    for scenario in ["net-static-ip-device-unset", "net-device-removed"] {
        let output = drill(&site, &["--format", "json", scenario])
            .output()
            .unwrap();
        let rows = rows(&output);
        assert_eq!(rows[0]["outcome"], "caught", "{}", rows[0]);
        assert_eq!(rows[0]["anew"], serde_json::json!([]));
        assert_eq!(card(&site), before);
        for step in ["doing", "injected", "restored"] {
            let output = drill(&site, &[scenario])
                .env("RUNPROOF_TEST_DIE_AT", step)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), None, "it was killed at {step}");
            healed(&site);
            assert_eq!(card(&site), before, "{scenario} killed at {step}");
        }
        // Nobody stands by, and who recovers has the journal alone.
        let output = drill(&site, &[scenario])
            .env("RUNPROOF_TEST_DIE_AT", "done")
            .env("RUNPROOF_TEST_NO_WATCHDOG", "1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), None);
        std::thread::sleep(Duration::from_secs(1));
        assert_ne!(card(&site), before, "nobody has undone it yet");
        let output = site
            .runproof()
            .args(["recover", &site.prefix])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(card(&site), before);
    }
}

/// The tier of the suite: the whole lab, broken once by each primitive. `ci/campaign` has all scenarios.
#[test]
fn on_incus_one_scenario_of_each_primitive_is_caught_mended_and_undone() {
    let site = TestSite::up(Engine::Incus, "incus", &[]);
    let output = drill(&site, &["--sample", "--format", "json"])
        .output()
        .unwrap();
    let rows = rows(&output);
    assert!(rows.len() > 13, "{rows:?}");
    assert_eq!(rows[0]["outcome"], "true-green", "{}", rows[0]);
    for row in &rows[1..] {
        let fix = row["fix"]["fix"].as_str().unwrap();
        assert_eq!(row["outcome"], "caught", "{row}");
        assert!(
            ["proven", "none", "document-defect"].contains(&fix),
            "{row}"
        );
        assert_eq!(row["anew"], serde_json::json!([]), "{row}");
    }
    let proven = rows.iter().filter(|row| row["fix"]["fix"] == "proven");
    assert!(proven.count() > 8, "{rows:?}");
    assert_eq!(output.status.code(), Some(0));
}
