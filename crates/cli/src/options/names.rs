//! Names on the command line.

/// A plain name: a letter or digit, then letters, digits, `-`, `_`, `.`.
///
/// # Errors
///
/// Says what was expected.
pub(crate) fn name(text: &str) -> Result<String, String> {
    runproof_model::names::check_instance(text)
        .map(|()| text.to_owned())
        .map_err(|_| {
            "expected a name: a letter or digit, then letters, digits, '-', '_', '.'".to_owned()
        })
}

/// A role.
///
/// # Errors
///
/// Says what was expected.
pub(crate) fn role(text: &str) -> Result<runproof_model::Role, String> {
    runproof_model::Role::new(text)
        .map_err(|_| "expected a role of the site, as system or drive".to_owned())
}

/// A name in which `*` stands for any characters.
///
/// # Errors
///
/// Says what was expected.
pub(super) fn pattern(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    if text.is_empty() || text.starts_with('-') || text.len() > 128 || !text.chars().all(plain) {
        return Err("expected an identifier, in which * stands for any characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("botui-server-url-localhost", true)]
    #[case("fw-*", true)]
    #[case("*", true)]
    #[case("", false)]
    #[case("--all", false)]
    #[case("a b", false)]
    #[case("a/b", false)]
    fn a_pattern_is_an_identifier_with_stars(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(pattern(text).is_ok(), valid);
    }
}
