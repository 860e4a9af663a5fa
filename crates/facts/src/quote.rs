//! The one quoting function for sh.

/// `word` as one word of POSIX sh.
pub fn sh(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-+:=@,%".contains(&b));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quoted_word_comes_back_from_a_real_shell(word in "[^\0]{0,40}") {
            let out = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", sh(&word))])
                .output()
                .unwrap();
            prop_assert_eq!(out.stdout, word.as_bytes());
        }
    }
}
