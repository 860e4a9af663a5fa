//! What the harness does, shown on the reference and on what would be if a fact of it were otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Arguments;
use runproof_site::Bundle;
use runproof_suite::{Library, Waivers};
use serde_json::{Value, json};

use crate::asked;
use crate::judge::judge;
use crate::list::{self, Listed};
use crate::record::{Record, Shelf};
use crate::subject::Subject;

static REFERENCE: &[u8] = include_bytes!("../../fixtures/sites/reference/bundle.json");

fn library() -> Library {
    Library::builtin().unwrap()
}

/// The reference, after `change` on every fact of a kind that was looked at on a node.
fn record(role: &str, kind: &str, change: impl Fn(&mut Value)) -> Record {
    let mut bundle: Value = serde_json::from_slice(REFERENCE).unwrap();
    let mut changed = 0;
    for round in bundle["evidence"]["rounds"].as_array_mut().unwrap() {
        for fact in round["facts"].as_array_mut().unwrap() {
            if fact["role"] == role && fact["kind"] == kind {
                change(&mut fact["fact"]);
                changed += 1;
            }
        }
    }
    assert!(changed > 0, "no {kind} of {role}");
    Record {
        bundle: Bundle::parse("changed", bundle.to_string().as_bytes()).unwrap(),
        waivers: Waivers::default(),
        replayed: false,
    }
}

fn reference() -> Record {
    record("system", "unit", |_| ())
}

fn of_the_lab() -> Vec<Listed> {
    let library = library();
    let site = Subject::Lab.foreseen(&library);
    assert!(site.is_some());
    list::of(&library, site)
}

fn one<'a>(listed: &'a [Listed], id: &str) -> &'a Listed {
    let mut found = listed.iter().filter(|one| one.id == id);
    let one = found.next().unwrap_or_else(|| panic!("no test {id}"));
    assert!(found.next().is_none(), "{id} is listed twice");
    one
}

#[test]
fn every_invariant_is_one_test_under_its_identifier_without_any_lab() {
    let listed = of_the_lab();
    let library = library();
    assert_eq!(listed.len(), library.invariants().count());
    for (_, invariant) in library.invariants() {
        one(&listed, &invariant.id);
    }
    assert_eq!(
        one(&listed, "botui-server-url-localhost").name(),
        "botui-server-url-localhost"
    );
}

#[test]
fn what_does_not_apply_is_ignored_and_its_name_says_why() {
    let listed = of_the_lab();
    let absent = one(&listed, "ct-cache-valkey-6379");
    assert!(
        absent.ignored && absent.kind.contains("cache"),
        "{absent:?}"
    );
    let unmet = one(&listed, "drive-unit-minio");
    assert!(
        unmet.ignored && unmet.kind.contains("drive.service"),
        "{unmet:?}"
    );
    let elsewhere = one(&listed, "fw-ufw-forward-accept");
    assert!(
        elsewhere.ignored
            && elsewhere
                .name()
                .starts_with("[the profile incus does not state it] "),
        "{elsewhere:?}"
    );
    assert!(!one(&listed, "fw-loopback-accept-before-drop").ignored);
    // Of a site that cannot be read nothing is known, and every test has to say so.
    assert!(list::of(&library(), None).iter().all(|one| !one.ignored));
}

#[test]
fn a_defect_of_the_documents_says_so_in_its_name() {
    let listed = of_the_lab();
    let defect = one(&listed, "log-botserver-startup-port-line");
    assert!(!defect.ignored && defect.name().starts_with("[document defect"));
}

#[test]
fn a_test_that_is_asked_for_by_its_whole_name_has_to_be_there_and_to_apply() {
    let listed = of_the_lab();
    let ask = |words: &[&str]| {
        let words = ["test"].iter().chain(words);
        asked(&listed, &Arguments::from_iter(words))
    };
    let skipped = one(&listed, "ct-cache-valkey-6379").name();
    assert_eq!(ask(&["--exact", "botui-server-url-localhost"]), Ok(()));
    assert!(ask(&["--exact", "botui-server-url-remote"]).is_err());
    assert!(ask(&["--exact", &skipped]).is_err());
    assert_eq!(ask(&["--exact", &skipped, "--ignored"]), Ok(()));
    assert_eq!(ask(&["botui"]), Ok(()));
}

#[test]
fn everything_that_applies_to_the_reference_is_green_or_an_expected_failure() {
    let (library, record) = (library(), reference());
    let site = runproof_engine::site_of(&record.bundle);
    let mut judged = 0;
    for one in list::of(&library, Some(site)) {
        match judge(&library, &record, &one.id) {
            Ok(_) if !one.ignored => judged += 1,
            Err(_) if one.ignored => {}
            Ok(shown) | Err(shown) => panic!("{}\n{shown}", one.name()),
        }
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn a_fact_that_is_otherwise_turns_its_test_red_with_all_that_a_reader_needs() {
    let record = record("system", "unit", |fact| {
        if let Some(url) = fact.pointer_mut("/environment/BOTSERVER_URL") {
            *url = json!("https://system.example.com");
        }
    });
    let shown = judge(&library(), &record, "botui-server-url-localhost").unwrap_err();
    for words in [
        "FAIL   critical botui-server-url-localhost  on system",
        "expect    ui.environment.BOTSERVER_URL ==",
        "found     \"https://system.example.com\"",
        "expected  \"http://localhost:5858\"",
        "source    production-guide §",
        "fix       on system:",
        "systemctl daemon-reload",
        "1 fail",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    assert!(judge(&library(), &record, "fw-loopback-accept-before-drop").is_ok());
}

#[test]
fn what_could_not_be_looked_at_is_red_with_its_reason() {
    let record = record("system", "unit", |fact| {
        *fact = json!({"$unknown": {"kind": "timeout", "detail": "no answer in 30 s"}});
    });
    let shown = judge(&library(), &record, "botui-server-url-localhost").unwrap_err();
    assert!(
        shown.contains("ERROR") && shown.contains("no answer in 30 s"),
        "{shown}"
    );
}

#[test]
fn a_statement_that_cannot_be_true_is_red_when_it_holds() {
    let id = "log-botserver-startup-port-line";
    let told = judge(&library(), &reference(), id).unwrap();
    assert!(told.contains("Document defects (1)"), "{told}");
    let record = record("system", "log", |fact| {
        for found in fact["found"].as_array_mut().into_iter().flatten() {
            found["count"] = json!(1);
            found["last_time"] = json!(1.0);
        }
    });
    let shown = judge(&library(), &record, id).unwrap_err();
    assert!(shown.contains("revise the suite"), "{shown}");
}

#[test]
fn what_applies_nowhere_is_red_when_it_is_judged_all_the_same() {
    for id in [
        "ct-cache-valkey-6379",
        "fw-ufw-forward-accept",
        "no-such-invariant",
    ] {
        assert!(judge(&library(), &reference(), id).is_err(), "{id}");
    }
}

#[test]
fn a_run_looks_once_however_many_tests_come_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let looks = AtomicUsize::new(0);
    let look = || {
        looks.fetch_add(1, Ordering::SeqCst);
        Ok(reference().bundle)
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                Shelf::new(folder.path(), "one")
                    .unwrap()
                    .take(look)
                    .unwrap()
            });
        }
    });
    assert_eq!(looks.load(Ordering::SeqCst), 1);
    Shelf::new(folder.path(), "two")
        .unwrap()
        .take(look)
        .unwrap();
    assert_eq!(
        looks.load(Ordering::SeqCst),
        2,
        "another run's record was used"
    );
}

#[test]
fn a_look_that_failed_is_not_tried_by_every_test_again() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path(), "one").unwrap();
    let why = shelf.take(|| Err("no engine".to_owned())).unwrap_err();
    assert_eq!(why, "no engine");
    let again = shelf.take(|| panic!("looked again"));
    assert_eq!(again.unwrap_err(), "no engine");
}

#[test]
fn whoever_is_killed_while_it_looks_leaves_the_look_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path(), "one").unwrap();
    let killed = std::panic::catch_unwind(|| shelf.take(|| panic!("killed")));
    assert!(killed.is_err());
    assert!(shelf.take(|| Ok(reference().bundle)).is_ok());
}

#[test]
fn the_name_of_a_run_is_no_path() {
    for run in ["", "../x", "a/b", "a b"] {
        assert!(Shelf::new("/nowhere".as_ref(), run).is_err(), "{run:?}");
    }
}
