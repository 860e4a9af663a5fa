//! A scenario as a site has it: its templates resolved.

use std::collections::BTreeMap;

use runproof_model::Site;
use runproof_model::site::NodeRef;
use serde_json::Value;

use crate::input::{Input, given};
use crate::library::Library;
use crate::query::resolve;
use crate::scenario::Scenario;
use crate::suite::Suite;
use crate::template::{Braces, Names};
use crate::yaml::Node;

/// A scenario on one node of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundScenario {
    /// Its name for all time.
    pub id: String,
    /// What is broken, in a few words.
    pub title: String,
    /// The suite it stands in.
    pub suite: String,
    /// The role of the node that is broken.
    pub role: String,
    /// How it is broken; read by the crate of the faults.
    pub fault: Value,
    /// The invariants that must turn red.
    pub turns_red: Vec<String>,
    /// The invariants that may turn red as a consequence.
    pub cascades: Vec<String>,
    /// How the documents mend it.
    pub fix: Option<Value>,
    /// Where it is documented.
    pub sources: Vec<String>,
}

/// The scenarios that a site can have, in the order of suites: those of which every invariant that
/// must turn red follows the site's profile, on the first of their roles that the site has.
///
/// # Errors
/// For each scenario of which a template has no value: its name, and why.
pub fn scenarios(library: &Library, site: &Site) -> (Vec<BoundScenario>, Vec<(String, String)>) {
    let parameters = library.parameters(&site.profile);
    let (mut bound, mut failed) = (Vec::new(), Vec::new());
    for (suite, scenario) in library.scenarios() {
        let applies = scenario.turns_red.iter().all(|id| {
            library
                .invariant(id)
                .is_some_and(|(_, invariant)| library.applies(invariant, &site.profile))
        });
        let role = scenario.on.0.iter().find(|role| {
            site.nodes.iter().any(|(name, node)| {
                name.as_str() == role.value && !matches!(node, NodeRef::Absent(_))
            })
        });
        let (true, Some(role)) = (applies, role) else {
            continue;
        };
        match bind(suite, scenario, &role.value, site, &parameters) {
            Ok(one) => bound.push(one),
            Err(why) => failed.push((scenario.id.value.clone(), why)),
        }
    }
    (bound, failed)
}

fn bind(
    suite: &Suite,
    scenario: &Scenario,
    role: &str,
    site: &Site,
    parameters: &Value,
) -> Result<BoundScenario, String> {
    let declared: BTreeMap<&str, &Input> = suite
        .inputs
        .iter()
        .map(|(name, input)| (name.as_str(), input))
        .collect();
    let (inputs, _) = given(declared.iter().map(|(n, i)| (*n, *i)), &site.inputs);
    let names = Names {
        profile_name: &site.profile,
        profile: parameters,
        inputs: &inputs,
        site: &site.site,
        item: None,
    };
    let value =
        |node: &Node| resolve(node, &names, Braces::Strict).map_err(|(_, error)| error.message);
    Ok(BoundScenario {
        id: scenario.id.value.clone(),
        title: scenario.title.clone(),
        suite: suite.suite.value.clone(),
        role: role.to_owned(),
        fault: value(&scenario.fault)?,
        turns_red: scenario
            .turns_red
            .iter()
            .map(|id| id.value.clone())
            .collect(),
        cascades: scenario
            .cascades
            .iter()
            .map(|id| id.value.clone())
            .collect(),
        fix: scenario.fix.as_ref().map(value).transpose()?,
        sources: scenario
            .sources
            .iter()
            .map(|one| one.value.clone())
            .collect(),
    })
}
