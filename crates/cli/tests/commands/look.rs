//! `look`: one fact by hand.

use rstest::rstest;

use crate::kit::{Room, root, run};

#[test]
fn a_file_of_this_machine_is_shown_with_its_lines() {
    let room = Room::new();
    let ran = room.run(&["look", "file: ./there, lines: true", "--no-progress"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("file on this machine\nby hand: "),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("\nlines\n  -  x\n"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("\nmode        0644\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
}

#[test]
fn what_is_not_there_is_absent_and_no_mistake() {
    let ran = Room::new().run(&["look", "file: ./nothing", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let looked = ran.json();
    assert_eq!(looked["fact"]["exists"], false);
    assert_eq!(looked["fact"]["mode"]["$absent"], true);
    assert_eq!(looked["state"], "known");
    assert_eq!(looked["kind"], "file");
    assert!(looked["site"].is_null());
}

#[test]
fn what_cannot_be_looked_at_is_unknown_and_2() {
    let ran = run(&["look", "file: /etc/shadow, lines: true"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stdout.contains("lines") && ran.stdout.contains("unknown: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("1 value could not be looked at"),
        "{}",
        ran.stderr
    );
    let instance = run(&["look", "instance"]);
    assert_eq!(instance.code, Some(2));
}

#[test]
fn the_files_that_runproof_knows_are_read_on_this_machine() {
    let room = Room::new();
    room.write("app.env", "PORT=80\nTOKEN=c4nary\n");
    let ran = room.run(&["look", "dotenv: ./app.env, plain: [PORT], secret: [TOKEN]"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("PORT  80"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("c4nary") && ran.stdout.contains("fingerprint"));
    let caddy = root().join("fixtures/corpora/caddyfile/platform.caddyfile");
    let ran = run(&["look", &format!("caddyfile: {}", caddy.display())]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("\nglobal\n"), "{}", ran.stdout);
}

#[test]
fn a_site_decides_what_may_be_read_and_which_node_is_meant() {
    let room = Room::new();
    let site = ["--suites", "suites", "--site", "site.yaml"];
    let look = |words: &[&str]| room.run(&[&["look"], words, &site].concat());
    let ran = look(&["file: '{input.folder}/there', lines: true"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("file on here of tiny\n"),
        "{}",
        ran.stdout
    );
    let ran = look(&["file: /etc/hosts, lines: true", "--on", "here"]);
    assert_eq!(ran.code, Some(2), "the allow-list of the site holds");
    let ran = look(&["file: /etc/hosts", "--on", "away"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.stderr.contains("not in this test"), "{}", ran.stderr);
}

#[test]
fn a_recording_is_looked_into_too() {
    let bundle = format!(
        "bundle:{}",
        root()
            .join("fixtures/sites/reference/bundle.json")
            .display()
    );
    let query = "unit: '{profile.ui_unit}', environment: [BOTSERVER_URL]";
    let ran = run(&["look", query, "--site", &bundle, "--on", "system"]);
    assert!(
        ran.stdout.contains("BOTSERVER_URL  http://localhost:5858"),
        "{}",
        ran.stdout
    );
    let ran = run(&[
        "look",
        "unit: never-recorded",
        "--site",
        &bundle,
        "--on",
        "system",
    ]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stdout.contains("not in the recording"),
        "{}",
        ran.stdout
    );
}

#[rstest]
#[case(&["look", "unti: ui.service"], "query:1:1: error: `unti` is no kind of fact\n  help: did you mean `unit`?")]
#[case(&["look", "{ file: /etc/hosts, line: true }"], "did you mean `lines`?")]
#[case(&["look", "file: hosts"], "this query cannot be used")]
#[case(&["look", "file: /etc/hosts", "--on", "system"], "--on names a node of a site")]
#[case(&["look", "file: [1, 2"], "query:1:")]
fn a_query_that_cannot_be_meant_is_64(#[case] words: &[&str], #[case] said: &str) {
    let ran = run(words);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_plan_of_a_look_runs_nothing() {
    let ran = run(&["look", "file: /etc/hosts", "--plan"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.starts_with("# here: as "), "{}", ran.stdout);
    assert!(ran.stdout.contains("#   stat /etc/hosts"), "{}", ran.stdout);
}
