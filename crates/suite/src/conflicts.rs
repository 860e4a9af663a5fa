//! Where the documents disagree, and what each profile makes of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::yaml::{Fields, Located, Node};

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// Its identifier.
    pub id: Located<String>,
    /// `contradiction`, `self-contradiction`, `profile-variant`, `doc-defect` or `gap`.
    pub r#type: String,
    /// Who says what.
    pub statements: Vec<Said>,
    /// Which reading wins, and why.
    pub resolution: String,
    /// The reading of each profile, in words.
    #[serde(default)]
    pub profiles: BTreeMap<String, String>,
    /// How a report should treat it.
    pub report: String,
    /// The statements of the ledger that it touches.
    pub ledger: Vec<Located<String>>,
}

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The document.
    pub doc: String,
    /// The slug of the section, as in [`crate::sources::SourceRef`].
    pub section: String,
    /// The lines.
    pub lines: String,
    /// What it says, paraphrased.
    pub says: String,
}

/// All conflicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conflicts {
    /// In the order of the file.
    pub conflicts: Vec<Conflict>,
}

impl Conflicts {
    pub(crate) fn read(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let node = Node::parse(file, text).map_err(|diagnostic| vec![diagnostic])?;
        let fields = Fields::of(file, &node, &["conflicts"], &mut diagnostics);
        let conflicts: Vec<Conflict> = fields
            .map(|fields| fields.each("conflicts", &mut diagnostics))
            .unwrap_or_default()
            .into_iter()
            .map(|(_, conflict)| conflict)
            .collect();
        let mut seen = BTreeSet::new();
        for conflict in &conflicts {
            if !seen.insert(conflict.id.as_str()) {
                let message = format!("the conflict `{}` stands here twice", conflict.id.value);
                diagnostics.push(Diagnostic::new(file, conflict.id.place, message));
            }
        }
        if diagnostics.is_empty() {
            Ok(Self { conflicts })
        } else {
            Err(diagnostics)
        }
    }

    /// The conflict of that identifier.
    pub fn conflict(&self, id: &str) -> Option<&Conflict> {
        self.conflicts
            .iter()
            .find(|conflict| conflict.id.value == id)
    }
}
