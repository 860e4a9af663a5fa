//! A query for a fact, as a suite writes it.

use std::borrow::Cow;

use runproof_facts::{Kind, registry};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::template::{Braces, Names, TemplateError, names_in};
use crate::yaml::{Node, NodeKind};

/// A template without a value, and the node that it is in.
pub(crate) type Unresolved = (Node, TemplateError);

/// `{ <kind>: <main argument>, <option>: …, on: <role> }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    node: Node,
}

impl Query {
    /// The query that a node may be.
    pub(crate) fn from_node(node: Node) -> Self {
        Self { node }
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// The kind of fact, or why there is none.
    pub fn kind(&self) -> Result<&'static Kind, (Place, String, Option<String>)> {
        let Some(entries) = self.node.entries() else {
            let message = format!(
                "expected a query such as `{{ file: /etc/hosts }}`, found {}",
                self.node.what()
            );
            return Err((self.node.place, message, None));
        };
        let mut found: Option<&'static Kind> = None;
        for (key, _) in entries {
            if let Some(kind) = registry::kind(&key.name) {
                if let Some(first) = found {
                    let message = format!(
                        "a query has one kind of fact, this has `{}` and `{}`",
                        first.name, kind.name
                    );
                    return Err((key.place, message, None));
                }
                found = Some(kind);
            }
        }
        found.ok_or_else(|| {
            let known = || registry::kinds().iter().map(|kind| kind.name);
            // `on` is like `os`, and is none.
            let typo = entries
                .iter()
                .filter(|(key, _)| key.name != "on")
                .find_map(|(key, _)| Some((key, did_you_mean(&key.name, known())?)));
            match (typo, entries.iter().find(|(key, _)| key.name != "on")) {
                (Some((key, help)), _) => (
                    key.place,
                    format!("`{}` is no kind of fact", key.name),
                    Some(help),
                ),
                (None, Some((key, _))) => (
                    key.place,
                    format!("`{}` is no kind of fact", key.name),
                    Some("`runproof list facts` shows the kinds".to_owned()),
                ),
                (None, None) => (
                    self.node.place,
                    "the query names no kind of fact".to_owned(),
                    None,
                ),
            }
        })
    }

    /// The role of another node, when the fact is taken there.
    pub fn role(&self) -> Result<Option<(&str, Place)>, (Place, String)> {
        match self.node.get("on") {
            None => Ok(None),
            Some(Node {
                kind: NodeKind::Text(role),
                place,
            }) => Ok(Some((role, *place))),
            Some(node) => Err((
                node.place,
                format!("expected a role, found {}", node.what()),
            )),
        }
    }

    /// The query with its templates resolved, as the kind reads it.
    pub(crate) fn resolve(&self, names: &Names<'_>) -> Result<Value, Unresolved> {
        let mut query = Map::new();
        for (key, value) in self.node.entries().unwrap_or_default() {
            if key.name != "on" {
                query.insert(key.name.clone(), resolve(value, names, Braces::Strict)?);
            }
        }
        Ok(Value::Object(query))
    }

    /// Every dotted name in its templates.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect(&self.node, &mut names);
        names
    }

    /// The place of an option's value, or of the query.
    pub(crate) fn place_of(&self, option: &str) -> Place {
        self.node
            .entries()
            .and_then(|entries| entries.iter().find(|(key, _)| key.name == option))
            .map_or(self.node.place, |(key, _)| key.place)
    }

    /// What is wrong with its form, whatever the profile.
    pub(crate) fn problems(&self, file: &str) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        if let Err((place, message, help)) = self.kind() {
            problems.push(Diagnostic::new(file, place, message).help(help));
        }
        if let Err((place, message)) = self.role() {
            problems.push(Diagnostic::new(file, place, message));
        }
        problems
    }

    /// Options that its kind does not have. Asks for a JSON Schema, so it is
    /// for `lint`; a plan refuses such a query with less advice.
    pub(crate) fn unknown_options(&self, kind: &Kind) -> Vec<(Place, String, Option<String>)> {
        let schema = kind.query_schema();
        let known: Vec<&str> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|map| map.keys())
            .map(String::as_str)
            .collect();
        self.node
            .entries()
            .unwrap_or_default()
            .iter()
            .filter(|(key, _)| key.name != "on" && !known.contains(&key.name.as_str()))
            .map(|(key, _)| {
                let message = format!("a query of `{}` has no option `{}`", kind.name, key.name);
                let help = did_you_mean(&key.name, known.iter().copied())
                    .or_else(|| Some(format!("known here: on, {}", known.join(", "))));
                (key.place, message, help)
            })
            .collect()
    }
}

fn collect<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    match &node.kind {
        NodeKind::Text(text) => names.extend(names_in(text)),
        NodeKind::List(items) => items.iter().for_each(|item| collect(item, names)),
        NodeKind::Map(entries) => entries.iter().for_each(|(_, value)| collect(value, names)),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {}
    }
}

/// A node as JSON, templates resolved. A list inside a list that stands there
/// as a template of its own is laid flat: `[VAULT_ADDR, "{profile.more_keys}"]`.
pub(crate) fn resolve(node: &Node, names: &Names<'_>, braces: Braces) -> Result<Value, Unresolved> {
    Ok(match &node.kind {
        NodeKind::Text(text) => names
            .resolve(text, braces)
            .map_err(|error| (node.clone(), error))?,
        NodeKind::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                match (&item.kind, resolve(item, names, braces)?) {
                    (NodeKind::Text(_), Value::Array(more)) => list.extend(more),
                    (_, value) => list.push(value),
                }
            }
            Value::Array(list)
        }
        NodeKind::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key.name.clone(), resolve(value, names, braces)?);
            }
            Value::Object(map)
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {
            node.to_json()
        }
    })
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            node: Node::deserialize(deserializer)?,
        })
    }
}

impl JsonSchema for Query {
    fn schema_name() -> Cow<'static, str> {
        "Query".into()
    }

    /// One form a kind; where a value is not a string, a template may stand for it.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let forms: Vec<Value> = registry::kinds()
            .iter()
            .map(|kind| {
                let schema = kind.query_schema();
                let mut properties = Map::new();
                let options = schema.get("properties").and_then(Value::as_object);
                for (name, option) in options.into_iter().flatten() {
                    let option = match option.get("type").and_then(Value::as_str) {
                        Some("string") => option.clone(),
                        _ => {
                            let template = json!({ "type": "string", "pattern": "^\\{[A-Za-z0-9_.]+\\}$" });
                            let mut either = json!({ "anyOf": [option, template] });
                            if let Some(description) = option.get("description") {
                                either["description"] = description.clone();
                            }
                            either
                        }
                    };
                    properties.insert(name.clone(), option);
                }
                properties.insert(
                    "on".to_owned(),
                    json!({ "type": "string", "description": "The role of another node, where the fact is taken instead." }),
                );
                json!({
                    "title": kind.name,
                    "description": kind.about,
                    "type": "object",
                    "properties": properties,
                    "required": [kind.name],
                    "additionalProperties": false,
                })
            })
            .collect();
        schemars::json_schema!({ "oneOf": forms })
    }
}
