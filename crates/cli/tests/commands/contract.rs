//! The JSON contract, the exit codes and the five verdicts in every format.

use rstest::rstest;
use serde_json::Value;

use crate::kit::{Room, run};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// `value` has exactly these keys, but for those that may be there too.
fn has_keys(value: &Value, always: &[&str], maybe: &[&str]) {
    let found = keys(value);
    for key in always {
        assert!(found.contains(key), "{key} is missing in {value:#}");
    }
    for key in found {
        assert!(
            always.contains(&key) || maybe.contains(&key),
            "{key}: {value:#}"
        );
    }
}

fn is_text(value: &Value) -> bool {
    value.is_string()
}

fn is_text_or_null(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

#[test]
fn the_json_report_has_the_keys_and_types_of_the_contract() {
    let room = Room::new();
    let ran = room.check(&[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let report = ran.json();
    has_keys(
        &report,
        &[
            "format",
            "site",
            "profile",
            "recorded",
            "started",
            "duration_s",
            "exit_code",
            "summary",
            "findings",
            "nodes",
        ],
        &["notes"],
    );
    assert_eq!(report["format"], "runproof.report/1");
    assert_eq!(report["site"], "tiny");
    assert_eq!(report["profile"], "tiny");
    assert_eq!(report["recorded"], false);
    assert!(report["started"].as_str().unwrap().ends_with('Z'));
    assert!(report["duration_s"].is_f64());
    assert_eq!(report["exit_code"], 1);
    let summary = &report["summary"];
    has_keys(summary, &["pass", "fail", "error", "skip", "waived"], &[]);
    for verdict in keys(summary) {
        assert_eq!(summary[verdict], 1, "{verdict}");
    }
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 5);
    for finding in findings {
        has_keys(
            finding,
            &[
                "id",
                "suite",
                "node",
                "verdict",
                "level",
                "severity",
                "title",
                "message",
                "expectations",
                "because_of",
                "document_defect",
                "sources",
                "fix",
            ],
            &["item", "reading"],
        );
        for key in [
            "id", "suite", "node", "verdict", "level", "severity", "title", "message",
        ] {
            assert!(is_text(&finding[key]), "{key}");
        }
        assert!(is_text_or_null(&finding["because_of"]));
        assert!(is_text_or_null(&finding["document_defect"]));
        for key in ["sources", "fix"] {
            assert!(finding[key].as_array().unwrap().iter().all(is_text));
        }
        for outcome in finding["expectations"].as_array().unwrap() {
            has_keys(outcome, &["expect", "verdict", "found", "expected"], &[]);
            assert!(is_text(&outcome["expect"]) && is_text(&outcome["verdict"]));
            assert!(is_text_or_null(&outcome["found"]) && is_text_or_null(&outcome["expected"]));
        }
    }
    for node in report["nodes"].as_array().unwrap() {
        has_keys(
            node,
            &["role", "instance", "image", "standin"],
            &["now", "skew_s", "trouble"],
        );
        assert!(is_text(&node["role"]) && is_text(&node["instance"]));
        assert!(is_text_or_null(&node["image"]) && node["standin"].is_boolean());
    }
}

#[test]
fn a_failure_says_what_was_found_what_was_expected_and_how_it_is_mended() {
    let room = Room::new();
    let report = room.check(&["--id", "tiny-fail"]).json();
    let finding = &report["findings"][0];
    assert_eq!(finding["expectations"][0]["found"], "\"0644\"");
    assert_eq!(finding["expectations"][0]["expected"], "\"0600\"");
    assert!(
        finding["fix"][0]
            .as_str()
            .unwrap()
            .starts_with("chmod 0600 /")
    );
}

#[rstest]
#[case::it_holds(&["--id", "tiny-pass"], 0)]
#[case::it_fails(&[], 1)]
#[case::it_is_not_established(&["--id", "tiny-error"], 2)]
#[case::below_the_gate(&["--id", "tiny-error", "--gate", "high"], 0)]
#[case::waived(&["--id", "tiny-waived"], 0)]
#[case::only_skips(&["--id", "tiny-skip"], 3)]
#[case::nothing_is_selected(&["--id", "tiny-nothing"], 3)]
#[case::a_part_is_not_there(&["--id", "tiny-pass", "--id", "tiny-nothing"], 3)]
#[case::a_failure_is_still_a_failure(&["--id", "tiny-fail", "--id", "tiny-nothing"], 1)]
#[case::a_suite_that_is_not_there(&["--suite", "tinny"], 3)]
fn the_exit_code_and_the_report_agree(#[case] words: &[&str], #[case] code: i32) {
    let ran = Room::new().check(words);
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.json()["exit_code"], code);
}

#[test]
fn a_selector_that_selects_nothing_is_loud_and_offers_the_nearest() {
    let ran = Room::new().check(&["--id", "tiny-pas"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("invariant `tiny-pas` selects nothing"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("did you mean tiny-pass?"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("looking at"), "{}", ran.stderr);
}

#[test]
fn all_five_verdicts_stand_in_the_terminal_report_and_in_junit() {
    let room = Room::new();
    let words = ["check", "--suites", "suites", "--site", "site.yaml", "-v"];
    let ran = room.run(&words);
    assert_eq!(ran.code, Some(1));
    for word in [
        "FAIL",
        "ERROR",
        "tiny-pass",
        "tiny-skip",
        "tiny-waived",
        "1 fail, 1 error",
    ] {
        assert!(ran.stdout.contains(word), "{word}\n{}", ran.stdout);
    }
    assert!(ran.stdout.contains("not in this test") && ran.stdout.contains("moving"));
    assert!(!ran.stdout.contains('\u{1b}'));

    let junit = room.run(&[&words, ["--format", "junit"].as_slice()].concat());
    let document = roxmltree::Document::parse(&junit.stdout).unwrap();
    let count = |tag| {
        document
            .descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
    };
    assert_eq!(count("testcase"), 5);
    assert_eq!(
        (count("failure"), count("error"), count("skipped")),
        (1, 1, 2)
    );
}

#[test]
fn a_role_that_the_site_file_leaves_out_is_an_error() {
    let room = Room::new();
    let text = room.text("site.yaml").replace("here: one, ", "");
    room.write("site.yaml", &text);
    let ran = room.check(&["--id", "tiny-pass"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.verdict("tiny-pass"), "error");
}

#[rstest]
#[case(&["--gate", "high"])]
#[case(&["--strict"])]
#[case(&["--phase", "post"])]
fn what_gates_needs_a_site(#[case] words: &[&str]) {
    let ran = run(&[&["check"], words].concat());
    assert_eq!(ran.code, Some(64));
    assert!(ran.stderr.contains("--site"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_recorded_reference_says_that_it_is_no_site_of_yours() {
    let ran = run(&["check"]);
    assert!(
        ran.stdout.starts_with("recorded reference, not your site"),
        "{}",
        ran.stdout
    );
    assert_eq!(run(&["check", "--format", "json"]).json()["recorded"], true);
}

#[test]
fn the_profile_of_the_report_is_the_one_that_was_followed() {
    let report = run(&["check", "--format", "json", "--profile", "lxd"]).json();
    assert_eq!(report["profile"], "lxd");
}
