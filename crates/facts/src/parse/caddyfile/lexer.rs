//! From text to words.

use std::rc::Rc;

use super::{Problem, Quote, Token};

/// A heredoc's marker is a word; a longer one is an attack on the search for its end.
const MAX_MARKER: usize = 256;

/// The words of a text, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Lexed {
    /// The words in order.
    pub tokens: Vec<Token>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// The environment placeholders, without `{$` and `}`, with their line.
    pub env: Vec<(String, u32)>,
}

/// Splits `input` into words. Line ends may be `\n` or `\r\n`; a byte order mark is skipped.
pub fn lex(file: &str, input: &str) -> Lexed {
    let input = input.strip_prefix('\u{feff}').unwrap_or(input);
    let mut lexer = Lexer {
        file: file.into(),
        input,
        at: 0,
        line: 1,
        row: 1,
        spans: env_spans(input),
        next_span: 0,
        out: Lexed::default(),
    };
    lexer.note_env();
    while let Some(token) = lexer.next() {
        lexer.out.tokens.push(token);
    }
    lexer.out
}

/// Where environment placeholders stand: from `{$` to the next `}`, wherever that is,
/// because they are replaced before anything else is looked at.
fn env_spans(input: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(start) = input[at..].find("{$").map(|found| at + found) {
        let Some(end) = input[start + 2..].find('}').map(|found| start + 2 + found) else {
            break;
        };
        if end > start + 2 {
            spans.push((start, end + 1));
        }
        at = end + 1;
    }
    spans
}

struct Lexer<'a> {
    file: Rc<str>,
    input: &'a str,
    at: usize,
    line: u32,
    row: u32,
    spans: Vec<(usize, usize)>,
    next_span: usize,
    out: Lexed,
}

/// One word while it is being read.
#[derive(Default)]
struct Word {
    text: String,
    started: Option<(u32, u32)>,
    env: bool,
}

impl Lexer<'_> {
    fn note_env(&mut self) {
        let (mut line, mut from) = (1, 0);
        for &(start, end) in &self.spans {
            line += count_lines(&self.input[from..start]);
            from = start;
            self.out
                .env
                .push((self.input[start + 2..end - 1].to_owned(), line));
        }
    }

    fn problem(&mut self, line: u32, message: impl AsRef<str>) {
        let problem = Problem::new(&self.file, line, message);
        self.out.problems.push(problem);
    }

    fn token(&self, word: Word, quote: Quote) -> Token {
        let (line, row) = word.started.unwrap_or((self.line, self.row));
        Token {
            text: word.text.into(),
            file: Rc::clone(&self.file),
            line,
            quote,
            env: word.env,
            row,
            end_row: self.row,
            chain: 0,
            hole: None,
        }
    }

    /// The placeholder that begins here, if one does.
    fn span_here(&mut self) -> Option<(usize, usize)> {
        while self
            .spans
            .get(self.next_span)
            .is_some_and(|span| span.0 < self.at)
        {
            self.next_span += 1;
        }
        self.spans
            .get(self.next_span)
            .copied()
            .filter(|span| span.0 == self.at)
    }

    /// Takes a placeholder into the word, whatever stands in it.
    fn take_span(&mut self, (start, end): (usize, usize), word: &mut Word) {
        let text = &self.input[start..end];
        word.started.get_or_insert((self.line, self.row));
        word.text.push_str(text);
        word.env = true;
        self.line += count_lines(text);
        self.at = end;
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.input[self.at..].chars().next()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn next(&mut self) -> Option<Token> {
        let mut word = Word::default();
        let (mut comment, mut escaped, mut plain_angles) = (false, false, false);
        loop {
            if !comment && let Some(span) = self.span_here() {
                if escaped {
                    word.text.push('\\');
                    escaped = false;
                }
                self.take_span(span, &mut word);
                continue;
            }
            let line = self.line;
            let Some(c) = self.bump() else {
                return (!word.text.is_empty()).then(|| self.token(word, Quote::None));
            };
            if !plain_angles && word.text.len() > 1 && word.text.starts_with("<<") {
                match c {
                    ' ' => return Some(self.token(word, Quote::None)),
                    '\r' => {}
                    '\n' => match self.heredoc_marker(&word.text, line) {
                        Some(marker) => return Some(self.heredoc(word, &marker)),
                        None => {
                            let token = self.token(word, Quote::None);
                            self.row += 1;
                            return Some(token);
                        }
                    },
                    c => word.text.push(c),
                }
                continue;
            }
            if !escaped && c == '\\' {
                escaped = true;
                continue;
            }
            if c.is_whitespace() {
                if c == '\r' {
                    continue;
                }
                let done = (!word.text.is_empty())
                    .then(|| self.token(std::mem::take(&mut word), Quote::None));
                if c == '\n' {
                    // An escaped line end does not end the logical line. So it is after a
                    // backslash in a comment, too: the format's own reader has it so.
                    if escaped {
                        escaped = false;
                    } else {
                        self.row += 1;
                    }
                    comment = false;
                }
                if done.is_some() {
                    return done;
                }
                continue;
            }
            if c == '#' && word.text.is_empty() {
                comment = true;
            }
            if comment {
                continue;
            }
            if word.text.is_empty() {
                word.started = Some((line, self.row));
                match c {
                    '"' => return Some(self.quoted(word, escaped)),
                    '`' => return Some(self.backticks(word)),
                    _ => {}
                }
            }
            if escaped {
                if c == '<' {
                    plain_angles = true;
                } else {
                    word.text.push('\\');
                }
                escaped = false;
            }
            word.text.push(c);
        }
    }

    /// The rest of a word after its opening `"`; only the quote itself can be escaped.
    fn quoted(&mut self, mut word: Word, mut escaped: bool) -> Token {
        loop {
            if let Some(span) = self.span_here() {
                if escaped {
                    word.text.push('\\');
                    escaped = false;
                }
                self.take_span(span, &mut word);
                continue;
            }
            let Some(c) = self.bump() else {
                return self.unclosed(word, "quotation mark");
            };
            if !escaped && c == '\\' {
                escaped = true;
                continue;
            }
            if escaped {
                if c != '"' {
                    word.text.push('\\');
                }
                escaped = false;
            } else if c == '"' {
                return self.token(word, Quote::Double);
            }
            if c == '\n' {
                self.row += 1;
            }
            word.text.push(c);
        }
    }

    /// The rest of a word after its opening backtick; nothing can be escaped.
    fn backticks(&mut self, mut word: Word) -> Token {
        loop {
            if let Some(span) = self.span_here() {
                self.take_span(span, &mut word);
                continue;
            }
            match self.bump() {
                None => return self.unclosed(word, "backtick"),
                Some('`') => return self.token(word, Quote::Backtick),
                Some(c) => {
                    if c == '\n' {
                        self.row += 1;
                    }
                    word.text.push(c);
                }
            }
        }
    }

    fn unclosed(&mut self, word: Word, what: &str) -> Token {
        let line = word.started.map_or(self.line, |(line, _)| line);
        self.problem(line, format!("the {what} that opens here is never closed"));
        self.token(word, Quote::None)
    }

    /// The marker of the heredoc that `opening` begins.
    fn heredoc_marker(&mut self, opening: &str, line: u32) -> Option<String> {
        let marker = &opening[2..];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let problem = if marker.is_empty() {
            "a heredoc needs a marker after `<<`"
        } else if marker.starts_with('<') {
            "a heredoc begins with two `<`, not three"
        } else if marker.len() > MAX_MARKER {
            "the marker of a heredoc is too long"
        } else if !marker.chars().all(plain) {
            "the marker of a heredoc holds only letters, digits, `-` and `_`"
        } else {
            return Some(marker.to_owned());
        };
        self.problem(line, problem);
        None
    }

    /// The text of a heredoc, up to its marker; the white space before the
    /// marker is taken off every line.
    fn heredoc(&mut self, mut word: Word, marker: &str) -> Token {
        word.text.clear();
        let opened = word.started.map_or(self.line, |(line, _)| line);
        self.row += 1;
        loop {
            if let Some(span) = self.span_here() {
                self.take_span(span, &mut word);
                continue;
            }
            let Some(c) = self.bump() else {
                self.problem(opened, format!("the heredoc <<{marker} is never closed"));
                return self.token(word, Quote::None);
            };
            if c == '\n' {
                self.row += 1;
            }
            word.text.push(c);
            if word.text.ends_with(marker) {
                break;
            }
        }
        let body = &word.text[..word.text.len() - marker.len()];
        let (lines, padding) = match body.rfind('\n') {
            Some(at) => (&body[..at], &body[at + 1..]),
            None => ("", body),
        };
        let mut text = String::with_capacity(lines.len());
        let mut mismatch = None;
        for (index, line) in lines.split('\n').enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let stripped = match line.strip_prefix(padding) {
                Some(stripped) => stripped,
                None if line.is_empty() || line == "\r" => "",
                None => {
                    mismatch.get_or_insert(index);
                    line
                }
            };
            text.extend(stripped.chars().filter(|&c| c != '\r'));
        }
        if let Some(index) = mismatch {
            let line = opened.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
            self.problem(
                line.saturating_add(1),
                format!("in heredoc <<{marker}: a line does not begin with the white space that stands before the closing marker"),
            );
        }
        word.text = text;
        self.token(word, Quote::Heredoc)
    }
}

fn count_lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|&b| b == b'\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn words(input: &str) -> Vec<String> {
        lex("f", input)
            .tokens
            .iter()
            .map(|token| format!("{}:{}", token.line, token.text))
            .collect()
    }

    #[rstest]
    #[case::plain("host:123\ndirective", &["1:host:123", "2:directive"])]
    #[case::comment_at_token_start_only("a#b # c\n#d\ne", &["1:a#b", "3:e"])]
    #[case::quotes(r#"a "b c" "d \" e" "f\g" ""x"#, &["1:a", "1:b c", "1:d \" e", "1:f\\g", "1:", "1:x"])]
    #[case::quote_inside_a_word(r#"a"b c"d"#, &["1:a\"b", "1:c\"d"])]
    #[case::backticks("`{\"a\": 1}` `\\`", &["1:{\"a\": 1}", "1:\\"])]
    #[case::quoted_lines("\"a\nb\" c\nd", &["1:a\nb", "2:c", "3:d"])]
    #[case::continuation("a \\\n  b\\\nc\nd", &["1:a", "2:b", "3:c", "4:d"])]
    #[case::crlf("a \\\r\n b\r\nc", &["1:a", "2:b", "3:c"])]
    #[case::bom("\u{feff}a b", &["1:a", "1:b"])]
    #[case::backslash_is_text("C:\\php\\x \\d", &["1:C:\\php\\x", "1:\\d"])]
    #[case::heredoc("a <<END\n  x\n    y\n\n  END b\nc", &["1:a", "1:x\n  y\n", "5:b", "6:c"])]
    #[case::heredoc_crlf("<<E\r\n\tx\r\n\tE\r\nz", &["1:x", "4:z"])]
    #[case::no_heredoc_before_a_space("a << b <<E c", &["1:a", "1:<<", "1:b", "1:<<E", "1:c"])]
    #[case::escaped_heredoc("\\<<E\nx", &["1:<<E", "2:x"])]
    #[case::env_with_blanks("a {$X:b c} d{$Y}e", &["1:a", "1:{$X:b c}", "1:d{$Y}e"])]
    #[case::no_env_name("{$} {$A}", &["1:{$}", "1:{$A}"])]
    #[case::space_of_another_kind("a\u{a0}b\u{2003}c", &["1:a", "1:b", "1:c"])]
    #[case::only_space(" \n\t\r\n", &[])]
    fn words_are_split_as_the_format_says(#[case] input: &str, #[case] expected: &[&str]) {
        assert_eq!(words(input), expected);
    }

    #[test]
    fn an_escaped_line_end_joins_two_lines() {
        let tokens = lex("f", "a \\\n b\nc").tokens;
        assert!(!tokens[0].breaks_before(&tokens[1]));
        assert!(tokens[1].breaks_before(&tokens[2]));
    }

    #[test]
    fn what_follows_a_heredoc_on_its_last_line_is_on_the_same_line() {
        let tokens = lex("f", "a <<E\n x\n E 200\nb").tokens;
        assert!(!tokens[1].breaks_before(&tokens[2]));
        assert!(tokens[2].breaks_before(&tokens[3]));
    }

    #[rstest]
    #[case("a \"b c", 1, "never closed")]
    #[case("x\na `b", 2, "never closed")]
    #[case("a <<\nb", 1, "needs a marker")]
    #[case("a <<<E\nb\nE", 1, "two `<`")]
    #[case("a <<E!\nb\nE!", 1, "holds only letters")]
    #[case("a <<E\nb", 1, "never closed")]
    #[case("a <<E\n  b\n c\n  E", 3, "white space")]
    fn mistakes_have_their_line(#[case] input: &str, #[case] line: u64, #[case] part: &str) {
        let problems = lex("f", input).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].line, line);
        assert!(problems[0].message.contains(part), "{problems:?}");
    }

    #[test]
    fn environment_placeholders_are_listed_with_their_line() {
        let lexed = lex("f", "{$A}\n{$B:c d} # {$C}");
        assert_eq!(
            lexed.env,
            [("A".into(), 1), ("B:c d".into(), 2), ("C".into(), 2)]
        );
        assert!(lexed.tokens[0].is_env_only() && lexed.tokens[1].is_env_only());
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_panic(input in "[ \n\r\t\"`\\\\<>{}#$a-cE.\u{feff}]{0,80}") {
            let _ = lex("f", &input);
        }

        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^\"\\\\{\r]{1,12}", 1..6)) {
            let input: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
            let lexed = lex("f", &input.join(" "));
            let back: Vec<&str> = lexed.tokens.iter().map(|t| &*t.text).collect();
            prop_assert_eq!(back, words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
