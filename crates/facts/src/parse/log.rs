//! The platform's log: `YYYYMMDDHHMMSS.mmm level module:message`, wrapped at 100 columns.
//!
//! A line that begins with 25 spaces continues the entry before it. Where a line was
//! broken is not recorded: at a blank, which is then lost, or inside a long word. So an
//! entry keeps where its lines meet. Its text has a blank there when the line before was
//! shorter than 100 columns, for then the break was made at a blank; and a search lets
//! every such place be a blank or nothing.

/// How far continuation lines are indented.
pub const INDENT: usize = 25;
/// Where lines are broken, in columns.
pub const COLUMNS: usize = 100;
/// The levels, most serious first.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// One line, or one entry with its continuation lines.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// An entry in the platform's format.
    Entry(Entry<'a>),
    /// A line that begins with `{`.
    Json(&'a str),
    /// Anything else that is not blank.
    Other(&'a str),
}

/// An entry in the platform's format.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// Seconds since 1970, the clock read as UTC.
    pub time: f64,
    /// One of [`LEVELS`].
    pub level: &'static str,
    /// The module's path; empty when there is none.
    pub module: &'a str,
    /// The whole first line.
    first: &'a str,
    /// Where the message begins in the first line.
    message_at: usize,
    /// The continuation lines without their indentation.
    rest: Vec<&'a str>,
}

impl Entry<'_> {
    /// The message on one line, cut after about `max` bytes.
    pub fn message(&self, max: usize) -> String {
        let mut text = self.first.get(self.message_at..).unwrap_or("").to_owned();
        let mut columns = self.first.chars().count();
        for piece in &self.rest {
            if text.len() > max {
                break;
            }
            if columns < COLUMNS && !text.ends_with(' ') && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(piece);
            columns = INDENT + piece.chars().count();
        }
        text
    }
}

/// Takes a log apart. With `cut`, the text begins inside the file: what may be the end of
/// an entry is left out.
pub fn items(text: &str, cut: bool) -> Vec<Item<'_>> {
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    if cut {
        lines.next();
    }
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut headless = cut;
    for line in lines {
        if let Some(piece) = continuation(line) {
            match items.last_mut() {
                Some(Item::Entry(entry)) => entry.rest.push(piece),
                None if headless => {}
                Some(Item::Json(_) | Item::Other(_)) | None => items.push(Item::Other(line)),
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        headless = false;
        items.push(match entry(line) {
            Some(entry) => Item::Entry(entry),
            None if line.starts_with('{') => Item::Json(line),
            None => Item::Other(line),
        });
    }
    items
}

fn continuation(line: &str) -> Option<&str> {
    let piece = line.get(INDENT..)?;
    let indented = line.bytes().take(INDENT).all(|b| b == b' ');
    (indented && !piece.trim().is_empty()).then_some(piece)
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (stamp, rest) = line.split_once(' ')?;
    let time = time(stamp)?;
    let rest = rest.trim_start_matches(' ');
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let level = LEVELS
        .into_iter()
        .find(|level| level.eq_ignore_ascii_case(word))?;
    let rest = rest.trim_start_matches(' ');
    let (module, message) = module(rest).unwrap_or(("", rest));
    Some(Entry {
        time,
        level,
        module,
        first: line,
        message_at: line.len() - message.len(),
        rest: Vec::new(),
    })
}

/// Splits `a::b::c:message`; a module's path holds `::` but no single `:`.
fn module(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let start = at;
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        {
            at += 1;
        }
        if at == start || bytes.get(at) != Some(&b':') {
            return None;
        }
        if bytes.get(at + 1) == Some(&b':') {
            at += 2;
        } else {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
}

/// Seconds since 1970 of `YYYYMMDDHHMMSS.mmm` in UTC.
pub fn time(stamp: &str) -> Option<f64> {
    let (seconds, millis) = stamp.split_once('.')?;
    let digits =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds, 14) || !digits(millis, 3) {
        return None;
    }
    let number = |from: usize, to: usize| seconds.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let whole = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let millis = millis.parse::<i64>().ok()?;
    // Exact: both numbers are far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    Some((whole * 1_000 + millis) as f64 / 1_000.0)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from
/// March, so that the day that leap years add is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// A text that is searched for in entries; every place where two lines meet may be a
/// blank or nothing. The time taken is linear in the length of the log.
#[derive(Debug)]
pub struct Needle<'a> {
    text: &'a str,
    /// For each byte, the positions of the text that hold it, as bits.
    masks: Vec<Vec<u64>>,
}

impl<'a> Needle<'a> {
    /// A text to search for; an empty one is found nowhere.
    pub fn new(text: &'a str) -> Self {
        let blocks = text.len().div_ceil(64);
        let mut masks = vec![vec![0u64; blocks]; 256];
        for (at, byte) in text.bytes().enumerate() {
            masks[usize::from(byte)][at / 64] |= 1 << (at % 64);
        }
        Self { text, masks }
    }

    /// Whether the text stands in the item.
    pub fn is_in(&self, item: &Item<'_>) -> bool {
        if self.text.is_empty() {
            return false;
        }
        match item {
            Item::Json(line) | Item::Other(line) => line.contains(self.text),
            Item::Entry(entry) if entry.rest.is_empty() => entry.first.contains(self.text),
            Item::Entry(entry) => self.is_in_pieces(entry),
        }
    }

    fn is_in_pieces(&self, entry: &Entry<'_>) -> bool {
        // Bit n is set when the first n + 1 bytes of the text match what was read last.
        let mut state = vec![0u64; self.text.len().div_ceil(64)];
        let last = self.text.len() - 1;
        let done = |state: &[u64]| state[last / 64] >> (last % 64) & 1 == 1;
        let shifted = |state: &[u64], index: usize| {
            let carry = if index == 0 {
                1
            } else {
                state[index - 1] >> 63
            };
            state[index] << 1 | carry
        };
        let pieces = std::iter::once(entry.first).chain(entry.rest.iter().copied());
        for (number, piece) in pieces.enumerate() {
            if number > 0 {
                let blank = &self.masks[usize::from(b' ')];
                let skipped: Vec<u64> = (0..state.len())
                    .map(|index| shifted(&state, index) & blank[index])
                    .collect();
                for (word, more) in state.iter_mut().zip(skipped) {
                    *word |= more;
                }
                if done(&state) {
                    return true;
                }
            }
            for byte in piece.bytes() {
                let mask = &self.masks[usize::from(byte)];
                for index in (0..state.len()).rev() {
                    state[index] = shifted(&state, index) & mask[index];
                }
                if done(&state) {
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("19700101000000.000", Some(0.0))]
    #[case("20261120120000.123", Some(1_795_176_000.123))]
    #[case("20240229235959.999", Some(1_709_251_199.999))]
    #[case("20001231000000.000", Some(978_220_800.0))]
    #[case("20261320120000.123", None)]
    #[case("2026112012000.0123", None)]
    #[case("20261120120000", None)]
    fn stamps_are_utc(#[case] stamp: &str, #[case] time: Option<f64>) {
        assert_eq!(super::time(stamp), time);
    }

    fn only(text: &str) -> Entry<'_> {
        match items(text, false).as_slice() {
            [Item::Entry(entry)] => entry.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_entry_is_taken_apart() {
        let entry = only(
            "20261120120000.123 info botserver::drive::drive_monitor:ETag changed for x: will reindex\n",
        );
        assert_eq!(entry.level, "info");
        assert_eq!(entry.module, "botserver::drive::drive_monitor");
        assert_eq!(entry.message(500), "ETag changed for x: will reindex");
    }

    #[test]
    fn an_entry_without_a_module_keeps_its_message() {
        let entry = only("20261120120000.123 warn Something happened: badly");
        assert_eq!(
            (entry.module, entry.message(500)),
            ("", "Something happened: badly".into())
        );
    }

    /// Wraps as the program does: `hard` inside words, else at blanks.
    fn wrapped(message: &str, hard: bool) -> String {
        let head = "20261120120000.123 error botserver:";
        let mut lines = vec![head.to_owned()];
        let mut column = head.len();
        let push = |lines: &mut Vec<String>, text: &str| {
            lines.last_mut().unwrap().push_str(text);
        };
        if hard {
            for c in message.chars() {
                if column == COLUMNS {
                    lines.push(" ".repeat(INDENT));
                    column = INDENT;
                }
                push(&mut lines, &c.to_string());
                column += 1;
            }
        } else {
            for word in message.split(' ') {
                let start = lines.last().unwrap().ends_with(':') && column == head.len();
                if !start && column + 1 + word.len() >= COLUMNS {
                    lines.push(" ".repeat(INDENT));
                    column = INDENT;
                } else if !start {
                    push(&mut lines, " ");
                    column += 1;
                }
                push(&mut lines, word);
                column += word.len();
            }
        }
        lines.join("\n")
    }

    const LONG: &str = "Failed to list objects in demo.gbai: the service answered with an error that is long enough to need several lines of this log so that every way to break it is met at least once in here";

    #[rstest]
    #[case(true)]
    #[case(false)]
    fn a_search_finds_what_a_line_break_took_apart(#[case] hard: bool) {
        let log = wrapped(LONG, hard);
        assert!(log.lines().count() >= 3);
        let items = items(&log, false);
        assert_eq!(items.len(), 1);
        for start in (0..LONG.len() - 40).step_by(3) {
            let part = &LONG[start..start + 40];
            assert!(Needle::new(part).is_in(&items[0]), "{part}");
        }
        assert!(Needle::new(LONG).is_in(&items[0]));
        assert!(Needle::new("error botserver:Failed").is_in(&items[0]));
        assert!(!Needle::new("demo.gbai: theservice").is_in(&items[0]));
        assert!(!Needle::new("").is_in(&items[0]));
    }

    #[test]
    fn a_message_that_was_broken_at_blanks_is_whole_again() {
        assert_eq!(only(&wrapped(LONG, false)).message(500), LONG);
    }

    #[test]
    fn a_log_that_was_cut_does_not_begin_with_half_an_entry() {
        let indent = " ".repeat(INDENT);
        let log = format!("lf an entry\n{indent}and more of it\n20261120120000.123 info a:b\n");
        assert_eq!(items(&log, true).len(), 1);
        assert_eq!(items(&log, false).len(), 3);
    }

    #[rstest]
    #[case("{\"level\":\"info\"}", true)]
    #[case("thread 'main' panicked at src/main.rs:1:1:", false)]
    #[case("20261120120000.123 note a:b", false)]
    fn other_lines_are_told_apart(#[case] line: &str, #[case] json: bool) {
        let items = items(line, false);
        assert!(matches!(
            (&items[0], json),
            (Item::Json(_), true) | (Item::Other(_), false)
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ \n\ra:{0-9.é]{0,200}", cut: bool, needle in "[ a:é]{0,9}") {
            for item in items(&text, cut) {
                let _ = Needle::new(&needle).is_in(&item);
                if let Item::Entry(entry) = item {
                    let _ = entry.message(50);
                }
            }
        }

        #[test]
        fn any_part_of_a_wrapped_message_is_found(message in "[a-z]{1,30}( [a-z]{1,30}){5,15}", hard: bool, from in 0usize..50, len in 1usize..120) {
            let log = wrapped(&message, hard);
            let items = items(&log, false);
            let end = (from + len).min(message.len());
            let part = &message[from.min(end)..end];
            prop_assert!(part.is_empty() || Needle::new(part).is_in(&items[0]), "{}", log);
        }
    }
}
