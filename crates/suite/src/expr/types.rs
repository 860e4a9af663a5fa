//! The types that the checker knows.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A schema that refers to itself is followed so many times.
const MAX_UNROLL: usize = 4;
/// A schema that is nested deeper, or grows larger, is not followed.
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 20_000;

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Not known.
    Any,
    /// Null only.
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int(Range),
    /// A number.
    Float,
    /// Text.
    String,
    /// A list.
    List(Arc<Type>),
    /// A map whose keys are not known.
    Map(Arc<Type>),
    /// A fact, or a map whose keys are known.
    Object(Arc<ObjectType>),
}

/// Which whole numbers there can be; both ends are within, and what has none is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// None is less.
    pub least: Option<i64>,
    /// None is more.
    pub most: Option<i64>,
}

impl Range {
    /// Whether a number can be.
    pub fn holds(self, number: i64) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.most.is_none_or(|most| number <= most)
    }

    /// The range of what is in either.
    fn join(self, other: Self) -> Self {
        Self {
            least: self.least.zip(other.least).map(|(a, b)| a.min(b)),
            most: self.most.zip(other.most).map(|(a, b)| a.max(b)),
        }
    }

    /// What a schema says; an end that no `i64` can be is none.
    fn of_schema(schema: &Value) -> Self {
        let end = |name: &str| schema.get(name).and_then(Value::as_i64);
        Self {
            least: end("minimum"),
            most: end("maximum"),
        }
    }
}

/// A type with named fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectType {
    /// What it is called in a message.
    pub name: String,
    /// The fields; there are no others.
    pub fields: BTreeMap<String, Type>,
    /// It is a map with known keys: it can be gone through and searched.
    pub map: bool,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("a bool"),
            Self::Int(_) => f.write_str("an int"),
            Self::Float => f.write_str("a float"),
            Self::String => f.write_str("a string"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
            Self::Object(object) if object.map => f.write_str("a map"),
            Self::Object(object) if object.name.is_empty() => f.write_str("an object"),
            Self::Object(object) => write!(f, "an object ({})", object.name),
        }
    }
}

impl Type {
    /// Any whole number.
    pub const INT: Self = Self::Int(Range {
        least: None,
        most: None,
    });

    /// A list of that type.
    pub fn list(of: Self) -> Self {
        Self::List(Arc::new(of))
    }

    /// An object with these fields.
    pub fn object<K: Into<String>>(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = (K, Self)>,
    ) -> Self {
        Self::Object(Arc::new(ObjectType {
            name: name.into(),
            fields: fields.into_iter().map(|(k, v)| (k.into(), v)).collect(),
            map: false,
        }))
    }

    /// The type of a fact: its JSON Schema, with the maps whose keys the query
    /// declares (`x-keys`) closed to exactly those keys.
    pub fn from_schema(schema: &Value, query: &Value) -> Self {
        let mut reader = Reader {
            root: schema,
            query,
            nodes: 0,
            refs: Vec::new(),
        };
        reader.read(schema, 0)
    }

    /// The type of a plain value: a parameter of a profile, an input of a site.
    pub fn of_value(value: &Value) -> Self {
        of_value(value, 0)
    }

    /// A type that both are; [`Type::Any`] when they differ.
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a.clone(),
            (Self::Int(a), Self::Int(b)) => Self::Int(a.join(*b)),
            (Self::Int(_), Self::Float) | (Self::Float, Self::Int(_)) => Self::Float,
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)),
            _ => Self::Any,
        }
    }

    /// Whether `==` between the two can ever be more than a type error.
    pub fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::Int(_) | Self::Float, Self::Int(_) | Self::Float)
            | (Self::Bool, Self::Bool)
            | (Self::String, Self::String)
            | (Self::Map(_) | Self::Object(_), Self::Map(_) | Self::Object(_)) => true,
            (Self::List(a), Self::List(b)) => a.comparable(b),
            _ => false,
        }
    }

    /// Whether it is, or may be, a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Any | Self::Int(_) | Self::Float)
    }
}

fn of_value(value: &Value, depth: usize) -> Type {
    if depth > MAX_DEPTH {
        return Type::Any;
    }
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) if number.is_f64() => Type::Float,
        Value::Number(_) => Type::INT,
        Value::String(_) => Type::String,
        Value::Array(items) => {
            let of = items
                .iter()
                .map(|item| of_value(item, depth + 1))
                .reduce(|a, b| a.join(&b));
            Type::list(of.unwrap_or(Type::Any))
        }
        Value::Object(map) => Type::Object(Arc::new(ObjectType {
            name: String::new(),
            fields: map
                .iter()
                .map(|(key, value)| (key.clone(), of_value(value, depth + 1)))
                .collect(),
            map: true,
        })),
    }
}

struct Reader<'a> {
    root: &'a Value,
    query: &'a Value,
    nodes: usize,
    refs: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Value, depth: usize) -> Type {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Type::Any;
        }
        if let Some(keys) = schema.get("x-keys").and_then(Value::as_str) {
            return self.declared(schema, keys, depth);
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            if self.refs.iter().filter(|r| **r == target).count() >= MAX_UNROLL {
                return Type::Any;
            }
            let pointer = target.strip_prefix('#').unwrap_or("/none");
            let Some(to) = self.root.pointer(pointer) else {
                return Type::Any;
            };
            self.refs.push(target);
            let read = self.read(to, depth + 1);
            self.refs.pop();
            return read;
        }
        for one_of in ["anyOf", "oneOf", "allOf"] {
            if let Some(all) = schema.get(one_of).and_then(Value::as_array) {
                let types: Vec<Type> = all
                    .iter()
                    .map(|schema| self.read(schema, depth + 1))
                    .filter(|read| *read != Type::Null)
                    .collect();
                return types
                    .into_iter()
                    .reduce(|a, b| a.join(&b))
                    .unwrap_or(Type::Any);
            }
        }
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null")
                .collect(),
            None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                Vec::new()
            }
        };
        match names.as_slice() {
            ["boolean"] => Type::Bool,
            ["integer"] => Type::Int(Range::of_schema(schema)),
            ["number"] => Type::Float,
            ["string"] => Type::String,
            ["null"] | [] if schema.get("type").is_some() => Type::Null,
            ["array"] => {
                let items = schema.get("items");
                Type::list(items.map_or(Type::Any, |items| self.read(items, depth + 1)))
            }
            ["object"] => self.object(schema, depth),
            [] => self.by_values(schema),
            _ => Type::Any,
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Type {
        let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
            return match schema.get("additionalProperties") {
                Some(of) if of.is_object() => Type::Map(Arc::new(self.read(of, depth + 1))),
                _ => Type::Map(Arc::new(Type::Any)),
            };
        };
        let name = schema.get("title").and_then(Value::as_str);
        Type::Object(Arc::new(ObjectType {
            name: name.unwrap_or_default().to_owned(),
            fields: fields
                .iter()
                .map(|(name, schema)| (name.clone(), self.read(schema, depth + 1)))
                .collect(),
            map: false,
        }))
    }

    /// A map with exactly the keys that the query declares.
    fn declared(&mut self, schema: &'a Value, keys: &str, depth: usize) -> Type {
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| target.strip_prefix('#'));
        let schema = target
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema);
        let of = match schema.get("additionalProperties") {
            Some(of) if of.is_object() => self.read(of, depth + 1),
            _ => Type::Any,
        };
        let keys = self.query.get(keys).and_then(Value::as_array);
        let fields = keys.into_iter().flatten().filter_map(Value::as_str);
        Type::Object(Arc::new(ObjectType {
            name: String::new(),
            fields: fields.map(|key| (key.to_owned(), of.clone())).collect(),
            map: true,
        }))
    }

    /// `const` and `enum` without a type.
    fn by_values(&self, schema: &Value) -> Type {
        if let Some(value) = schema.get("const") {
            return Type::of_value(value);
        }
        let values = schema.get("enum").and_then(Value::as_array);
        let types = values.into_iter().flatten().map(Type::of_value);
        types.reduce(|a, b| a.join(&b)).unwrap_or(Type::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_of_a_real_fact_is_read() {
        let kind = runproof_facts::registry::kind("file").unwrap();
        let schema = kind.fact_schema();
        let Type::Object(file) = Type::from_schema(schema.as_value(), &json!({"file": "/f"}))
        else {
            panic!("an object");
        };
        assert_eq!(file.fields["exists"], Type::Bool);
        assert_eq!(file.fields["mode"], Type::String);
        assert_eq!(file.fields["mtime"], Type::INT, "before 1970 too");
        let natural = Range {
            least: Some(0),
            most: None,
        };
        assert_eq!(file.fields["size"], Type::Int(natural));
        assert_eq!(file.fields["lines"], Type::list(Type::String));
        assert_eq!(file.fields["digest"], Type::String);
    }

    #[test]
    fn of_two_ranges_the_wider_end_counts_on_each_side() {
        let of = |least, most| Type::Int(Range { least, most });
        let port = of(Some(0), Some(65_535));
        assert_eq!(
            port.join(&of(Some(-1), Some(9))),
            of(Some(-1), Some(65_535))
        );
        assert_eq!(port.join(&of(Some(1), None)), of(Some(0), None));
        assert_eq!(port.join(&Type::INT), Type::INT);
        let within = [-1, 0, 65_535, 65_536].map(|number| {
            let Type::Int(range) = port else { panic!() };
            range.holds(number)
        });
        assert_eq!(within, [false, true, true, false]);
    }

    #[test]
    fn declared_keys_close_a_map() {
        let schema = json!({"type": "object", "properties": {
            "environment": {"type": "object", "additionalProperties": {"type": "string"}, "x-keys": "environment"}}});
        let read = Type::from_schema(&schema, &json!({"environment": ["A", "B"]}));
        let Type::Object(unit) = read else { panic!() };
        let Type::Object(map) = &unit.fields["environment"] else {
            panic!()
        };
        assert!(map.map);
        assert_eq!(map.fields.keys().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$ref": "#/$defs/Block", "$defs": {"Block": {"type": "object", "properties": {
            "name": {"type": "string"},
            "blocks": {"type": "array", "items": {"$ref": "#/$defs/Block"}},
            "more": {"type": "array", "items": {"$ref": "#/$defs/Block"}}}}}});
        let Type::Object(block) = Type::from_schema(&schema, &Value::Null) else {
            panic!()
        };
        assert_eq!(block.fields["name"], Type::String);
    }
}
