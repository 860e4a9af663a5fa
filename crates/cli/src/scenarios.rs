//! Reading what scenarios do: their faults and fixes, which the suites carry unread.

use std::collections::BTreeSet;

use runproof_engine::drill::Fix;
use runproof_fault::Fault;
use runproof_suite::{BoundScenario, Diagnostic, Library, TriedScenario, tried};

use crate::load::alike;

/// For how many seconds a scenario of a sample may wait for its fault to show.
const BRIEFLY: u32 = 5;

/// What is wrong with the faults and fixes of all scenarios, each tried in every profile that can
/// have it. Sorted; empty when all is well.
pub fn mistakes(library: &Library) -> Vec<Diagnostic> {
    let mut mistakes: Vec<Diagnostic> = tried(library)
        .iter()
        .flat_map(|tried| {
            of_fault(library, tried)
                .into_iter()
                .chain(of_fix(library, tried))
        })
        .collect();
    mistakes.sort();
    // Two profiles meet the same mistake.
    mistakes.dedup();
    mistakes
}

fn of_fault(library: &Library, tried: &TriedScenario<'_>) -> Vec<Diagnostic> {
    let place = tried.scenario.fault.place;
    match Fault::read(&tried.bound.fault) {
        Err(error) => vec![Diagnostic::new(tried.file, place, error.to_string())],
        Ok(fault) => {
            let of_each = fault.primitives.iter().filter_map(|(on, _)| on.as_deref());
            let roles = fault.on.as_deref().into_iter().chain(of_each);
            roles
                .filter_map(|role| unknown(library, tried.profile, role))
                .map(|(message, help)| Diagnostic::new(tried.file, place, message).help(help))
                .collect()
        }
    }
}

fn of_fix(library: &Library, tried: &TriedScenario<'_>) -> Option<Diagnostic> {
    let written = tried.scenario.fix.as_ref()?;
    let at = |message, help| Diagnostic::new(tried.file, written.place, message).help(help);
    match Fix::read(&tried.bound) {
        Err(why) => Some(at(why, None)),
        Ok(fix) => unknown(library, tried.profile, fix.on.as_deref()?)
            .map(|(message, help)| at(message, help)),
    }
}

/// One scenario of each primitive, in the order in which they stand: of those that do not have to wait
/// for long, the first whose fix is documented to mend and can be run. What cannot be read stays: its
/// drill says why.
pub fn sample(scenarios: &[BoundScenario]) -> Vec<BoundScenario> {
    struct Read<'a> {
        id: &'a str,
        names: BTreeSet<&'static str>,
        // The less the better.
        rank: (bool, bool),
    }
    let read: Vec<Read<'_>> = scenarios
        .iter()
        .filter_map(|one| {
            let fault = Fault::read(&one.fault).ok()?;
            let fix = Fix::read(one).ok()?;
            let names = fault.primitives.iter().map(|(_, one)| one.name());
            let waits: u32 = fault.then.iter().map(|one| u32::from(one.waits())).sum();
            Some(Read {
                id: &one.id,
                // What only keeps breaks nothing.
                names: names.filter(|name| *name != "keep").collect(),
                rank: (
                    waits > BRIEFLY,
                    fix.run.is_empty() || fix.document_defect.is_some(),
                ),
            })
        })
        .collect();
    let all: BTreeSet<&str> = read.iter().flat_map(|one| &one.names).copied().collect();
    let mut chosen: Vec<&Read<'_>> = Vec::new();
    for name in all {
        if chosen.iter().any(|one| one.names.contains(name)) {
            continue;
        }
        let of_it = read.iter().filter(|one| one.names.contains(name));
        chosen.extend(of_it.min_by_key(|one| one.rank));
    }
    let is_chosen = |one: &&BoundScenario| {
        chosen.iter().any(|chosen| chosen.id == one.id)
            || !read.iter().any(|read| read.id == one.id)
    };
    scenarios.iter().filter(is_chosen).cloned().collect()
}

/// What is to be said of a role that a profile does not know.
fn unknown(library: &Library, profile: &str, role: &str) -> Option<(String, Option<String>)> {
    let (required, optional) = library.roles(profile);
    let known = || required.iter().chain(&optional).copied();
    if known().any(|one| one == role) {
        return None;
    }
    let help = alike(role, known()).map(|like| format!("did you mean `{like}`?"));
    Some((
        format!("the profile `{profile}` has no role `{role}`"),
        help,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use runproof_suite::SourceFile;

    /// What is said of a scenario with this fault and the lines behind it.
    fn said(fault: &str, rest: &str) -> String {
        let profile = "profile: incus\ntitle: x\nroles: { required: [system, proxy] }\nparameters: { port: 5858 }\n";
        let suite = format!(
            "suite: base
invariants:
  - {{ id: base-hosts, title: x, profiles: [incus], severity: low, on: system, facts: {{ f: {{ file: /etc/hosts }} }}, expect: f.exists, why: x, sources: [guide/hosts] }}
scenarios:
  - id: hosts-lost
    title: the hosts file is lost
    on: system
    fault: {fault}
    turns-red: [base-hosts]
    sources: [guide/hosts]
    {rest}
"
        );
        let files = vec![
            SourceFile::new("base.yaml", suite),
            SourceFile::new("profiles/incus.yaml", profile),
        ];
        let library = Library::load(files).unwrap();
        let lines: Vec<_> = mistakes(&library).iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn every_built_in_scenario_can_be_bound_and_read() {
        let library = Library::builtin().unwrap();
        assert!(tried(&library).len() >= 100, "{}", tried(&library).len());
        assert_eq!(mistakes(&library), []);
    }

    #[test]
    fn a_sample_has_every_primitive_that_some_scenario_has() {
        let library = Library::builtin().unwrap();
        let all: Vec<_> = tried(&library)
            .into_iter()
            .filter(|tried| tried.profile == "incus")
            .map(|tried| tried.bound)
            .collect();
        let names = |scenarios: &[BoundScenario]| -> BTreeSet<&str> {
            let faults = scenarios.iter().map(|one| Fault::read(&one.fault).unwrap());
            let primitives = faults.flat_map(|fault| fault.primitives);
            primitives
                .map(|(_, one)| one.name())
                .filter(|name| *name != "keep")
                .collect()
        };
        let sample = sample(&all);
        assert_eq!(names(&sample), names(&all));
        assert!(sample.len() <= names(&all).len() && sample.len() > 12);
    }

    #[test]
    fn a_sample_keeps_what_cannot_be_read_so_that_its_drill_says_why() {
        let library = Library::builtin().unwrap();
        let one = tried(&library).remove(0).bound;
        let unreadable = BoundScenario {
            id: "unreadable".to_owned(),
            fault: serde_json::json!({ "no-such-primitive": {} }),
            ..one.clone()
        };
        let sample = sample(&[unreadable, one.clone()]);
        let ids: Vec<_> = sample.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["unreadable", one.id.as_str()]);
    }

    #[rstest]
    #[case::a_primitive("{ remove-file: { path: /etc/hosts } }", "")]
    #[case::with_a_parameter("{ port: { port: '{profile.port}', address: 127.0.0.1 } }", "")]
    #[case::elsewhere(
        "{ remove-file: { path: /etc/hosts }, on: proxy }",
        "fix: { run: ['true'], on: proxy }"
    )]
    #[case::no_fix("{ nothing: {} }", "fix: { none: nothing is documented }")]
    fn what_can_be_read_is_no_mistake(#[case] fault: &str, #[case] rest: &str) {
        assert_eq!(said(fault, rest), "");
    }

    #[rstest]
    #[case::unknown_primitive(
        "{ remove-fil: { path: /etc/hosts } }",
        "",
        "base.yaml:8:12: error: the fault cannot be read: unknown variant `remove-fil`"
    )]
    #[case::unknown_key(
        "{ remove-file: { path: /etc/hosts, force: true } }",
        "",
        "base.yaml:8:12: error: the fault cannot be read: unknown field `force`"
    )]
    #[case::unknown_settling(
        "{ nothing: {}, then: [ { restart: ui } ] }",
        "",
        "base.yaml:8:12: error: the fault cannot be read: unknown variant `restart`"
    )]
    #[case::no_primitive("{}", "", "base.yaml:8:12: error: the fault cannot be read")]
    #[case::unknown_role(
        "{ nothing: {}, on: prxy }",
        "",
        "base.yaml:8:12: error: the profile `incus` has no role `prxy`\n  help: did you mean `proxy`?"
    )]
    #[case::unknown_role_of_one(
        "{ all: [ { nothing: {}, on: prxy } ] }",
        "",
        "base.yaml:8:12: error: the profile `incus` has no role `prxy`"
    )]
    #[case::a_fix_of_nothing(
        "{ nothing: {} }",
        "fix: {}",
        "base.yaml:11:10: error: the fix cannot be read: it has neither `run`"
    )]
    #[case::unknown_key_of_a_fix(
        "{ nothing: {} }",
        "fix: { runs: ['true'] }",
        "base.yaml:11:10: error: the fix cannot be read: unknown field `runs`"
    )]
    #[case::unknown_role_of_a_fix(
        "{ nothing: {} }",
        "fix: { run: ['true'], on: sytem }",
        "base.yaml:11:10: error: the profile `incus` has no role `sytem`\n  help: did you mean `system`?"
    )]
    fn what_cannot_be_read_is_told_with_its_place(
        #[case] fault: &str,
        #[case] rest: &str,
        #[case] begins: &str,
    ) {
        let said = said(fault, rest);
        assert!(said.starts_with(begins), "{said}");
    }
}
