//! A scenario as a site has it: its templates resolved.

use runproof_model::Site;
use runproof_model::site::NodeRef;
use serde_json::Value;

use crate::input::given;
use crate::library::Library;
use crate::query::{Unresolved, resolve};
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
        let declared = suite.inputs.iter();
        let declared = declared.map(|(name, input)| (name.as_str(), input));
        let (inputs, _) = given(declared, &site.inputs);
        let names = Names {
            profile_name: &site.profile,
            profile: &parameters,
            inputs: &inputs,
            site: &site.site,
            item: None,
        };
        match bind(suite, scenario, &role.value, &names) {
            Ok(one) => bound.push(one),
            Err((_, error)) => failed.push((scenario.id.value.clone(), error.message)),
        }
    }
    (bound, failed)
}

/// A scenario on the node of a role, its templates resolved.
pub(crate) fn bind(
    suite: &Suite,
    scenario: &Scenario,
    role: &str,
    names: &Names<'_>,
) -> Result<BoundScenario, Unresolved> {
    let value = |node: &Node| resolve(node, names, Braces::Strict);
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
