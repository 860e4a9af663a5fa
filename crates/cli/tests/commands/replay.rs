//! A recording is judged as the site itself was.

use serde_json::Value;

use crate::kit::Room;

fn without_time(mut report: Value) -> Value {
    for key in ["recorded", "started", "duration_s", "notes", "nodes"] {
        report.as_object_mut().unwrap().remove(key);
    }
    report
}

#[test]
fn a_replay_decides_the_same_as_the_live_site() {
    let room = Room::new();
    // Nobody waives a recording: its site file is not at hand.
    let site = room
        .text("site.yaml")
        .replace("waivers: waivers.yaml\n", "");
    room.write("site.yaml", &site);
    let live = room.check(&[]);
    let recorded = room.run(&[
        "record",
        "b.json",
        "--suites",
        "suites",
        "--site",
        "site.yaml",
    ]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    assert!(
        recorded.stderr.contains("2 facts of 1 node in b.json"),
        "{}",
        recorded.stderr
    );
    assert_eq!(recorded.stdout, "");
    let replayed = room.run(&[
        "check",
        "--suites",
        "suites",
        "--site",
        "bundle:b.json",
        "--format",
        "json",
    ]);
    assert_eq!(replayed.code, live.code, "{}", replayed.stderr);
    assert_eq!(without_time(replayed.json()), without_time(live.json()));
    assert_eq!(replayed.json()["recorded"], true);
    assert_eq!(live.json()["recorded"], false);
    // Twice the same is the same to the byte.
    let again = room.run(&[
        "check",
        "--suites",
        "suites",
        "--site",
        "bundle:b.json",
        "--format",
        "json",
    ]);
    assert_eq!(again.stdout, replayed.stdout);
}

#[test]
fn a_bundle_is_for_its_owner_only_and_what_it_lacks_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    let words = [
        "record",
        "b.json",
        "--suites",
        "suites",
        "--site",
        "site.yaml",
    ];
    let ran = room.run(&[&words, ["--id", "tiny-error"].as_slice()].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mode = std::fs::metadata(room.path("b.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ran = room.run(&[
        "check",
        "--suites",
        "suites",
        "--site",
        "bundle:b.json",
        "--id",
        "tiny-pass",
        "--format",
        "json",
    ]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert_eq!(ran.verdict("tiny-pass"), "error");
}

#[test]
fn a_record_of_nothing_is_loud_and_a_place_that_refuses_it_is_74() {
    let room = Room::new();
    let words = ["--suites", "suites", "--site", "site.yaml"];
    let ran = room.run(&[&["record", "b.json", "--id", "nothing"], words.as_slice()].concat());
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(!room.path("b.json").exists());
    let ran = room.run(&[&["record", "missing/b.json"], words.as_slice()].concat());
    assert_eq!(ran.code, Some(74), "{}", ran.stderr);
}
