//! Durations as people write them: `10s`, `1m30s`, `500ms`.

use std::time::Duration;

/// The longest duration that anybody means.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a duration: numbers, each with a unit (`ms`, `s`, `m`, `h`), largest unit first.
///
/// # Errors
///
/// Says what was expected. A bare number is refused: seconds and minutes have
/// been mistaken for each other before.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number with a unit: 500ms, 10s, 1m30s, 2h".to_owned();
    let mut total = Duration::ZERO;
    let mut last_unit = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| expected())?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            _ => return Err(expected()),
        };
        if unit >= last_unit {
            return Err(expected());
        }
        last_unit = unit;
        let milliseconds = number.checked_mul(unit).ok_or_else(expected)?;
        total = total
            .checked_add(Duration::from_millis(milliseconds))
            .ok_or_else(expected)?;
        rest = tail;
    }
    if total.is_zero() {
        return Err("it must be longer than nothing, as 10s".to_owned());
    }
    if total > LONGEST {
        return Err("a day (24h) is the most".to_owned());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("10s", Some(10_000))]
    #[case("500ms", Some(500))]
    #[case("1m30s", Some(90_000))]
    #[case("24h", Some(86_400_000))]
    #[case("10", None)]
    #[case("", None)]
    #[case("0s", None)]
    #[case("-1s", None)]
    #[case("1s1m", None)]
    #[case("1s1s", None)]
    #[case("1.5s", None)]
    #[case("25h", None)]
    #[case("99999999999999999999s", None)]
    #[case("18446744073709551615h", None)]
    fn a_duration_has_a_unit(#[case] text: &str, #[case] milliseconds: Option<u64>) {
        assert_eq!(duration(text).ok(), milliseconds.map(Duration::from_millis));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = duration(&text);
        }
    }
}
