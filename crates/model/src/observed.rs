//! What an observation can say: a value, a proven absence, or nothing at all.
//!
//! The three must never blur. A missing tool read as "not installed" is how a
//! checker of this field once passed `installed: false`; so absence is a claim
//! a probe has to prove, and everything short of that is [`Observed::Unknown`].

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// The key that marks a proven absence in the recorded form.
pub const ABSENT_KEY: &str = "$absent";
/// The key that marks an unknown in the recorded form.
pub const UNKNOWN_KEY: &str = "$unknown";

/// What a fact, and each field of it, carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed<T> {
    /// The probe looked and this is what it saw.
    Known(T),
    /// The probe could look, and it is not there.
    Absent,
    /// The probe could not look.
    Unknown(Reason),
}

impl<T> Observed<T> {
    /// An unknown with its reason.
    pub fn unknown(kind: ReasonKind, detail: impl AsRef<str>) -> Self {
        Self::Unknown(Reason::new(kind, detail))
    }

    /// The value, when there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Borrowed.
    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Self::Known(value) => Observed::Known(value),
            Self::Absent => Observed::Absent,
            Self::Unknown(reason) => Observed::Unknown(reason.clone()),
        }
    }

    /// Changes the value; absence and ignorance pass through.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Known(value) => Observed::Known(change(value)),
            Self::Absent => Observed::Absent,
            Self::Unknown(reason) => Observed::Unknown(reason),
        }
    }

    /// Goes on from the value; absence and ignorance pass through.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Observed<U>) -> Observed<U> {
        match self {
            Self::Known(value) => next(value),
            Self::Absent => Observed::Absent,
            Self::Unknown(reason) => Observed::Unknown(reason),
        }
    }

    /// Whether the thing is there: true, false, or unknown for the same reason.
    pub fn exists(&self) -> Observed<bool> {
        match self {
            Self::Known(_) => Observed::Known(true),
            Self::Absent => Observed::Known(false),
            Self::Unknown(reason) => Observed::Unknown(reason.clone()),
        }
    }
}

impl<T> From<Option<T>> for Observed<T> {
    /// `None` means proven absent; use it only where the probe could look.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }
}

impl<T> From<Result<T, Reason>> for Observed<T> {
    fn from(value: Result<T, Reason>) -> Self {
        match value {
            Ok(value) => Self::Known(value),
            Err(reason) => Self::Unknown(reason),
        }
    }
}

impl<T: Serialize> Serialize for Observed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Absent => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(ABSENT_KEY, &true)?;
                map.end()
            }
            Self::Unknown(reason) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(UNKNOWN_KEY, reason)?;
                map.end()
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Observed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if let serde_json::Value::Object(map) = &value
            && map.len() == 1
        {
            if map.contains_key(ABSENT_KEY) {
                return Ok(Self::Absent);
            }
            if let Some(reason) = map.get(UNKNOWN_KEY) {
                return serde_json::from_value(reason.clone())
                    .map(Self::Unknown)
                    .map_err(D::Error::custom);
            }
        }
        serde_json::from_value(value)
            .map(Self::Known)
            .map_err(D::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Observed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Observed_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.insert("x-observed".into(), true.into());
        schema
    }
}

/// Why something could not be seen. One line, printable, bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The class of the reason.
    pub kind: ReasonKind,
    /// What the probe met, cleaned of control characters and cut to 300 characters.
    pub detail: String,
}

impl Reason {
    /// A reason; `detail` may come from a hostile node.
    pub fn new(kind: ReasonKind, detail: impl AsRef<str>) -> Self {
        Self {
            kind,
            detail: text::one_line(detail.as_ref(), 300),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_str();
        if self.detail.is_empty() {
            f.write_str(kind)
        } else {
            write!(f, "{kind}: {}", self.detail)
        }
    }
}

/// The classes of ignorance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// The account that looked lacks the right.
    Permission,
    /// A program that is needed is not on the node.
    MissingTool,
    /// The probe did not answer in its time.
    Timeout,
    /// systemd or D-Bus does not answer.
    DeadBus,
    /// There is more than the cap lets through.
    CapReached,
    /// Something is there but is hidden from this account.
    Hidden,
    /// The node or the engine cannot be reached.
    Unreachable,
    /// The engine knows no such node.
    NoSuchNode,
    /// The node is not running.
    Stopped,
    /// The answer makes no sense.
    Garbled,
    /// The node has this thing in a form that we cannot read.
    Unsupported,
    /// The run was stopped or its deadline passed.
    Interrupted,
    /// The bundle does not hold this fact.
    NotRecorded,
    /// Nobody asked for this field, so nobody looked at it.
    NotAsked,
    /// The site file does not allow this path to be read.
    NotAllowed,
    /// The probe met an error of another sort.
    Failed,
    /// Our own mistake.
    Defect,
}

impl ReasonKind {
    /// The class in words, as a report prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "no permission",
            Self::MissingTool => "tool missing",
            Self::Timeout => "timed out",
            Self::DeadBus => "systemd does not answer",
            Self::CapReached => "too much to read",
            Self::Hidden => "hidden from this account",
            Self::Unreachable => "cannot be reached",
            Self::NoSuchNode => "no such node",
            Self::Stopped => "node is not running",
            Self::Garbled => "answer makes no sense",
            Self::Unsupported => "in a form that cannot be read",
            Self::Interrupted => "interrupted",
            Self::NotRecorded => "not in the recording",
            Self::NotAsked => "not looked at",
            Self::NotAllowed => "not allowed to be read",
            Self::Failed => "probe failed",
            Self::Defect => "defect of runproof",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_values_survive_a_round_trip() {
        for value in [
            Observed::Known("x".to_owned()),
            Observed::Absent,
            Observed::unknown(ReasonKind::Timeout, "5 s"),
        ] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Observed<String>>(&json).unwrap(),
                value
            );
        }
    }

    #[test]
    fn a_reason_never_carries_an_escape_sequence() {
        let reason = Reason::new(ReasonKind::Failed, "a\u{1b}[31mb\nc");
        assert!(!reason.detail.contains('\u{1b}') && !reason.detail.contains('\n'));
    }
}
