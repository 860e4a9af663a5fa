//! The last wash before text from outside stands in an output.
//!
//! [`runproof_model::text`] does the work; this adds what only a renderer has
//! to fear: code points that XML forbids, and invisible or reordering ones
//! that lie outside the ranges escaped there.

use std::fmt::Write as _;

use runproof_model::text;

/// Whether a character may not stand in XML, or hides or reorders text, or moves a cursor.
///
/// Complete by itself, so that the JSON writer can use it on text it may not shorten.
pub(crate) fn is_hostile(c: char) -> bool {
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

/// One printable line of about `max` characters; see [`text::one_line`].
pub(crate) fn line(input: &str, max: usize) -> String {
    let line = text::one_line(input, max);
    if !line.chars().any(is_hostile) {
        return line;
    }
    let mut out = String::with_capacity(line.len());
    let mut left = max;
    for c in line.chars() {
        if left == 0 {
            out.push('…');
            break;
        }
        if is_hostile(c) {
            // Cannot fail: the target is a String.
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
            left = left.saturating_sub(8);
        } else {
            out.push(c);
            left -= 1;
        }
    }
    out
}

/// The lines of a text, each washed and at most `max` characters, their
/// indentation kept: commands are copied from here, and a here-document needs it.
pub(crate) fn lines(input: &str, max: usize) -> impl Iterator<Item = String> + '_ {
    input.lines().map(move |raw| {
        let indent = raw.chars().take_while(|c| *c == ' ').take(40).count();
        let line = line(raw, max);
        if line.is_empty() {
            line
        } else {
            format!("{}{line}", " ".repeat(indent))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::a_colour("a\u{1b}[31mb", "a\\u{1b}[31mb")]
    #[case::a_nul("a\0b", "a\\u{0}b")]
    #[case::a_reordering("a\u{202e}b", "a\\u{202e}b")]
    #[case::an_arabic_mark("a\u{61c}b", "a\\u{61c}b")]
    #[case::a_noncharacter("a\u{fffe}\u{ffff}\u{1fffe}b", "a\\u{fffe}\\u{ffff}\\u{1fffe}b")]
    #[case::an_eight_bit_escape("a\u{9b}31mb", "a\\u{9b}31mb")]
    #[case::plain_text("žluťoučký kůň", "žluťoučký kůň")]
    fn what_could_hurt_is_shown_and_not_done(#[case] input: &str, #[case] cleaned: &str) {
        assert_eq!(line(input, 80), cleaned);
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let input = "x".repeat(10 << 20);
        assert!(line(&input, 100).chars().count() <= 101);
    }

    #[test]
    fn lines_keep_their_indentation() {
        let all: Vec<_> = lines("if x; then\n  y\nfi\u{7}", 80).collect();
        assert_eq!(all, ["if x; then", "  y", "fi\\u{7}"]);
    }

    proptest! {
        #[test]
        fn a_cleaned_line_is_harmless_and_bounded(
            input in proptest::collection::vec(any::<char>(), 0..300), max in 1usize..200
        ) {
            let input: String = input.into_iter().collect();
            let out = line(&input, max);
            prop_assert!(!out.chars().any(is_hostile));
            prop_assert!(out.chars().count() <= max + 12);
        }
    }
}
