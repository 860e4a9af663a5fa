//! A suite: a file of invariants and scenarios for one part of the platform.

use std::sync::Arc;

use schemars::JsonSchema;

use crate::diagnostic::Diagnostic;
use crate::input::Input;
use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::words::{check_id, check_variable};
use crate::yaml::{Entries, Fields, Located, Node, NodeKind};

/// A suite file, `suites/<name>.yaml`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Suite {
    /// Its name: that of the file.
    pub suite: Located<String>,
    /// What the suite is about, in a sentence.
    #[schemars(with = "Option<String>")]
    pub about: Option<String>,
    /// The values that only a site knows and that this suite reads: name → declaration.
    #[schemars(default)]
    pub inputs: Entries<Input>,
    /// What must be true.
    #[schemars(default)]
    pub invariants: Vec<Arc<Invariant>>,
    /// The documented ways to break.
    #[schemars(default)]
    pub scenarios: Vec<Scenario>,
    /// The identifiers of all invariants, of those too that could not be read.
    #[schemars(skip)]
    pub(crate) ids: Vec<String>,
}

impl Suite {
    const FIELDS: &'static [&'static str] =
        &["suite", "about", "inputs", "invariants", "scenarios"];

    /// Reads a suite; every part that can be read is checked, so that one mistake does not hide another.
    pub(crate) fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let node = match Node::parse(file, text) {
            Ok(node) => node,
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                return None;
            }
        };
        let fields = Fields::of(file, &node, Self::FIELDS, diagnostics)?;
        let suite: Option<Located<String>> = fields.required("suite", diagnostics);
        let about = fields.optional("about", diagnostics);
        let inputs: Entries<Input> = fields.optional("inputs", diagnostics).unwrap_or_default();
        let invariants: Vec<Arc<Invariant>> = fields
            .each::<Invariant>("invariants", diagnostics)
            .into_iter()
            .map(|(_, invariant)| Arc::new(invariant))
            .collect();
        let scenarios: Vec<Scenario> = fields
            .each("scenarios", diagnostics)
            .into_iter()
            .map(|(_, scenario)| scenario)
            .collect();
        let ids = node.get("invariants").map(ids_of).unwrap_or_default();
        let suite = suite?;
        if let Err(message) = check_id(&suite) {
            diagnostics.push(Diagnostic::new(file, suite.place, message));
        }
        for (name, input) in inputs.iter() {
            if let Err(message) = check_variable(name) {
                diagnostics.push(Diagnostic::new(file, name.place, message));
            }
            for value in [&input.default, &input.example].into_iter().flatten() {
                if !input.r#type.fits(&value.to_json()) {
                    let message = format!(
                        "expected a value of type {}, found {}",
                        input.r#type.as_str(),
                        value.what()
                    );
                    diagnostics.push(Diagnostic::new(file, value.place, message));
                }
            }
            if input.sample().is_none() {
                let message = format!(
                    "the input `{}` needs an example, so that what is in it can be checked",
                    name.value
                );
                diagnostics.push(Diagnostic::new(file, name.place, message));
            }
        }
        for invariant in &invariants {
            diagnostics.extend(invariant.problems(file, text));
        }
        for scenario in &scenarios {
            diagnostics.extend(scenario.problems(file));
        }
        Some(Self {
            suite,
            about,
            inputs,
            invariants,
            scenarios,
            ids,
        })
    }
}

fn ids_of(invariants: &Node) -> Vec<String> {
    let NodeKind::List(items) = &invariants.kind else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| match &item.get("id")?.kind {
            NodeKind::Text(id) => Some(id.clone()),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => None,
        })
        .collect()
}
