//! What a JSON text costs, told before it is parsed.
//!
//! A value in memory takes up to a hundred times the bytes of its text: seven bytes such as
//! `{"":0},` become a map with room for eleven entries. So a cap in bytes alone is none.

/// About how many values a text holds: its commas and opening brackets outside of strings. There is
/// at most one value more; of what is no JSON, it is what stands before the mistake at least.
pub fn values(text: &[u8]) -> usize {
    let (mut count, mut within, mut escaped) = (0, false, false);
    for byte in text {
        if within {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => within = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => within = true,
                b',' | b'[' | b'{' => count += 1,
                _ => {}
            }
        }
    }
    count
}

/// The same, where it is no more than `most`.
///
/// # Errors
/// What was found and the limit, in words, when there are more.
pub fn bounded_values(text: &[u8], most: usize) -> Result<usize, String> {
    let found = values(text);
    if found > most {
        return Err(format!("{found} JSON values, more than {most}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::Value;

    #[rstest]
    #[case("", 0)]
    #[case("1", 0)]
    #[case("[]", 1)]
    #[case("[1,2,3]", 3)]
    #[case(r#"{"a":[{},{}],"b":null}"#, 6)]
    #[case(r#"[",,[{", "\",{\\", "{"]"#, 3)]
    #[case(r#"["\\",1]"#, 2)]
    #[case(r#"[1,2"#, 2)]
    #[case(r#"["[[[["#, 1)]
    fn only_what_stands_outside_of_strings_counts(#[case] text: &str, #[case] count: usize) {
        assert_eq!(values(text.as_bytes()), count);
    }

    #[test]
    fn what_is_too_much_is_said_with_the_limit() {
        assert_eq!(bounded_values(b"[1,2]", 2), Ok(2));
        let more = bounded_values(b"[1,2,3]", 2);
        assert_eq!(more, Err("3 JSON values, more than 2".to_owned()));
    }

    fn counted(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(counted).sum::<usize>(),
            Value::Object(map) => 1 + map.values().map(counted).sum::<usize>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_holds_more_than_one_value_more(value in any_json()) {
            prop_assert!(counted(&value) <= values(value.to_string().as_bytes()) + 1);
        }
    }
}
