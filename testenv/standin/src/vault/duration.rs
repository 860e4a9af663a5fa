//! Spans of time as Vault's clients write them: seconds, or `1h30m`.

use serde_json::Value;

/// Seconds of a number, a string of digits, or a string with units.
pub fn parse(value: &Value) -> Result<u64, String> {
    if let Some(seconds) = value.as_u64() {
        return Ok(seconds);
    }
    let text = value
        .as_str()
        .ok_or_else(|| format!("invalid duration {value}"))?;
    parse_text(text)
}

/// The same of a text alone; an empty one is zero.
pub fn parse_text(text: &str) -> Result<u64, String> {
    let wrong = || format!("time: invalid duration {text:?}");
    if text.is_empty() {
        return Ok(0);
    }
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        total = count
            .checked_mul(seconds)
            .and_then(|span| total.checked_add(span))
            .ok_or_else(wrong)?;
        rest = &rest[unit..];
    }
    Ok(total)
}

/// As Go prints a span: `8760h0m0s`, `1m30s`, `5s`.
pub fn show(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_digits_and_units_are_seconds() {
        for (value, seconds) in [
            (json!(90), 90),
            (json!("90"), 90),
            (json!("1m30s"), 90),
            (json!("8760h"), 31_536_000),
            (json!("1d"), 86_400),
            (json!(""), 0),
        ] {
            assert_eq!(parse(&value), Ok(seconds), "{value}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused_and_an_endless_one_too() {
        for value in [
            json!("h"),
            json!("1x"),
            json!("1h2"),
            json!(-1),
            json!([]),
            json!("99999999999999999999h"),
            json!("9999999999999999h9999999999999999h"),
        ] {
            assert!(parse(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_span_is_shown_as_go_shows_it() {
        assert_eq!(show(31_536_000), "8760h0m0s");
        assert_eq!(show(90), "1m30s");
        assert_eq!(show(5), "5s");
    }
}
