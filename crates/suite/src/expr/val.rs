//! The values that expressions work on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use runproof_model::observed::{ABSENT_KEY, UNKNOWN_KEY};
use runproof_model::{Reason, ReasonKind, text};
use serde_json::Value;

/// A recording nested deeper than this is not believed.
const MAX_DEPTH: usize = 48;
/// A value is shown in at most so many characters.
pub(super) const SHOWN: usize = 200;

/// A value. Clones are cheap: whatever can be large is shared.
#[derive(Clone, Debug)]
pub enum Val {
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number, always finite.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// A list.
    List(Arc<[Val]>),
    /// A fact, or a map with text keys. A key that is absent counts as not there.
    Map(Arc<BTreeMap<Arc<str>, Val>>),
    /// Proved not to be there.
    Absent,
    /// Could not be seen.
    Unknown(Arc<Reason>),
}

impl From<f64> for Val {
    /// A number that is infinite or none at all is unknown.
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Float(number)
        } else {
            Self::unknown(ReasonKind::Garbled, "not a finite number")
        }
    }
}

impl From<i64> for Val {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Val {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<Vec<Val>> for Val {
    fn from(items: Vec<Val>) -> Self {
        Self::List(items.into())
    }
}

impl Val {
    /// An unknown with its reason.
    pub fn unknown(kind: ReasonKind, detail: impl AsRef<str>) -> Self {
        Self::Unknown(Arc::new(Reason::new(kind, detail)))
    }

    /// A map.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Val)>) -> Self {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self::Map(Arc::new(entries))
    }

    /// Decodes the recorded form of [`runproof_model::Observed`]: `{"$absent": true}`,
    /// `{"$unknown": {…}}` and plain values, at any depth. What cannot be
    /// understood, or is nested too deeply, is unknown, never absent.
    pub fn from_recorded(json: &Value) -> Self {
        decode(json, MAX_DEPTH)
    }

    pub(super) fn as_map(&self) -> Option<&BTreeMap<Arc<str>, Val>> {
        if let Self::Map(map) = self {
            Some(map)
        } else {
            None
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Val]> {
        if let Self::List(list) = self {
            Some(list)
        } else {
            None
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// What sort of value it is, in a message.
    pub(super) fn sort(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Str(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Absent => "absent",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The value in one printable line of at most 200 characters, strings in
    /// quotes: what [`super::Outcome::found`] and `expected` hold.
    pub fn show(&self) -> String {
        let mut raw = String::new();
        self.write(&mut raw, 0);
        line(raw, SHOWN)
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Float(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Str(text) => {
                out.push('"');
                for c in text.chars().take(SHOWN + 1) {
                    if c == '"' || c == '\\' {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    if full(out, depth) {
                        break;
                    }
                    item.write(out, depth + 1);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                // What nobody asked for says nothing about what was found.
                let asked = map.iter().filter(
                    |(_, value)| !matches!(value, Self::Unknown(r) if r.kind == ReasonKind::NotAsked),
                );
                for (index, (key, value)) in asked.enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    if full(out, depth) {
                        break;
                    }
                    out.extend(key.chars().take(SHOWN));
                    out.push_str(": ");
                    value.write(out, depth + 1);
                }
                out.push('}');
            }
            Self::Absent => out.push_str("absent"),
            Self::Unknown(reason) => {
                let _ = write!(out, "unknown ({reason})");
            }
        }
    }
}

/// [`text::one_line`], at once where there is nothing to do.
pub(super) fn line(raw: String, max: usize) -> String {
    let plain = raw.len() <= max
        && raw.bytes().all(|b| (0x20..0x7f).contains(&b))
        && !raw.starts_with(' ')
        && !raw.ends_with(' ');
    if plain {
        raw
    } else {
        text::one_line(&raw, max)
    }
}

/// Whether enough is written to be cut, or the rest is too deep to be read.
fn full(out: &mut String, depth: usize) -> bool {
    let full = out.len() > 4 * SHOWN || depth >= 6;
    if full {
        out.push('…');
    }
    full
}

fn decode(json: &Value, depth: usize) -> Val {
    match json {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.is_u64(), number.as_f64()) {
            (Some(whole), _, _) => Val::Int(whole),
            // A float would blur the last digits, and two different numbers might compare equal.
            (None, true, _) => Val::unknown(ReasonKind::Unsupported, "number beyond 2^63"),
            (None, false, Some(number)) => Val::from(number),
            (None, false, None) => Val::unknown(ReasonKind::Garbled, "number"),
        },
        Value::String(text) => Val::Str(text.as_str().into()),
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            Val::unknown(ReasonKind::CapReached, "nested too deeply")
        }
        Value::Array(items) => Val::List(items.iter().map(|v| decode(v, depth - 1)).collect()),
        Value::Object(map) => {
            if map.len() == 1 {
                if let Some(mark) = map.get(ABSENT_KEY) {
                    return match mark {
                        Value::Bool(true) => Val::Absent,
                        Value::Null
                        | Value::Bool(false)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Array(_)
                        | Value::Object(_) => Val::unknown(ReasonKind::Garbled, ABSENT_KEY),
                    };
                }
                if let Some(reason) = map.get(UNKNOWN_KEY) {
                    return match serde_json::from_value::<Reason>(reason.clone()) {
                        // A bundle may come from anywhere: its text is cleaned again.
                        Ok(reason) => Val::unknown(reason.kind, reason.detail),
                        Err(_) => Val::unknown(ReasonKind::Garbled, UNKNOWN_KEY),
                    };
                }
            }
            Val::map(map.iter().map(|(key, value)| {
                // The maps of facts store a key that begins with `$` with a second one.
                let key = key.strip_prefix("$$").map_or_else(
                    || Arc::from(key.as_str()),
                    |rest| Arc::from(format!("${rest}")),
                );
                (key, decode(value, depth - 1))
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::absent(json!({"$absent": true}), "absent")]
    #[case::forged_absent(json!({"$absent": 1}), "unknown (answer makes no sense: $absent)")]
    #[case::two_keys_are_a_map(json!({"$absent": true, "a": 1}), "{$absent: true, a: 1}")]
    #[case::unknown(json!({"$unknown": {"kind": "timeout", "detail": "5 s"}}), "unknown (timed out: 5 s)")]
    #[case::garbled_unknown(json!({"$unknown": 7}), "unknown (answer makes no sense: $unknown)")]
    #[case::escaped_key(json!({"$$absent": true}), "{$absent: true}")]
    #[case::big(json!(u64::MAX), "unknown (in a form that cannot be read: number beyond 2^63)")]
    #[case::nested(json!({"a": [1, 2.5, "x\"\n", null]}), r#"{a: [1, 2.5, "x\"\n", null]}"#)]
    fn recordings_are_decoded_and_shown(#[case] json: Value, #[case] shown: &str) {
        assert_eq!(Val::from_recorded(&json).show(), shown);
    }

    #[test]
    fn a_recording_that_is_too_deep_is_unknown_inside() {
        let mut json = json!(1);
        for _ in 0..100 {
            json = json!([json]);
        }
        let mut val = Val::from_recorded(&json);
        while let Val::List(items) = val {
            val = items[0].clone();
        }
        assert!(matches!(val, Val::Unknown(_)));
    }

    #[test]
    fn a_huge_value_is_shown_short() {
        let long = Val::from(vec![Val::from("x".repeat(10_000).as_str()); 1000]);
        assert!(long.show().chars().count() <= SHOWN + 1);
    }
}
