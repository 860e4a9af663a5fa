//! Templates: `{profile.x}` and its like in the strings of queries and fixes.
//!
//! Only names can stand in the braces, never an expression, so that what is
//! looked at is known before anything is looked at.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::did_you_mean;

/// What names mean while a template is resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The profile's name.
    pub profile_name: &'a str,
    /// Its parameters, as an object.
    pub profile: &'a Value,
    /// The declared inputs; `None` for one that the site does not give.
    pub inputs: &'a BTreeMap<String, Option<Value>>,
    /// The site's name.
    pub site: &'a str,
    /// The loop's variable and its item.
    pub item: Option<(&'a str, &'a Value)>,
}

/// Why a template has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// The byte in the template where the trouble begins.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// How braces that are no template are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Braces {
    /// They are mistakes; `{{` and `}}` are literal braces.
    Strict,
    /// They are text, as in the shell of a fix.
    Text,
}

impl<'a> Names<'a> {
    /// The value of a dotted name.
    pub(crate) fn value(&self, name: &str) -> Result<&'a Value, (String, Option<String>)> {
        let mut parts = name.split('.');
        let root = parts.next().unwrap_or_default();
        let mut value = match root {
            "profile" => {
                let key = parts.next().unwrap_or_default();
                self.profile.get(key).ok_or_else(|| {
                    let known = self
                        .profile
                        .as_object()
                        .into_iter()
                        .flat_map(|map| map.keys());
                    (
                        format!("profile `{}` has no parameter `{key}`", self.profile_name),
                        did_you_mean(key, known.map(String::as_str)),
                    )
                })?
            }
            "input" => {
                let key = parts.next().unwrap_or_default();
                match self.inputs.get(key) {
                    Some(Some(value)) => value,
                    Some(None) => {
                        return Err((
                            format!(
                                "the site file does not give the input `{key}`, and it has no default"
                            ),
                            Some(format!("add `{key}` to `inputs` of the site file")),
                        ));
                    }
                    None => {
                        return Err((
                            format!("the input `{key}` is not declared in this suite"),
                            did_you_mean(key, self.inputs.keys().map(String::as_str))
                                .or_else(|| Some("declare it under `inputs`".to_owned())),
                        ));
                    }
                }
            }
            root => match self.item {
                Some((variable, item)) if variable == root => item,
                Some(_) | None => {
                    let variable = self.item.map(|(variable, _)| variable);
                    return Err((
                        format!("nothing is called `{root}` here"),
                        did_you_mean(
                            root,
                            ["profile", "input", "site"].into_iter().chain(variable),
                        ),
                    ));
                }
            },
        };
        for part in parts {
            value = value.get(part).ok_or_else(|| {
                let known = value.as_object().into_iter().flat_map(|map| map.keys());
                (
                    format!("`{name}` has no `{part}`"),
                    did_you_mean(part, known.map(String::as_str)),
                )
            })?;
        }
        Ok(value)
    }

    /// The value of a template: of a single name its own type, else a string.
    pub(crate) fn resolve(&self, text: &str, braces: Braces) -> Result<Value, TemplateError> {
        if !text.contains(['{', '}']) {
            return Ok(Value::String(text.to_owned()));
        }
        let mut out = String::with_capacity(text.len());
        let mut offset = 0;
        while let Some(rest) = text.get(offset..)
            && let Some(c) = rest.chars().next()
        {
            match name_at(rest) {
                Some(name) if braces == Braces::Strict || self.is_ours(name) => {
                    let len = name.len() + 2;
                    let value = if name == "site" {
                        Value::from(self.site)
                    } else {
                        self.value(name)
                            .cloned()
                            .map_err(|(message, help)| TemplateError {
                                offset: offset + 1,
                                message,
                                help,
                            })?
                    };
                    if offset == 0 && len == text.len() {
                        return Ok(value);
                    }
                    match &value {
                        Value::String(value) => out.push_str(value),
                        Value::Number(number) => out.push_str(&number.to_string()),
                        Value::Bool(value) => out.push_str(&value.to_string()),
                        Value::Array(items)
                            if braces == Braces::Text
                                && items
                                    .iter()
                                    .all(|item| item.is_string() || item.is_number()) =>
                        {
                            let words: Vec<String> = items.iter().map(word).collect();
                            out.push_str(&words.join(" "));
                        }
                        Value::Null | Value::Array(_) | Value::Object(_) => {
                            return Err(TemplateError {
                                offset: offset + 1,
                                message: format!(
                                    "`{name}` is a list, a mapping or nothing, and cannot stand inside a longer text"
                                ),
                                help: None,
                            });
                        }
                    }
                    offset += len;
                }
                Some(_) | None => {
                    if braces == Braces::Strict && matches!(c, '{' | '}') {
                        if rest.starts_with("{{") || rest.starts_with("}}") {
                            offset += 1;
                        } else {
                            return Err(TemplateError {
                                offset,
                                message: format!("`{c}` is no template"),
                                help: Some(format!(
                                    "a template is `{{profile.x}}`; a literal brace is written `{c}{c}`"
                                )),
                            });
                        }
                    }
                    out.push(c);
                    offset += c.len_utf8();
                }
            }
        }
        Ok(Value::String(out))
    }

    fn is_ours(&self, name: &str) -> bool {
        let root = name.split('.').next().unwrap_or_default();
        matches!(root, "profile" | "input") && name.contains('.')
            || name == "site"
            || self.item.is_some_and(|(variable, _)| variable == root)
    }
}

/// A value as a word of a shell command or a finding.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// The dotted name in braces with which a text begins.
fn name_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    let name = inner.get(..inner.bytes().take(201).position(|b| b == b'}')?)?;
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    name.split('.').all(is_name).then_some(name)
}

/// Every dotted name in braces of a text.
pub(crate) fn names_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (offset, _) in text.match_indices('{') {
        if let Some(name) = text.get(offset..).and_then(name_at) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    fn with<T>(work: impl FnOnce(Names<'_>) -> T) -> T {
        let profile = json!({ "port": 5858, "unit": "system.service", "paths": ["/a", "/b"] });
        let inputs = BTreeMap::from([
            ("domain".to_owned(), Some(json!("example.com"))),
            ("missing".to_owned(), None),
        ]);
        let item = json!({ "name": "demo" });
        work(Names {
            profile_name: "incus",
            profile: &profile,
            inputs: &inputs,
            site: "lab",
            item: Some(("bot", &item)),
        })
    }

    #[rstest]
    #[case("plain", json!("plain"))]
    #[case("{profile.port}", json!(5858))]
    #[case("{profile.paths}", json!(["/a", "/b"]))]
    #[case("http://{input.domain}:{profile.port}/", json!("http://example.com:5858/"))]
    #[case("{site}", json!("lab"))]
    #[case("/opt/{bot.name}.gbai", json!("/opt/demo.gbai"))]
    #[case("{{literal}}", json!("{literal}"))]
    #[case("{{profile.port}}", json!("{profile.port}"))]
    fn a_template_has_the_value_of_its_names(#[case] text: &str, #[case] value: Value) {
        assert_eq!(with(|names| names.resolve(text, Braces::Strict)), Ok(value));
    }

    #[rstest]
    #[case("{profile.prot}", 1, "profile `incus` has no parameter `prot`")]
    #[case(
        "a {input.missing}",
        3,
        "the site file does not give the input `missing`, and it has no default"
    )]
    #[case("{input.other}", 1, "the input `other` is not declared in this suite")]
    #[case("{bots}", 1, "nothing is called `bots` here")]
    #[case("a { b", 2, "`{` is no template")]
    #[case(
        "x {profile.paths}",
        3,
        "`profile.paths` is a list, a mapping or nothing, and cannot stand inside a longer text"
    )]
    fn a_template_without_a_value_says_where_and_why(
        #[case] text: &str,
        #[case] offset: usize,
        #[case] message: &str,
    ) {
        let error = with(|names| names.resolve(text, Braces::Strict)).unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (offset, message));
    }

    #[rstest]
    #[case("awk '{print $1}'", "awk '{print $1}'")]
    #[case(
        "docker inspect --format '{{.Id}}' x",
        "docker inspect --format '{{.Id}}' x"
    )]
    #[case("systemctl restart {profile.unit}", "systemctl restart system.service")]
    #[case("ls {profile.paths}", "ls /a /b")]
    fn a_fix_keeps_the_braces_of_the_shell(#[case] text: &str, #[case] value: &str) {
        assert_eq!(
            with(|names| names.resolve(text, Braces::Text)),
            Ok(json!(value))
        );
    }

    proptest! {
        #[test]
        fn resolving_never_panics(text in "[{}a-z.é]{0,40}") {
            with(|names| {
                let _ = names.resolve(&text, Braces::Strict);
                let _ = names.resolve(&text, Braces::Text);
            });
        }
    }
}
