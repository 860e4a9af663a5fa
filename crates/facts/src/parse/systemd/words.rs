//! Words of a unit file: quotes and C escapes, as `systemd.syntax(7)` has them.

/// How words are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Quotes go, C escapes are resolved, an unknown escape is an error: `Environment=`.
    Strict,
    /// The same, but an unknown escape stays as it is: command lines.
    Relaxed,
    /// Quotes go, backslashes stay: names of units.
    Names,
}

/// Why a list of words ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// A quote is not closed, or the line ends in a backslash.
    #[error("unbalanced quoting")]
    Unbalanced,
    /// An escape that C does not have.
    #[error("unknown escape sequence")]
    Escape,
}

/// Takes words from the front of a text.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a str,
    style: Style,
    /// Whether an unknown escape was met and kept.
    pub relaxed: bool,
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

impl<'a> Words<'a> {
    /// The words of `text`.
    pub fn new(text: &'a str, style: Style) -> Self {
        Self {
            rest: text.trim_start_matches(is_space),
            style,
            relaxed: false,
        }
    }

    /// What has not been taken yet, without leading white space.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes `count` bytes and the white space after them.
    pub(super) fn advance(&mut self, count: usize) {
        self.rest = self
            .rest
            .get(count..)
            .unwrap_or("")
            .trim_start_matches(is_space);
    }

    /// Like [`Iterator::next`], and nothing is taken when there is an error.
    pub fn try_next(&mut self) -> Result<Option<String>, WordError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let bytes = self.rest.as_bytes();
        let mut word: Vec<u8> = Vec::new();
        let mut quote: Option<u8> = None;
        let mut at = 0;
        while let Some(&b) = bytes.get(at) {
            match (b, quote) {
                (b'\\', _) if self.style != Style::Names => {
                    let after = &bytes[at + 1..];
                    if after.is_empty() {
                        // A word may end in a backslash where escapes are relaxed, a quote may not.
                        if self.style == Style::Relaxed && quote.is_none() {
                            self.relaxed = true;
                            word.push(b'\\');
                            at += 1;
                            continue;
                        }
                        return Err(WordError::Unbalanced);
                    }
                    match unescape(after) {
                        Some((bytes, used)) => {
                            word.extend_from_slice(&bytes);
                            at += 1 + used;
                        }
                        None if self.style == Style::Relaxed => {
                            self.relaxed = true;
                            word.push(b'\\');
                            word.push(after[0]);
                            at += 2;
                        }
                        None => return Err(WordError::Escape),
                    }
                }
                (_, Some(open)) if b == open => {
                    quote = None;
                    at += 1;
                }
                (b'"' | b'\'', None) => {
                    quote = Some(b);
                    at += 1;
                }
                (b' ' | b'\t' | b'\n' | b'\r', None) => break,
                _ => {
                    word.push(b);
                    at += 1;
                }
            }
        }
        if quote.is_some() {
            return Err(WordError::Unbalanced);
        }
        self.rest = self
            .rest
            .get(at..)
            .unwrap_or("")
            .trim_start_matches(is_space);
        Ok(Some(String::from_utf8_lossy(&word).into_owned()))
    }
}

impl Iterator for Words<'_> {
    type Item = Result<String, WordError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.try_next() {
            Ok(word) => word.map(Ok),
            Err(error) => {
                self.rest = "";
                Some(Err(error))
            }
        }
    }
}

/// The escape after a backslash: its bytes, and how many it took. A NUL is never made.
pub(super) fn unescape(after: &[u8]) -> Option<(Vec<u8>, usize)> {
    let number = |from: usize, len: usize, radix: u32| -> Option<u32> {
        let digits = std::str::from_utf8(after.get(from..from + len)?).ok()?;
        let all = digits.bytes().all(|b| (b as char).is_digit(radix));
        let value = u32::from_str_radix(digits, radix).ok()?;
        (all && value != 0).then_some(value)
    };
    let one = |b: u8| Some((vec![b], 1));
    let unicode = |value: u32, used: usize| {
        let mut buffer = [0; 4];
        let text = char::from_u32(value)?.encode_utf8(&mut buffer);
        Some((text.as_bytes().to_vec(), used))
    };
    match *after.first()? {
        b'a' => one(7),
        b'b' => one(8),
        b'f' => one(12),
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'v' => one(11),
        b'\\' => one(b'\\'),
        b'"' => one(b'"'),
        b'\'' => one(b'\''),
        b's' => one(b' '),
        b'x' => Some((vec![u8::try_from(number(1, 2, 16)?).ok()?], 3)),
        b'u' => unicode(number(1, 4, 16)?, 5),
        b'U' => unicode(number(1, 8, 16)?, 9),
        b'0'..=b'7' => Some((vec![u8::try_from(number(0, 3, 8)?).ok()?], 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn all(text: &str, style: Style) -> Result<Vec<String>, WordError> {
        Words::new(text, style).collect()
    }

    #[rstest]
    #[case(r#""VAR1=word1 word2" VAR2=word3 "VAR3=$word 5 6""#, &["VAR1=word1 word2", "VAR2=word3", "VAR3=$word 5 6"])]
    #[case(r#"A='b "c"'  D="e 'f'""#, &["A=b \"c\"", "D=e 'f'"])]
    #[case(r#"a"b c"d"#, &["ab cd"])]
    #[case(r#""" ''"#, &["", ""])]
    #[case(r"\x41\u00e9\U0001F600\101\s\\", &["Aé😀A \\"])]
    #[case(r#"'\n' "\t""#, &["\n", "\t"])]
    #[case("", &[])]
    fn words_are_unquoted_and_unescaped(#[case] text: &str, #[case] words: &[&str]) {
        assert_eq!(all(text, Style::Strict).unwrap(), words);
    }

    #[rstest]
    #[case(r"a\q", Style::Strict, Err(WordError::Escape))]
    #[case(r"\x0", Style::Strict, Err(WordError::Escape))]
    #[case(r"\x00", Style::Strict, Err(WordError::Escape))]
    #[case(r"\ud800", Style::Strict, Err(WordError::Escape))]
    #[case("'a", Style::Strict, Err(WordError::Unbalanced))]
    #[case("a\\", Style::Strict, Err(WordError::Unbalanced))]
    #[case(r"a\q\ b", Style::Relaxed, Ok(vec![r"a\q\ b".to_owned()]))]
    #[case("\"a\\", Style::Relaxed, Err(WordError::Unbalanced))]
    #[case(r"a\x2db.service", Style::Names, Ok(vec![r"a\x2db.service".to_owned()]))]
    fn what_is_unknown_depends_on_the_style(
        #[case] text: &str,
        #[case] style: Style,
        #[case] expected: Result<Vec<String>, WordError>,
    ) {
        assert_eq!(all(text, style), expected);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in ".{0,200}") {
            for style in [Style::Strict, Style::Relaxed, Style::Names] {
                let _ = all(&text, style);
            }
        }

        #[test]
        fn a_quoted_word_comes_back(word in "[^\0]{1,40}") {
            let quoted = format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(all(&quoted, Style::Strict).unwrap(), vec![word]);
        }
    }
}
