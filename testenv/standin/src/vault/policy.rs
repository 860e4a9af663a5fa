//! Policies: which paths a token may do what with, the most specific rule deciding.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::hcl;

/// The policy that every token gets unless it asks not to.
pub const DEFAULT: &str = r#"# What a token may do with itself.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }
path "sys/renew" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "sys/tools/hash" { capabilities = ["update"] }
"#;

const KNOWN: [&str; 8] = [
    "create", "read", "update", "patch", "delete", "list", "sudo", "deny",
];

/// Paths and their capabilities, of one policy or of several together.
#[derive(Debug, Default)]
pub struct Acl {
    root: bool,
    rules: BTreeMap<String, BTreeSet<String>>,
}

impl Acl {
    /// Everything is allowed.
    pub fn root() -> Self {
        Self {
            root: true,
            rules: BTreeMap::new(),
        }
    }

    /// Adds a policy's text.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        for (path, capabilities) in parse(text)? {
            self.rules.entry(path).or_default().extend(capabilities);
        }
        Ok(())
    }

    /// What is allowed on a path: `root`, `deny`, or the capabilities themselves.
    pub fn capabilities(&self, path: &str) -> BTreeSet<String> {
        if self.root {
            return BTreeSet::from(["root".to_owned()]);
        }
        let best = self
            .rules
            .iter()
            .filter(|(rule, _)| matches(rule, path))
            .max_by(|(a, _), (b, _)| specific(a, b));
        match best {
            Some((_, capabilities))
                if !capabilities.contains("deny") && !capabilities.is_empty() =>
            {
                capabilities.clone()
            }
            _ => BTreeSet::from(["deny".to_owned()]),
        }
    }

    /// Whether a path may be used in one way; a list of `a/` is also one of `a`.
    pub fn allows(&self, path: &str, capability: &str) -> bool {
        let exact = path
            .strip_suffix('/')
            .filter(|bare| self.rules.contains_key(*bare));
        let capabilities = self.capabilities(exact.unwrap_or(path));
        capabilities.contains("root") || capabilities.contains(capability)
    }

    /// Whether anything at all is allowed below a prefix: what the preflight of `kv` asks.
    pub fn touches(&self, prefix: &str) -> bool {
        self.root
            || self.rules.iter().any(|(rule, capabilities)| {
                let fixed = rule.split(['*', '+']).next().unwrap_or_default();
                !capabilities.contains("deny")
                    && (fixed.starts_with(prefix) || prefix.starts_with(fixed) && fixed != *rule)
            })
    }
}

/// The paths and capabilities of a policy's text.
pub fn parse(text: &str) -> Result<Vec<(String, BTreeSet<String>)>, String> {
    let body = hcl::parse(text).map_err(|e| format!("failed to parse policy: {e}"))?;
    let mut rules = Vec::new();
    for block in body.blocks {
        if block.kind != "path" {
            return Err(format!(
                "failed to parse policy: invalid key {:?}",
                block.kind
            ));
        }
        let path = block.label.trim_start_matches('/').to_owned();
        if path.contains("+*") || path.trim_end_matches('*').contains('*') {
            return Err(format!("path {path:?}: invalid use of wildcards"));
        }
        let mut capabilities = BTreeSet::new();
        for (key, value) in &block.body.attributes {
            match key.as_str() {
                "capabilities" => {
                    for item in value.as_array().into_iter().flatten() {
                        let name = item.as_str().unwrap_or_default();
                        if !KNOWN.contains(&name) {
                            return Err(format!("path {path:?}: invalid capability {name:?}"));
                        }
                        capabilities.insert(name.to_owned());
                    }
                }
                "policy" => capabilities.extend(old(value, &path)?),
                // To accept a limit and not enforce it would let more through than the original.
                other => {
                    return Err(format!(
                        "path {path:?}: this stand-in does not enforce {other:?}"
                    ));
                }
            }
        }
        rules.push((path, capabilities));
    }
    Ok(rules)
}

/// The words of the first policies, which are still understood.
fn old(value: &Value, path: &str) -> Result<Vec<String>, String> {
    let names: &[&str] = match value.as_str() {
        Some("deny") => &["deny"],
        Some("read") => &["read", "list"],
        Some("write") => &["create", "read", "update", "delete", "list"],
        Some("sudo") => &["create", "read", "update", "delete", "list", "sudo"],
        _ => return Err(format!("path {path:?}: invalid policy {value}")),
    };
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

/// `+` stands for one segment, `*` at the end for whatever follows.
fn matches(rule: &str, path: &str) -> bool {
    let (fixed, open) = match rule.strip_suffix('*') {
        Some(fixed) => (fixed, true),
        None => (rule, false),
    };
    if !fixed.contains('+') {
        return if open {
            path.starts_with(fixed)
        } else {
            path == fixed
        };
    }
    let mut segments = path.split('/');
    let mut wanted = fixed.split('/').peekable();
    while let Some(want) = wanted.next() {
        let Some(segment) = segments.next() else {
            return false;
        };
        let last = wanted.peek().is_none();
        let fits = match want {
            "+" => true,
            want if last && open => segment.starts_with(want),
            want => segment == want,
        };
        if !fits {
            return false;
        }
    }
    open || segments.next().is_none()
}

/// Which of two matching rules is more specific, by the order that the documentation gives.
fn specific(a: &str, b: &str) -> Ordering {
    let wild = |rule: &str| rule.find(['*', '+']).unwrap_or(usize::MAX);
    let plus = |rule: &str| rule.split('/').filter(|segment| *segment == "+").count();
    wild(a)
        .cmp(&wild(b))
        .then_with(|| b.ends_with('*').cmp(&a.ends_with('*')))
        .then_with(|| plus(b).cmp(&plus(a)))
        .then_with(|| a.len().cmp(&b.len()))
        .then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(text: &str) -> Acl {
        let mut acl = Acl::default();
        acl.add(text).unwrap();
        acl
    }

    #[test]
    fn the_longest_match_decides_and_deny_beats_what_stands_beside_it() {
        let acl = acl(r#"
            path "secret/data/gbo/*" { capabilities = ["read"] }
            path "secret/data/gbo/jwt" { capabilities = ["deny", "read"] }
            path "secret/data/gbo/tables" { capabilities = ["read", "update"] }
        "#);
        assert!(acl.allows("secret/data/gbo/drive", "read"));
        assert!(!acl.allows("secret/data/gbo/drive", "update"));
        assert!(!acl.allows("secret/data/gbo/jwt", "read"));
        assert!(acl.allows("secret/data/gbo/tables", "update"));
        assert!(!acl.allows("secret/data/other", "read"));
    }

    #[test]
    fn a_plus_is_one_segment_and_a_star_is_everything_after() {
        let acl = acl(r#"path "secret/data/+/bots/*" { capabilities = ["read"] }"#);
        assert!(acl.allows("secret/data/a/bots/b/c", "read"));
        assert!(!acl.allows("secret/data/a/b/bots/c", "read"));
        assert!(!acl.allows("secret/data/a", "read"));
    }

    #[test]
    fn a_list_of_a_folder_needs_the_capability_with_or_without_its_slash() {
        for rule in [
            "secret/metadata/gbo",
            "secret/metadata/gbo/",
            "secret/metadata/*",
        ] {
            let acl = acl(&format!("path \"{rule}\" {{ capabilities = [\"list\"] }}"));
            assert!(acl.allows("secret/metadata/gbo/", "list"), "{rule}");
        }
    }

    #[test]
    fn the_documented_order_of_two_matching_rules_holds() {
        for (less, more) in [
            ("secret/*", "secret/data/+/x"),
            ("secret/+/x", "secret/data/x"),
            ("secret/data/*", "secret/data/a*"),
            ("secret/+/+/x", "secret/+/a/x"),
        ] {
            assert_eq!(specific(less, more), Ordering::Less, "{less} {more}");
        }
    }

    #[test]
    fn a_policy_that_asks_for_what_nobody_enforces_is_refused() {
        for text in [
            "path \"a\" { capabilities = [\"reed\"] }",
            "path \"a\" { capabilities = [\"read\"]\n allowed_parameters = { x = [] } }",
            "path \"a+*\" { capabilities = [\"read\"] }",
            "path \"a*b\" { capabilities = [\"read\"] }",
            "paths \"a\" { }",
            "path \"a\" {",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(DEFAULT).is_ok());
        assert!(parse("path \"a\" { policy = \"write\" }").is_ok());
    }

    #[test]
    fn the_preflight_sees_a_mount_that_any_rule_reaches_into() {
        let acl = acl("path \"secret/data/gbo/*\" { capabilities = [\"read\"] }");
        assert!(acl.touches("secret/"));
        assert!(!acl.touches("other/"));
    }
}
