//! A scenario: a documented way to break, and what must notice.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::words::check_id;
use crate::yaml::{Located, Node, NodeKind, OneOrMany};

/// A documented way to break.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Its name for all time, unique over all suites.
    pub id: Located<String>,
    /// What is broken, in a few words.
    pub title: String,
    /// The role of the node that is broken, or several.
    pub on: OneOrMany<Located<String>>,
    /// How it is broken; read by the crate of the faults.
    pub fault: Node,
    /// The invariants that must turn red.
    pub turns_red: Vec<Located<String>>,
    /// The invariants that may turn red as a consequence.
    #[serde(default)]
    pub cascades: Vec<Located<String>>,
    /// How the documents mend it; read by the crate of the faults.
    #[serde(default)]
    pub fix: Option<Node>,
    /// Where it is documented: `document/section`.
    pub sources: Vec<Located<String>>,
}

impl Scenario {
    /// What is wrong with its form.
    pub(crate) fn problems(&self, file: &str) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let mut say = |place, message: String| problems.push(Diagnostic::new(file, place, message));
        if let Err(message) = check_id(&self.id) {
            say(self.id.place, message);
        }
        for (what, node) in [("fault", Some(&self.fault)), ("fix", self.fix.as_ref())] {
            if let Some(node) = node
                && !matches!(node.kind, NodeKind::Map(_))
            {
                say(
                    node.place,
                    format!("expected a mapping as `{what}`, found {}", node.what()),
                );
            }
        }
        if self.title.trim().is_empty() {
            say(self.id.place, "`title` is empty".to_owned());
        }
        for (what, list) in [
            ("on", &self.on.0),
            ("turns-red", &self.turns_red),
            ("sources", &self.sources),
        ] {
            if list.is_empty() {
                say(self.id.place, format!("`{what}` is empty"));
            }
        }
        for id in &self.cascades {
            if self.turns_red.iter().any(|red| red.value == id.value) {
                say(
                    id.place,
                    format!("`{}` must turn red, so it is no cascade", id.value),
                );
            }
        }
        problems
    }
}
