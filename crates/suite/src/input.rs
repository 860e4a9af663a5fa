//! An input: a value that only the site knows, as a suite declares it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::yaml::Node;

/// A value that only the site knows; expressions read it as `input.<name>`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What sort of value it is.
    pub r#type: InputType,
    /// What it is, in a sentence.
    pub about: String,
    /// Its value where the site gives none. Without one, what needs it is an error.
    #[serde(default)]
    pub default: Option<Node>,
    /// An example; lists and mappings without a default need one, so that `lint` knows what is in them.
    #[serde(default)]
    pub example: Option<Node>,
    /// A site without it is complete: `has(input.<name>)` can ask for it.
    #[serde(default)]
    pub optional: bool,
}

/// What sort of value an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// A text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl InputType {
    /// Whether a value is of this sort.
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Int => value.is_i64(),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
        }
    }

    /// The sort in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

impl Input {
    /// A value with which `lint` tries the expressions; `None` when there is nothing to go by.
    pub(crate) fn sample(&self) -> Option<Value> {
        let given = self.example.as_ref().or(self.default.as_ref());
        given.map(Node::to_json).or(match self.r#type {
            InputType::String => Some(json!("example")),
            InputType::Int => Some(json!(1)),
            InputType::Number => Some(json!(1.0)),
            InputType::Bool => Some(json!(true)),
            InputType::List | InputType::Map => None,
        })
    }
}

/// The inputs of a suite as a site gives them: `None` where it gives none and
/// there is no default. Also what is wrong with those that it gives.
pub(crate) fn given<'a>(
    declared: impl IntoIterator<Item = (&'a str, &'a Input)>,
    site: &BTreeMap<String, Value>,
) -> (BTreeMap<String, Option<Value>>, BTreeMap<String, String>) {
    let mut values = BTreeMap::new();
    let mut wrong = BTreeMap::new();
    for (name, input) in declared {
        let value = match site.get(name) {
            Some(value) if input.r#type.fits(value) => Some(value.clone()),
            Some(_) => {
                let message = format!(
                    "the input `{name}` of the site file is no {}",
                    input.r#type.as_str()
                );
                wrong.insert(name.to_owned(), message);
                None
            }
            None => input.default.as_ref().map(Node::to_json),
        };
        values.insert(name.to_owned(), value);
    }
    (values, wrong)
}
