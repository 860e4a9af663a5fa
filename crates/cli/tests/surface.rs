//! The command line as a user meets it: helps, usage errors, exit codes.

// Helpers outside the tests may unwrap too: a failure there fails the test.
#![allow(clippy::unwrap_used)]

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::{Command, Output, Stdio};

use rstest::rstest;

fn runproof(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runproof"));
    command
        .args(words)
        .env_remove("RUST_BACKTRACE")
        .env_remove("NO_COLOR")
        .env("COLUMNS", "100")
        .stdin(Stdio::null());
    command
}

fn output(words: &[&str]) -> Output {
    runproof(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[rstest]
#[case::program("program", &["--help"])]
#[case::short("program-short", &["-h"])]
#[case::check("check", &["check", "--help"])]
#[case::record("record", &["record", "--help"])]
#[case::lint("lint", &["lint", "--help"])]
#[case::schema("schema", &["schema", "--help"])]
#[case::explain("explain", &["explain", "--help"])]
#[case::list("list", &["list", "--help"])]
#[case::look("look", &["look", "--help"])]
#[case::init("init", &["init", "--help"])]
#[case::prove("prove", &["prove", "--help"])]
#[case::diagnose("diagnose", &["diagnose", "--help"])]
#[case::drill("drill", &["drill", "--help"])]
#[case::recover("recover", &["recover", "--help"])]
#[case::reproduce("reproduce", &["reproduce", "--help"])]
#[case::completions("completions", &["completions", "--help"])]
#[case::lab("lab", &["lab", "--help"])]
#[case::lab_up("lab-up", &["lab", "up", "--help"])]
#[case::lab_down("lab-down", &["lab", "down", "--help"])]
#[case::lab_reset("lab-reset", &["lab", "reset", "--help"])]
#[case::lab_status("lab-status", &["lab", "status", "--help"])]
#[case::lab_shell("lab-shell", &["lab", "shell", "--help"])]
#[case::lab_logs("lab-logs", &["lab", "logs", "--help"])]
#[case::lab_list("lab-list", &["lab", "list", "--help"])]
fn every_help_teaches(#[case] name: &str, #[case] words: &[&str]) {
    let output = output(words);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let help = text(&output.stdout);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes") == name.starts_with("program"),
        "{help}"
    );
    assert!(
        help.lines().all(|line| line.chars().count() <= 100),
        "{help}"
    );
    insta::assert_snapshot!(format!("help-{name}"), help);
}

#[rstest]
#[case::no_command("no-command", &[])]
#[case::unknown_command("unknown-command", &["chek"])]
#[case::unknown_option("unknown-option", &["check", "--sites", "prod"])]
#[case::gate_without_site("gate-without-site", &["check", "--gate", "high", "--strict"])]
#[case::phase_without_site("phase-without-site", &["check", "--phase", "pre"])]
#[case::a_bare_number("a-bare-number", &["check", "--timeout", "10"])]
#[case::not_a_severity("not-a-severity", &["check", "--severity", "urgent"])]
#[case::not_an_output("not-an-output", &["check", "--output", "out.xml"])]
#[case::one_file_twice("one-file-twice", &["check", "--output", "json=a", "--output", "junit=./a"])]
#[case::record_without_site("record-without-site", &["record", "a.json"])]
#[case::explain_without_id("explain-without-id", &["explain"])]
#[case::diagnose_nothing("diagnose-nothing", &["diagnose"])]
#[case::hostile_words("hostile-words", &["explain", "a\u{1b}[2Jb"])]
fn a_usage_error_is_64_and_says_what_was_expected(#[case] name: &str, #[case] words: &[&str]) {
    let output = output(words);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty(), "stdout carries the report only");
    let message = text(&output.stderr);
    assert!(!message.contains('\u{1b}'), "{message}");
    insta::assert_snapshot!(format!("usage-{name}"), message);
}

#[test]
fn the_version_is_an_answer() {
    let output = output(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("runproof "));
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
fn completions_know_the_commands(#[case] shell: &str) {
    let output = output(&["completions", shell]);
    assert_eq!(output.status.code(), Some(0));
    let script = text(&output.stdout);
    assert!(script.contains("explain") && script.contains("--deadline") || shell == "fish");
    assert!(script.contains("completions"));
}

#[rstest]
#[case(&["--help"])]
#[case(&["completions", "zsh"])]
fn a_full_disk_behind_stdout_is_74(#[case] words: &[&str]) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = runproof(words)
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(74));
}

#[rstest]
#[case(&["--help"])]
#[case(&["completions", "zsh"])]
fn a_reader_that_goes_away_is_no_error(#[case] words: &[&str]) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = runproof(words)
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_closed_stderr_is_survived() {
    let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = runproof(&["check", "--strict"])
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(64));
}

#[rstest]
#[case::plain(&["chek"], false)]
#[case::asked_for(&["chek", "--color", "always"], true)]
fn messages_are_coloured_when_asked_for(#[case] words: &[&str], #[case] coloured: bool) {
    assert_eq!(output(words).stderr.contains(&0x1b), coloured);
}

/// The child of the test below; does nothing unless it is told to.
#[test]
fn child_that_panics() {
    if std::env::var_os("RUNPROOF_TEST_PANIC").is_none() {
        return;
    }
    runproof::panic::install();
    // Somebody else catches it, as a task's runtime does.
    let _ = std::thread::spawn(|| panic!("the token is s3cret")).join();
    let code = runproof::panic::settle(runproof_model::ExitCode::Conforms);
    std::process::exit(i32::from(code.code()));
}

#[rstest]
#[case::quiet(None, false)]
#[case::asked_for(Some("1"), true)]
fn a_panic_is_70_and_shows_no_value_unless_asked(
    #[case] backtrace: Option<&str>,
    #[case] shown: bool,
) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_that_panics", "--nocapture"])
        .env("RUNPROOF_TEST_PANIC", "1")
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(value) = backtrace {
        command.env("RUST_BACKTRACE", value);
    }
    let mut child = command.spawn().unwrap();
    let mut message = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(70));
    assert!(
        message.contains("runproof: a defect of runproof at crates/cli/tests/surface.rs:"),
        "{message}"
    );
    assert_eq!(message.contains("s3cret"), shown, "{message}");
}
