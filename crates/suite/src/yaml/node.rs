//! A tree of YAML nodes with their places.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned};

use super::located::Located;
use crate::diagnostic::{Diagnostic, Place};

/// No file that is read here may be larger, in bytes.
pub(crate) const MAX_FILE: usize = 1 << 20;
/// No collection may stand deeper than this.
const MAX_DEPTH: usize = 24;

/// A YAML node and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number; always finite.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; its keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its text.
    pub name: String,
    /// Where it begins.
    pub place: Place,
}

impl Node {
    /// Parses a file of one document.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        if text.len() > MAX_FILE {
            return Err(Diagnostic::new(
                file,
                Place::START,
                format!("the file is larger than {MAX_FILE} bytes"),
            ));
        }
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_depth: MAX_DEPTH,
                flow_nesting_limit: MAX_DEPTH,
                max_documents: 1,
                max_aliases: 0,
                max_anchors: 0,
            },
            duplicate_keys: DuplicateKeyPolicy::Error,
            merge_keys: MergeKeyPolicy::Error,
            strict_booleans: true,
            reject_unsupported_tags: true,
            with_snippet: false,
        };
        let raw: Raw = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(Place::START, place);
            Diagnostic::new(file, place, said(&error))
        })?;
        raw.0
            .refuse_odd_numbers(text)
            .map_err(|place| {
                let message = "a number written like this means different things to different readers: write it plainly, or put it in quotes";
                Diagnostic::new(file, place, message)
            })?;
        Ok(raw.0)
    }

    /// Finds numbers that another reader of YAML reads differently: `0644`
    /// (420 in YAML 1.1), `1_000`, `0x1F`, or digits that only fit a float.
    fn refuse_odd_numbers(&self, text: &str) -> Result<(), Place> {
        let written = || {
            let raw = text.get(self.place.byte as usize..).unwrap_or_default();
            let end = raw.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':'));
            let word = raw.get(..end.unwrap_or(raw.len())).unwrap_or_default();
            word.strip_prefix('-').unwrap_or(word)
        };
        let plain = |word: &str| {
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            digits == 1 || (digits > 1 && !word.starts_with('0'))
        };
        match &self.kind {
            NodeKind::Int(_) => {
                let word = written();
                let fine = plain(word) && word.bytes().all(|b| b.is_ascii_digit());
                if fine { Ok(()) } else { Err(self.place) }
            }
            NodeKind::Float(_) => {
                let word = written();
                let fine = plain(word) && word.contains(['.', 'e', 'E']) && !word.contains('_');
                if fine { Ok(()) } else { Err(self.place) }
            }
            NodeKind::List(items) => items
                .iter()
                .try_for_each(|item| item.refuse_odd_numbers(text)),
            NodeKind::Map(entries) => entries
                .iter()
                .try_for_each(|(_, value)| value.refuse_odd_numbers(text)),
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Text(_) => Ok(()),
        }
    }

    /// The same as JSON, without places.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Int(value) => Value::from(*value),
            NodeKind::Float(value) => Value::from(*value),
            NodeKind::Text(value) => Value::String(value.clone()),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.name.clone(), value.to_json()))
                .collect(),
        }
    }

    /// What it is, in words.
    pub(crate) fn what(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::Int(_) | NodeKind::Float(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }

    /// Its entries, when it is a mapping.
    pub(crate) fn entries(&self) -> Option<&[(Key, Self)]> {
        match &self.kind {
            NodeKind::Map(entries) => Some(entries),
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_)
            | NodeKind::List(_) => None,
        }
    }

    /// The value of a key, when it is a mapping that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, value)| value)
    }
}

/// The parser's message on one line, without the place it repeats and without
/// advice to programmers.
fn said(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let cut = |text: &str, at: &str| text.rfind(at).unwrap_or(text.len());
    let text = text.get(..cut(text, " at line ")).unwrap_or(text);
    let text = text.get(..cut(text, ", set Dup")).unwrap_or(text);
    for (begins, means) in [
        ("budget breached: Anchors", "anchors are not allowed here"),
        ("budget breached: Alias", "aliases are not allowed here"),
        (
            "budget breached: Documents",
            "a file holds one document only",
        ),
        ("budget breached: Depth", "this is nested too deeply"),
        ("recursion limit", "this is nested too deeply"),
        ("YAML merge keys", "merge keys (`<<`) are not allowed here"),
        (
            "cannot deserialize null into string",
            "a key cannot be null",
        ),
        ("expected string scalar", "a key must be a text"),
        ("non-finite float", "the number is not finite"),
    ] {
        if text.starts_with(begins) {
            return means.to_owned();
        }
    }
    text.trim_end_matches([':', ' ']).to_owned()
}

fn place(location: Location) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        line: number(location.line().max(1)),
        column: number(location.column().max(1)),
        byte: number(location.span().byte_offset().unwrap_or(0)),
    }
}

/// A node as the parser gives it.
struct Raw(Node);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind<Self, RawKey>>::deserialize(deserializer)?;
        Ok(Self(Node {
            place: place(spanned.referenced),
            kind: spanned.value.kind,
        }))
    }
}

impl From<Raw> for Node {
    fn from(raw: Raw) -> Self {
        raw.0
    }
}

/// A key as the parser gives it.
struct RawKey(Key);

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self(Key {
            place: place(spanned.referenced),
            name: spanned.value,
        }))
    }
}

impl From<RawKey> for Key {
    fn from(raw: RawKey) -> Self {
        raw.0
    }
}

/// Reading a node out of a tree of nodes copies it.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let located = Located::<Kind<Self, Key>>::deserialize(deserializer)?;
        Ok(Self {
            place: located.place,
            kind: located.value.kind,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let located = Located::<String>::deserialize(deserializer)?;
        Ok(Self {
            place: located.place,
            name: located.value,
        })
    }
}

/// The kind of a node whose children are read as `N` and whose keys as `K`.
struct Kind<N, K> {
    kind: NodeKind,
    children: PhantomData<(N, K)>,
}

impl<'de, N, K> Deserialize<'de> for Kind<N, K>
where
    N: Deserialize<'de> + Into<Node>,
    K: Deserialize<'de> + Into<Key>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            kind: deserializer.deserialize_any(KindVisitor::<N, K>(PhantomData))?,
            children: PhantomData,
        })
    }
}

struct KindVisitor<N, K>(PhantomData<(N, K)>);

impl<'de, N, K> Visitor<'de> for KindVisitor<N, K>
where
    N: Deserialize<'de> + Into<Node>,
    K: Deserialize<'de> + Into<Key>,
{
    type Value = NodeKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Null)
    }

    fn visit_none<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeKind, E> {
        Ok(NodeKind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeKind, E> {
        Ok(NodeKind::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<NodeKind, E> {
        i64::try_from(value)
            .map(NodeKind::Int)
            .map_err(|_| E::custom("the number is too large"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<NodeKind, E> {
        if value.is_finite() {
            Ok(NodeKind::Float(value))
        } else {
            Err(E::custom("the number is not finite"))
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<NodeKind, E> {
        Ok(NodeKind::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<NodeKind, E> {
        Ok(NodeKind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NodeKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<N>()? {
            items.push(item.into());
        }
        Ok(NodeKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeKind, A::Error> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        while let Some(key) = map.next_key::<K>()? {
            entries.push((key.into(), map.next_value::<N>()?.into()));
        }
        Ok(NodeKind::Map(entries))
    }
}
