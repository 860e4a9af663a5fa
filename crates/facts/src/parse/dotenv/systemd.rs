//! The dialect of systemd's `EnvironmentFile=`, see `systemd.exec(5)`.
//!
//! Nothing stops it: a line without `=` and an invalid name are dropped, and
//! the last assignment of a name wins. Only a file that is no UTF-8 or holds a
//! NUL is refused as a whole.

use super::{Assignment, Malformed, Parsed};
use crate::parse::systemd::{is_variable, utf8};

/// Parses the content of a file.
pub fn parse(content: &[u8]) -> Parsed {
    let refused = |line: usize, why| Parsed {
        assignments: Vec::new(),
        malformed: vec![Malformed {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            why,
        }],
        dropped_from: Some(1),
    };
    let line_of = |at: usize| 1 + content[..at].iter().filter(|&&b| b == b'\n').count();
    if let Some(at) = content.iter().position(|&b| b == 0) {
        return refused(line_of(at), "a NUL: the whole file is refused");
    }
    if let Err(at) = utf8(content) {
        return refused(line_of(at), "not UTF-8: the whole file is refused");
    }
    let (mut parsed, swallowing) = scan(content, false);
    if let Some(line) = swallowing {
        // A comment that ends in a backslash: systemd before 254 takes the next line for comment too.
        let (old, _) = scan(content, true);
        let last = |parsed: &Parsed, key: &str| {
            parsed
                .assignments
                .iter()
                .rev()
                .find(|a| a.key == key)
                .map(|a| a.value.clone())
        };
        // Where the next line opens a quote, even the names that follow are different ones.
        let both = old.assignments.iter().chain(&parsed.assignments);
        let keys: std::collections::BTreeSet<String> = both.map(|a| a.key.clone()).collect();
        let doubtful: std::collections::BTreeSet<&String> = keys
            .iter()
            .filter(|key| last(&old, key) != last(&parsed, key))
            .collect();
        for assignment in &mut parsed.assignments {
            if doubtful.contains(&assignment.key) {
                assignment.value = None;
            }
        }
        for assignment in old.assignments {
            if last(&parsed, &assignment.key).is_none() {
                parsed.assignments.push(Assignment {
                    value: None,
                    ..assignment
                });
            }
        }
        parsed.malformed.push(Malformed {
            line,
            why: "a comment ends in a backslash: systemd before 254 takes the next line for comment",
        });
    }
    parsed.malformed.sort_by_key(|malformed| malformed.line);
    parsed
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

struct Scanner {
    parsed: Parsed,
    key: Vec<u8>,
    value: Vec<u8>,
    /// How much of the value must stay when blanks are cut from its end.
    solid: usize,
    line: u32,
}

impl Scanner {
    fn push(&mut self) {
        let key = String::from_utf8_lossy(&self.key)
            .trim_end_matches(is_blank)
            .to_owned();
        let value = String::from_utf8_lossy(&self.value).into_owned();
        if !is_variable(&key) {
            self.malformed("not a name of a variable: the assignment is dropped");
        } else {
            self.parsed.assignments.push(Assignment {
                key,
                value: Some(value),
                line: self.line,
            });
        }
        self.key.clear();
        self.value.clear();
        self.solid = 0;
    }

    fn malformed(&mut self, why: &'static str) {
        self.parsed.malformed.push(Malformed {
            line: self.line,
            why,
        });
    }

    fn trim_value(&mut self) {
        while self.value.len() > self.solid
            && self.value.last().is_some_and(|&b| is_blank(b as char))
        {
            self.value.pop();
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// One pass; `old` is systemd before 254. The second value is the line of the
/// first comment that ends in a backslash.
fn scan(content: &[u8], old: bool) -> (Parsed, Option<u32>) {
    let mut scanner = Scanner {
        parsed: Parsed::default(),
        key: Vec::new(),
        value: Vec::new(),
        solid: 0,
        line: 1,
    };
    let mut swallowing = None;
    let mut state = State::BeforeKey;
    let mut line: u32 = 1;
    for &b in content {
        let newline = b == b'\n' || b == b'\r';
        let blank = is_blank(b as char);
        state = match state {
            State::BeforeKey => {
                if b == b'#' || b == b';' {
                    State::Comment
                } else if blank {
                    State::BeforeKey
                } else {
                    scanner.line = line;
                    scanner.key.push(b);
                    State::Key
                }
            }
            State::Key => {
                if newline {
                    scanner.malformed("no '=': the line is dropped");
                    scanner.key.clear();
                    State::BeforeKey
                } else if b == b'=' {
                    State::BeforeValue
                } else {
                    scanner.key.push(b);
                    State::Key
                }
            }
            State::BeforeValue => {
                if newline {
                    scanner.push();
                    State::BeforeKey
                } else if b == b'\'' {
                    State::Single
                } else if b == b'"' {
                    State::Double
                } else if b == b'\\' {
                    State::ValueEscape
                } else if blank {
                    State::BeforeValue
                } else {
                    scanner.solid = scanner.value.len();
                    scanner.value.push(b);
                    State::Value
                }
            }
            State::Value => {
                if newline {
                    scanner.trim_value();
                    scanner.push();
                    State::BeforeKey
                } else if b == b'\\' {
                    // What was blank before an escape stays.
                    scanner.solid = scanner.value.len();
                    State::ValueEscape
                } else {
                    scanner.value.push(b);
                    State::Value
                }
            }
            State::ValueEscape => {
                // An escaped end of line is eaten up.
                if !newline {
                    scanner.value.push(b);
                    scanner.solid = scanner.value.len();
                }
                State::Value
            }
            State::Single => {
                if b == b'\'' {
                    scanner.solid = scanner.value.len();
                    State::BeforeValue
                } else {
                    scanner.value.push(b);
                    State::Single
                }
            }
            State::Double => {
                if b == b'"' {
                    scanner.solid = scanner.value.len();
                    State::BeforeValue
                } else if b == b'\\' {
                    State::DoubleEscape
                } else {
                    scanner.value.push(b);
                    State::Double
                }
            }
            State::DoubleEscape => {
                if b"\"\\`$".contains(&b) {
                    scanner.value.push(b);
                } else if b != b'\n' {
                    scanner.value.push(b'\\');
                    scanner.value.push(b);
                }
                State::Double
            }
            State::Comment => {
                if b == b'\\' {
                    State::CommentEscape
                } else if newline {
                    State::BeforeKey
                } else {
                    State::Comment
                }
            }
            State::CommentEscape => {
                if newline {
                    swallowing = swallowing.or(Some(line));
                }
                if newline && !old {
                    State::BeforeKey
                } else {
                    State::Comment
                }
            }
        };
        line = line.saturating_add(u32::from(b == b'\n'));
    }
    match state {
        State::Value => {
            scanner.trim_value();
            scanner.push();
        }
        State::BeforeValue | State::ValueEscape => scanner.push(),
        State::Single | State::Double | State::DoubleEscape => {
            scanner.malformed("a quote is not closed: everything after it belongs to the value");
            scanner.push();
        }
        State::Key => scanner.malformed("no '=': the line is dropped"),
        State::BeforeKey | State::Comment | State::CommentEscape => {}
    }
    (scanner.parsed, swallowing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("A=1\n B = 2 \n", &["A=1", "B=2"])]
    #[case("# c\n; d\nA=1", &["A=1"])]
    #[case("export A=1\nB=2", &["B=2"])]
    #[case("A=b # c", &["A=b # c"])]
    #[case("A=\"b\" # c", &["A=b# c"])]
    #[case("A='a\\nb'\nB=\"a\\nb\"\nC=a\\ b", &["A=a\\nb", "B=a\\nb", "C=a b"])]
    #[case("A=\"a\\\"b\\\\c\\$d\\`e\"", &["A=a\"b\\c$d`e"])]
    #[case("A=a\\\nb\nB=\"a\\\nb\"", &["A=ab", "B=ab"])]
    #[case("A=\"x\ny\"\nB='1\n2'", &["A=x\ny", "B=1\n2"])]
    #[case("A=\"b\"'c'd", &["A=bcd"])]
    #[case("A=${B} $C", &["A=${B} $C"])]
    #[case("A=don't\nB=1", &["A=don't", "B=1"])]
    #[case("A=\nB", &["A="])]
    #[case("1A=1\nA.B=2\nA B=3\nC=4", &["C=4"])]
    #[case("A=1\r\nB=2\r\n", &["A=1", "B=2"])]
    #[case("A=\" b \" \n", &["A= b "])]
    #[case("A=b\\ \n", &["A=b "])]
    #[case("A='x\r\ny'", &["A=x\r\ny"])]
    fn the_dialect(#[case] text: &str, #[case] expected: &[&str]) {
        let found: Vec<String> = parse(text.as_bytes())
            .assignments
            .into_iter()
            .map(|a| format!("{}={}", a.key, a.value.unwrap()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_comment_that_ends_in_a_backslash_makes_the_next_line_doubtful() {
        let parsed = parse(b"# c \\\nA=1\nB=2\n");
        assert_eq!(parsed.assignments[0].value, None);
        assert_eq!(parsed.assignments[1].value, Some("2".to_owned()));
        assert_eq!(parsed.malformed[0].line, 1);
    }

    #[test]
    fn a_name_that_only_the_older_reading_has_is_doubtful() {
        let parsed = parse(b"#c \\\nA ='\nB='\nx'\n");
        let found: Vec<_> = parsed
            .assignments
            .iter()
            .map(|a| (a.key.as_str(), a.value.clone()))
            .collect();
        assert_eq!(found, [("A", None), ("B", None)]);
    }

    #[rstest]
    #[case(b"A=1\nB=\xff\n")]
    #[case(b"A=1\nB=\0\n")]
    #[case("A=1\nB=\u{fffe}\n".as_bytes())]
    #[case("A=1\nB=\u{afffe}\n".as_bytes())]
    #[case("A=1\n\u{fdd0}=2\n".as_bytes())]
    fn a_file_that_is_no_text_is_refused_as_a_whole(#[case] content: &[u8]) {
        let parsed = parse(content);
        assert!(parsed.assignments.is_empty());
        assert_eq!(
            (parsed.malformed[0].line, parsed.dropped_from),
            (2, Some(1))
        );
    }

    proptest! {
        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[^\0]{0,40}") {
            // What Unicode says is no character makes systemd refuse the file.
            let no_character = |c: char| u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c);
            prop_assume!(!value.chars().any(no_character));
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`");
            let parsed = parse(format!("A=\"{quoted}\"\n").as_bytes());
            prop_assert_eq!(parsed.assignments[0].value.as_ref(), Some(&value));
        }
    }
}
