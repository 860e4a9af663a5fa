//! The words that authors of suites may choose, and the patterns that select them.

/// Names that mean something else in expressions or templates.
const RESERVED: &[&str] = &[
    "profile",
    "input",
    "site",
    "now",
    "true",
    "false",
    "null",
    "in",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "size",
];

/// An identifier: lower-case words of letters and digits, joined by single `-`.
pub(crate) fn check_id(id: &str) -> Result<(), String> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if id.len() <= 100 && id.split('-').all(is_word) {
        Ok(())
    } else {
        Err(format!(
            "`{id}` is no identifier: lower-case words of letters and digits, joined by `-`, at most 100 characters"
        ))
    }
}

/// The name of a fact, a parameter, an input or a loop's variable.
pub(crate) fn check_variable(name: &str) -> Result<(), String> {
    let fits = name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if RESERVED.contains(&name) {
        Err(format!("`{name}` already means something in expressions"))
    } else if fits {
        Ok(())
    } else {
        Err(format!(
            "`{name}` is no name: a lower-case letter, then lower-case letters, digits and `_`"
        ))
    }
}

/// The name of a section as sources write it: lower case, everything else `-`.
pub fn slug(heading: &str) -> String {
    let mut slug = String::with_capacity(heading.len());
    for c in heading.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Whether a text matches a pattern in which `*` stands for anything and `?` for one character.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&want) if want == b'?' || want == c => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match &mut retry {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|&b| b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("vault-unsealed", true)]
    #[case("a1", true)]
    #[case("", false)]
    #[case("Vault", false)]
    #[case("a--b", false)]
    #[case("a-", false)]
    fn identifiers_are_kebab_case(#[case] id: &str, #[case] good: bool) {
        assert_eq!(check_id(id).is_ok(), good);
    }

    #[rstest]
    #[case("CRITICAL RULES — READ FIRST", "critical-rules-read-first")]
    #[case("🔧 Common Issues & Fixes", "common-issues-fixes")]
    #[case("User Operations (v2)", "user-operations-v2")]
    fn a_heading_becomes_a_slug(#[case] heading: &str, #[case] expected: &str) {
        assert_eq!(slug(heading), expected);
    }

    #[rstest]
    #[case("vault-*", "vault-unsealed", true)]
    #[case("*", "", true)]
    #[case("*-url-*", "botui-server-url-localhost", true)]
    #[case("vault", "vault-unsealed", false)]
    #[case("a?c", "abc", true)]
    #[case("a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false)]
    fn a_pattern_matches_whole_names(#[case] pattern: &str, #[case] text: &str, #[case] hit: bool) {
        assert_eq!(matches(pattern, text), hit);
    }
}
