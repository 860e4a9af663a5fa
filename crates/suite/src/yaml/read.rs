//! Reading a node into a type, with the place of the first mistake.

use std::fmt;

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::located::{LOCATED, ONE_OR_MANY};
use super::node::{Key, Node, NodeKind};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};

/// Reads a node into a type.
pub(crate) fn read<'de, T: Deserialize<'de>>(file: &str, node: &'de Node) -> Result<T, Diagnostic> {
    T::deserialize(Reader(node)).map_err(|error| {
        let place = error.place.unwrap_or(node.place);
        Diagnostic::new(file, place, error.message).help(error.help)
    })
}

/// A mapping whose fields are read one by one, so that one bad field does not hide the others.
pub(crate) struct Fields<'a> {
    file: &'a str,
    node: &'a Node,
}

impl<'a> Fields<'a> {
    /// The mapping at a node; unknown fields are reported.
    pub(crate) fn of(
        file: &'a str,
        node: &'a Node,
        known: &[&str],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let Some(entries) = node.entries() else {
            let message = format!("expected a mapping, found {}", node.what());
            diagnostics.push(Diagnostic::new(file, node.place, message));
            return None;
        };
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                let help = did_you_mean(&key.name, known.iter().copied())
                    .or_else(|| Some(format!("known here: {}", known.join(", "))));
                diagnostics.push(
                    Diagnostic::new(file, key.place, format!("unknown field `{}`", key.name))
                        .help(help),
                );
            }
        }
        Some(Self { file, node })
    }

    /// A field that must be there.
    pub(crate) fn required<T: Deserialize<'a>>(
        &self,
        name: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        if self.node.get(name).is_none() {
            let message = format!("the field `{name}` is missing");
            diagnostics.push(Diagnostic::new(self.file, self.node.place, message));
        }
        self.optional(name, diagnostics)
    }

    /// A field that may be left out; `null` is the same as leaving it out.
    pub(crate) fn optional<T: Deserialize<'a>>(
        &self,
        name: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        match read::<Option<T>>(self.file, self.node.get(name)?) {
            Ok(value) => value,
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// The items of a list, each read on its own.
    pub(crate) fn each<T: Deserialize<'a>>(
        &self,
        name: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<(Place, T)> {
        let Some(node) = self.node.get(name) else {
            return Vec::new();
        };
        let NodeKind::List(items) = &node.kind else {
            if node.kind != NodeKind::Null {
                let message = format!("expected a list, found {}", node.what());
                diagnostics.push(Diagnostic::new(self.file, node.place, message));
            }
            return Vec::new();
        };
        let mut read_items = Vec::with_capacity(items.len());
        for item in items {
            match read(self.file, item) {
                Ok(value) => read_items.push((item.place, value)),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        read_items
    }
}

/// What serde has to say, with a place as soon as one is known.
#[derive(Debug)]
struct ReadError {
    place: Option<Place>,
    message: String,
    help: Option<String>,
}

impl ReadError {
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            place: None,
            message: message.to_string(),
            help: None,
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let mut error = Self::custom(format_args!("expected {expected}, found {found}"));
        let is_number = matches!(
            found,
            Unexpected::Bool(_)
                | Unexpected::Signed(_)
                | Unexpected::Unsigned(_)
                | Unexpected::Float(_)
        );
        if is_number && expected.to_string().contains("string") {
            error.help = Some("put it in quotes".to_owned());
        }
        error
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Self::custom(format_args!("unknown field `{field}`"));
        error.help = did_you_mean(field, expected.iter().copied())
            .or_else(|| Some(format!("known here: {}", expected.join(", "))));
        error
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Self::custom(format_args!(
            "`{variant}` is none of {}",
            expected.join(", ")
        ));
        error.help = did_you_mean(variant, expected.iter().copied());
        error
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the field `{field}` is missing"))
    }
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Node);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.0.kind {
            NodeKind::Null => visitor.visit_unit(),
            NodeKind::Bool(value) => visitor.visit_bool(*value),
            NodeKind::Int(value) => visitor.visit_i64(*value),
            NodeKind::Float(value) => visitor.visit_f64(*value),
            NodeKind::Text(value) => visitor.visit_borrowed_str(value),
            NodeKind::List(items) => visitor.visit_seq(Items(items.iter())),
            NodeKind::Map(entries) => visitor.visit_map(Pairs {
                left: entries.iter(),
                value: None,
            }),
        };
        result.map_err(|error| error.at(self.0.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0.kind {
            NodeKind::Null => visitor.visit_none(),
            NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match name {
            LOCATED => visitor.visit_seq(Placed::new(self.0.place, self)),
            ONE_OR_MANY => match &self.0.kind {
                NodeKind::List(items) => visitor.visit_seq(Items(items.iter())),
                NodeKind::Null
                | NodeKind::Bool(_)
                | NodeKind::Int(_)
                | NodeKind::Float(_)
                | NodeKind::Text(_)
                | NodeKind::Map(_) => visitor.visit_seq(Items(std::slice::from_ref(self.0).iter())),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match &self.0.kind {
            NodeKind::Text(value) => {
                StrDeserializer::<ReadError>::new(value).deserialize_enum(name, variants, visitor)
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::List(_)
            | NodeKind::Map(_) => Err(ReadError::custom(format_args!(
                "expected one of {}, found {}",
                variants.join(", "),
                self.0.what()
            ))),
        };
        result.map_err(|error| error.at(self.0.place))
    }

    /// Serde would also take a list, and its items for the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0.kind {
            NodeKind::Map(_) => self.deserialize_any(visitor),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_)
            | NodeKind::List(_) => {
                let message = format!("expected a mapping, found {}", self.0.what());
                Err(ReadError::custom(message).at(self.0.place))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader(node))
            .map(Some)
            .map_err(|error| error.at(node.place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Pairs<'de> {
    left: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some((key, value)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(KeyReader(key))
            .map(Some)
            .map_err(|error| error.at(key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(node) = self.value.take() else {
            return Err(ReadError::custom("a value without a key"));
        };
        seed.deserialize(Reader(node))
            .map_err(|error| error.at(node.place))
    }
}

#[derive(Clone, Copy)]
struct KeyReader<'de>(&'de Key);

impl<'de> Deserializer<'de> for KeyReader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_borrowed_str(&self.0.name)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == LOCATED {
            visitor.visit_seq(Placed::new(self.0.place, self))
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A place and then the value at it, for [`super::Located`].
struct Placed<D> {
    numbers: std::array::IntoIter<u32, 3>,
    value: Option<D>,
}

impl<D> Placed<D> {
    fn new(place: Place, value: D) -> Self {
        Self {
            numbers: [place.line, place.column, place.byte].into_iter(),
            value: Some(value),
        }
    }
}

impl<'de, D: Deserializer<'de, Error = ReadError>> SeqAccess<'de> for Placed<D> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        if let Some(number) = self.numbers.next() {
            let number: U32Deserializer<ReadError> = number.into_deserializer();
            seed.deserialize(number).map(Some)
        } else if let Some(value) = self.value.take() {
            seed.deserialize(value).map(Some)
        } else {
            Ok(None)
        }
    }
}
