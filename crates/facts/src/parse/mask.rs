//! Names after which a value of its own is secret.
//!
//! [`crate::scrub`] masks what stands in one text. Where a format has the name
//! and the value in different tokens, the reader of the format asks here.

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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("X-Api-Key", true)]
    #[case("Authorization", true)]
    #[case("{$DNS_TOKEN", true)]
    #[case("Host", false)]
    #[case("X-Forwarded-For", false)]
    fn names_of_secrets_are_known(#[case] name: &str, #[case] secret: bool) {
        assert_eq!(is_secret_name(name), secret);
    }
}
