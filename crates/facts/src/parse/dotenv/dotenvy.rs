//! The dialect of the crate `dotenvy` 0.15, as its `dotenv()` loads a file.
//!
//! It stops at the first malformed line, and most programs ignore that error;
//! so everything from that line on is silently gone. A variable that is already
//! set is not overridden: of several assignments the first one counts.

use std::collections::HashMap;

use super::{Assignment, Malformed, Parsed};

/// Parses the content of a file.
pub fn parse(content: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut first: HashMap<String, Option<String>> = HashMap::new();
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    for line in Lines::new(content) {
        let (number, result) = match line {
            Ok((number, text)) => (number, assignment(&text, &first)),
            Err((number, why)) => (number, Err(why)),
        };
        match result {
            Ok(None) => {}
            Ok(Some((key, value))) => {
                first.entry(key.clone()).or_insert_with(|| value.clone());
                parsed.assignments.push(Assignment {
                    key,
                    value,
                    line: number,
                });
            }
            Err(why) => {
                parsed.malformed.push(Malformed { line: number, why });
                parsed.dropped_from = Some(number);
                break;
            }
        }
    }
    parsed
}

/// Where a scan for open quotes stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scan {
    Plain,
    Escaped,
    Blank,
    Quoted(char),
    QuotedEscaped(char),
}

/// Logical lines: a quote that is open at the end of a line goes on in the next.
struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

type Line = Result<(u32, String), (u32, &'static str)>;

impl<'a> Lines<'a> {
    fn new(content: &'a [u8]) -> Self {
        Self {
            rest: content,
            number: 1,
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.number;
        let mut text = String::new();
        let mut scan = Scan::Plain;
        loop {
            if self.rest.is_empty() {
                // The end of the file inside a quote, or behind one last blank.
                return (scan != Scan::Plain).then_some(Err((
                    start,
                    "a quote is still open at the end of the file, or a blank stands there",
                )));
            }
            let end = self
                .rest
                .iter()
                .position(|&b| b == b'\n')
                .map_or(self.rest.len(), |at| at + 1);
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest;
            self.number = self.number.saturating_add(1);
            let Ok(line) = std::str::from_utf8(line) else {
                return Some(Err((start, "not UTF-8")));
            };
            if text.is_empty() && line.trim_start().starts_with('#') {
                return Some(Ok((start, String::new())));
            }
            let mut comment = None;
            for (at, c) in line.char_indices() {
                scan = match (scan, c) {
                    (Scan::Blank, '#') => {
                        comment = Some(at);
                        break;
                    }
                    (Scan::Plain, c) if c.is_whitespace() && c != '\n' && c != '\r' => Scan::Blank,
                    (Scan::Plain | Scan::Blank, '\\') => Scan::Escaped,
                    (Scan::Plain | Scan::Blank, '"' | '\'') => Scan::Quoted(c),
                    (Scan::Plain | Scan::Blank | Scan::Escaped, _) => Scan::Plain,
                    (Scan::Quoted(quote), '\\') => Scan::QuotedEscaped(quote),
                    (Scan::Quoted(quote), c) if c == quote => Scan::Plain,
                    (Scan::Quoted(quote) | Scan::QuotedEscaped(quote), _) => Scan::Quoted(quote),
                };
            }
            if let Some(at) = comment {
                text.push_str(&line[..at]);
                return Some(Ok((start, text)));
            }
            text.push_str(line);
            if scan == Scan::Plain {
                return Some(Ok((start, text)));
            }
        }
    }
}

/// `key = value`, with `export` before it or not.
fn assignment(
    line: &str,
    first: &HashMap<String, Option<String>>,
) -> Result<Option<(String, Option<String>)>, &'static str> {
    const NO_EQUALS: &str = "no '=' after the name";
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (mut key, rest) = name(line)?;
    let mut rest = rest.trim_start();
    rest = match rest.strip_prefix('=') {
        Some(value) => value,
        None if key == "export" => {
            let (exported, tail) = name(rest)?;
            key = exported;
            tail.trim_start().strip_prefix('=').ok_or(NO_EQUALS)?
        }
        None => return Err(NO_EQUALS),
    };
    let rest = rest.trim_start();
    let value = if rest.is_empty() || rest.starts_with('#') {
        Some(String::new())
    } else {
        value(rest, first)?
    };
    // A name that is already set is not set again, whatever the value holds.
    let is_set = first.contains_key(key);
    let holds_nul = value.as_deref().unwrap_or(rest).contains('\0');
    if !is_set && holds_nul {
        return Err("a value holds a NUL");
    }
    Ok(Some((key.to_owned(), value)))
}

fn name(text: &str) -> Result<(&str, &str), &'static str> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err("no name at the beginning");
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .unwrap_or(text.len());
    Ok(text.split_at(end))
}

/// What a value is being read as.
enum Mode {
    Text,
    Escape,
    /// After a blank: only a comment may follow.
    End,
    /// The name of a variable, `${…}` when braced.
    Variable {
        name: String,
        braced: bool,
    },
}

/// A value without its quotes; `None` when it takes in a variable that the file does not set before.
fn value(
    text: &str,
    first: &HashMap<String, Option<String>>,
) -> Result<Option<String>, &'static str> {
    let mut out = Some(String::new());
    let mut quote: Option<char> = None;
    let mut mode = Mode::Text;
    let push = |out: &mut Option<String>, c: char| {
        if let Some(out) = out {
            out.push(c);
        }
    };
    let substitute = |out: &mut Option<String>, name: &str| {
        // No environment has a name that is empty or holds these.
        if name.is_empty() || name.contains(['=', '\0']) {
            return;
        }
        match (first.get(name), out.as_mut()) {
            (Some(Some(value)), Some(out)) => out.push_str(value),
            _ => *out = None,
        }
    };
    for c in text.chars() {
        mode = match mode {
            Mode::End => match c {
                ' ' | '\t' => Mode::End,
                '#' => break,
                _ => return Err("text stands behind the value"),
            },
            Mode::Escape => {
                push(
                    &mut out,
                    match c {
                        '\\' | '\'' | '"' | '$' | ' ' => c,
                        'n' => '\n',
                        _ => return Err("unknown escape sequence"),
                    },
                );
                Mode::Text
            }
            Mode::Variable { mut name, braced } => {
                if c.is_alphanumeric() || (braced && c != '}') {
                    name.push(c);
                    Mode::Variable { name, braced }
                } else if braced {
                    substitute(&mut out, &name);
                    Mode::Text
                } else if c == '{' && name.is_empty() {
                    Mode::Variable { name, braced: true }
                } else {
                    substitute(&mut out, &name);
                    if c == '$' {
                        Mode::Variable {
                            name: String::new(),
                            braced: false,
                        }
                    } else {
                        // Whatever ends a name is taken literally: a quote or a blank too.
                        push(&mut out, c);
                        Mode::Text
                    }
                }
            }
            Mode::Text => match (c, quote) {
                ('\'', Some('\'')) | ('"', Some('"')) => {
                    quote = None;
                    Mode::Text
                }
                (_, Some('\'')) => {
                    push(&mut out, c);
                    Mode::Text
                }
                ('$', _) => Mode::Variable {
                    name: String::new(),
                    braced: false,
                },
                ('\\', _) => Mode::Escape,
                ('\'' | '"', None) => {
                    quote = Some(c);
                    Mode::Text
                }
                (' ' | '\t', None) => Mode::End,
                _ => {
                    push(&mut out, c);
                    Mode::Text
                }
            },
        };
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    match mode {
        Mode::Variable { braced: true, .. } => return Err("a brace is not closed"),
        Mode::Variable { name, .. } => substitute(&mut out, &name),
        Mode::Text | Mode::Escape | Mode::End => {}
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn pairs(text: &str) -> Vec<(String, Option<String>)> {
        parse(text.as_bytes())
            .assignments
            .into_iter()
            .map(|a| (a.key, a.value))
            .collect()
    }

    #[rstest]
    #[case("A=1\nB = 2\n", &[("A", Some("1")), ("B", Some("2"))])]
    #[case("export A=1\nexport=2\nexportB=3", &[("A", Some("1")), ("export", Some("2")), ("exportB", Some("3"))])]
    #[case("A=b # c\nB=b#c\nC=#x\nD='a # b'", &[("A", Some("b")), ("B", Some("b#c")), ("C", Some("")), ("D", Some("a # b"))])]
    #[case("A='a\\nb'\nB=\"a\\nb\"\nC=a\\ b", &[("A", Some("a\\nb")), ("B", Some("a\nb")), ("C", Some("a b"))])]
    #[case("A=\"x\ny\"\nB=1", &[("A", Some("x\ny")), ("B", Some("1"))])]
    #[case("A=1\nB=${A}2$A\nC='$A'", &[("A", Some("1")), ("B", Some("121")), ("C", Some("$A"))])]
    #[case("A=1\nA=2\nB=$A", &[("A", Some("1")), ("A", Some("2")), ("B", Some("1"))])]
    #[case("B=$NEVER_SET", &[("B", None)])]
    #[case("A=1\nB=$A_x", &[("A", Some("1")), ("B", Some("1_x"))])]
    #[case("A.B=1", &[("A.B", Some("1"))])]
    #[case("A=1\n; no\nB=2", &[("A", Some("1"))])]
    #[case("A=1\nB=a b\nC=2", &[("A", Some("1"))])]
    #[case("A=1\nB\nC=2", &[("A", Some("1"))])]
    #[case("A=1\nB=\\x\nC=2", &[("A", Some("1"))])]
    #[case("A=1\nB=\0\nC=2", &[("A", Some("1"))])]
    #[case("A=1\nA=\0\nC=2", &[("A", Some("1")), ("A", Some("\0")), ("C", Some("2"))])]
    fn the_dialect(#[case] text: &str, #[case] expected: &[(&str, Option<&str>)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned)))
            .collect();
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn everything_from_a_malformed_line_on_is_dropped() {
        let parsed = parse(b"A=1\n# c\nB=\"x\ny\"\nC D\nE=1\n");
        assert_eq!(parsed.dropped_from, Some(5));
        assert_eq!(parsed.malformed[0].why, "no '=' after the name");
    }

    /// What the real crate makes of it; `None` for the value that stops it.
    fn oracle(text: &[u8]) -> (Vec<(String, String)>, bool) {
        let mut found = Vec::new();
        for item in ::dotenvy::from_read_iter(text) {
            match item {
                Ok(pair) => found.push(pair),
                Err(_) => return (found, true),
            }
        }
        (found, false)
    }

    /// Names that no environment has.
    fn alphabet() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                3 => "ZQ[A-F]".prop_map(|key| format!("\n{key}=")),
                4 => "[a-c #;$'\"\\\\={}\t\n]",
                1 => Just("${ZQA}".to_owned()),
                1 => Just("$ZQB".to_owned()),
                1 => Just("\nexport ".to_owned()),
                1 => Just("\\n".to_owned()),
                1 => Just("\r\n".to_owned()),
                1 => Just("é\u{a0}".to_owned()),
            ],
            0..20,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_real_crate_reads_the_same(text in alphabet()) {
            let parsed = parse(text.as_bytes());
            let (expected, failed) = oracle(text.as_bytes());
            prop_assert_eq!(parsed.dropped_from.is_some(), failed);
            let keys: Vec<&String> = parsed.assignments.iter().map(|a| &a.key).collect();
            prop_assert_eq!(keys, expected.iter().map(|(k, _)| k).collect::<Vec<_>>());
            // The iterator substitutes the last value, loading the first one.
            let mut unique: Vec<&String> = parsed.assignments.iter().map(|a| &a.key).collect();
            unique.sort();
            unique.dedup();
            if unique.len() == parsed.assignments.len() {
                for (ours, (_, theirs)) in parsed.assignments.iter().zip(&expected) {
                    if let Some(value) = &ours.value {
                        prop_assert_eq!(value, theirs);
                    }
                }
            }
        }

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
