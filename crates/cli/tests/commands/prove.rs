//! `prove` and `diagnose` as a pipeline meets them.

use std::fs;
use std::path::Path;

use rstest::rstest;
use runproof_engine::{record_fault, site_of};
use runproof_model::Evidence;
use runproof_site::Bundle;
use runproof_suite::{Library, Selection, SourceFile, bind};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Ran, root, run};

const SCENARIO: &str = "suite: proving
scenarios:
  - id: external-address
    title: botui points at the external address
    on: system
    fault: { nothing: {} }
    turns-red: [botui-server-url-localhost]
    fix: { run: ['systemctl restart {profile.ui_unit}'] }
    sources: [production-guide/troubleshooting-quick-reference]
";

/// The invariants of the suites with one scenario, and room for recordings.
struct Proving(TempDir);

impl Proving {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in Self::files() {
            let path = folder.path().join("suites").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(folder.path().join("faults")).unwrap();
        Self(folder)
    }

    fn files() -> Vec<(String, String)> {
        let mut files = vec![("proving.yaml".to_owned(), SCENARIO.to_owned())];
        for below in ["", "profiles/"] {
            for entry in fs::read_dir(root().join("suites").join(below)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
                if SourceFile::belongs(&name) {
                    let text = fs::read_to_string(&path).unwrap();
                    // The scenario of the test stands alone; those of the suites come last in a file.
                    let invariants = text.split("\nscenarios:").next().unwrap();
                    files.push((name, format!("{invariants}\n")));
                }
            }
        }
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a recording of what the change of the unit would have shown.
    fn record(&self, change: impl Fn(&mut Value)) {
        let files = Self::files();
        let files = files
            .into_iter()
            .map(|(name, text)| SourceFile::new(name, text));
        let library = Library::load(files.collect()).unwrap();
        let bundle = reference();
        let plan = bind(&library, &site_of(&bundle), &Selection::all());
        let mut red: Evidence = bundle.evidence.clone();
        for record in red.rounds.iter_mut().flat_map(|round| &mut round.facts) {
            if record.kind == "unit" && record.query["unit"] == "ui.service" {
                change(&mut record.fact);
            }
        }
        let mut all = library.scenarios();
        let scenario = all.find(|(_, one)| one.id.value == "external-address");
        let (_, scenario) = scenario.unwrap();
        let evidence = &bundle.evidence;
        let recording = record_fault(scenario, evidence, evidence, &red, &plan, &|one, other| {
            one.fact != other.fact
        });
        self.write(&serde_json::to_value(recording).unwrap());
    }

    fn write(&self, recording: &Value) {
        let path = self.path("faults/external-address.json");
        fs::write(path, recording.to_string()).unwrap();
    }

    fn prove(&self, words: &[&str]) -> Ran {
        let (suites, faults) = (self.path("suites"), self.path("faults"));
        let mut all = vec!["prove", "--suites", &suites, "--faults", &faults];
        all.extend(words);
        run(&all)
    }
}

fn reference() -> Bundle {
    Bundle::read(&root().join("fixtures/sites/reference/bundle.json")).unwrap()
}

fn external(fact: &mut Value) {
    for place in ["/environment", "/disk/environment", "/running/environment"] {
        if let Some(url) = fact.pointer_mut(&format!("{place}/BOTSERVER_URL")) {
            *url = json!("https://system.example.com");
        }
    }
}

#[test]
fn what_is_built_in_is_proved_without_anything() {
    let ran = run(&["prove", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(ran.stderr, "");
    let proof = ran.json();
    assert_eq!(proof["format"], "runproof.prove/1");
    let count = |name: &str| proof["counts"][name].as_u64().unwrap();
    assert!(count("invariants") > 150 && count("mutants") > 10_000);
    assert_eq!((count("toothless"), count("green_on_unknown")), (0, 0));
    assert!(count("recorded") > 100);
    assert_eq!(
        (proof["recall"].as_f64(), proof["precision"].as_f64()),
        (Some(1.0), Some(1.0))
    );
    assert_eq!((count("unproven"), count("error")), (0, 0));
    assert_eq!((count("red"), count("unestablished")), (0, 0));
    assert!(count("uncaught") < count("invariants"));
    assert_eq!(
        (count("stale"), count("missed"), count("collateral")),
        (0, 0, 0)
    );
}

#[test]
fn a_recorded_fault_is_proved_in_every_format() {
    let room = Proving::new();
    room.record(external);
    let (html, xml) = (room.path("a.html"), room.path("a.xml"));
    let (to_html, to_xml) = (format!("html={html}"), format!("junit={xml}"));
    let ran = room.prove(&["--output", &to_html, "--output", &to_xml]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(
        ran.stdout.contains("proved external-address (STAND-IN)"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("recall 100 %, precision 100 %"),
        "{}",
        ran.stdout
    );
    let html = fs::read_to_string(html).unwrap();
    assert!(
        html.contains("class=\"caught\" title=\"botui-server-url-localhost / external-address")
    );
    let xml = fs::read_to_string(xml).unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let mut cases = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    assert!(cases.any(|case| case.attribute("name") == Some("external-address")));
}

#[test]
fn a_fault_that_nobody_notices_and_an_old_recording_are_1() {
    let room = Proving::new();
    room.record(|_| {});
    let ran = room.prove(&[]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.stdout
            .contains("missed     botui-server-url-localhost: it stays green")
    );
    room.record(external);
    let path = room.path("faults/external-address.json");
    let mut recording: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    recording["digests"]["queries"] = json!("0".repeat(64));
    room.write(&recording);
    let ran = room.prove(&[]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.stdout
            .contains("external-address: changed since: what the suites ask for")
    );
}

#[test]
fn what_is_selected_is_proven_with_the_scenarios_that_have_to_turn_it_red() {
    let room = Proving::new();
    room.record(external);
    let proof = room.prove(&["--id", "botui-server-url-localhost", "--format", "json"]);
    assert_eq!(proof.code, Some(0), "{proof:#?}");
    let proof = proof.json();
    let ids = |of: &str| -> Vec<String> {
        let all = proof[of].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids("invariants"), ["botui-server-url-localhost"]);
    assert!(ids("scenarios").contains(&"external-address".to_owned()));
    let words = room.prove(&["--id", "botui-server-url-localhost"]).stdout;
    let unselected = proof["counts"]["unselected"].as_u64().unwrap();
    assert!(unselected > 0, "{proof:#?}");
    let opening = format!("1 invariant that holds ({unselected} not selected), ");
    assert!(words.contains(&opening), "{words}");
    assert!(words.contains(" selected invariant"), "{words}");
    let other = room.prove(&["--suite", "fw", "--format", "json"]);
    let other = other.json();
    let scenarios = other["scenarios"].as_array().unwrap();
    assert!(scenarios.iter().all(|one| one["id"] != "external-address"));
    let none = room.prove(&["--suite", "no-such"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(3), ""));
    assert!(none.stderr.contains("nothing is selected"), "{none:#?}");
}

#[test]
fn a_selection_that_leaves_nothing_out_hides_no_recording_that_has_lost_its_scenario() {
    let room = Proving::new();
    room.record(external);
    let path = room.path("faults/external-address.json");
    let mut recording: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    recording["scenario"] = json!("gone-since");
    let gone = room.path("faults/gone-since.json");
    fs::write(gone, recording.to_string()).unwrap();
    fs::remove_file(path).unwrap();
    for words in [&[][..], &["--id", "*"]] {
        let ran = room.prove(words);
        assert_eq!(ran.code, Some(1), "{words:?}: {ran:#?}");
        assert!(ran.stdout.contains("gone-since"), "{words:?}: {ran:#?}");
    }
}

#[test]
fn strict_asks_for_a_recording_of_every_scenario() {
    let room = Proving::new();
    let other = SCENARIO
        .replace("suite: proving", "suite: another")
        .replace("external-address", "external-again");
    fs::write(room.path("suites/another.yaml"), other).unwrap();
    room.record(external);
    let ran = room.prove(&[]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let ran = room.prove(&["--strict"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("external-again: there is no recording"));
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("exit 1: by --strict: 1 unproven"), "{words}");
    let ran = room.prove(&["--strict", "--format", "junit"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(
        ran.stdout
            .contains("<failure type=\"fail\" message=\"unproven: there is no recording\"")
    );
}

#[test]
fn a_recording_of_another_profile_is_told_from_an_old_one() {
    let room = Proving::new();
    room.record(external);
    let words = ["--profile", "lxd", "--format", "json"];
    let ran = room.prove(&words);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let proof = ran.json();
    let counts = &proof["counts"];
    assert_eq!(
        (&counts["other_profile"], &counts["stale"]),
        (&json!(1), &json!(0))
    );
    let row = &proof["scenarios"][0];
    assert_eq!(row["why"], "recorded for the profile incus");
    let strict = room.prove(&[&words[..], &["--strict"]].concat());
    assert_eq!(strict.code, Some(1), "{strict:#?}");
}

#[test]
fn what_is_no_recording_is_64() {
    let room = Proving::new();
    assert_eq!(
        room.prove(&[]).code,
        Some(64),
        "an empty folder was meant to hold some"
    );
    room.write(&json!({"format": "runproof.fault/9"}));
    let ran = room.prove(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(64), ""));
    assert!(
        ran.stderr.contains("its format is \"runproof.fault/9\""),
        "{}",
        ran.stderr
    );
}

/// The reference as a bundle of its own, with the fault in it.
fn broken(room: &Proving) -> String {
    let mut bundle = reference();
    let rounds = bundle.evidence.rounds.iter_mut();
    for record in rounds.flat_map(|round| &mut round.facts) {
        if record.kind == "unit" && record.query["unit"] == "ui.service" {
            external(&mut record.fact);
        }
    }
    let path = room.path("broken.json");
    bundle.write(Path::new(&path)).unwrap();
    format!("bundle:{path}")
}

#[test]
fn a_report_and_a_look_are_diagnosed_alike() {
    let room = Proving::new();
    room.record(external);
    let (suites, faults, report) = (
        room.path("suites"),
        room.path("faults"),
        room.path("r.json"),
    );
    let site = broken(&room);
    let checked = run(&[
        "check",
        "--site",
        &site,
        "--output",
        &format!("json={report}"),
    ]);
    assert_eq!(checked.code, Some(1));
    let with = [
        "--suites",
        suites.as_str(),
        "--faults",
        &faults,
        "--format",
        "json",
    ];
    let kept = run(&[&["diagnose", report.as_str()], &with[..]].concat());
    let now = run(&[&["diagnose", "--site", &site], &with[..]].concat());
    for ran in [&kept, &now] {
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let diagnosis = ran.json();
        assert_eq!(diagnosis["format"], "runproof.diagnose/1");
        let first = &diagnosis["candidates"][0];
        assert_eq!(first["scenarios"][0]["id"], "external-address");
        assert_eq!(first["scenarios"][0]["recorded"], true);
        assert_eq!(
            first["scenarios"][0]["fix"][0],
            "systemctl restart ui.service"
        );
        assert_eq!(diagnosis["unexplained"], json!([]));
    }
    assert_eq!(kept.json()["candidates"], now.json()["candidates"]);
    let shown = run(&[
        "diagnose", &report, "--suites", &suites, "--faults", &faults,
    ]);
    assert!(
        shown.stdout.contains("1. external-address"),
        "{}",
        shown.stdout
    );
}

#[rstest]
#[case::site("--site=prod")]
#[case::profile("--profile=lxd")]
#[case::jobs("--jobs=2")]
#[case::timeout("--timeout=30s")]
#[case::deadline("--deadline=1m")]
#[case::plan("--plan")]
fn a_kept_report_is_not_diagnosed_by_what_says_how_to_look(#[case] option: &str) {
    let ran = run(&["diagnose", "report.json", option]);
    assert_eq!(ran.code, Some(64), "{ran:#?}");
    assert!(ran.stderr.contains("cannot be used with"), "{ran:#?}");
}

#[test]
fn nothing_red_is_3_and_nothing_that_fits_is_2() {
    let room = Proving::new();
    let whole = format!(
        "bundle:{}",
        root()
            .join("fixtures/sites/reference/bundle.json")
            .display()
    );
    assert_eq!(run(&["diagnose", "--site", &whole]).code, Some(3));
    // Red on the reference, and no scenario knows of it.
    let made_up = "suite: made
invariants:
  - id: made-up
    title: the env file is gone
    profiles: [incus]
    severity: low
    on: system
    facts: { file: { file: \"{profile.env_file}\", as: \"{profile.server_user}\" } }
    expect: file.exists == false
    why: a test wants it
    sources: [production-guide/troubleshooting-quick-reference]
";
    let suites = room.path("suites");
    fs::write(Path::new(&suites).join("made.yaml"), made_up).unwrap();
    let ran = run(&["diagnose", "--site", &whole, "--suites", &suites]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(
        ran.stdout.contains("no documented scenario fits"),
        "{}",
        ran.stdout
    );
    // Nor is such an invariant proved: what is red already can tell nothing.
    let proof = run(&["prove", "--suites", &suites, "--format", "json"]).json();
    assert_eq!(proof["counts"]["red"], 1);
    let mut columns = proof["invariants"].as_array().unwrap().iter();
    let column = columns.find(|one| one["id"] == "made-up").unwrap();
    assert_eq!(column["red"][0]["node"], "system");
}
