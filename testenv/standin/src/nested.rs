//! The part of YAML that configuration files of services use: names, nested by their indentation.

use std::collections::BTreeMap;

/// Values by their names, joined.
/// Lists, folded texts, anchors and flow collections are not read.
pub fn flatten(text: &str, joint: &str) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        let content = bare.trim_start();
        let indent = bare.len() - content.len();
        if content.starts_with('#') || content == "---" {
            continue;
        }
        let Some((name, value)) = content
            .split_once(':')
            .filter(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
        else {
            continue;
        };
        while path.last().is_some_and(|(depth, _)| *depth >= indent) {
            path.pop();
        }
        path.push((indent, plain(name).to_owned()));
        let value = plain(value);
        if !value.is_empty() {
            let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
            flat.insert(names.join(joint), value.to_owned());
        }
    }
    flat
}

fn plain(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_by_their_indentation_and_comments_and_quotes_go() {
        let flat = flatten(
            "# x\nport: 9000\nrunner:\n  file: '.runner' # y\n  deep:\n    a: b\nurl: http://h:1\n",
            ".",
        );
        assert_eq!(flat["port"], "9000");
        assert_eq!(flat["runner.file"], ".runner");
        assert_eq!(flat["runner.deep.a"], "b");
        assert_eq!(flat["url"], "http://h:1");
        assert_eq!(flat.len(), 4);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}|[a-z0-9{}\"=#/*<,:.$ \n\\[\\]-]{0,200}") {
            let _ = flatten(&text, ".");
        }
    }
}
