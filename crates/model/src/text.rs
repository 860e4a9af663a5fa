//! Making text from a hostile node harmless before anybody prints or stores it.

/// Whether a character may not stand in XML, or hides or reorders text, or moves a cursor.
pub fn is_hostile(c: char) -> bool {
    let code = c as u32;
    c.is_control()
        // U+FFFE, U+FFFF and their like at the end of every plane.
        || code & 0xfffe == 0xfffe
        || matches!(c,
            '\u{fdd0}'..='\u{fdef}'
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator, the Hangul fillers.
            | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// One printable line of at most `max` characters: control, bidirectional and
/// invisible characters, and those that XML forbids, become `\u{..}` escapes, a cut is marked with `…`.
pub fn one_line(input: &str, max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in input.trim().chars() {
        let piece = match c {
            '\n' => "\\n".to_owned(),
            '\t' => " ".to_owned(),
            '\r' => "\\r".to_owned(),
            c if is_hostile(c) => format!("\\u{{{:x}}}", c as u32),
            c => c.to_string(),
        };
        count += piece.chars().count();
        if count > max {
            out.push('…');
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// The same for text of several lines: newlines stay, every other control goes.
pub fn block(input: &str, max: usize) -> String {
    let mut out = String::new();
    let mut left = max;
    for (index, line) in input.lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let line = one_line(line, left.max(1));
        left = left.saturating_sub(line.chars().count() + 1);
        out.push_str(&line);
        if left == 0 {
            break;
        }
    }
    out
}

/// The lines of a text, each washed and at most `max` characters, their
/// indentation kept: commands are copied from here, and a here-document needs it.
pub fn lines(input: &str, max: usize) -> impl Iterator<Item = String> + '_ {
    input.lines().map(move |raw| {
        let indent = raw.chars().take_while(|c| *c == ' ').take(40).count();
        let line = one_line(raw, max);
        if line.is_empty() {
            line
        } else {
            format!("{}{line}", " ".repeat(indent))
        }
    })
}

/// Bytes as hexadecimal digits, two lower-case ones each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }

    #[rstest]
    #[case::a_colour("a\u{1b}[31mb", "a\\u{1b}[31mb")]
    #[case::a_nul("a\0b", "a\\u{0}b")]
    #[case::a_reordering("a\u{202e}b", "a\\u{202e}b")]
    #[case::an_arabic_mark("a\u{61c}b", "a\\u{61c}b")]
    #[case::a_noncharacter("a\u{fffe}\u{ffff}\u{1fffe}b", "a\\u{fffe}\\u{ffff}\\u{1fffe}b")]
    #[case::an_eight_bit_escape("a\u{9b}31mb", "a\\u{9b}31mb")]
    #[case::plain_text("žluťoučký kůň", "žluťoučký kůň")]
    fn what_could_hurt_is_shown_and_not_done(#[case] input: &str, #[case] cleaned: &str) {
        assert_eq!(one_line(input, 80), cleaned);
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let input = "x".repeat(10 << 20);
        assert!(one_line(&input, 100).chars().count() <= 101);
    }

    #[test]
    fn lines_keep_their_indentation() {
        let all: Vec<_> = lines("if x; then\n  y\nfi\u{7}", 80).collect();
        assert_eq!(all, ["if x; then", "  y", "fi\\u{7}"]);
    }

    proptest! {
        #[test]
        fn one_line_is_always_printable_and_bounded(input in proptest::collection::vec(any::<char>(), 0..300), max in 1usize..200) {
            let input: String = input.into_iter().collect();
            let out = one_line(&input, max);
            prop_assert!(out.chars().count() <= max + 1);
            prop_assert!(!out.chars().any(is_hostile));
        }
    }
}
