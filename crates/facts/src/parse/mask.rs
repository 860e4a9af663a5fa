//! Masking what looks like a secret in text that people see.
//!
//! A small set of rules until the crate's own scrubber is here; then the two
//! functions become calls of it.

/// What stands in the place of a masked value.
pub(crate) const MASK: &str = "‹masked›";

const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "authorization",
    "cookie",
    "access_key",
    "accesskey",
    "private_key",
];

/// Whether a name announces a secret value.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let compound = name
        .rsplit_once(['-', '_', '.'])
        .is_some_and(|(_, last)| matches!(last, "key" | "auth" | "pass" | "pwd" | "signature"));
    compound || NAMES.iter().any(|word| name.contains(word))
}

/// A line of text, masked.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut mask_next = false;
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        let (body, space) = match word.char_indices().next_back() {
            Some((at, c)) if c.is_whitespace() => word.split_at(at),
            _ => (word, ""),
        };
        let harmless = matches!(body, "" | "=" | ":" | "=>" | "true" | "false");
        if mask_next && !harmless {
            out.push_str(MASK);
            mask_next = body.eq_ignore_ascii_case("bearer") || body.eq_ignore_ascii_case("basic");
        } else {
            mask_next = one_word(body, &mut out) || (mask_next && harmless);
        }
        out.push_str(space);
    }
    out
}

/// Writes a word, masked; says whether the next word is a secret.
fn one_word(word: &str, out: &mut String) -> bool {
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((user, tail)) = rest.rsplit_once('@')
        && user.contains(':')
    {
        out.push_str(scheme);
        out.push_str("://");
        out.push_str(MASK);
        out.push('@');
        out.push_str(tail);
        return false;
    }
    if let Some(at) = word.find(['=', ':'])
        && is_secret_name(&word[..at])
    {
        let value = word[at + 1..].trim_start_matches(['"', '\'', ':']);
        if value.is_empty() {
            out.push_str(word);
            return true;
        }
        out.push_str(&word[..=at]);
        out.push_str(MASK);
        return false;
    }
    let marked = [
        "hvs.", "ghp_", "glpat-", "sk-", "eyJ", "AKIA", "$2a$", "$2y$", "$argon2",
    ];
    if word.len() >= 12 && marked.iter().any(|mark| word.contains(mark)) {
        out.push_str(MASK);
        return false;
    }
    out.push_str(word);
    word.eq_ignore_ascii_case("bearer")
        || (word.starts_with("--") && is_secret_name(word) && !word.contains('='))
        || (word.ends_with(['=', ':']) && is_secret_name(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("password=abc x", "password=‹masked› x")]
    #[case("token: abc x", "token: ‹masked› x")]
    #[case("Bearer abc", "Bearer ‹masked›")]
    #[case("postgres://u:p@h/db", "postgres://‹masked›@h/db")]
    #[case("http://10.0.2.5:8080/x", "http://10.0.2.5:8080/x")]
    #[case("with hvs.abcdefghijkl", "with ‹masked›")]
    fn secret_looking_text_is_masked(#[case] text: &str, #[case] masked: &str) {
        assert_eq!(line(text), masked);
    }
}
