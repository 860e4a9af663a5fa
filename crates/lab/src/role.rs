//! What a role's node is made of: `testenv/roles/ROLE/role.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::parts::Parts;

/// A role's definition; the same one serves both engines.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleSpec {
    /// What the node is, in a few words.
    pub about: String,
    /// The image: one of `testenv/images`.
    #[serde(default = "base")]
    pub image: String,
    /// Roles whose set-up has to be finished before this one's begins, where they are in the lab.
    #[serde(default)]
    pub after: Vec<String>,
    /// Roles without which this one does not work: they come along, and are set up before.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The TCP ports that answer when the node is up.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// What runs in it.
    #[serde(default)]
    pub runs: Vec<Program>,
    /// Capabilities beyond those that systemd needs; Docker only, an Incus container has its own.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Whether `lab up` without `--roles` leaves it out.
    #[serde(default)]
    pub optional: bool,
    /// The public image that has the real server, for `--images upstream`.
    #[serde(default)]
    pub upstream: Option<Upstream>,
}

fn base() -> String {
    "bookworm".to_owned()
}

/// A program of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// The service, as the documents call it.
    pub service: String,
    /// Where the stand-in that plays it is put; a real server has none.
    #[serde(default)]
    pub standin: Option<String>,
    /// A command that prints the version of a real server.
    #[serde(default)]
    pub version: Option<String>,
}

/// A public image and what is taken from it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The image's name.
    pub image: String,
    /// Paths in the image and in the node: programs that replace the stand-in.
    pub take: BTreeMap<String, String>,
}

impl RoleSpec {
    /// The roles that are set up before this one, where the lab has them.
    pub(crate) fn before(&self) -> impl Iterator<Item = &String> {
        self.needs.iter().chain(&self.after)
    }

    /// The paths at which a stand-in plays.
    pub(crate) fn standins(&self) -> impl Iterator<Item = &str> {
        self.runs
            .iter()
            .filter_map(|program| program.standin.as_deref())
    }
}

/// A set of roles with their definitions, in the order in which they can be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(Vec<(String, RoleSpec)>);

impl Roles {
    /// All roles that labs can have.
    ///
    /// # Errors
    /// When a definition cannot be read.
    pub fn known() -> Result<BTreeMap<String, RoleSpec>, LabError> {
        known(&Parts::load()?)
    }

    /// The wanted roles, or all that are not optional, each after those that it needs. A variant
    /// `ROLE=own` among the parameters brings that role's own node along.
    pub(crate) fn choose(
        parts: &Parts,
        wanted: &[String],
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, LabError> {
        let known = known(parts)?;
        if let Some(unknown) = wanted.iter().find(|role| !known.contains_key(*role)) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(LabError::usage(format!("no lab has a role `{unknown}`"))
                .help(format!("known: {}", names.join(", "))));
        }
        let mut chosen: BTreeMap<String, RoleSpec> = BTreeMap::new();
        let mut todo: Vec<String> = if wanted.is_empty() {
            let usual = known.iter().filter(|(_, spec)| !spec.optional);
            usual.map(|(role, _)| role.clone()).collect()
        } else {
            wanted.to_vec()
        };
        let own = parameters.iter().filter(|(_, value)| *value == "own");
        todo.extend(own.map(|(role, _)| role.clone()));
        while let Some(role) = todo.pop() {
            if let Some(spec) = known.get(&role)
                && !chosen.contains_key(&role)
            {
                todo.extend(spec.needs.iter().cloned());
                chosen.insert(role, spec.clone());
            }
        }
        order(chosen)
    }

    /// Role and definition, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RoleSpec)> {
        self.0.iter().map(|(role, spec)| (role.as_str(), spec))
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(role, _)| role.clone()).collect()
    }

    /// One of them.
    pub fn get(&self, role: &str) -> Option<&RoleSpec> {
        self.0
            .iter()
            .find(|(name, _)| name == role)
            .map(|(_, spec)| spec)
    }

    /// `role` and what is set up after it, directly or not, in order.
    pub(crate) fn with_dependants(&self, role: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::from([role.to_owned()]);
        // In order, so every role stands after what it depends on.
        for (name, spec) in &self.0 {
            if spec.before().any(|before| found.contains(before)) {
                found.insert(name.clone());
            }
        }
        found
    }
}

fn known(parts: &Parts) -> Result<BTreeMap<String, RoleSpec>, LabError> {
    let mut roles = BTreeMap::new();
    for (path, file) in parts.under("roles") {
        let Some((role, "role.yaml")) = path.split_once('/') else {
            continue;
        };
        let text = String::from_utf8_lossy(&file.bytes);
        let spec: RoleSpec = serde_saphyr::from_str(&text)
            .map_err(|e| LabError::usage(format!("testenv/roles/{path}: {e}")))?;
        roles.insert(role.to_owned(), spec);
    }
    Ok(roles)
}

fn order(mut left: BTreeMap<String, RoleSpec>) -> Result<Roles, LabError> {
    let mut ordered: Vec<(String, RoleSpec)> = Vec::new();
    while !left.is_empty() {
        let ready: Vec<String> = left
            .iter()
            .filter(|(_, spec)| !spec.before().any(|before| left.contains_key(before)))
            .map(|(role, _)| role.clone())
            .collect();
        if ready.is_empty() {
            let names: Vec<&str> = left.keys().map(String::as_str).collect();
            return Err(LabError::usage(format!(
                "these roles wait for each other: {}",
                names.join(", ")
            )));
        }
        for role in ready {
            if let Some(spec) = left.remove(&role) {
                ordered.push((role, spec));
            }
        }
    }
    Ok(Roles(ordered))
}

/// A program of a node as it was found when the lab came up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// The service.
    pub service: String,
    /// The version of the real server; none for a stand-in.
    pub version: Option<String>,
    /// Whether a stand-in plays it.
    pub standin: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: &[&str], parameters: &[(&str, &str)]) -> Result<Roles, LabError> {
        let wanted: Vec<String> = wanted.iter().map(|role| (*role).to_owned()).collect();
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Roles::choose(&Parts::load().unwrap(), &wanted, &parameters.collect())
    }

    #[test]
    fn every_role_of_the_checkout_is_sound_and_can_be_ordered() {
        let parts = Parts::load().unwrap();
        let known = known(&parts).unwrap();
        for (role, spec) in &known {
            assert!(
                parts.get(&format!("roles/{role}/setup")).is_some(),
                "{role}"
            );
            assert!(
                parts.get(&format!("images/{}", spec.image)).is_some(),
                "{role}"
            );
            for before in spec.before() {
                assert!(known.contains_key(before), "{role} after {before}");
            }
            assert!(!spec.runs.is_empty(), "{role} runs nothing");
        }
        let all: Vec<String> = known.keys().cloned().collect();
        let roles = Roles::choose(&parts, &all, &BTreeMap::new()).unwrap();
        for (at, (_, spec)) in roles.0.iter().enumerate() {
            let later: Vec<&String> = roles.0[at..].iter().map(|(role, _)| role).collect();
            assert!(!spec.before().any(|before| later.contains(&before)));
        }
    }

    #[test]
    fn an_unknown_role_is_refused_with_those_that_are_known() {
        let error = chosen(&["sytem"], &[]).unwrap_err();
        assert!(error.problem.contains("sytem"));
        assert!(error.help.unwrap().contains("system"));
    }

    #[test]
    fn a_role_brings_those_without_which_it_does_not_work() {
        let roles = chosen(&["system"], &[]).unwrap();
        assert_eq!(roles.names(), ["tables", "vault", "system"]);
    }

    #[test]
    fn the_variant_with_a_node_of_its_own_brings_it_to_some_roles_and_to_all() {
        let own = [("cache", "own")];
        let roles = chosen(&["system"], &own).unwrap();
        assert_eq!(roles.names(), ["cache", "tables", "vault", "system"]);
        let (all, without) = (chosen(&[], &own).unwrap(), chosen(&[], &[]).unwrap());
        assert_eq!(all.names().len(), without.names().len() + 1);
        assert!(all.get("cache").is_some() && without.get("cache").is_none());
        let none = chosen(&["dns"], &[("cache", "system")]).unwrap();
        assert_eq!(none.names(), ["dns"]);
    }

    #[test]
    fn roles_that_wait_for_each_other_are_refused() {
        let spec = |after: &str| RoleSpec {
            about: String::new(),
            image: base(),
            after: vec![after.to_owned()],
            needs: Vec::new(),
            ports: Vec::new(),
            runs: Vec::new(),
            capabilities: Vec::new(),
            optional: false,
            upstream: None,
        };
        let both = BTreeMap::from([("a".to_owned(), spec("b")), ("b".to_owned(), spec("a"))]);
        assert!(order(both).unwrap_err().problem.contains("a, b"));
    }
}
