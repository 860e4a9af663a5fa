//! app.ini: sections of names and values.

use std::collections::BTreeMap;

/// Values by section and name.
pub fn parse(text: &str) -> BTreeMap<(String, String), String> {
    let mut values = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') || line.starts_with(';') {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.trim().clone_into(&mut section);
        } else if let Some((name, value)) = line.split_once('=') {
            let value = value.trim();
            let plain = value
                .strip_prefix('`')
                .and_then(|rest| rest.strip_suffix('`'))
                .unwrap_or(value);
            values.insert((section.clone(), name.trim().to_owned()), plain.to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_comments_and_backquotes_are_read() {
        let values = parse("; x\n[server]\nHTTP_PORT = 4747\n# y\n[database]\nPASSWD = `a=b`\n");
        assert_eq!(
            values[&("server".to_owned(), "HTTP_PORT".to_owned())],
            "4747"
        );
        assert_eq!(values[&("database".to_owned(), "PASSWD".to_owned())], "a=b");
        assert_eq!(values.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}|[a-z0-9{}\"=#/*<,:.$ \n\\[\\]-]{0,200}") {
            let _ = parse(&text);
        }
    }
}
