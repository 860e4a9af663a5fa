//! os-release(5): assignments in a small subset of shell syntax.

use std::collections::BTreeMap;

/// The variables of the file; of several assignments the last one counts, as
/// in a shell. Lines that are no assignment are passed over.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let valid = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if valid && let Some(value) = unquote(value) {
            variables.insert(name.to_owned(), value);
        }
    }
    variables
}

/// A value without its quotes; `None` when they do not match.
fn unquote(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    match value.chars().next() {
        Some('\'') => {
            chars.next();
            let inner = chars.as_str().strip_suffix('\'')?;
            (!inner.contains('\'')).then(|| inner.to_owned())
        }
        Some('"') => {
            chars.next();
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => match chars.next()? {
                        c @ ('"' | '\\' | '$' | '`') => out.push(c),
                        c => out.extend(['\\', c]),
                    },
                    c => out.push(c),
                }
            }
            chars.as_str().is_empty().then_some(out)
        }
        Some(_) | None => {
            while let Some(c) = chars.next() {
                match c {
                    '\\' => out.push(chars.next()?),
                    '"' | '\'' => return None,
                    c if c.is_whitespace() => return None,
                    c => out.push(c),
                }
            }
            Some(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::bare("A=debian", Some("debian"))]
    #[case::double(
        "A=\"Debian GNU/Linux 12 (bookworm)\"",
        Some("Debian GNU/Linux 12 (bookworm)")
    )]
    #[case::single("A='12'", Some("12"))]
    #[case::escapes(r#"A="a \"b\" \$c \\ \` \n""#, Some(r#"a "b" $c \ ` \n"#))]
    #[case::empty("A=", Some(""))]
    #[case::empty_quoted("A=\"\"", Some(""))]
    #[case::last_wins("A=1\nA=2", Some("2"))]
    #[case::comment("#A=1", None)]
    #[case::indented("  A=1  ", Some("1"))]
    #[case::open_quote("A=\"1", None)]
    #[case::after_quote("A=\"1\"x", None)]
    #[case::command("A=1 rm", None)]
    #[case::not_a_name("A-B=1", None)]
    #[case::no_assignment("A", None)]
    fn values_are_unquoted_as_a_shell_would(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse(text).get("A").map(String::as_str), expected);
    }

    proptest! {
        #[test]
        fn a_quoted_value_comes_back(value in "[^\n\r\u{85}\u{2028}\u{2029}\u{b}\u{c}]{0,40}") {
            let mut quoted = String::new();
            for c in value.chars() {
                if "\"\\$`".contains(c) {
                    quoted.push('\\');
                }
                quoted.push(c);
            }
            let parsed = parse(&format!("A=\"{quoted}\"\n"));
            prop_assert_eq!(parsed.get("A"), Some(&value));
        }

        #[test]
        fn garbage_never_panics(text in "[A=\"'\\\\ \n#x]*") {
            let _ = parse(&text);
        }
    }
}
