//! Bad suites and what is said of them: a file in `fixtures/bad`, a snapshot of its diagnostics.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::fs;

use common::{files, fixtures, library, said};
use proptest::prelude::*;
use runproof_suite::{Library, SiteFile, SourceFile, Waivers};

#[test]
fn the_library_of_the_fixtures_has_no_mistakes() {
    assert_eq!(said(&library().lint()), "");
}

#[test]
fn every_bad_suite_is_answered_with_places_and_advice() {
    let mut names: Vec<_> = fs::read_dir(fixtures().join("bad"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let text = fs::read_to_string(fixtures().join("bad").join(&name)).unwrap();
        let mut files = files();
        files.push(SourceFile::new(name.clone(), text));
        let diagnostics = Library::lint_files(files);
        assert!(!diagnostics.is_empty(), "{name} has no mistake");
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), said(&diagnostics));
    }
}

#[test]
fn bad_profiles_are_answered_too() {
    let with = |text: &str| {
        let mut files = files();
        files.push(SourceFile::new("profiles/odd.yaml", text.to_owned()));
        said(&Library::lint_files(files))
    };
    insta::assert_snapshot!(
        "profile-form",
        with(
            "profile: odd\ntitle: x\ninherit: incus\nroles: { required: [a, a, -x], needed: [] }\nparameters: { X: 1, y: { value: 1, reading: [] }, z: , w: { value: 1, readings: [ { value: 1, source: a } ] } }\n"
        )
    );
    insta::assert_snapshot!(
        "profile-names",
        with(
            "profile: odd\ntitle: x\nparameters: { y: { value: 1, conflict: c-botserver-prot } }\n"
        )
    );
    insta::assert_snapshot!(
        "profile-parent",
        with("profile: odd\ntitle: x\ninherits: incuss\n")
    );
    insta::assert_snapshot!(
        "profile-circle",
        with("profile: odd\ntitle: x\ninherits: odd\n")
    );
}

#[test]
fn a_site_that_does_not_fit_the_library_is_told_where() {
    let text = "site: lab\nprofile: incus\nreach: { engine: incus }\nnodes: { sytem: a, proxy: b }\ninputs: { bots: demo, domian: example.com }\n";
    let site = SiteFile::load("site.yaml", text).unwrap();
    insta::assert_snapshot!("site", said(&site.check(&library())));
    let site = SiteFile::load("site.yaml", &text.replace("incus\nreach", "incsu\nreach")).unwrap();
    insta::assert_snapshot!("site-profile", said(&site.check(&library())));
}

#[test]
fn a_waiver_of_nothing_known_is_told() {
    let waivers = Waivers::load(
        "w.yaml",
        "waivers:\n- {id: host-mode, until: 2026-12-31, reason: x, by: y}\n",
    )
    .unwrap();
    insta::assert_snapshot!("waiver", said(&waivers.check(&library())));
}

/// Everything that reads YAML reads the text.
fn load(text: &str) {
    let text = || text.to_owned();
    // Without sources of its own a library parses the compiled-in ledger, which takes its time.
    let small = |name: &str, field: &str| SourceFile::new(name, format!("{field}: []\n"));
    let (sources, conflicts) = ("sources.yaml", "conflicts.yaml");
    for files in [
        vec![
            SourceFile::new("base.yaml", text()),
            small(sources, "statements"),
            small(conflicts, "conflicts"),
        ],
        vec![
            SourceFile::new("profiles/a.yaml", text()),
            small(sources, "statements"),
            small(conflicts, "conflicts"),
        ],
        vec![
            SourceFile::new(sources, text()),
            SourceFile::new(conflicts, text()),
        ],
    ] {
        Library::lint_files(files);
    }
    let _ = SiteFile::load("s", &text());
    let _ = Waivers::load("w", &text());
}

/// Lines that look like those of a suite, in any order and indentation.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("suite: a"),
        Just("invariants:"),
        Just("- id: x"),
        Just("id: y"),
        Just("facts:"),
        Just("f: {file: /a}"),
        Just("expect: f.exists"),
        Just("expect: [\"é\\\"\", 'a''b']"),
        Just("- |"),
        Just("f.exists &&"),
        Just("profiles: [a]"),
        Just("parameters: {a: {value: 1}}"),
        Just("on: all"),
        Just("? x"),
        Just("- ["),
        Just("}"),
        Just("*a"),
        Just("&a b"),
        Just("---"),
        Just("!!str"),
        Just("<<: x"),
    ];
    prop::collection::vec((0usize..6, line), 0..30).prop_map(|lines| {
        lines
            .iter()
            .map(|(indent, line)| format!("{}{line}\n", " ".repeat(*indent)))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        load(&text);
    }

    #[test]
    fn no_heap_of_lines_makes_the_loader_panic(text in lines()) {
        load(&text);
    }

    #[test]
    fn no_cut_of_a_good_suite_makes_the_loader_panic(cut in 0usize..4000, add in "[\\[\\]{}:'\"|&*!%@` \n-]{0,3}") {
        let text = fs::read_to_string(fixtures().join("library/base.yaml")).unwrap();
        let cut = (0..=cut.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        load(&format!("{}{add}{}", &text[..cut], &text[cut..]));
        load(&format!("{}{add}", &text[..cut]));
    }
}

#[test]
fn deep_and_huge_files_are_refused_without_harm() {
    load(&"[".repeat(100_000));
    load(&"- ".repeat(100_000));
    load(&"a: {".repeat(10_000));
    load(&"x".repeat(2_000_000));
    load(&format!(
        "suite: a\ninvariants:\n- {{id: b, expect: '{}'}}\n",
        "(".repeat(5000)
    ));
    load(&format!("suite: a\nabout: \"{}\"\n", "{".repeat(500_000)));
}
