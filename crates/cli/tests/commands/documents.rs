//! Mistakes in suites, profiles and site files; and the commands that show documents.

use std::collections::BTreeSet;

use rstest::rstest;
use runproof_suite::Library;
use serde_json::Value;

use crate::kit::{Room, root, run};

#[rstest]
#[case::a_field(
    "f.exists",
    "f.exist",
    "suites/tiny.yaml:11:",
    "did you mean `exists`?"
)]
#[case::a_query_option(
    "{ file: /etc/shadow, lines: true }",
    "{ file: /etc/shadow, line: true }",
    "suites/tiny.yaml:29:",
    "did you mean `lines`?"
)]
#[case::a_kind(
    "{ file: /etc/shadow,",
    "{ fil: /etc/shadow,",
    "suites/tiny.yaml:29:",
    "did you mean `file`?"
)]
#[case::a_role("on: away", "on: awai", "suites/tiny.yaml:37:", "did you mean `away`?")]
#[case::an_id(
    "why: it is asked for\n",
    "needs: [tiny-pas]\n    why: it is asked for\n",
    "suites/tiny.yaml:12:",
    "did you mean `tiny-pass`?"
)]
#[case::a_parameter(
    "{input.folder}/there\" } }\n    expect: f.exists",
    "{profile.prot}\" } }\n    expect: f.exists",
    "suites/tiny.yaml:10:",
    "did you mean `port`?"
)]
#[case::a_key(
    "severity: medium",
    "severty: medium",
    "suites/tiny.yaml:27:",
    "did you mean `severity`?"
)]
#[case::an_input(
    "{input.folder}/there\" } }\n    expect: f.exists",
    "{input.foldr}\" } }\n    expect: f.exists",
    "suites/tiny.yaml:10:",
    "did you mean `folder`?"
)]
#[case::a_source(
    "sources: []",
    "sources: [production-guide/critical-rules-read-frst]",
    "suites/tiny.yaml:13:",
    "did you mean `production-guide/critical-rules-read-first`?"
)]
#[case::a_profile(
    "profiles: [tiny]",
    "profiles: [tinny]",
    "suites/tiny.yaml:",
    "did you mean `tiny`?"
)]
fn a_typo_is_64_with_its_place_and_the_nearest_name(
    #[case] right: &str,
    #[case] typo: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let room = Room::new();
    let text = room.text("suites/tiny.yaml");
    assert!(text.contains(right));
    room.write("suites/tiny.yaml", &text.replacen(right, typo, 1));
    // Without a ledger of its own a folder is held against the built-in one.
    std::fs::remove_file(room.path("suites/sources.yaml")).unwrap();
    for words in [
        ["check", "--suites", "suites", "--site", "site.yaml"].as_slice(),
        &["lint", "--suites", "suites"],
    ] {
        let ran = room.run(words);
        assert_eq!(ran.code, Some(64), "{words:?} {}", ran.stderr);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(place) && said.contains(help), "{said}");
    }
}

#[test]
fn a_key_of_a_map_that_the_query_does_not_declare_is_a_typo() {
    let room = Room::new();
    let text = room.text("suites/tiny.yaml").replacen(
        "facts: { f: { file: \"{input.folder}/there\" } }\n    expect: f.exists",
        "facts: { f: { dotenv: /etc/x, plain: [PORT] } }\n    expect: f.plain.PROT == \"1\"",
        1,
    );
    room.write("suites/tiny.yaml", &text);
    let ran = room.run(&["lint", "--suites", "suites"]);
    assert_eq!(ran.code, Some(64));
    assert!(
        ran.stdout.contains("suites/tiny.yaml:11:"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("PORT"), "{}", ran.stdout);
}

#[test]
fn mistakes_of_a_file_and_between_files_are_said_together() {
    let room = Room::new();
    let text = room
        .text("suites/tiny.yaml")
        .replacen("severity: high", "severity: hihg", 1)
        .replacen("on: away", "on: awai", 1);
    room.write("suites/tiny.yaml", &text);
    let ran = room.run(&["lint", "--suites", "./suites", "--format", "json"]);
    assert_eq!(ran.code, Some(64));
    let list = ran.json();
    let list = list.as_array().unwrap();
    assert!(list.len() >= 2, "{list:#?}");
    for mistake in list {
        assert!(
            mistake["file"].as_str().unwrap().starts_with("./suites/"),
            "{mistake}"
        );
        assert!(mistake["line"].as_u64().unwrap() > 1 && mistake["column"].is_u64());
        assert!(mistake["message"].is_string());
    }
}

#[rstest]
#[case::a_fault("{ remove-file: { path: \"{input.folder}/there\" } }", None)]
#[case::no_fault("{ remove-fil: { path: /x } }", Some("unknown variant `remove-fil`"))]
#[case::no_value(
    "{ remove-file: { path: \"{input.foldr}\" } }",
    Some("the input `foldr` is not declared")
)]
fn a_scenario_that_cannot_be_read_is_a_mistake_at_its_place(
    #[case] fault: &str,
    #[case] said: Option<&str>,
) {
    let room = Room::new();
    let suite = room.text("suites/tiny.yaml");
    let scenario = format!(
        "scenarios:
  - id: tiny-lost
    title: the file is lost
    on: here
    fault: {fault}
    turns-red: [tiny-pass]
    fix: {{ run: [ \"touch {{input.folder}}/there\" ] }}
    sources: [production-guide/critical-rules-read-first]
"
    );
    room.write("suites/tiny.yaml", &format!("{suite}{scenario}"));
    // Without one of its own the suites are held against the built-in ledger.
    std::fs::remove_file(room.path("suites/sources.yaml")).unwrap();
    let ran = room.run(&["lint", "--suites", "suites"]);
    match said {
        None => assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "no mistakes\n")),
        Some(said) => {
            let place = format!("suites/tiny.yaml:{}:", suite.lines().count() + 5);
            assert_eq!(ran.code, Some(64), "{}", ran.stdout);
            assert!(ran.stdout.starts_with(&place), "{}", ran.stdout);
            assert!(ran.stdout.contains(said), "{}", ran.stdout);
        }
    }
}

#[test]
fn sources_may_be_empty_only_where_the_profile_says_why() {
    let room = Room::new();
    assert_eq!(room.run(&["lint", "--suites", "suites"]).code, Some(0));
    let profile = room.text("suites/profiles/tiny.yaml");
    room.write(
        "suites/profiles/tiny.yaml",
        &profile.replace("undocumented: a test makes it up\n", ""),
    );
    let ran = room.run(&["lint", "--suites", "suites"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.stdout.contains("`sources` is empty"), "{}", ran.stdout);
}

#[test]
fn a_suite_that_would_be_passed_over_is_refused() {
    let room = Room::new();
    room.write("suites/more.yml", "suite: more\n");
    let ran = room.run(&["lint", "--suites", "suites"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.stderr.contains("suites/more.yml"), "{}", ran.stderr);
}

#[rstest]
#[case::a_role(
    "nodes: { here",
    "nodes: { heer",
    "site.yaml:4:10: error",
    "did you mean `here`?"
)]
#[case::an_input(
    "folder: ",
    "foldr: ",
    "site.yaml:5:11: error",
    "did you mean `folder`?"
)]
#[case::a_profile(
    "profile: tiny",
    "profile: tny",
    "site.yaml:2:",
    "did you mean `tiny`?"
)]
#[case::a_field(
    "waivers:",
    "waiver:",
    "site.yaml:7:1: error",
    "did you mean `waivers`?"
)]
#[case::an_engine(
    "engine: local",
    "engine: locl",
    "site.yaml:3:",
    "did you mean `local`?"
)]
fn a_typo_in_the_site_file_is_64(
    #[case] right: &str,
    #[case] typo: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let room = Room::new();
    let text = room.text("site.yaml").replacen(right, typo, 1);
    room.write("site.yaml", &text);
    for command in ["check", "lint"] {
        let ran = room.run(&[command, "--suites", "suites", "--site", "site.yaml"]);
        assert_eq!(ran.code, Some(64), "{}", ran.stderr);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(place) && said.contains(help), "{said}");
    }
}

#[test]
fn the_folders_of_the_repository_have_no_mistakes() {
    for folder in ["suites", "ci/bench.d/suites"] {
        let ran = run(&["lint", "--suites", root().join(folder).to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{folder}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stdout, "no mistakes\n");
    }
    assert_eq!(run(&["lint"]).code, Some(0));
}

#[test]
fn every_id_is_unique_and_every_statement_that_is_claimed_is_in_the_ledger() {
    let library = Library::builtin().unwrap();
    let sources = library.sources().unwrap();
    let mut seen = BTreeSet::new();
    for (_, invariant) in library.invariants() {
        assert!(
            seen.insert(invariant.id.value.clone()),
            "{} is there twice",
            invariant.id.value
        );
        for covered in &invariant.covers {
            assert!(
                sources.statement(covered).is_some(),
                "{} covers {}",
                invariant.id.value,
                covered.value
            );
        }
    }
}

#[test]
fn explain_knows_ids_covered_statements_and_statements_that_are_not_encoded() {
    let library = Library::builtin().unwrap();
    let whole = run(&["explain", "botui-server-url-localhost"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    for heading in [
        "Why",
        "Documented",
        "Expected",
        "To look by hand",
        "Fix",
        "Last values, of a recording",
    ] {
        assert!(
            whole.stdout.contains(&format!("\n{heading}")),
            "{heading}\n{}",
            whole.stdout
        );
    }
    let json = run(&["explain", "botui-server-url-localhost", "--format", "json"]).json();
    assert_eq!(json["id"], "botui-server-url-localhost");

    let (_, covering) = library
        .invariants()
        .find(|(_, invariant)| !invariant.covers.is_empty())
        .expect("some invariant covers more than itself");
    let covered = run(&["explain", &covering.covers[0].value]);
    assert_eq!(covered.code, Some(0), "{}", covered.stderr);
    assert!(
        covered.stdout.starts_with(&covering.id.value),
        "{}",
        covered.stdout
    );

    let claimed: BTreeSet<&str> = library
        .invariants()
        .flat_map(|(_, i)| std::iter::once(&i.id).chain(&i.covers))
        .map(|id| id.value.as_str())
        .collect();
    let sources = library.sources().unwrap();
    let open = sources
        .statements
        .iter()
        .find(|s| !claimed.contains(s.id.value.as_str()));
    let open = run(&["explain", &open.unwrap().id.value]);
    assert_eq!(open.code, Some(64));
    assert!(
        open.stderr.contains("documented and not encoded yet"),
        "{}",
        open.stderr
    );

    let typo = run(&["explain", "botui-server-url-locahost"]);
    assert_eq!(typo.code, Some(64));
    assert!(
        typo.stderr
            .contains("did you mean botui-server-url-localhost?"),
        "{}",
        typo.stderr
    );
}

#[test]
fn a_misspelt_scenario_is_like_a_scenario_and_its_suite_like_a_suite() {
    for (option, typo, like) in [
        (
            "--id",
            "vault-sealed-after-restrat",
            "vault-sealed-after-restart",
        ),
        ("--suite", "valut", "vault"),
    ] {
        let ran = run(&["list", "scenarios", option, typo]);
        assert_eq!(ran.code, Some(3));
        let help = format!("did you mean {like}?");
        assert!(ran.stderr.contains(&help), "{}", ran.stderr);
    }
}

#[test]
fn explain_shows_what_a_scenario_breaks_and_how_it_is_mended() {
    let library = Library::builtin().unwrap();
    // A dozen of them, and one whose statement an invariant covers too.
    let all = library.scenarios().enumerate();
    let some = all.filter(|(at, (_, one))| at % 10 == 0 || one.id.value == "glibc-mismatch");
    for (_, (_, scenario)) in some {
        let id = scenario.id.as_str();
        let ran = run(&["explain", id]);
        assert_eq!(ran.code, Some(0), "{id}: {}", ran.stderr);
        // A statement that an invariant covers too shows both.
        let (_, shown) = ran
            .stdout
            .split_once(&format!("{id}  (scenario, "))
            .unwrap_or_else(|| panic!("{id}: {}", ran.stdout));
        assert!(shown.contains("\nFault\n"), "{id}: {shown}");
        for red in &scenario.turns_red {
            assert!(shown.contains(&red.value), "{id}: {shown}");
        }
        assert!(!shown.contains("{profile."), "{id}: {shown}");
    }
    let json = run(&["explain", "botui-server-url-external", "--format", "json"]).json();
    assert_eq!(json["turns_red"][0], "botui-server-url-localhost");
    assert_eq!(json["fix_on"], "system");
    assert_eq!(json["fix"][1], "systemctl daemon-reload");
}

/// What the README shows stands so in the output, but for the moment of the recording.
#[test]
fn the_picture_of_the_readme_is_what_the_program_prints() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, picture) = readme.split_once("$ runproof check\n").unwrap();
    let (picture, _) = picture.split_once("```").unwrap();
    let moment = |text: &str| -> String {
        let lines = text
            .lines()
            .map(|line| line.split(", looked at").next().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    let printed = moment(&run(&["check"]).stdout);
    for part in moment(picture).split("\n…\n") {
        let part = part.trim_matches('\n');
        assert!(
            printed.contains(part),
            "not printed:\n{part}\n\nbut:\n{printed}"
        );
    }
}

#[rstest]
#[case(&["list"], "botui-server-url-localhost")]
#[case(&["list", "--suite", "fw", "--severity", "high"], "fw-loopback-accept-before-drop")]
#[case(&["list", "--profile", "lxd"], "botui-server-url-localhost")]
#[case(&["list", "scenarios"], "vault-sealed-after-restart")]
#[case(&["list", "scenarios", "--profile", "lxd"], "botui-server-url-external")]
#[case(&["list", "scenarios", "--suite", "vault", "--id", "*sealed*"], "vault-sealed-after-restart")]
#[case(&["list", "suites"], "caddy")]
#[case(&["list", "profiles"], "incus")]
#[case(&["list", "facts"], "caddyfile")]
fn list_shows_what_there_is(#[case] words: &[&str], #[case] shown: &str) {
    let ran = run(words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains(shown), "{}", ran.stdout);
    let json = run(&[words, &["--format", "json"]].concat()).json();
    assert!(json.as_array().unwrap().iter().all(Value::is_object));
    assert_eq!(json.as_array().unwrap().len(), ran.stdout.lines().count());
}

#[rstest]
#[case(&["list", "--suite", "no-such"], 3)]
#[case(&["list", "--id", "no-such"], 3)]
#[case(&["list", "--profile", "incs"], 64)]
#[case(&["list", "scenarios", "--id", "no-such"], 3)]
#[case(&["list", "scenarios", "--severity", "high"], 64)]
#[case(&["list", "facts", "--id", "unit"], 64)]
fn a_list_of_nothing_is_loud(#[case] words: &[&str], #[case] code: i32) {
    let ran = run(words);
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.is_empty());
}

#[test]
fn init_without_any_engine_says_what_to_do_and_writes_nothing() {
    let room = Room::new();
    // Nothing of the caller's machine: no client, and sockets that are nobody's.
    let ran = crate::kit::Ran::of(
        room.runproof()
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            .args(["init", "prod", "--engine", "lxd"]),
    );
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("lxd: ") && ran.stderr.contains("--ssh"),
        "{}",
        ran.stderr
    );
    assert!(!room.path("sites").exists());
}

#[test]
fn init_writes_a_site_file_that_lints_once_its_questions_are_answered() {
    let room = Room::new();
    room.engine(&[]);
    let ran = room.run(&["init", "mine", "--engine", "local"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = room.text("sites/mine.yaml");
    assert!(text.contains("TODO"), "{text}");
    let again = room.run(&["init", "mine", "--engine", "local"]);
    assert_eq!(again.code, Some(64));
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
}
