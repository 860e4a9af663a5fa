//! Breaking lines at the width that a terminal shows.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The narrowest column that text is wrapped into.
const NARROWEST: usize = 16;

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a line at spaces so that no piece is wider than `columns`; a word
/// that is too wide is broken where it must be. Runs of spaces inside a piece
/// stay as they are: they may be the finding.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(NARROWEST);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut used = 0;
    // Where the last space stands, and the columns up to and with it.
    let mut space: Option<(usize, usize)> = None;
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if c == ' ' && used + wide > columns {
            pieces.push(&text[start..at]);
            (start, used, space) = (at + 1, 0, None);
            continue;
        }
        while used + wide > columns && at > start {
            match space.take() {
                Some((cut, columns_before)) if cut > start => {
                    pieces.push(&text[start..cut]);
                    start = cut + 1;
                    used -= columns_before;
                }
                _ => {
                    pieces.push(&text[start..at]);
                    start = at;
                    used = 0;
                }
            }
        }
        used += wide;
        if c == ' ' {
            space = Some((at, used));
        }
    }
    if start < text.len() || pieces.is_empty() {
        pieces.push(&text[start..]);
    }
    pieces
}

/// Fills a text to `columns` with spaces.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::empty("", &[""])]
    #[case::fits("one two three", &["one two three"])]
    #[case::at_spaces("one two three four five", &["one two three", "four five"])]
    #[case::a_long_word("0123456789abcdefghij", &["0123456789abcdef", "ghij"])]
    #[case::a_long_word_later("a 0123456789abcdefghij", &["a", "0123456789abcdef", "ghij"])]
    #[case::wide_characters("漢字漢字漢字漢字漢字", &["漢字漢字漢字漢字", "漢字"])]
    #[case::spaces_that_matter("a   b", &["a   b"])]
    #[case::a_space_at_the_edge("0123456789abcdef xy", &["0123456789abcdef", "xy"])]
    fn lines_break_at_the_width(#[case] text: &str, #[case] pieces: &[&str]) {
        assert_eq!(wrap(text, 16), pieces);
    }

    proptest! {
        #[test]
        fn no_piece_is_too_wide_and_nothing_but_spaces_is_lost(text in "\\PC{0,200}", columns in 16usize..60) {
            let pieces = wrap(&text, columns);
            for piece in &pieces {
                let sum: usize = piece.chars().map(|c| c.width().unwrap_or(0)).sum();
                prop_assert!(sum <= columns);
            }
            let bare = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
        }
    }
}
