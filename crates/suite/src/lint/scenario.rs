//! Lint of scenarios: whether each can be had by a site of its profiles. What its fault and its fix
//! say is read by the crates of the faults; [`tried`] gives them what they need for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Lint;
use crate::bound_scenario::{BoundScenario, bind};
use crate::library::{Library, LoadedSuite};
use crate::query::resolve;
use crate::scenario::Scenario;
use crate::suite::Suite;
use crate::template::{Braces, Names};
use crate::yaml::Located;

/// A scenario as a site of one of its profiles could have it, with samples for what only a site
/// knows.
#[derive(Clone, Debug)]
pub struct TriedScenario<'a> {
    /// The file in which it stands.
    pub file: &'a str,
    /// As it is written.
    pub scenario: &'a Scenario,
    /// The profile.
    pub profile: &'a str,
    /// As such a site would have it, on the first of its roles.
    pub bound: BoundScenario,
}

/// Every scenario in each of its profiles. Those of which a template has no value are left out:
/// [`Library::lint`] says that.
pub fn tried(library: &Library) -> Vec<TriedScenario<'_>> {
    let mut tried = Vec::new();
    for loaded in library.suites() {
        for scenario in &loaded.suite.scenarios {
            for profile in profiles(library, &scenario.turns_red) {
                let role = scenario.on.0.first().map_or("", |role| role.as_str());
                let bound = as_a_site(library, &loaded.suite, profile, |names| {
                    bind(&loaded.suite, scenario, role, names)
                });
                if let Ok(bound) = bound {
                    tried.push(TriedScenario {
                        file: &loaded.file.name,
                        scenario,
                        profile,
                        bound,
                    });
                }
            }
        }
    }
    tried
}

/// The profiles that have every one of these invariants; those that nobody has are passed over.
fn profiles<'a>(library: &'a Library, ids: &[Located<String>]) -> Vec<&'a str> {
    let names = library.profile_names();
    names
        .filter(|profile| {
            ids.iter()
                .filter_map(|id| library.invariant(id))
                .all(|(_, invariant)| library.applies(invariant, profile))
        })
        .collect()
}

/// What names mean in a suite on a site of this profile, with samples for what only a site knows.
fn as_a_site<T>(
    library: &Library,
    suite: &Suite,
    profile: &str,
    tries: impl FnOnce(&Names<'_>) -> T,
) -> T {
    let inputs = suite.inputs.iter();
    let inputs = inputs.map(|(name, input)| (name.value.clone(), input.sample()));
    tries(&Names {
        profile_name: profile,
        profile: &library.parameters(profile),
        inputs: &inputs.collect::<BTreeMap<String, Option<Value>>>(),
        site: "example",
        item: None,
    })
}

impl<'a> Lint<'a> {
    pub(super) fn scenario(&mut self, loaded: &'a LoadedSuite, scenario: &'a Scenario) {
        let file = loaded.file.name.as_str();
        for role in &scenario.on.0 {
            self.role(file, role, role.place);
        }
        for id in scenario.turns_red.iter().chain(&scenario.cascades) {
            self.known_id(file, id, id.place);
        }
        for id in &scenario.turns_red {
            let cannot_hold = self
                .library
                .invariant(id)
                .is_some_and(|(_, invariant)| invariant.document_defect.is_some());
            if cannot_hold {
                self.say(
                    file,
                    id.place,
                    format!(
                        "`{}` is a document defect: it is red without a fault, and shows none",
                        id.value
                    ),
                    None,
                );
            }
        }
        for source in &scenario.sources {
            self.source(file, source, source.place);
        }
        self.can_be_had(file, scenario);
        for profile in profiles(self.library, &scenario.turns_red) {
            let unresolved = as_a_site(self.library, &loaded.suite, profile, |names| {
                let nodes = std::iter::once(&scenario.fault).chain(&scenario.fix);
                let tried = nodes.map(|node| resolve(node, names, Braces::Strict));
                tried.filter_map(Result::err).collect::<Vec<_>>()
            });
            for one in unresolved {
                self.unresolved(loaded, one);
            }
        }
    }

    /// What no site can have is never drilled, and nothing would say so.
    fn can_be_had(&mut self, file: &str, scenario: &Scenario) {
        for (at, id) in scenario.turns_red.iter().enumerate() {
            let (before, with) = scenario.turns_red.split_at(at);
            let with = with.get(..1).unwrap_or_default();
            let has = profiles(self.library, before);
            if self.ids.contains(id.as_str())
                && !has.is_empty()
                && profiles(self.library, &[before, with].concat()).is_empty()
            {
                let message = if at == 0 {
                    format!("`{}` is in no profile", id.value)
                } else {
                    format!("`{}` is in no profile of those before it", id.value)
                };
                let help = format!(
                    "{}; a scenario is for the profiles that have all it turns red",
                    self.where_it_is(id)
                );
                self.say(file, id.place, message, Some(help));
            }
        }
        let of_scenario = profiles(self.library, &scenario.turns_red);
        for id in &scenario.cascades {
            let of_it: BTreeSet<&str> = profiles(self.library, std::slice::from_ref(id))
                .into_iter()
                .collect();
            if self.ids.contains(id.as_str())
                && !of_scenario.is_empty()
                && !of_scenario.iter().any(|profile| of_it.contains(profile))
            {
                let message = format!("`{}` is in no profile of the scenario", id.value);
                let help = format!(
                    "{}; the scenario is for {}",
                    self.where_it_is(id),
                    of_scenario.join(", ")
                );
                self.say(file, id.place, message, Some(help));
            }
        }
    }

    fn where_it_is(&self, id: &Located<String>) -> String {
        match profiles(self.library, std::slice::from_ref(id)).as_slice() {
            [] => "no profile has it".to_owned(),
            some => format!("it is in {}", some.join(", ")),
        }
    }
}
