//! The ledger: what the documents state, and where.

use std::collections::BTreeSet;

use runproof_model::Severity;
use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::yaml::{Fields, Located, Node};

/// One statement of the documents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its identifier; an invariant that encodes it has the same.
    pub id: Located<String>,
    /// `invariant`, `fact`, `scenario`, `procedure` or `policy`.
    pub kind: String,
    /// The profiles whose documents state it.
    pub profiles: Vec<String>,
    /// The profiles that take it over.
    #[serde(default)]
    pub inherited_by: Vec<String>,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// `yes`, `partly` or `no`.
    pub automatable: String,
    /// Where it stands.
    pub sources: Vec<SourceRef>,
    /// The statement, paraphrased.
    pub statement: String,
    /// How it can be checked.
    pub check: String,
    /// How it is mended.
    pub fix: String,
    /// `documented`, `partly`, `inferred` or `none`.
    pub fix_origin: String,
    /// The conflicts it is part of.
    #[serde(default)]
    pub conflicts: Vec<Located<String>>,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRef {
    /// The document.
    pub doc: String,
    /// The slug of the section; of a nested one the slugs of all levels, joined by ` > `.
    pub section: String,
    /// The lines, as `19` or `19-23`.
    pub lines: String,
}

impl SourceRef {
    /// The keys by which invariants may refer to it: by the whole section and by its last part.
    pub fn keys(&self) -> [String; 2] {
        let last = self.section.rsplit(" > ").next().unwrap_or_default();
        [
            format!("{}/{}", self.doc, self.section.replace(" > ", "-")),
            format!("{}/{last}", self.doc),
        ]
    }
}

/// All statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// In the order of the file.
    pub statements: Vec<Statement>,
    keys: BTreeSet<String>,
}

impl Sources {
    pub(crate) fn read(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let node = Node::parse(file, text).map_err(|diagnostic| vec![diagnostic])?;
        let fields = Fields::of(file, &node, &["statements"], &mut diagnostics);
        let statements: Vec<Statement> = fields
            .map(|fields| fields.each("statements", &mut diagnostics))
            .unwrap_or_default()
            .into_iter()
            .map(|(_, statement)| statement)
            .collect();
        let mut seen = BTreeSet::new();
        for statement in &statements {
            if !seen.insert(statement.id.as_str()) {
                let message = format!("the statement `{}` stands here twice", statement.id.value);
                diagnostics.push(Diagnostic::new(file, statement.id.place, message));
            }
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let keys = statements
            .iter()
            .flat_map(|statement| &statement.sources)
            .flat_map(SourceRef::keys)
            .collect();
        Ok(Self { statements, keys })
    }

    /// Every `document/section` that invariants may refer to, sorted.
    pub fn keys(&self) -> &BTreeSet<String> {
        &self.keys
    }

    /// The statement of that identifier.
    pub fn statement(&self, id: &str) -> Option<&Statement> {
        self.statements
            .iter()
            .find(|statement| statement.id.value == id)
    }
}
