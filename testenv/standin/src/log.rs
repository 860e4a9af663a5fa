//! The platform's log format: `YYYYMMDDHHMMSS.mmm level module:message`, wrapped at
//! 100 columns with continuation lines of 25 spaces; info to stdout, the rest to stderr.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

const WIDTH: usize = 100;
const INDENT: usize = 25;

/// Writes one entry.
pub fn write(level: &str, module: &str, message: &str) {
    let text = wrap(&format!("{} {level} {module}:{message}", stamp()));
    if level == "info" {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    } else {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Why listening failed, in the words that the guides look for where there are any.
pub fn cause(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        format!("address in use: {error}")
    } else {
        error.to_string()
    }
}

/// An error with everything below it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let cause = error.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        below = error.source();
    }
    text
}

fn wrap(entry: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for c in entry.chars() {
        if column == WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(INDENT));
            column = INDENT;
        }
        text.push(c);
        column += 1;
    }
    text.push('\n');
    text
}

/// Now, in UTC.
fn stamp() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (days, seconds) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}{month:02}{day:02}{:02}{:02}{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        now.subsec_millis()
    )
}

/// Days since 1970-01-01 as a date, by the arithmetic of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_a_date() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
    }

    #[test]
    fn a_long_entry_is_wrapped_at_a_hundred_columns_with_an_indent_of_twenty_five() {
        let text = wrap(&"x".repeat(150));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0].len(), 100);
        assert_eq!(lines[1], format!("{}{}", " ".repeat(25), "x".repeat(50)));
    }
}
