//! Diagnosing what was recorded: each fault alone, and two at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it means by panicking"
)]

use std::collections::BTreeSet;

use runproof::{faults, load};
use runproof_engine::{Signature, diagnose, replay, signatures, site_of};
use runproof_model::exit::Gate;
use runproof_model::{Diagnosis, FactRecord, FaultRecording, Report, Verdict};
use runproof_site::Bundle;
use runproof_suite::{Library, Plan, Selection, Waivers, bind};

struct Records {
    reference: Bundle,
    plan: Plan,
    recordings: Vec<FaultRecording>,
    signatures: Vec<Signature>,
}

impl Records {
    fn built_in() -> Self {
        let library = Library::builtin().unwrap();
        let reference = load::reference(&library, None).unwrap();
        let recordings = faults::recordings(None).unwrap();
        let site = site_of(&reference);
        let plan = bind(&library, &site, &Selection::all());
        let signatures = signatures(&library, &plan, &reference.evidence, &recordings, &site);
        Self {
            reference,
            plan,
            recordings,
            signatures,
        }
    }

    /// What a report of the site would lead to while these faults are in.
    fn diagnosed(&self, faults: &[&FaultRecording]) -> Diagnosis {
        diagnose(&self.signatures, "incus", &self.report(faults))
    }

    fn report(&self, faults: &[&FaultRecording]) -> Report {
        let mut bundle = self.reference.clone();
        let evidence = &mut bundle.evidence;
        let round = evidence.rounds.last_mut().unwrap();
        for fault in faults {
            for node in &fault.nodes {
                let at = evidence.nodes.iter_mut().find(|one| one.role == node.role);
                *at.unwrap() = node.clone();
            }
            for fact in &fault.facts {
                match round.facts.iter_mut().find(|one| same(one, fact)) {
                    Some(known) => *known = fact.clone(),
                    None => round.facts.push(fact.clone()),
                }
            }
        }
        replay(&bundle, &self.plan, &Waivers::default(), Gate::default()).report
    }
}

fn same(one: &FactRecord, other: &FactRecord) -> bool {
    one.role == other.role && one.kind == other.kind && one.query == other.query
}

/// In which of the first so many places a scenario stands; those that nothing tells apart share one.
fn place(diagnosis: &Diagnosis, scenario: &str) -> Option<usize> {
    diagnosis
        .candidates
        .iter()
        .position(|class| class.scenarios.iter().any(|one| one.id == scenario))
}

#[test]
fn every_recorded_fault_is_named_first() {
    let records = Records::built_in();
    assert!(
        records.recordings.len() >= 45,
        "{}",
        records.recordings.len()
    );
    let wrong: Vec<String> = records
        .recordings
        .iter()
        .filter_map(|fault| {
            let diagnosis = records.diagnosed(&[fault]);
            let first = diagnosis.candidates.first();
            let first = first.map(|class| class.scenarios.iter().map(|one| one.id.as_str()));
            let first: Vec<&str> = first.into_iter().flatten().collect();
            let named = place(&diagnosis, &fault.scenario) == Some(0);
            (!named).then(|| format!("{}: {}", fault.scenario, first.join(", ")))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A recording is of the first minute; a site may have been broken for hours.
#[test]
fn every_recorded_fault_is_named_first_when_all_its_declared_consequences_are_red_too() {
    let records = Records::built_in();
    let library = Library::builtin().unwrap();
    let mut later = 0;
    let mut wrong = Vec::new();
    for fault in &records.recordings {
        let mut scenarios = library.scenarios();
        let (_, scenario) = scenarios
            .find(|(_, one)| one.id.value == fault.scenario)
            .unwrap();
        let mut report = records.report(&[fault]);
        for finding in &mut report.findings {
            let declared = scenario.cascades.iter().any(|id| id.value == finding.id);
            if declared && finding.verdict == Verdict::Pass {
                finding.verdict = Verdict::Fail;
                later += 1;
            }
        }
        let diagnosis = diagnose(&records.signatures, "incus", &report);
        // What another scenario turns red may be a consequence of this one, with all of its consequences:
        // then nobody can tell.
        let first = &diagnosis.candidates[0];
        let (_, other) = library
            .scenarios()
            .find(|(_, one)| one.id.value == first.scenarios[0].id)
            .unwrap();
        let follows = |id: &str| scenario.cascades.iter().any(|one| one.value == id);
        let the_same =
            first.missing.is_empty() && other.turns_red.iter().all(|one| follows(&one.value));
        let place = place(&diagnosis, &fault.scenario);
        if place.is_none_or(|at| at > 2 || at > 0 && !the_same) {
            let first = &first.scenarios[0].id;
            wrong.push(format!("{}: {first} first, it {place:?}", fault.scenario));
        }
    }
    assert!(later > 20, "{later}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two faults that change nothing of each other's, on different nodes: either can be seen.
#[test]
fn of_two_faults_at_once_both_are_among_the_first_three() {
    let records = Records::built_in();
    let roles = |fault: &FaultRecording| -> BTreeSet<String> {
        fault
            .facts
            .iter()
            .map(|fact| fact.role.to_string())
            .collect()
    };
    let mut tried = 0;
    let mut wrong = Vec::new();
    let all = &records.recordings;
    for (at, one) in all.iter().enumerate() {
        // Each with the next that is on other nodes: all pairs would take minutes.
        let mut others = all.iter().cycle().skip(at + 1).take(all.len());
        let Some(other) = others.find(|other| roles(one).is_disjoint(&roles(other))) else {
            continue;
        };
        tried += 1;
        let diagnosis = records.diagnosed(&[one, other]);
        let places = [&one.scenario, &other.scenario].map(|id| place(&diagnosis, id));
        if !places.iter().all(|place| place.is_some_and(|at| at < 3)) {
            wrong.push(format!(
                "{} and {}: {places:?}",
                one.scenario, other.scenario
            ));
        }
    }
    assert!(tried >= 15, "{tried}");
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
