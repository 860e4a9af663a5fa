//! Diagnoses of made-up signatures, and of every pair of those that faults of the reference have.

use std::collections::BTreeSet;

use runproof_model::{Finding, Report};
use runproof_suite::evaluate;
use serde_json::{Value, json};

use super::*;
use crate::kit::{Kit, external_address, sealed};
use crate::site_of;

/// A report in which exactly these fail, the others hold, and some are errors.
fn report(kit: &Kit, red: &BTreeSet<(String, String)>, errors: &[&str]) -> Report {
    turned(evaluate(&kit.plan, &kit.bundle.evidence), red, errors)
}

fn turned(mut findings: Vec<Finding>, red: &BTreeSet<(String, String)>, errors: &[&str]) -> Report {
    for finding in &mut findings {
        if finding.verdict == Verdict::Pass {
            let key = (finding.id.clone(), finding.node.clone());
            if errors.contains(&finding.id.as_str()) {
                finding.verdict = Verdict::Error;
            } else if red.contains(&key) {
                finding.verdict = Verdict::Fail;
            }
        }
    }
    of_findings(findings)
}

fn of_findings(findings: Vec<Finding>) -> Report {
    serde_json::from_value(json!({
        "format": runproof_model::report::FORMAT, "site": "prod", "profile": "incus",
        "recorded": false, "started": "2026-01-01T00:00:00Z", "duration_s": 1.0, "exit_code": 1,
        "summary": {"pass": 0, "fail": 0, "error": 0, "skip": 0, "waived": 0},
        "findings": findings, "nodes": [],
    }))
    .unwrap()
}

fn read(kit: &Kit, recordings: &[FaultRecording]) -> Vec<Signature> {
    signatures(
        &kit.library,
        &kit.plan,
        &kit.bundle.evidence,
        recordings,
        &site_of(&kit.bundle),
    )
}

fn scenario(id: &str, turns_red: &str, cascades: &str) -> String {
    format!(
        "
  - id: {id}
    title: the title of {id}
    on: system
    fault: {{ nothing: {{}} }}
    turns-red: [{turns_red}]
    cascades: [{cascades}]
    fix: {{ run: ['systemctl restart {{profile.ui_unit}}'] }}
    sources: [production-guide/troubleshooting-quick-reference]"
    )
}

fn ids(candidate: &Candidate) -> Vec<&str> {
    let scenarios = candidate.scenarios.iter();
    scenarios.map(|one| one.id.as_str()).collect()
}

fn reds(marks: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let marks = marks.iter();
    marks
        .map(|(id, node)| ((*id).to_owned(), (*node).to_owned()))
        .collect()
}

const BOTUI: (&str, &str) = ("botui-server-url-localhost", "system");
const UI: (&str, &str) = ("svc-ui-active", "system");
const CADDY: (&str, &str) = ("caddy-storage-set", "proxy");

/// Three scenarios that nobody recorded.
fn three() -> Kit {
    let all = [
        scenario("address", "botui-server-url-localhost", ""),
        scenario("address-again", "botui-server-url-localhost", ""),
        scenario(
            "unit",
            "botui-server-url-localhost, svc-ui-active",
            "caddy-storage-set",
        ),
    ];
    Kit::with(&format!("scenarios:{}", all.concat()))
}

#[test]
fn scenarios_that_nothing_tells_apart_are_one_class() {
    let kit = three();
    let diagnosis = diagnose(
        &read(&kit, &[]),
        "tiny",
        &report(&kit, &reds(&[BOTUI]), &[]),
    );
    assert_eq!(diagnosis.exit_code, ExitCode::Conforms.code());
    assert_eq!(ids(&diagnosis.candidates[0]), ["address", "address-again"]);
    assert_eq!(diagnosis.candidates[0].score, 1.0);
    assert_eq!(ids(&diagnosis.candidates[1]), ["unit"]);
    let missing: Vec<_> = diagnosis.candidates[1].missing.iter().collect();
    assert_eq!(missing.len(), 1, "a cascade need not be red: {missing:?}");
    let first = &diagnosis.candidates[0].scenarios[0];
    assert_eq!(first.fix, ["systemctl restart ui.service"]);
    assert_eq!(first.fix_on.as_deref(), Some("system"));
    assert!(!first.recorded);
    assert_eq!(
        diagnosis.tell_apart,
        [FurtherCheck {
            id: "svc-ui-active".to_owned(),
            red_under: "unit".to_owned(),
            judged: true,
        }]
    );
}

#[test]
fn an_error_neither_confirms_nor_refutes() {
    let kit = three();
    let report = report(&kit, &reds(&[BOTUI]), &["svc-ui-active"]);
    let diagnosis = diagnose(&read(&kit, &[]), "tiny", &report);
    let without = diagnose(
        &read(&kit, &[]),
        "tiny",
        &self::report(&kit, &reds(&[BOTUI]), &[]),
    );
    assert_eq!(diagnosis.errors, without.errors + 1);
    // What would tell them apart could not be established, so all three fit as well.
    let all: BTreeSet<&str> = diagnosis.candidates.iter().flat_map(ids).collect();
    assert_eq!(all.len(), 3);
    let unit = diagnosis
        .candidates
        .iter()
        .find(|one| ids(one).contains(&"unit"));
    let unit = unit.unwrap();
    assert_eq!((unit.open, unit.missing.len(), unit.score), (1, 0, 1.0));
    assert!(!diagnosis.tell_apart.is_empty());
    assert!(diagnosis.tell_apart.iter().all(|check| !check.judged));
}

#[test]
fn what_no_scenario_explains_is_said() {
    let kit = three();
    let signatures = read(&kit, &[]);
    let diagnosis = diagnose(
        &signatures,
        "tiny",
        &report(&kit, &reds(&[BOTUI, CADDY, UI]), &[]),
    );
    assert_eq!(ids(&diagnosis.candidates[0]), ["unit"]);
    assert!(diagnosis.unexplained.is_empty());
    let other = ("caddy-config-path", "proxy");
    let diagnosis = diagnose(&signatures, "tiny", &report(&kit, &reds(&[other]), &[]));
    assert_eq!(diagnosis.exit_code, ExitCode::Unestablished.code());
    assert!(diagnosis.candidates.is_empty());
    assert_eq!(diagnosis.unexplained.len(), 1);
}

#[test]
fn nothing_red_is_nothing_to_diagnose() {
    let kit = three();
    let diagnosis = diagnose(&read(&kit, &[]), "tiny", &report(&kit, &reds(&[]), &[]));
    assert_eq!(diagnosis.exit_code, ExitCode::NothingChecked.code());
    assert!(diagnosis.candidates.is_empty() && !diagnosis.partial);
    // What could not be looked at may be what is red.
    let mut report = report(&kit, &reds(&[]), &["svc-ui-active"]);
    report.exit_code = ExitCode::Interrupted.code();
    let diagnosis = diagnose(&read(&kit, &[]), "tiny", &report);
    assert_eq!(diagnosis.exit_code, ExitCode::Unestablished.code());
    assert!(diagnosis.errors > 0 && diagnosis.partial);
}

#[test]
fn a_recorded_fault_is_recognised_by_what_it_did() {
    let kit = Kit::with(&format!(
        "scenarios:{}{}",
        scenario("external-address", "botui-server-url-localhost", ""),
        scenario("vault-is-sealed", "vault-unsealed-healthy", ""),
    ));
    let recordings = [
        kit.recording("external-address", external_address),
        kit.recording("vault-is-sealed", sealed),
    ];
    let signatures = read(&kit, &recordings);
    for (id, change) in [
        (
            "external-address",
            external_address as fn(&str, &str, &Value, &mut Value),
        ),
        ("vault-is-sealed", sealed),
    ] {
        let report = of_findings(evaluate(&kit.plan, &kit.changed(change)));
        let diagnosis = diagnose(&signatures, "tiny", &report);
        assert_eq!(ids(&diagnosis.candidates[0]), [id]);
        assert!(diagnosis.candidates[0].scenarios[0].recorded);
        assert!(
            diagnosis.unexplained.is_empty(),
            "{:?}",
            diagnosis.unexplained
        );
    }
    let both = |role: &str, kind: &str, query: &Value, fact: &mut Value| {
        external_address(role, kind, query, fact);
        sealed(role, kind, query, fact);
    };
    let report = of_findings(evaluate(&kit.plan, &kit.changed(both)));
    let diagnosis = diagnose(&signatures, "tiny", &report);
    let first: Vec<&str> = diagnosis.candidates.iter().take(2).flat_map(ids).collect();
    assert_eq!(first.len(), 2, "{first:?}");
}

#[test]
fn a_declared_consequence_that_came_after_the_recording_speaks_for_the_scenario_and_not_against_it()
{
    let kit = Kit::with(&format!(
        "scenarios:{}{}",
        scenario(
            "external-address",
            "botui-server-url-localhost",
            "caddy-storage-set"
        ),
        scenario(
            "both",
            "botui-server-url-localhost, caddy-storage-set, svc-ui-active",
            ""
        ),
    ));
    let recordings = [kit.recording("external-address", external_address)];
    let signatures = read(&kit, &recordings);
    let diagnosis = diagnose(
        &signatures,
        "tiny",
        &report(&kit, &reds(&[BOTUI, CADDY]), &[]),
    );
    assert_eq!(ids(&diagnosis.candidates[0]), ["external-address"]);
    assert!(diagnosis.unexplained.is_empty());
    let alone = diagnose(&signatures, "tiny", &report(&kit, &reds(&[BOTUI]), &[]));
    assert_eq!(alone.candidates[0].score, 1.0);
    assert!(alone.candidates[0].missing.is_empty());
}

#[test]
fn scenarios_that_explain_different_things_are_no_class_though_errors_hide_what_they_turn_red() {
    let kit = Kit::with(&format!(
        "scenarios:{}{}",
        scenario("one", "svc-botserver-active", "botui-server-url-localhost"),
        scenario("other", "svc-ui-active", "caddy-storage-set"),
    ));
    let hidden = ["svc-botserver-active", "svc-ui-active"];
    let report = report(&kit, &reds(&[BOTUI, CADDY]), &hidden);
    let diagnosis = diagnose(&read(&kit, &[]), "tiny", &report);
    let candidates: Vec<_> = diagnosis.candidates.iter().map(ids).collect();
    assert_eq!(candidates, [["one"], ["other"]]);
    assert!(
        diagnosis.unexplained.is_empty(),
        "{:?}",
        diagnosis.unexplained
    );
}

#[test]
fn what_is_red_on_one_node_is_red_though_another_could_not_be_looked_at() {
    let kit = Kit::with("");
    let everywhere = "net-tmp-mode";
    let mut report = report(&kit, &reds(&[]), &[everywhere]);
    let mark = Mark {
        id: everywhere.to_owned(),
        node: None,
        must: true,
    };
    assert!(matches!(Seen::of(&report).says(&mark), Said::Nothing));
    let last = report
        .findings
        .iter_mut()
        .rfind(|one| one.id == everywhere)
        .unwrap();
    last.verdict = Verdict::Fail;
    assert!(matches!(Seen::of(&report).says(&mark), Said::Red));
    last_passes(&mut report, everywhere);
    assert!(matches!(Seen::of(&report).says(&mark), Said::Nothing));
}

fn last_passes(report: &mut Report, id: &str) {
    let last = report.findings.iter_mut().rfind(|one| one.id == id);
    last.unwrap().verdict = Verdict::Pass;
}

#[test]
fn no_command_with_the_content_of_a_lab_is_given_for_a_site() {
    let kit = Kit::with("");
    let library = Library::builtin().unwrap();
    let site = site_of(&kit.bundle);
    let all = signatures(&library, &kit.plan, &kit.bundle.evidence, &[], &site);
    let bots = ["demo.gbai", "another-password", "WHERE id = 3"];
    for one in &all {
        for line in &one.scenario.fix {
            let said = bots.iter().find(|text| line.contains(**text));
            assert_eq!(said, None, "{}: {line}", one.scenario());
        }
    }
    let of = |id: &str| {
        let mut all = all.iter();
        &all.find(|one| one.scenario() == id).unwrap().scenario
    };
    let example = of("cfg-csv-missing");
    assert!(example.fix.is_empty() && !example.has_fix());
    assert!(example.lab_fix.as_ref().unwrap().why.contains("the lab's"));
    let defect = of("svc-botserver-active-masked");
    assert!(!defect.fix.is_empty() && !defect.has_fix());
    assert!(of("vault-sealed-after-restart").has_fix());
}

/// What there is on the reference, one thing after the other taken away: each a fault with the
/// signature that the suites really give it.
fn taken_away(kit: &Kit) -> Vec<Signature> {
    let before = evaluate(&kit.plan, &kit.bundle.evidence);
    let facts = kit
        .bundle
        .evidence
        .rounds
        .iter()
        .flat_map(|round| &round.facts);
    let things: BTreeSet<(String, String)> = facts
        .map(|fact| (fact.role.to_string(), fact.kind.clone()))
        .collect();
    let mut all = Vec::new();
    for (role, kind) in things {
        let gone = |at: &str, of: &str, _: &Value, fact: &mut Value| {
            if at == role && of == kind {
                *fact = json!({"$absent": true});
            }
        };
        let after = evaluate(&kit.plan, &kit.changed(gone));
        let marks: BTreeSet<Mark> = before
            .iter()
            .zip(after)
            .filter(|(old, new)| old.verdict == Verdict::Pass && new.verdict == Verdict::Fail)
            .map(|(_, new)| Mark {
                id: new.id,
                node: Some(new.node),
                must: true,
            })
            .collect();
        if !marks.is_empty() {
            all.push(Signature {
                scenario: CandidateScenario {
                    id: format!("{kind}-of-{role}"),
                    title: String::new(),
                    recorded: true,
                    standin: false,
                    fix: Vec::new(),
                    document_defect: None,
                    lab_fix: None,
                    fix_on: None,
                    no_fix: None,
                    sources: Vec::new(),
                },
                own: marks.iter().map(|mark: &Mark| mark.id.clone()).collect(),
                marks,
            });
        }
    }
    all
}

fn marks_of(signature: &Signature) -> impl Iterator<Item = (String, String)> {
    let marks = signature.marks.iter();
    marks.filter_map(|mark| Some((mark.id.clone(), mark.node.clone()?)))
}

#[test]
fn every_fault_is_first_and_of_every_two_at_once_both_are_within_the_first_three() {
    let kit = Kit::with("");
    let all = taken_away(&kit);
    assert!(all.len() > 40, "{}", all.len());
    let place = |diagnosis: &Diagnosis, id: &str| {
        let mut candidates = diagnosis.candidates.iter();
        candidates.position(|one| ids(one).contains(&id)).unwrap()
    };
    let before = evaluate(&kit.plan, &kit.bundle.evidence);
    for signature in &all {
        let red = marks_of(signature).collect();
        let diagnosis = diagnose(&all, "tiny", &turned(before.clone(), &red, &[]));
        assert_eq!(place(&diagnosis, signature.scenario()), 0);
    }
    let (mut pairs, mut late) = (0, Vec::new());
    for (index, one) in all.iter().enumerate() {
        // Every pair takes a minute without optimisation; each fault meets some of all sorts.
        for other in all.iter().skip(index + 1).step_by(11) {
            // Of two of which one hides the other nobody can see both.
            if one.marks.is_subset(&other.marks) || other.marks.is_subset(&one.marks) {
                continue;
            }
            let red = marks_of(one).chain(marks_of(other)).collect();
            let diagnosis = diagnose(&all, "tiny", &turned(before.clone(), &red, &[]));
            pairs += 1;
            let behind = |one: &Signature| place(&diagnosis, one.scenario()) > 2;
            if behind(one) || behind(other) {
                late.push((one.scenario().to_owned(), other.scenario().to_owned()));
            }
        }
    }
    assert!(pairs > 400, "{pairs}");
    assert!(late.is_empty(), "{} of {pairs}: {late:?}", late.len());
}

/// What the suites themselves document, as declared or recorded.
#[test]
fn every_documented_scenario_is_found_alone_and_with_another() {
    let kit = Kit::with("");
    let library = Library::builtin().unwrap();
    let site = site_of(&kit.bundle);
    let all = signatures(&library, &kit.plan, &kit.bundle.evidence, &[], &site);
    let before = evaluate(&kit.plan, &kit.bundle.evidence);
    // What turns red: each invariant that has to, wherever it is judged.
    let red = |signature: &Signature| -> BTreeSet<(String, String)> {
        let must = |id: &str| {
            signature
                .marks
                .iter()
                .any(|mark| mark.must && mark.id == id)
        };
        let holds = |finding: &&Finding| finding.verdict == Verdict::Pass && must(&finding.id);
        let found = before.iter().filter(holds);
        found
            .map(|finding| (finding.id.clone(), finding.node.clone()))
            .collect()
    };
    let place = |diagnosis: &Diagnosis, signature: &Signature| {
        let mut candidates = diagnosis.candidates.iter();
        candidates.position(|one| ids(one).contains(&signature.scenario()))
    };
    let seen: Vec<(&Signature, BTreeSet<_>)> = all
        .iter()
        .map(|one| (one, red(one)))
        .filter(|(_, red)| !red.is_empty())
        .collect();
    let mut late = Vec::new();
    for (signature, red) in &seen {
        let diagnosis = diagnose(&all, "tiny", &turned(before.clone(), red, &[]));
        if place(&diagnosis, signature) != Some(0) {
            late.push(signature.scenario().to_owned());
        }
    }
    assert!(late.is_empty(), "{}: {late:#?}", late.len());
    let mut pairs = 0;
    for (index, (one, first)) in seen.iter().enumerate() {
        for (other, second) in seen.iter().skip(index + 1) {
            // Of two of which one hides the other nobody can see both.
            if first.is_subset(second) || second.is_subset(first) {
                continue;
            }
            pairs += 1;
            let both = first.union(second).cloned().collect();
            let diagnosis = diagnose(&all, "tiny", &turned(before.clone(), &both, &[]));
            let behind = |one| place(&diagnosis, one).is_none_or(|at| at > 2);
            if behind(one) || behind(other) {
                late.push(format!("{} and {}", one.scenario(), other.scenario()));
            }
        }
    }
    // What is only declared leaves room for others: a recording leaves none.
    assert!(
        late.len() * 50 <= pairs,
        "{} of {pairs}: {late:#?}",
        late.len()
    );
}
