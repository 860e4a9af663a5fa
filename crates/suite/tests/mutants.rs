//! Every built-in invariant over the reference evidence with one thing of it taken away.
//!
//! What could not be seen must never look better than what was seen, and what is
//! not there must never look like what is right.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use runproof_facts::Reads;
use runproof_model::{Evidence, Finding, Site, Verdict};
use runproof_suite::expr::Val;
use runproof_suite::{Facts, Library, Plan, Selection, bind, evaluate, judge};
use serde_json::{Value, json};

fn reference() -> (Plan, Evidence) {
    let text = include_str!("../../../fixtures/sites/reference/bundle.json");
    let mut bundle: Value = serde_json::from_str(text).unwrap();
    let evidence: Evidence = serde_json::from_value(bundle["evidence"].take()).unwrap();
    let summary = &bundle["site"];
    let site: Site = serde_json::from_value(json!({
        "site": summary["name"], "profile": summary["profile"],
        "reach": { "engine": summary["engine"] }, "nodes": summary["nodes"],
        "inputs": summary["inputs"],
    }))
    .unwrap();
    let library = Library::builtin().unwrap();
    (bind(&library, &site, &Selection::all()), evidence)
}

fn unknown() -> Value {
    json!({"$unknown": {"kind": "failed", "detail": "taken away"}})
}

fn is_mark(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        map.len() == 1 && (map.contains_key("$absent") || map.contains_key("$unknown"))
    })
}

/// Every place inside a fact, the fact itself among them, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        _ if is_mark(value) => {}
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(inner, &format!("{at}/{key}"), found);
            }
        }
        // The first elements stand for the others.
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate().take(2) {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The reference, each wanted fact as it was recorded, and how everything was judged.
struct Reference {
    plan: Plan,
    facts: Facts,
    recorded: Vec<Value>,
    before: Vec<Finding>,
}

impl Reference {
    fn new() -> Self {
        let (plan, evidence) = reference();
        let recorded = plan
            .wanted()
            .iter()
            .map(|wanted| {
                let mut records = evidence.rounds.iter().flat_map(|round| &round.facts);
                records
                    .rfind(|record| {
                        record.role == wanted.role
                            && record.kind == wanted.kind
                            && record.query == wanted.query
                    })
                    .map_or_else(unknown, |record| record.fact.clone())
            })
            .collect();
        Self {
            facts: Facts::of(&plan, &evidence),
            before: evaluate(&plan, &evidence),
            recorded,
            plan,
        }
    }

    /// How those that read a fact are judged when one place of it is replaced, beside
    /// how they were judged before.
    fn mutated(&mut self, at: usize, place: &str, new: Value) -> Vec<(Verdict, Finding)> {
        let mut fact = self.recorded[at].clone();
        *fact.pointer_mut(place).unwrap() = new;
        let before = self.facts.get(at).unwrap().clone();
        self.facts.set(at, Val::from_recorded(&fact));
        let judged = self
            .plan
            .bound
            .iter()
            .zip(&self.before)
            .filter(|(bound, _)| bound.facts().any(|(_, place)| place == at))
            .map(|(bound, old)| (old.verdict, judge(&self.plan, bound, &self.facts)))
            .collect();
        self.facts.set(at, before);
        judged
    }

    fn describe(&self, at: usize, place: &str, finding: &Finding) -> String {
        let wanted = &self.plan.wanted()[at];
        format!("{}: {} {}{place}", name(finding), wanted.kind, wanted.query)
    }

    /// Every place of every fact.
    fn places(&self) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        for (at, fact) in self.recorded.iter().enumerate() {
            let mut found = Vec::new();
            places(fact, "", &mut found);
            all.extend(found.into_iter().map(|place| (at, place)));
        }
        all
    }

    /// The schema of a place.
    fn schema(&self, at: usize, place: &str) -> Value {
        let kind = runproof_facts::registry::kind(self.plan.wanted()[at].kind).unwrap();
        let mut schema = kind.fact_schema().as_value().clone();
        for step in place.split('/').skip(1) {
            let inner = match step.parse::<usize>() {
                Ok(_) => schema["items"].take(),
                Err(_) if schema["properties"][step].is_null() => {
                    schema["additionalProperties"].take()
                }
                Err(_) => schema["properties"][step].take(),
            };
            schema = inner;
        }
        schema
    }
}

/// A value of a schema, of the sort that goes wrong.
fn sample(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer") => json!(2_000_000_000),
        Some("number") => json!(4e9),
        Some("string") => json!("mutant error panic os error 110 ./data/work"),
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") => schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, inner)| (name.clone(), sample(inner)))
            .collect(),
        Some(_) | None => Value::Null,
    }
}

/// Changes of a value that keep its type.
fn same_type(value: &Value) -> Vec<Value> {
    match value {
        _ if is_mark(value) => Vec::new(),
        Value::Bool(truth) => vec![json!(!truth)],
        Value::Number(number) if number.is_f64() => vec![json!(0.5), json!(4e9)],
        Value::Number(_) => vec![json!(0), json!(1), json!(65_000), json!(4_000_000_000_u64)],
        Value::String(text) => vec![
            json!(""),
            json!("mutant error panic ./data/work"),
            json!(format!("{text}x")),
            json!("9.99"),
        ],
        Value::Array(_) => vec![json!([])],
        Value::Object(_) | Value::Null => Vec::new(),
    }
}

fn name(finding: &Finding) -> String {
    format!("{} on {}", finding.id, finding.node)
}

#[test]
fn the_reference_is_worth_mutating() {
    let passes = Reference::new()
        .before
        .iter()
        .filter(|finding| finding.verdict == Verdict::Pass)
        .count();
    assert!(passes > 40, "only {passes} pass");
}

#[test]
fn what_is_taken_away_never_makes_a_finding_greener() {
    let mut reference = Reference::new();
    let mut greener = BTreeSet::new();
    for (at, place) in reference.places() {
        for (old, new) in reference.mutated(at, &place, unknown()) {
            if old != Verdict::Pass && new.verdict == Verdict::Pass {
                greener.insert(reference.describe(at, &place, &new));
            }
        }
    }
    assert!(greener.is_empty(), "{greener:#?}");
}

/// What the profile, or another of its facts, decides already: the invariant, the kind.
const DECIDED_ELSEWHERE: &[(&str, &str)] = &[
    // The profile has no programs in the stack.
    ("path-botserver-stack", "dir"),
    // No such line is in the log, whenever the server was started.
    ("fw-no-cache-timeout-logged", "unit"),
];

#[test]
fn a_fact_that_is_unknown_or_absent_leaves_nothing_that_reads_it_green() {
    let mut reference = Reference::new();
    let mut green = BTreeSet::new();
    for at in 0..reference.recorded.len() {
        let kind = reference.plan.wanted()[at].kind;
        for new in [unknown(), json!({"$absent": true}), json!({})] {
            for (_, finding) in reference.mutated(at, "", new) {
                if finding.verdict == Verdict::Pass
                    && !DECIDED_ELSEWHERE.contains(&(finding.id.as_str(), kind))
                {
                    green.insert(reference.describe(at, "", &finding));
                }
            }
        }
    }
    assert!(green.is_empty(), "{green:#?}");
}

#[test]
fn every_green_invariant_can_turn_red_and_is_open_on_unknown() {
    let mut reference = Reference::new();
    let mut toothless: BTreeSet<String> = reference
        .before
        .iter()
        .filter(|finding| finding.verdict == Verdict::Pass)
        .map(name)
        .collect();
    let mut never_open = toothless.clone();
    for (at, place) in reference.places() {
        let value = reference.recorded[at].pointer(&place).unwrap().clone();
        let mut changes = same_type(&value);
        if value.as_array().is_some() {
            changes.push(sample(&reference.schema(at, &place)));
        }
        for new in changes {
            for (_, finding) in reference.mutated(at, &place, new) {
                if finding.verdict == Verdict::Fail {
                    toothless.remove(&name(&finding));
                }
            }
        }
        for (_, finding) in reference.mutated(at, &place, unknown()) {
            if finding.verdict == Verdict::Error {
                never_open.remove(&name(&finding));
            }
        }
    }
    assert!(toothless.is_empty(), "nothing turns red: {toothless:#?}");
    assert!(never_open.is_empty(), "green on unknown: {never_open:#?}");
}

/// The fields that nobody reads, as JSON pointers, the outermost alone.
fn unread(value: &Value, pointer: &str, path: &str, reads: &Reads, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !is_mark(value) => {
            for (name, inner) in map {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if reads.wants(&path) {
                    unread(inner, &pointer, &path, reads, found);
                } else {
                    found.push(pointer);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unread(item, &format!("{pointer}/{index}"), path, reads, found);
            }
        }
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_nobody_reads_decides_nothing() {
    let (plan, evidence) = reference();
    let mut poorer = evidence.clone();
    let mut forgotten = 0;
    for wanted in plan.wanted() {
        let kind = runproof_facts::registry::kind(wanted.kind).unwrap();
        for record in poorer.rounds.iter_mut().flat_map(|round| &mut round.facts) {
            if record.role != wanted.role
                || record.kind != wanted.kind
                || record.query != wanted.query
            {
                continue;
            }
            let mut pointers = Vec::new();
            unread(&record.fact, "", "", &wanted.reads, &mut pointers);
            for pointer in pointers {
                let mut less = record.fact.clone();
                *less.pointer_mut(&pointer).unwrap() =
                    json!({"$unknown": {"kind": "not-asked", "detail": "nobody reads it"}});
                // A field that is always known cannot be left out.
                if matches!(kind.believed(&less), Cow::Borrowed(_)) {
                    record.fact = less;
                    forgotten += 1;
                }
            }
        }
    }
    assert!(forgotten > 100, "{forgotten}");
    let verdicts = |evidence: &Evidence| -> BTreeMap<String, Verdict> {
        evaluate(&plan, evidence)
            .into_iter()
            .map(|finding| (format!("{}@{}", finding.id, finding.node), finding.verdict))
            .collect()
    };
    let (before, after) = (verdicts(&evidence), verdicts(&poorer));
    let differ: Vec<_> = before
        .iter()
        .filter(|(id, verdict)| after.get(*id) != Some(verdict))
        .collect();
    assert!(differ.is_empty(), "{differ:?}");
}
