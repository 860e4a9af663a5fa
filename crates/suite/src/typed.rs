//! A query that somebody typed on a command line, in the words of suites.

use std::collections::BTreeMap;

use runproof_facts::{Kind, Probe};
use runproof_model::Site;
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Place};
use crate::input::given;
use crate::library::Library;
use crate::query::Query;
use crate::template::Names;
use crate::yaml::Node;

/// What diagnostics call the text.
const NAME: &str = "query";

/// A typed query, ready to be looked at.
pub struct TypedQuery {
    /// The kind of fact.
    pub kind: &'static Kind,
    /// How to look.
    pub probe: Box<dyn Probe>,
    /// The role that it names by `on`.
    pub on: Option<String>,
}

impl std::fmt::Debug for TypedQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name, self.probe.query())
    }
}

impl TypedQuery {
    /// Reads a query as a suite has it: `unit: ui.service`, `{ file: /etc/hosts,
    /// lines: true }`, the braces left out or not, or only the name of a kind that
    /// needs no argument. Templates mean what they mean on that site; a main argument that
    /// begins with `./` or `../` is a path from `folder`, where there is one.
    ///
    /// # Errors
    /// Everything that is wrong, with its place in the text.
    pub fn read(
        text: &str,
        library: &Library,
        site: &Site,
        folder: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (node, added) = parse(text).map_err(|diagnostic| vec![diagnostic])?;
        Self::of(Query::from_node(node), library, site, folder).map_err(|mut diagnostics| {
            for diagnostic in &mut diagnostics {
                diagnostic.column = diagnostic.column.saturating_sub(added).max(1);
            }
            diagnostics
        })
    }

    fn of(
        query: Query,
        library: &Library,
        site: &Site,
        folder: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let problems = query.problems(NAME);
        if !problems.is_empty() {
            return Err(problems);
        }
        let one = |place: Place, message: String, help: Option<String>| {
            vec![Diagnostic::new(NAME, place, message).help(help)]
        };
        let kind = query
            .kind()
            .map_err(|(place, message, help)| one(place, message, help))?;
        let on = query
            .role()
            .map_err(|(place, message)| one(place, message, None))?
            .map(|(role, _)| role.to_owned());
        let declared = library.suites().iter().flat_map(|loaded| {
            let inputs = loaded.suite.inputs.iter();
            inputs.map(|(name, input)| (name.as_str(), input))
        });
        let (inputs, _): (BTreeMap<_, _>, _) = given(declared, &site.inputs);
        let parameters = library.parameters(&site.profile);
        let names = Names {
            profile_name: &site.profile,
            profile: &parameters,
            inputs: &inputs,
            site: &site.site,
            item: None,
        };
        let mut resolved: Value = query
            .resolve(&names)
            .map_err(|(node, error)| one(node.place, error.message, error.help))?;
        if let (Some(folder), Some(Value::String(path))) = (folder, resolved.get_mut(kind.name)) {
            *path = from(folder, path);
        }
        let probe = kind.probe(&resolved).map_err(|error| {
            let unknown = query.unknown_options(kind);
            if unknown.is_empty() {
                let message = format!("this query cannot be used: {error}");
                return one(query.place_of(kind.name), message, None);
            }
            unknown
                .into_iter()
                .map(|(place, message, help)| Diagnostic::new(NAME, place, message).help(help))
                .collect()
        })?;
        Ok(Self { kind, probe, on })
    }
}

/// A relative path from a folder; any other text as it is.
fn from(folder: &str, path: &str) -> String {
    let (mut base, mut rest) = (folder.trim_end_matches('/'), path);
    let mut relative = false;
    loop {
        if let Some(more) = rest.strip_prefix("./") {
            rest = more;
        } else if let Some(more) = rest.strip_prefix("../") {
            base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
            rest = more;
        } else {
            break;
        }
        relative = true;
    }
    if relative {
        format!("{base}/{rest}")
    } else {
        path.to_owned()
    }
}

/// The text as a mapping, and how many columns it stands further right than it was
/// typed. Commas outside of braces are what a tired person types.
fn parse(text: &str) -> Result<(Node, u32), Diagnostic> {
    let text = text.trim();
    if runproof_facts::registry::kind(text).is_some() {
        return Ok((Node::parse(NAME, &format!("{{{text}: {{}}}}"))?, 1));
    }
    let plain = Node::parse(NAME, text);
    let understood = plain.as_ref().is_ok_and(|node| node.entries().is_some());
    if !understood
        && !text.is_empty()
        && !text.starts_with('{')
        && let Ok(node) = Node::parse(NAME, &format!("{{{text}}}"))
        && node.entries().is_some()
    {
        return Ok((node, 1));
    }
    plain.map(|node| (node, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn site() -> Site {
        serde_json::from_value(serde_json::json!({
            "site": "s", "profile": "incus", "reach": { "engine": "local" }, "nodes": {}
        }))
        .unwrap()
    }

    fn read(text: &str) -> Result<TypedQuery, Vec<Diagnostic>> {
        static LIBRARY: std::sync::OnceLock<Library> = std::sync::OnceLock::new();
        let library = LIBRARY.get_or_init(|| Library::builtin().unwrap());
        TypedQuery::read(text, library, &site(), Some("/home/x"))
    }

    #[rstest]
    #[case("unit: ui.service", "unit")]
    #[case("{ unit: ui.service, environment: [A] }", "unit")]
    #[case("unit: ui.service, environment: [A]", "unit")]
    #[case("dotenv: '{profile.env_file}'", "dotenv")]
    #[case("on: proxy, file: /etc/hosts", "file")]
    #[case("listeners", "listeners")]
    #[case("listeners: {}", "listeners")]
    #[case("user: root\non: system\n", "user")]
    fn a_query_is_read_as_a_person_types_it(#[case] text: &str, #[case] kind: &str) {
        assert_eq!(read(text).unwrap().kind.name, kind);
    }

    #[rstest]
    #[case(
        "unti: ui.service",
        "query:1:1: error: `unti` is no kind of fact\n  help: did you mean `unit`?"
    )]
    #[case(
        "{ file: /etc/hosts, line: true }",
        "query:1:21: error: a query of `file` has no option `line`\n  help: did you mean `lines`?"
    )]
    #[case("file: etc/hosts", "query:1:1: error: this query cannot be used: ")]
    #[case(
        "file: '{profile.env_fil}'",
        "query:1:7: error: profile `incus` has no parameter `env_fil`\n  help: did you mean `env_file`?"
    )]
    #[case(
        "hello",
        "query:1:1: error: `hello` is no kind of fact\n  help: `runproof list facts` shows the kinds"
    )]
    #[case("", "query:1:1: error: ")]
    fn a_typo_is_answered_with_its_place(#[case] text: &str, #[case] said: &str) {
        let diagnostics = read(text).unwrap_err();
        assert!(
            diagnostics[0].to_string().starts_with(said),
            "{}",
            diagnostics[0]
        );
    }

    #[rstest]
    #[case("./a", "/home/x/a")]
    #[case("../../../a/b", "/a/b")]
    #[case("./../a", "/home/a")]
    #[case("/a/../b", "/a/../b")]
    #[case("ui.service", "ui.service")]
    fn a_relative_path_begins_in_the_folder(#[case] path: &str, #[case] whole: &str) {
        assert_eq!(from("/home/x", path), whole);
    }

    #[test]
    fn the_role_is_kept() {
        assert_eq!(
            read("{file: /x, on: drive}").unwrap().on.as_deref(),
            Some("drive")
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[a-z{}:, \\[\\]'/]{0,60}") {
            let _ = read(&text);
        }
    }
}
