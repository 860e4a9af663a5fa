//! `config.csv`: a key and a value a line.

/// The entries, in the order of the file. Whoever writes a header other than `key,…` gets it as an entry.
pub fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().map(str::trim).filter_map(|line| {
        let skipped = line.starts_with('#') || line.to_lowercase().starts_with("key,");
        let (key, value) = line.split_once(',').filter(|_| !skipped)?;
        let (key, value) = (key.trim(), value.trim());
        (!key.is_empty()).then_some((key, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_at_the_first_comma_and_trimmed() {
        let found: Vec<_> = entries(" llm-provider , groq \r\ntitle,a, b\n").collect();
        assert_eq!(found, [("llm-provider", "groq"), ("title", "a, b")]);
    }

    #[test]
    fn comments_blank_lines_and_lines_without_a_key_are_passed_over() {
        let text = "# a,b\n\n   \nKey,Value\n,c\nno comma\n";
        assert_eq!(entries(text).count(), 0);
    }

    #[test]
    fn a_header_of_name_and_value_becomes_an_entry() {
        let found: Vec<_> = entries("name,value\nkeyboard,on").collect();
        assert_eq!(found, [("name", "value"), ("keyboard", "on")]);
    }
}
