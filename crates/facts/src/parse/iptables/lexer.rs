//! The words of a line, quoted as iptables-save quotes them.

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Whether quotes stood around a part of it; such a word is never an option.
    pub quoted: bool,
}

/// Splits a line. Double quotes hold a word together, a backslash inside them
/// takes the next character as it is; outside of quotes it means nothing.
/// None when a quote is not closed.
pub fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        let mut word = Word {
            text: String::new(),
            quoted: false,
        };
        while let Some(c) = chars.next_if(|c| !c.is_ascii_whitespace()) {
            if c != '"' {
                word.text.push(c);
                continue;
            }
            word.quoted = true;
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => word.text.push(chars.next()?),
                    c => word.text.push(c),
                }
            }
        }
        words.push(word);
    }
}

/// A word as iptables-save would print it.
pub fn quote(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.,:/!|+=@%[]*^~<>&;()#$?{}".contains(c));
    if plain {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("-A INPUT  -j\tDROP", &["-A", "INPUT", "-j", "DROP"])]
    #[case(r#"--comment "don\'t say \"hi\"" x"#, &["--comment", "don't say \"hi\"", "x"])]
    #[case(r#"--comment """#, &["--comment", ""])]
    #[case(r"a\b", &[r"a\b"])]
    fn words_come_apart_as_iptables_restore_takes_them(
        #[case] line: &str,
        #[case] expected: &[&str],
    ) {
        let found = words(line).unwrap();
        assert_eq!(
            found.iter().map(|w| w.text.as_str()).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn an_open_quote_is_no_line() {
        assert_eq!(words("-m comment --comment \"oops"), None);
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(text in "[^\0]{0,30}") {
            let line = format!("a {} b", quote(&text));
            let found = words(&line).unwrap();
            prop_assert_eq!(&found[1].text, &text);
            prop_assert_eq!(found.len(), 3);
        }
    }
}
