//! One text for equal values, for digests and comparisons.

use serde_json::{Map, Value};

/// A value as JSON with the keys of its objects sorted, however `serde_json` was built.
///
/// The depth is bounded by who reads: `serde_json` takes no more than 128 levels.
pub fn text(value: &Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries.into_iter();
            let entries = entries.map(|(key, inner)| (key.clone(), sorted(inner)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let a: Value = serde_json::from_str(r#"{"a":{"x":1,"y":[2]},"b":"c"}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"b":"c","a":{"y":[2],"x":1}}"#).unwrap();
        assert_eq!(text(&a), r#"{"a":{"x":1,"y":[2]},"b":"c"}"#);
        assert_eq!(text(&a), text(&b));
        assert_ne!(text(&json!(["a", "b"])), text(&json!(["a,b"])));
    }
}
