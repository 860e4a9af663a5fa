//! Where a byte of a parsed text stands in the file.

use std::iter::Peekable;
use std::str::Chars;

use crate::diagnostic::Place;

/// The place of the byte `offset` of `value`, a text that begins at `start` in `file`.
///
/// The parsed text is laid beside the written one. Plain and block texts match
/// but for line ends and indentation, quoted ones but for escapes; where the two
/// cannot be matched, the beginning of the text is the answer.
pub(crate) fn inside(file: &str, start: Place, value: &str, offset: usize) -> Place {
    let Some(raw) = file.get(start.byte as usize..) else {
        return start;
    };
    let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
    walk(raw, start, value, offset, None)
        .or_else(|| walk(raw, start, value, offset, quote))
        .unwrap_or(start)
}

fn walk(raw: &str, start: Place, value: &str, offset: usize, quote: Option<char>) -> Option<Place> {
    let mut at = Cursor {
        chars: raw.chars().peekable(),
        place: start,
    };
    if quote.is_some() {
        at.step();
    }
    let mut found = (offset == 0).then_some(at.place);
    // Indentation beyond the block's own is skipped with it, and then has no match.
    let mut indented = false;
    for (index, c) in value.char_indices() {
        // The rest is read too: only a text that matches as a whole was laid beside the right one.
        if index >= offset && found.is_none() {
            found = Some(at.place);
        }
        if quote == Some('"') && at.chars.peek() == Some(&'\\') {
            at.step();
            at.step();
        } else if at.chars.peek() == Some(&c) {
            at.step();
            if quote == Some('\'') && c == '\'' {
                at.step();
            }
            indented = c == '\n' || (indented && c.is_whitespace());
            if c == '\n' {
                at.skip_blanks();
            }
        } else if indented && c.is_whitespace() {
        } else if c.is_whitespace() && at.chars.peek().is_some_and(|c| c.is_whitespace()) {
            at.skip_blanks();
        } else if c == '\n' && at.chars.peek().is_none() {
            break;
        } else {
            return None;
        }
    }
    found.or(Some(at.place))
}

struct Cursor<'a> {
    chars: Peekable<Chars<'a>>,
    place: Place,
}

impl Cursor<'_> {
    fn step(&mut self) {
        let Some(c) = self.chars.next() else { return };
        self.place.byte += u32::try_from(c.len_utf8()).unwrap_or(0);
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while self.chars.peek().is_some_and(|c| c.is_whitespace()) {
            self.step();
        }
    }
}
