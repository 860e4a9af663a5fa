//! A profile: which reading of the documents a site follows.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::words::{check_id, check_variable};
use crate::yaml::{Entries, Fields, Located, Node, read};

/// A profile file, `suites/profiles/<name>.yaml`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Profile {
    /// Its name: that of the file.
    pub profile: Located<String>,
    /// What it is, in a few words.
    pub title: String,
    /// A profile whose roles and parameters it takes over where it has none of its own, and whose invariants are its own too.
    #[schemars(default)]
    pub inherits: Option<Located<String>>,
    /// Why no document stands behind this profile: invariants that are only for such profiles may have no sources.
    #[schemars(default)]
    pub undocumented: Option<String>,
    /// The parts that nodes play.
    #[schemars(default)]
    pub roles: Roles,
    /// What the documents differ in: name → value, or name → value with the other readings.
    #[schemars(default)]
    pub parameters: Entries<Parameter>,
}

/// The parts that nodes play.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Every site maps these, or says why it has no such node.
    pub required: Vec<Located<String>>,
    /// A site may have these.
    pub optional: Vec<Located<String>>,
}

/// A value that the documents fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The value that this profile follows.
    pub value: Node,
    /// What it is, in a sentence.
    pub about: Option<String>,
    /// What else is documented, and where.
    pub readings: Vec<OtherReading>,
    /// The conflict that is settled by this parameter.
    pub conflict: Option<Located<String>>,
}

/// A reading that lost.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherReading {
    /// The documented value.
    pub value: Node,
    /// The document, with its section where that helps.
    pub source: Located<String>,
}

/// The long form of a parameter.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongParameter {
    /// The value that this profile follows.
    value: Node,
    /// What it is, in a sentence.
    #[serde(default)]
    about: Option<String>,
    /// What else is documented, and where.
    #[serde(default)]
    readings: Vec<OtherReading>,
    /// The conflict that is settled by this parameter.
    #[serde(default)]
    conflict: Option<Located<String>>,
}

impl Parameter {
    /// A mapping with the key `value` is the long form, everything else the value itself.
    fn of(file: &str, node: &Node) -> Result<Self, Diagnostic> {
        if node.get("value").is_none() {
            return Ok(Self {
                value: node.clone(),
                about: None,
                readings: Vec::new(),
                conflict: None,
            });
        }
        let long: LongParameter = read(file, node)?;
        Ok(Self {
            value: long.value,
            about: long.about,
            readings: long.readings,
            conflict: long.conflict,
        })
    }
}

impl JsonSchema for Parameter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Parameter".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let long = generator.subschema_for::<LongParameter>();
        schemars::json_schema!({
            "anyOf": [
                long,
                { "type": ["string", "number", "boolean", "array"] },
                { "type": "object", "not": { "required": ["value"] } },
            ]
        })
    }
}

impl Profile {
    const FIELDS: &'static [&'static str] = &[
        "profile",
        "title",
        "inherits",
        "undocumented",
        "roles",
        "parameters",
    ];

    pub(crate) fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let node = match Node::parse(file, text) {
            Ok(node) => node,
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                return None;
            }
        };
        let fields = Fields::of(file, &node, Self::FIELDS, diagnostics)?;
        let profile: Option<Located<String>> = fields.required("profile", diagnostics);
        let title = fields.required("title", diagnostics);
        let inherits = fields.optional("inherits", diagnostics);
        let undocumented: Option<Located<String>> = fields.optional("undocumented", diagnostics);
        if let Some(why) = &undocumented
            && why.trim().is_empty()
        {
            let message = "`undocumented` says why no document stands behind the profile";
            diagnostics.push(Diagnostic::new(file, why.place, message));
        }
        let roles: Roles = fields.optional("roles", diagnostics).unwrap_or_default();
        let raw: Entries<Node> = fields
            .optional("parameters", diagnostics)
            .unwrap_or_default();
        let mut parameters = Entries::default();
        for (name, node) in raw.0 {
            if let Err(message) = check_variable(&name) {
                diagnostics.push(Diagnostic::new(file, name.place, message));
            }
            match Parameter::of(file, &node) {
                Ok(parameter) => parameters.0.push((name, parameter)),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        for (name, parameter) in parameters.iter() {
            if parameter.value.to_json() == Value::Null {
                diagnostics.push(Diagnostic::new(
                    file,
                    name.place,
                    format!("the parameter `{}` has no value", name.value),
                ));
            }
            for reading in &parameter.readings {
                if reading.value.to_json() == parameter.value.to_json() {
                    let message = "this is the profile's own reading, not another one";
                    diagnostics.push(Diagnostic::new(file, reading.value.place, message));
                }
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for role in roles.required.iter().chain(&roles.optional) {
            if let Err(error) = runproof_model::Role::new(role.value.clone()) {
                diagnostics.push(Diagnostic::new(file, role.place, error.to_string()));
            }
            if role.value == crate::invariant::ALL {
                diagnostics.push(Diagnostic::new(
                    file,
                    role.place,
                    "`all` stands for every role",
                ));
            }
            if !seen.insert(role.as_str()) {
                diagnostics.push(Diagnostic::new(
                    file,
                    role.place,
                    format!("the role `{}` stands here twice", role.value),
                ));
            }
        }
        let profile = profile?;
        if let Err(message) = check_id(&profile) {
            diagnostics.push(Diagnostic::new(file, profile.place, message));
        }
        Some(Self {
            profile,
            title: title?,
            inherits,
            undocumented: undocumented.map(|why| why.value),
            roles,
            parameters,
        })
    }
}
