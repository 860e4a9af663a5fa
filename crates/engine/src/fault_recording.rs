//! Making recordings of faults, and the digests that tell when one is stale.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::fault_recording::FORMAT;
use runproof_model::{
    Evidence, FactRecord, FaultDigests, FaultRecording, NodeRecord, Role, canonical, text,
};
use runproof_suite::{Plan, Scenario};
use serde_json::{Number, Value, json};
use sha2::{Digest as _, Sha256};

/// The digests that a recording has when it is of today: of what the scenario does, of the
/// reference evidence that the recording is laid over, of everything that the plan wants and of
/// what that means, of the images that the reference's nodes run where the recording has facts,
/// and of what the recording holds.
///
/// What a scenario predicts and how it is mended is no part of it: that changes nothing of what
/// was seen, and is judged anew at every replay.
pub fn fault_digests(
    recording: &FaultRecording,
    scenario: &Scenario,
    reference: &Evidence,
    plan: &Plan,
) -> FaultDigests {
    Digests::of(reference, plan).of_recording(scenario, recording)
}

/// The digests that all recordings have in common, computed once.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    reference: String,
    queries: String,
    parsers: String,
    /// What the nodes of the reference run.
    images: BTreeMap<Role, Option<String>>,
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
        let images = reference.nodes.iter();
        Self {
            reference: digest(&serde_json::to_value(reference).unwrap_or(Value::Null)),
            queries: digest(&json!(queries)),
            parsers: digest(&runproof_facts::meaning(plan.wanted())),
            images: images
                .map(|node| (node.role.clone(), node.image.clone()))
                .collect(),
        }
    }

    /// Those that a recording of the scenario has when it is of today.
    pub(crate) fn of_recording(
        &self,
        scenario: &Scenario,
        recording: &FaultRecording,
    ) -> FaultDigests {
        let nodes = recording.nodes.iter();
        let today = nodes.map(|node| (&node.role, self.images.get(&node.role)));
        FaultDigests {
            images: images(today.map(|(role, image)| (role, image.and_then(Option::as_ref)))),
            content: content(recording.standin, &recording.nodes, &recording.facts),
            ..self.for_scenario(scenario)
        }
    }

    /// Those of what a recording of the scenario is made from; what comes from the recording itself
    /// is left empty.
    fn for_scenario(&self, scenario: &Scenario) -> FaultDigests {
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
            parsers: self.parsers.clone(),
            images: String::new(),
            content: String::new(),
        }
    }
}

/// The digest of the images that nodes run.
fn images<'a>(nodes: impl Iterator<Item = (&'a Role, Option<&'a String>)>) -> String {
    digest(&json!(nodes.collect::<BTreeMap<_, _>>()))
}

/// The digest of what a recording holds itself.
fn content(standin: bool, nodes: &[NodeRecord], facts: &[FactRecord]) -> String {
    let mut hash = Sha256::new();
    hash.update(canonical::text(
        &json!({ "standin": standin, "nodes": nodes }),
    ));
    // One after the other: together they would be copied twice. No text holds a line feed.
    for fact in facts {
        let name = json!([fact.role, fact.kind]);
        for part in [&name, &fact.query, &fact.fact] {
            hash.update("\n");
            hash.update(canonical::text(part));
        }
    }
    text::hex(&hash.finalize())
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
    let mut nodes: Vec<_> = red
        .nodes
        .iter()
        .filter(|node| roles.contains(&node.role))
        .cloned()
        .collect();
    for fact in &mut facts {
        settle(&mut fact.fact);
    }
    for node in &mut nodes {
        node.now = node.now.map(settled);
        node.skew_s = node.skew_s.map(settled);
    }
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
        digests: FaultDigests {
            images: images(nodes.iter().map(|node| (&node.role, node.image.as_ref()))),
            content: content(standin, &nodes, &facts),
            ..Digests::of(reference, plan).for_scenario(scenario)
        },
        nodes,
        facts,
    }
}

/// Settles every number in a fact.
fn settle(fact: &mut Value) {
    match fact {
        Value::Number(number) if number.is_f64() => {
            let near = number.as_f64().map(settled).and_then(Number::from_f64);
            *number = near.unwrap_or_else(|| number.clone());
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(map) => map.values_mut().for_each(settle),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The number with as many digits, 15 at the most, as come back from a file as they were written.
/// Of more the reader makes a neighbour now and then, and what is read has to have the digest of
/// what was written.
fn settled(number: f64) -> f64 {
    let comes_back = |near: &f64| {
        let text = serde_json::to_string(near).unwrap_or_default();
        serde_json::from_str::<f64>(&text).is_ok_and(|read| read.to_bits() == near.to_bits())
    };
    let mut nearer = (0..15).rev();
    nearer
        .find_map(|digits| {
            let near: f64 = format!("{number:.digits$e}").parse().ok()?;
            comes_back(&near).then_some(near)
        })
        .unwrap_or(number)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_settled_number_comes_back_and_is_hardly_another(
            number in prop_oneof![1.7e9..1.9e9, -1e3..1e3, any::<f64>().prop_filter("a number", |n| n.is_normal())],
        ) {
            let near = settled(number);
            let read: f64 = serde_json::from_str(&serde_json::to_string(&near).unwrap()).unwrap();
            prop_assert_eq!(read.to_bits(), near.to_bits());
            prop_assert_eq!(settled(near).to_bits(), near.to_bits());
            if number.abs() > 1e-6 && number.abs() < 1e30 {
                prop_assert!((near - number).abs() <= number.abs() * 1e-14);
            }
        }
    }
}
