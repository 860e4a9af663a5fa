use super::*;
use crate::diagnostic::Place;
use proptest::prelude::*;
use rstest::rstest;

#[rstest]
#[case(
    "a: 0644\n",
    "1:4: error: a number written like this means different things to different readers: write it plainly, or put it in quotes"
)]
#[case(
    "a: 0x1F\n",
    "1:4: error: a number written like this means different things to different readers: write it plainly, or put it in quotes"
)]
#[case(
    "a: 1_000\n",
    "1:4: error: a number written like this means different things to different readers: write it plainly, or put it in quotes"
)]
#[case(
    "a: 12345678901234567890123\n",
    "1:4: error: a number written like this means different things to different readers: write it plainly, or put it in quotes"
)]
#[case("a: 1\na: 2\n", "2:1: error: duplicate mapping key: a")]
#[case("a: &x 1\nb: *x\n", "1:7: error: anchors are not allowed here")]
#[case("a: !foo 1\n", "1:9: error: unsupported tag `!foo`")]
#[case("<<: {a: b}\n", "1:1: error: merge keys (`<<`) are not allowed here")]
#[case("---\na: 1\n---\nb: 2\n", "3:1: error: a file holds one document only")]
#[case("a: .nan\n", "1:4: error: the number is not finite")]
#[case("? [a]\n: b\n", "1:3: error: a key must be a text")]
#[case("a: [1\n", "1:4: error: unclosed bracket '['")]
fn what_yaml_allows_and_we_do_not_is_refused_with_its_place(
    #[case] text: &str,
    #[case] said: &str,
) {
    let error = Node::parse("f", text).unwrap_err().to_string();
    assert_eq!(error, format!("f:{said}"));
}

#[rstest]
#[case("yes", NodeKind::Text("yes".into()))]
#[case("true", NodeKind::Bool(true))]
#[case("-5", NodeKind::Int(-5))]
#[case("0", NodeKind::Int(0))]
#[case("2.50", NodeKind::Float(2.5))]
#[case("'0644'", NodeKind::Text("0644".into()))]
#[case("~", NodeKind::Null)]
#[case("", NodeKind::Null)]
#[case("1.2.3", NodeKind::Text("1.2.3".into()))]
#[case("10:30", NodeKind::Text("10:30".into()))]
fn a_scalar_is_what_yaml_1_2_says(#[case] scalar: &str, #[case] kind: NodeKind) {
    let node = Node::parse("f", &format!("a: {scalar}\n")).unwrap();
    assert_eq!(node.get("a").unwrap().kind, kind);
}

/// The place of the `@` in the file is the place of the `@` in the text.
#[rstest]
#[case("a: f.exists @ b\n")]
#[case("a: 'it''s @'\n")]
#[case("a: \"q\\\"\\té @\"\n")]
#[case("a: |\n  one\n    two\n  three @\n")]
#[case("a: >-\n  one\n  two @ three\n")]
#[case("a:\n  - one\n    two\n    three @\n")]
#[case("a: |\n  \"q\" ==\n  @\n")]
#[case("é: é @\n")]
#[case("a: @x\n".replace('@', "b @").leak())]
fn a_byte_of_a_text_is_found_in_the_file(#[case] file: &str) {
    let node = Node::parse("f", file).unwrap();
    let (_, mut at) = node.entries().unwrap()[0].clone();
    if let NodeKind::List(items) = &at.kind {
        at = items[0].clone();
    }
    let NodeKind::Text(value) = &at.kind else {
        panic!("{at:?}")
    };
    let found = inside(file, at.place, value, value.find('@').unwrap());
    let byte = file.find('@').unwrap();
    let line = file[..byte].matches('\n').count() as u32 + 1;
    let column = file[..byte].rsplit('\n').next().unwrap().chars().count() as u32 + 1;
    assert_eq!(
        found,
        Place {
            line,
            column,
            byte: byte as u32
        }
    );
}

proptest! {
    #[test]
    fn parsing_and_placing_never_panic(text in "[a-c:\\-\\[\\]{}'\"|> \n#&*!?,é\\\\]{0,60}", offset in 0usize..80) {
        if let Ok(node) = Node::parse("f", &text) {
            inside(&text, node.place, "ab c\nd", offset);
            let mut open = vec![&node];
            while let Some(next) = open.pop() {
                match &next.kind {
                    NodeKind::Text(value) => { inside(&text, next.place, value, offset.min(value.len())); }
                    NodeKind::List(items) => open.extend(items),
                    NodeKind::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
                    NodeKind::Null | NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {}
                }
            }
        }
    }

    #[test]
    fn json_survives_as_yaml(text in "\\PC{0,20}", number in any::<i32>()) {
        let json = serde_json::json!({"a": [text, number, null, true, {"b": text}]});
        if let Ok(node) = Node::parse("f", &json.to_string()) {
            prop_assert_eq!(node.to_json(), json);
        }
    }
}
