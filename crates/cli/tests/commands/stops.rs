//! Runs that end early: deadlines, timeouts and signals. Nothing stays behind.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::kit::{Ran, Room, processes_with};

/// A node whose service manager never answers; and the mark of what it started.
fn hanging() -> (Room, String) {
    let room = Room::new();
    let mark = format!(
        "86399.{}",
        room.path("")
            .to_string_lossy()
            .bytes()
            .map(u64::from)
            .fold(7, |a, b| (a * 31 + b) % 1_000_000_007)
    );
    room.engine(&[(
        "systemctl",
        &format!("touch \"${{0%/*}}/started\"\nsleep {mark}"),
    )]);
    let suite = room.text("suites/tiny.yaml");
    room.write(
        "suites/tiny.yaml",
        &format!(
            "{suite}  - id: tiny-unit\n    title: the unit runs\n    profiles: [tiny]\n    severity: high\n    on: here\n    facts: {{ u: {{ unit: x.service }} }}\n    expect: 'u.active_state == \"active\"'\n    why: it is asked for\n    sources: []\n"
        ),
    );
    (room, mark)
}

fn assert_nothing_left(mark: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let left = processes_with(mark);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[rstest]
#[case::deadline(&["--deadline", "3s"], "interrupted")]
#[case::timeout(&["--timeout", "3s"], "systemctl does not come back")]
fn a_hanging_node_gives_a_partial_report_in_time(#[case] words: &[&str], #[case] reason: &str) {
    let (room, mark) = hanging();
    let begun = Instant::now();
    let ran = room.check(&[words, &["--id", "tiny-unit", "--output", "json=out.json"]].concat());
    assert!(
        begun.elapsed() < Duration::from_secs(45),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.verdict("tiny-unit"), "error");
    assert!(ran.stdout.contains(reason), "{}", ran.stdout);
    assert_eq!(room.text("out.json"), ran.stdout);
    assert!(room.path("node/started").exists(), "it did hang");
    assert_nothing_left(&mark);
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[rstest]
#[case("INT")]
#[case("TERM")]
fn a_signal_gives_a_partial_report_and_130(#[case] name: &str) {
    let (room, mark) = hanging();
    let child = room
        .runproof()
        .args([
            "check",
            "--suites",
            "suites",
            "--site",
            "site.yaml",
            "--format",
            "json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !room.path("node/started").exists() {
        assert!(Instant::now() < end, "it never hung");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, name);
    let begun = Instant::now();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(
        begun.elapsed() < Duration::from_secs(45),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let report = ran.json();
    assert_eq!(report["exit_code"], 130);
    assert_eq!(ran.verdict("tiny-unit"), "error");
    assert_eq!(
        report["findings"].as_array().unwrap().len(),
        6,
        "every finding is there"
    );
    assert!(
        ran.stderr.contains("the report will be partial"),
        "{}",
        ran.stderr
    );
    assert_nothing_left(&mark);
}

#[test]
fn a_deadline_holds_while_the_engine_does_not_answer() {
    let room = Room::new();
    room.engine(&[]);
    room.program("bin/incus", "#!/bin/sh\nexec sleep 300\n");
    let begun = Instant::now();
    let ran = room.check(&["--deadline", "1s"]);
    assert!(
        begun.elapsed() < Duration::from_secs(45),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stdout.contains("deadline"), "{}", ran.stdout);
}

#[rstest]
#[case::no_rights("echo 'Error: You do not have the needed permissions' >&2; exit 1")]
#[case::garbage("echo '<html>'")]
#[case::silence("exit 0")]
#[case::a_password("echo 'sudo: a password is required' >&2; exit 1")]
fn an_engine_that_cannot_be_asked_leaves_errors_and_never_a_pass(#[case] body: &str) {
    let room = Room::new();
    room.engine(&[]);
    room.program("bin/incus", &format!("#!/bin/sh\n{body}\n"));
    let ran = room.check(&["--id", "tiny-pass"]);
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.verdict("tiny-pass"), "error");
    if body.contains("Error: ") || body.contains("sudo") {
        assert!(
            ran.stderr.contains("  help: "),
            "what to do next: {}",
            ran.stderr
        );
    }
}
