//! Making text from a hostile node harmless before anybody prints or stores it.

/// Characters that may move a cursor, hide text or reorder it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One printable line of at most `max` characters: control, bidirectional and
/// invisible characters become `\u{..}` escapes, a cut is marked with `…`.
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

/// Bytes as hexadecimal digits, two lower-case ones each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }

    proptest! {
        #[test]
        fn one_line_is_always_printable_and_bounded(input in ".*", max in 1usize..200) {
            let out = one_line(&input, max);
            prop_assert!(out.chars().count() <= max + 1);
            prop_assert!(!out.chars().any(is_hostile));
        }
    }
}
