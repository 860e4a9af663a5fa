//! Where reports go: files, stdout, colours, plans.

use std::fs::OpenOptions;

use rstest::rstest;
use serde_json::Value;

use crate::kit::{Ran, Room, run};

#[test]
fn several_outputs_are_written_whole_beside_stdout() {
    let room = Room::new();
    room.write("out.json", "old");
    let ran = room.check(&["--output", "json=out.json", "--output", "junit=out.xml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&room.text("out.json")).unwrap();
    assert_eq!(report, ran.json());
    assert!(roxmltree::Document::parse(&room.text("out.xml")).is_ok());
    let left: Vec<_> = std::fs::read_dir(room.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn an_output_that_cannot_be_written_is_74_and_stops_no_other() {
    let room = Room::new();
    let ran = room.check(&["--output", "json=missing/out.json"]);
    assert_eq!(ran.code, Some(74));
    assert!(ran.stderr.contains("missing/out.json"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "refused before a long run");
    let ran = room.check(&["--output", "json=/dev/full", "--output", "junit=out.xml"]);
    assert_eq!(ran.code, Some(74));
    assert!(room.path("out.xml").exists());
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = room
        .runproof()
        .args(["check", "--suites", "suites", "--site", "site.yaml"])
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(74));
}

#[rstest]
#[case::a_pipe(&[], None, false)]
#[case::asked_for(&["--color", "always"], None, true)]
#[case::the_option_beats_no_color(&["--color", "always"], Some("1"), true)]
#[case::no_color(&[], Some("1"), false)]
fn colours_are_shown_when_they_are_wanted(
    #[case] words: &[&str],
    #[case] no_color: Option<&str>,
    #[case] coloured: bool,
) {
    let room = Room::new();
    let mut command = room.runproof();
    command
        .args(["check", "--suites", "suites", "--site", "site.yaml"])
        .args(words);
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    assert_eq!(Ran::of(&mut command).stdout.contains('\u{1b}'), coloured);
}

#[rstest]
#[case::check(&["check"])]
#[case::record(&["record", "kept.json"])]
#[case::diagnose(&["diagnose"])]
fn a_plan_prints_what_would_run_and_runs_nothing(#[case] command: &[&str]) {
    let room = Room::new();
    room.engine(&[]);
    room.program("bin/incus", "#!/bin/sh\ntouch \"${0%/*}/ran\"\nexit 1\n");
    let with = ["--suites", "suites", "--site", "site.yaml", "--plan"];
    let ran = room.run(&[command, &with].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("# here: one, as root in one, from "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("incus exec --project default"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("BOUNDARY"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("/etc/shadow"),
        "what is refused is said: {}",
        ran.stdout
    );
    assert!(!room.path("bin/ran").exists());
    assert!(!room.path("kept.json").exists());
}

#[rstest]
#[case("bash", "_runproof")]
#[case("zsh", "#compdef runproof")]
#[case("fish", "complete -c runproof")]
#[case("elvish", "runproof")]
#[case("powershell", "runproof")]
fn completions_know_every_command(#[case] shell: &str, #[case] mark: &str) {
    let ran = run(&["completions", shell]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains(mark) && ran.stdout.contains("look"));
}

#[rstest]
#[case("suite", "invariants")]
#[case("profile", "undocumented")]
#[case("site", "reach")]
#[case("waivers", "waivers")]
#[case("facts", "caddyfile")]
fn every_schema_is_json(#[case] what: &str, #[case] field: &str) {
    let ran = run(&["schema", what]);
    assert_eq!(ran.code, Some(0));
    let schema = ran.json();
    assert!(
        schema
            .pointer(&format!("/properties/{field}"))
            .or(schema.get(field))
            .is_some()
    );
}
