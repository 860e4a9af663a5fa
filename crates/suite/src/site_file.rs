//! A site file with the places of its parts.

use runproof_model::Site;

use crate::diagnostic::{Diagnostic, Place, did_you_mean, tidy};
use crate::library::Library;
use crate::yaml::{Node, NodeKind, read};

/// A site file, read and checked.
#[derive(Clone, Debug)]
pub struct SiteFile {
    /// The site.
    pub site: Site,
    file: String,
    node: Node,
}

impl SiteFile {
    /// Reads a site file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let node = Node::parse(file, text).map_err(|diagnostic| vec![diagnostic])?;
        let expected =
            "expected the name of an instance, `{ absent: <reason> }` or `{ hypervisor: true }`";
        // Serde would take a list for the fields of `absent`, and a list of instances for a reason.
        let lists = node
            .get("nodes")
            .and_then(Node::entries)
            .unwrap_or_default();
        if let Some((_, list)) = lists
            .iter()
            .find(|(_, value)| matches!(value.kind, NodeKind::List(_)))
        {
            let message = format!("{expected}, found a list");
            return Err(vec![Diagnostic::new(file, list.place, message)]);
        }
        let site: Site = read(file, &node).map_err(|mut diagnostic| {
            if diagnostic.message.contains("untagged enum NodeRef") {
                diagnostic.message = expected.to_owned();
            }
            vec![diagnostic]
        })?;
        let loaded = Self {
            site,
            file: file.to_owned(),
            node,
        };
        let problems: Vec<Diagnostic> = loaded
            .site
            .problems()
            .into_iter()
            .map(|(path, message)| Diagnostic::new(file, loaded.place(&path), message))
            .collect();
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(tidy(problems))
        }
    }

    /// What does not fit the library: an unknown profile, roles that the profile
    /// does not know, inputs that no suite declares or that are of another type.
    /// A required role that is missing is not among them: its invariants are errors.
    pub fn check(&self, library: &Library) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let mut say = |path: &str, message: String, help: Option<String>| {
            problems.push(Diagnostic::new(&self.file, self.place(path), message).help(help));
        };
        let profile = self.site.profile.as_str();
        if library.profile(profile).is_none() {
            let known: Vec<&str> = library.profile_names().collect();
            let help = did_you_mean(profile, known.iter().copied())
                .or_else(|| Some(format!("known here: {}", known.join(", "))));
            say("profile", format!("there is no profile `{profile}`"), help);
        } else {
            let (required, optional) = library.roles(profile);
            let known: Vec<&str> = required.into_iter().chain(optional).collect();
            for role in self.site.nodes.keys() {
                if !known.contains(&role.as_str()) {
                    let help = did_you_mean(role.as_str(), known.iter().copied())
                        .or_else(|| Some(format!("known here: {}", known.join(", "))));
                    let message = format!("profile `{profile}` knows no role `{role}`");
                    say(&format!("nodes.{role}"), message, help);
                }
            }
        }
        for (name, value) in &self.site.inputs {
            let mut declared = library
                .suites()
                .iter()
                .filter_map(|loaded| loaded.suite.inputs.get(name))
                .peekable();
            let path = format!("inputs.{name}");
            if declared.peek().is_none() {
                let known = library
                    .suites()
                    .iter()
                    .flat_map(|loaded| loaded.suite.inputs.names());
                let message = format!("no suite has an input `{name}`");
                say(&path, message, did_you_mean(name, known));
            } else if let Some(input) = declared.find(|input| !input.r#type.fits(value)) {
                say(
                    &path,
                    format!("expected a value of type {}", input.r#type.as_str()),
                    None,
                );
            }
        }
        tidy(problems)
    }

    /// The place of a dotted path; of its nearest parent when it is not written.
    fn place(&self, path: &str) -> Place {
        let mut at = &self.node;
        let mut place = self.node.place;
        let mut rest = path;
        while let Some(entries) = at.entries() {
            // The name of a role may hold dots: the longest key that fits is meant.
            let fitting = entries
                .iter()
                .filter(|(key, _)| {
                    rest.strip_prefix(key.name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
                .max_by_key(|(key, _)| key.name.len());
            let Some((key, value)) = fitting else { break };
            place = key.place;
            at = value;
            rest = rest.get(key.name.len() + 1..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const GOOD: &str =
        "site: lab\nprofile: incus\nreach: {engine: incus}\nnodes: {system: system}\n";

    #[test]
    fn a_good_site_loads() {
        assert!(SiteFile::load("s.yaml", GOOD).is_ok());
    }

    #[rstest]
    #[case(
        "site: lab\nprofile: incus\nreach: {engine: incsu}\nnodes: {}\n",
        "s.yaml:3:17: error: `incsu` is none of incus, lxd, docker, local\n  help: did you mean `incus`?"
    )]
    #[case(
        "site: lab\nprofile: incus\nreach: {engine: incus}\nnodes: {system: -rf}\n",
        "s.yaml:4:9: error: instance name \"-rf\" is not valid: it must begin with a letter or a digit"
    )]
    #[case(
        "site: lab\nprofile: incus\nreach: {engine: incus}\nnodes: {meet: {absnt: no}}\n",
        "s.yaml:4:15: error: expected the name of an instance, `{ absent: <reason> }` or `{ hypervisor: true }`"
    )]
    #[case(
        "site: lab\nprofile: incus\nreach: {engine: incus, ssh: '-oProxyCommand=x'}\nnodes: {}\n",
        "s.yaml:3:24: error: not an ssh destination"
    )]
    #[case(
        "sit: lab\n",
        "s.yaml:1:1: error: unknown field `sit`\n  help: did you mean `site`?"
    )]
    #[case("- a\n", "s.yaml:1:1: error: expected a mapping, found a list")]
    fn a_bad_site_says_where_it_is_bad(#[case] text: &str, #[case] said: &str) {
        let diagnostics = SiteFile::load("s.yaml", text).unwrap_err();
        assert_eq!(diagnostics[0].to_string(), said);
    }
}
