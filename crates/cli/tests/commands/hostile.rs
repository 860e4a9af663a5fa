//! Bundles from strangers: refused, or shown without harm.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use crate::kit::{Ran, Room, fact, reference, runproof};

const ID: &str = "botui-server-url-localhost";

fn check(room: &Room, format: &str) -> Ran {
    room.run(&[
        "check",
        "--site",
        "bundle:b.json",
        "--id",
        ID,
        "--format",
        format,
        "-v",
    ])
}

fn refused(room: &Room, said: &str) {
    let ran = check(room, "json");
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("b.json") && ran.stderr.contains(said),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.len() < 1000 && !ran.stderr.contains('\u{1b}'),
        "{}",
        ran.stderr
    );
}

#[rstest]
#[case::another_format("/format", json!("runproof.bundle/2\u{1b}[2J"), "its format is")]
#[case::another_evidence("/evidence/format", json!("runproof.evidence/9"), "its evidence has the format")]
#[case::another_site("/evidence/site", json!("prod"), "it is of site")]
#[case::no_rounds("/evidence/rounds", json!([]), "no look at the site")]
#[case::a_role_that_is_no_name("/site/nodes", json!({ "../x": "a" }), "not a bundle")]
#[case::another_type("/evidence/duration_s", json!("long"), "not a bundle")]
fn a_bundle_that_was_tampered_with_is_refused(
    #[case] at: &str,
    #[case] value: Value,
    #[case] said: &str,
) {
    let room = Room::new();
    let mut bundle = reference();
    *bundle.pointer_mut(at).unwrap() = value;
    room.write("b.json", &bundle.to_string());
    refused(&room, said);
}

#[test]
fn an_unknown_key_a_cut_and_garbage_are_refused() {
    let room = Room::new();
    let mut bundle = reference();
    bundle["evidence"]["extra"] = json!(1);
    room.write("b.json", &bundle.to_string());
    refused(&room, "unknown field `extra`");
    let text = reference().to_string();
    room.write("b.json", &text[..text.len() / 2]);
    refused(&room, "not a bundle: EOF");
    fs::write(room.path("b.json"), b"\xff\xfe\0\x1b[2J").unwrap();
    refused(&room, "not a bundle");
    room.write("b.json", "");
    refused(&room, "not a bundle");
}

#[test]
fn a_deeply_nested_bundle_is_refused_and_overflows_nothing() {
    let room = Room::new();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let text = reference()
        .to_string()
        .replacen("\"fact\":", &format!("\"fact\":{deep},\"x\":"), 1);
    room.write("b.json", &text);
    refused(&room, "recursion limit");
}

#[test]
fn a_huge_bundle_is_refused_in_little_memory() {
    let room = Room::new();
    let file = fs::File::create(room.path("b.json")).unwrap();
    file.set_len(3 << 30).unwrap();
    let program = runproof();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 600000; exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(["check", "--site", "bundle:b.json"])
        .current_dir(room.path(""));
    let ran = Ran::of(&mut command);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("larger than"), "{}", ran.stderr);
}

#[rstest]
#[case("bundle:/dev/zero")]
#[case("bundle:/")]
#[case("bundle:nothing.json")]
fn what_is_no_file_is_refused(#[case] site: &str) {
    let ran = Room::new().run(&["check", "--site", site]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("runproof: "), "{}", ran.stderr);
}

#[test]
fn a_facts_own_type_is_not_believed() {
    let room = Room::new();
    for odd in [
        json!(null),
        json!([]),
        json!("x"),
        json!({ "environment": 7 }),
        json!({ "$unknown": 1 }),
    ] {
        let mut bundle = reference();
        *fact(&mut bundle, "system", "unit", &["BOTSERVER_URL"]) = odd.clone();
        room.write("b.json", &bundle.to_string());
        let ran = check(&room, "json");
        assert_ne!(ran.verdict(ID), "pass", "{odd}");
        assert_ne!(ran.code, Some(0), "{odd}");
    }
}

/// What a terminal might obey.
fn harmful(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
    })
}

#[test]
fn hostile_text_reaches_neither_terminal_nor_markup() {
    let room = Room::new();
    let long = "x".repeat(10 << 20);
    for text in [
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
        "]]><testcase/><!-- &amp; -->\"'",
        "a\0b\u{fffe}\u{ffff}\u{8}",
        "\u{202e}txt.exe\u{200b}\u{2066}",
        "two\nlines\r\nand\ttabs",
        long.as_str(),
    ] {
        let mut bundle = reference();
        fact(&mut bundle, "system", "unit", &["BOTSERVER_URL"])["environment"]["BOTSERVER_URL"] =
            json!(text);
        let name: String = text.chars().take(60).collect();
        for key in ["/site/name", "/evidence/site"] {
            *bundle.pointer_mut(key).unwrap() = json!(name);
        }
        bundle["evidence"]["nodes"][2]["instance"] = json!(name);
        bundle["evidence"]["nodes"][2]["image"] = json!(name);
        bundle["evidence"]["nodes"][2]["trouble"] = json!(name);
        bundle["evidence"]["started"] = json!(name);
        room.write("b.json", &bundle.to_string());

        let terminal = check(&room, "terminal");
        assert_eq!(terminal.code, Some(1), "{}", terminal.stderr);
        assert!(!harmful(&terminal.stdout), "{name:?}");
        assert!(!harmful(&terminal.stderr), "{name:?}");
        assert!(terminal.stdout.len() < 100_000);

        let junit = check(&room, "junit");
        let document = roxmltree::Document::parse(&junit.stdout).unwrap();
        assert!(!harmful(&junit.stdout), "{name:?}");
        assert!(junit.stdout.len() < 100_000);
        let cases = document
            .descendants()
            .filter(|node| node.has_tag_name("testcase"));
        assert_eq!(cases.count(), 1);

        let report = check(&room, "json");
        assert!(!harmful(&report.stdout), "{name:?}");
        assert_eq!(report.verdict(ID), "fail");
    }
}

#[test]
fn a_site_file_that_is_a_pipe_does_not_hang() {
    let room = Room::new();
    let made = Command::new("mkfifo")
        .arg(room.path("p.yaml"))
        .status()
        .unwrap();
    assert!(made.success());
    let ran = room.run(&["check", "--site", "p.yaml"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.stderr.contains("not a regular file"), "{}", ran.stderr);
    let mut big = fs::File::create(room.path("big.yaml")).unwrap();
    big.write_all(&vec![b'#'; 2 << 20]).unwrap();
    let ran = room.run(&["check", "--site", "big.yaml"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.stderr.contains("larger than 1 MiB"), "{}", ran.stderr);
}
