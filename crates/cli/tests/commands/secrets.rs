//! Canaries: secrets of a node that must not be found anywhere else.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::kit::{Ran, Room};

const ENV_FILE: &str = "Cn4ryEnvFile0xA1";
const ENV_LINE: &str = "Cn4ryEnvLine0xA2";
const UNIT: &str = "Cn4ryUnit0xB1";
const UNIT_EXEC: &str = "Cn4ryUnitExec0xB2";
const ARGUMENT: &str = "Cn4ryArgument0xC1";
const URL: &str = "Cn4ryUrl0xC2";
const ENVIRON: &str = "Cn4ryEnviron0xD1";
const LOG: &str = "Cn4ryLog0xE1";
const CSV: &str = "Cn4ryCsv0xF1";

const ALL: &[&str] = &[
    ENV_FILE, ENV_LINE, UNIT, UNIT_EXEC, ARGUMENT, URL, ENVIRON, LOG, CSV,
];

/// Fails on what is there, so that every value has reason to be shown.
const SUITE: &str = r#"suite: tiny
inputs:
  folder: { type: string, about: where the files of the test are, example: /x }
invariants:
  - id: tiny-env
    title: env
    profiles: [tiny]
    severity: high
    on: here
    facts: { f: { dotenv: "{input.folder}/app.env", secret: [TOKEN] } }
    expect: ['f.keys == ["NOTHING"]', 'f.secret.TOKEN.empty', 'f.malformed.size() == 77', 'f.dialects_agree']
    why: a canary sits here
    sources: []
  - id: tiny-unit
    title: unit
    profiles: [tiny]
    severity: high
    on: here
    facts: { u: { unit: app.service, secret_environment: [TOKEN] } }
    expect: ['u.secret_environment.TOKEN.empty', 'u.exec_start.size() == 77', 'u.active_state == "never"']
    why: a canary sits here
    sources: []
  - id: tiny-process
    title: process
    profiles: [tiny]
    severity: high
    on: here
    facts: { p: { process: { name: canarysh }, secret_environment: [TOKEN] } }
    expect: ['p.count == 77', 'p.processes.all(x, x.argv.size() == 77)']
    why: a canary sits here
    sources: []
  - id: tiny-log
    title: log
    profiles: [tiny]
    severity: high
    on: here
    facts: { l: { log: "{input.folder}/app.log", contains: [password] } }
    expect: 'l.size == 77'
    why: a canary sits here
    sources: []
  - id: tiny-csv
    title: csv
    profiles: [tiny]
    severity: high
    on: here
    facts: { c: { csv: "{input.folder}/config.csv", secret: [llm-key] } }
    expect: ['c.keys == ["nothing"]', 'c.secret["llm-key"].empty']
    why: a canary sits here
    sources: []
"#;

fn assert_clean(place: &str, text: &str) {
    for canary in ALL {
        assert!(!text.contains(canary), "{canary} in {place}:\n{text}");
    }
}

#[test]
fn no_canary_leaves_the_node() {
    let room = Room::new();
    room.engine(&[(
        "systemctl",
        &format!(
            "cat <<'X'\nId=app.service\nLoadState=loaded\nActiveState=active\nSubState=running\nMainPID=0\nUser=root\nEnvironment=TOKEN={UNIT}\nExecStart={{ path=/bin/app ; argv[]=/bin/app --password={UNIT_EXEC} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }}\nX"
        ),
    )]);
    room.write("suites/tiny.yaml", SUITE);
    room.write("waivers.yaml", "waivers: []\n");
    room.write(
        "app.env",
        &format!("TOKEN={ENV_FILE}\nthis is no line {ENV_LINE}\nexport 'X={ENV_LINE}\n"),
    );
    room.write(
        "app.log",
        &format!("2026-01-01T00:00:00Z ERROR app:password={LOG}\ntoken: {LOG}\n"),
    );
    room.write("config.csv", &format!("name,value\nllm-key,{CSV}\n"));
    let shell = fs::canonicalize("/bin/sh").unwrap();
    fs::copy(shell, room.path("canarysh")).unwrap();
    let mut planted = Command::new(room.path("canarysh"))
        .args(["-c", "read x; :", "x", "--token", ARGUMENT])
        .arg(format!("postgres://app:{URL}@10.0.0.1/db"))
        .env("TOKEN", ENVIRON)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();

    // Whatever runs meanwhile must not carry a canary among its arguments.
    let (over, own) = (Arc::new(AtomicBool::new(false)), planted.id().to_string());
    let sampler = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut seen = Vec::new();
            while !over.load(Ordering::SeqCst) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if name == own || !name.bytes().all(|b| b.is_ascii_digit()) {
                        continue;
                    }
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if ALL.iter().any(|canary| line.contains(canary)) {
                        seen.push(line);
                    }
                }
                std::thread::sleep(Duration::from_millis(3));
            }
            seen
        }
    });

    let site = ["--suites", "suites", "--site", "site.yaml"];
    let mut ran = Vec::new();
    for format in ["terminal", "json", "junit"] {
        let words = [
            "check",
            "-v",
            "--format",
            format,
            "--output",
            "json=out.json",
        ];
        ran.push(room.run(&[&words, site.as_slice()].concat()));
    }
    ran.push(room.run(&[&["check", "--plan"], site.as_slice()].concat()));
    ran.push(room.run(&[&["explain", "tiny-process"], site.as_slice()].concat()));
    let recorded = room.run(&[&["record", "b.json", "-v"], site.as_slice()].concat());
    for query in [
        "dotenv: '{input.folder}/app.env', secret: [TOKEN]",
        "process: { name: canarysh }",
        "unit: app.service",
        "log: '{input.folder}/app.log'",
    ] {
        ran.push(room.run(&[&["look", query, "-v"], site.as_slice()].concat()));
    }
    over.store(true, Ordering::SeqCst);
    let in_arguments = sampler.join().unwrap();
    planted.kill().unwrap();
    planted.wait().unwrap();

    assert_eq!(in_arguments, Vec::<String>::new());
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    // The canaries were in sight: what they are the values of is known.
    let bundle = room.text("b.json");
    let known = bundle.matches("\"fingerprint\"").count();
    assert!(known >= 4, "{known} fingerprints\n{bundle}");
    for (index, Ran { stdout, stderr, .. }) in ran.iter().enumerate() {
        assert_clean(&format!("stdout of run {index}"), stdout);
        assert_clean(&format!("stderr of run {index}"), stderr);
    }
    assert_clean("the bundle", &bundle);
    assert_clean("the report", &room.text("out.json"));
    assert_eq!(ran[0].code, Some(1), "{}", ran[0].stderr);
}
