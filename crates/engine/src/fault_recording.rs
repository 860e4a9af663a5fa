//! Making recordings of faults, and the digests that tell when one is stale.

use std::collections::BTreeSet;

use runproof_model::fault_recording::FORMAT;
use runproof_model::{Evidence, FactRecord, FaultDigests, FaultRecording, Role, canonical, text};
use runproof_suite::{Plan, Scenario};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The digests of a recording: of what the scenario does, of the reference evidence that the
/// recording is laid over, and of everything that the plan wants.
///
/// What a scenario predicts and how it is mended is no part of it: that changes nothing of what
/// was seen, and is judged anew at every replay.
pub fn fault_digests(scenario: &Scenario, reference: &Evidence, plan: &Plan) -> FaultDigests {
    Digests::of(reference, plan).for_scenario(scenario)
}

/// The digests that all recordings have in common, computed once.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    reference: String,
    queries: String,
}

impl Digests {
    pub(crate) fn of(reference: &Evidence, plan: &Plan) -> Self {
        let queries: BTreeSet<(String, &str, String)> = plan
            .wanted()
            .iter()
            .map(|wanted| {
                let query = canonical::text(&wanted.query);
                (wanted.role.to_string(), wanted.kind, query)
            })
            .collect();
        Self {
            reference: digest(&serde_json::to_value(reference).unwrap_or(Value::Null)),
            queries: digest(&json!(queries)),
        }
    }

    pub(crate) fn for_scenario(&self, scenario: &Scenario) -> FaultDigests {
        let on: Vec<&str> = scenario.on.0.iter().map(|role| role.as_str()).collect();
        let does = json!({
            "id": scenario.id.value,
            "on": on,
            "fault": scenario.fault.to_json(),
        });
        FaultDigests {
            scenario: digest(&does),
            reference: self.reference.clone(),
            queries: self.queries.clone(),
        }
    }
}

/// SHA-256 of a value in canonical form, as 64 hexadecimal digits.
fn digest(value: &Value) -> String {
    text::hex(&Sha256::digest(canonical::text(value)))
}

/// What a fault changed: the facts of `red` that `differs` from `baseline` for another reason than
/// that time went on, whole, and what has to be laid over the reference with them.
///
/// `baseline` is what was seen on the same lab before the fault; the recording is laid over
/// `reference`, from which the digests come. An invariant is judged by facts of one look or of the
/// other, never of both: where one of its facts is taken along, the others are too, as far as they
/// are not what the reference has anyway. The same holds for the clock of a node.
pub fn record_fault(
    scenario: &Scenario,
    reference: &Evidence,
    baseline: &Evidence,
    red: &Evidence,
    plan: &Plan,
    differs: &dyn Fn(&FactRecord, &FactRecord) -> bool,
) -> FaultRecording {
    let latest = latest_facts(red);
    let before = latest_facts(baseline);
    let changed = |fact: &FactRecord| {
        let known = before.iter().find(|other| same_look(other, fact));
        known.is_none_or(|known| differs(known, fact))
    };
    let mut taken: Vec<bool> = latest.iter().map(|fact| changed(fact)).collect();
    take_along(&mut taken, &latest, &latest_facts(reference), plan);
    let roles: BTreeSet<_> = latest
        .iter()
        .zip(&taken)
        .filter(|(_, taken)| **taken)
        .map(|(fact, _)| fact.role.clone())
        .collect();
    let mut facts: Vec<FactRecord> = latest
        .into_iter()
        .zip(taken)
        .filter(|(_, taken)| *taken)
        .map(|(fact, _)| fact.clone())
        .collect();
    facts.sort_by_cached_key(|fact| {
        let query = canonical::text(&fact.query);
        (fact.role.clone(), fact.kind.clone(), query)
    });
    let nodes: Vec<_> = red
        .nodes
        .iter()
        .filter(|node| roles.contains(&node.role))
        .cloned()
        .collect();
    let standin = red.nodes.iter().any(|node| {
        let meant = || {
            scenario
                .on
                .0
                .iter()
                .any(|on| on.as_str() == node.role.as_str())
        };
        node.standin && (roles.contains(&node.role) || meant())
    });
    FaultRecording {
        format: FORMAT.to_owned(),
        scenario: scenario.id.value.clone(),
        standin,
        digests: fault_digests(scenario, reference, plan),
        nodes,
        facts,
    }
}

/// Of each fact the latest look.
fn latest_facts(evidence: &Evidence) -> Vec<&FactRecord> {
    let mut latest: Vec<&FactRecord> = Vec::new();
    for fact in evidence
        .rounds
        .iter()
        .rev()
        .flat_map(|round| round.facts.iter().rev())
    {
        if !latest.iter().any(|known| same_look(known, fact)) {
            latest.push(fact);
        }
    }
    latest
}

/// Whether two facts are of the same look, so that one can stand for the other.
fn same_look(one: &FactRecord, other: &FactRecord) -> bool {
    one.role == other.role && one.kind == other.kind && one.query == other.query
}

/// Takes along what is judged together with something that is taken, until nothing is added.
fn take_along(taken: &mut [bool], latest: &[&FactRecord], reference: &[&FactRecord], plan: &Plan) {
    let place = |at: usize| {
        let wanted = plan.wanted().get(at)?;
        latest.iter().position(|fact| {
            wanted.role == fact.role && wanted.kind == fact.kind && wanted.query == fact.query
        })
    };
    let places: Vec<Option<usize>> = (0..plan.wanted().len()).map(place).collect();
    let other: Vec<bool> = latest
        .iter()
        .map(|fact| {
            let known = reference.iter().find(|known| same_look(known, fact));
            known.is_none_or(|known| known.fact != fact.fact)
        })
        .collect();
    // What each invariant is judged by, and whether a clock is among it.
    let judged: Vec<(Vec<usize>, bool)> = plan
        .bound
        .iter()
        .map(|bound| {
            let by = bound.facts().filter_map(|(_, at)| *places.get(at)?);
            let clock = bound.invariant.expect.0.iter().any(|one| {
                one.compiled()
                    .is_ok_and(runproof_suite::expr::Expr::reads_clock)
            });
            (by.collect(), clock)
        })
        .collect();
    let mut grew = true;
    while grew {
        grew = false;
        let roles: BTreeSet<&Role> = latest
            .iter()
            .zip(taken.iter())
            .filter(|(_, taken)| **taken)
            .map(|(fact, _)| &fact.role)
            .collect();
        for (by, clock) in &judged {
            let is = |list: &[bool], at: usize| list.get(at) == Some(&true);
            let with_clock = |at: &usize| {
                *clock
                    && latest
                        .get(*at)
                        .is_some_and(|fact| roles.contains(&fact.role))
            };
            if !by.iter().any(|at| is(taken, *at) || with_clock(at)) {
                continue;
            }
            for at in by {
                if let Some(slot) = taken.get_mut(*at)
                    && !*slot
                    && is(&other, *at)
                {
                    *slot = true;
                    grew = true;
                }
            }
        }
    }
}
