//! Spans and points of time as systemd writes them.

/// The units of `systemd.time(7)`: the first that fits is meant, so `ms` stands before `m`.
const UNITS: &[(&str, f64)] = &[
    ("seconds", 1.0),
    ("second", 1.0),
    ("sec", 1.0),
    ("s", 1.0),
    ("minutes", 60.0),
    ("minute", 60.0),
    ("min", 60.0),
    ("months", 2_629_800.0),
    ("month", 2_629_800.0),
    ("M", 2_629_800.0),
    ("msec", 1e-3),
    ("ms", 1e-3),
    ("m", 60.0),
    ("hours", 3600.0),
    ("hour", 3600.0),
    ("hr", 3600.0),
    ("h", 3600.0),
    ("days", 86_400.0),
    ("day", 86_400.0),
    ("d", 86_400.0),
    ("weeks", 604_800.0),
    ("week", 604_800.0),
    ("w", 604_800.0),
    ("years", 31_557_600.0),
    ("year", 31_557_600.0),
    ("y", 31_557_600.0),
    ("usec", 1e-6),
    ("us", 1e-6),
    ("μs", 1e-6),
    ("µs", 1e-6),
];

/// A span in seconds: `5min 20s`, `1.5h`, `100ms`, a bare number of seconds.
/// `infinity` is [`f64::INFINITY`].
pub fn span(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if rest == "infinity" {
        return Some(f64::INFINITY);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() || number == "." || number.matches('.').count() > 1 {
            return None;
        }
        let number: f64 = number.parse().ok()?;
        let tail = tail.trim_start();
        let unit = UNITS
            .iter()
            .find_map(|(name, seconds)| Some((tail.strip_prefix(name)?, *seconds)));
        let (tail, seconds) = unit.unwrap_or((tail, 1.0));
        total += number * seconds;
        rest = tail.trim_start();
    }
    total.is_finite().then_some(total)
}

/// A point of time as `systemctl show` prints it under `TZ=UTC` and `LC_ALL=C`,
/// such as `Fri 2026-11-20 12:00:00 UTC`, in seconds since 1970.
pub fn timestamp(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let mut date = words.next()?;
    if date.bytes().all(|b| b.is_ascii_alphabetic()) {
        date = words.next()?;
    }
    let time = words.next()?;
    if !matches!(words.next(), Some("UTC" | "GMT")) || words.next().is_some() {
        return None;
    }
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.splitn(3, ':');
    let hour: u32 = time.next()?.parse().ok()?;
    let minute: u32 = time.next()?.parse().ok()?;
    let second: f64 = time.next()?.parse().ok()?;
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && (0.0..61.0).contains(&second);
    if !valid {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let days = i32::try_from(days).ok()?;
    Some(f64::from(days) * 86_400.0 + f64::from(hour * 3600 + minute * 60) + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("5min 20s", Some(320.0))]
    #[case("5min20s", Some(320.0))]
    #[case("1min 5s", Some(65.0))]
    #[case("100ms", Some(0.1))]
    #[case("0", Some(0.0))]
    #[case("10", Some(10.0))]
    #[case("1.5h", Some(5400.0))]
    #[case("2 h", Some(7200.0))]
    #[case("1y 12month", Some(31_557_600.0 * 2.0))]
    #[case("55s500ms", Some(55.5))]
    #[case("infinity", Some(f64::INFINITY))]
    #[case("", None)]
    #[case("5 foo", None)]
    #[case("-5", None)]
    #[case("5..5s", None)]
    fn spans(#[case] text: &str, #[case] seconds: Option<f64>) {
        match (span(text), seconds) {
            (Some(a), Some(b)) => assert!(a == b || (a - b).abs() < 1e-9, "{a} {b}"),
            (a, b) => assert_eq!(a, b),
        }
    }

    #[rstest]
    #[case("Fri 2026-11-20 12:00:00 UTC", Some(1_795_176_000.0))]
    #[case("Thu 1970-01-01 00:00:00 UTC", Some(0.0))]
    #[case("2024-02-29 23:59:59.5 UTC", Some(1_709_251_199.5))]
    #[case("Fri 2026-11-20 12:00:00 CET", None)]
    #[case("n/a", None)]
    #[case("", None)]
    fn timestamps(#[case] text: &str, #[case] seconds: Option<f64>) {
        assert_eq!(timestamp(text), seconds);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in ".{0,60}") {
            let _ = span(&text);
            let _ = timestamp(&text);
        }
    }
}
