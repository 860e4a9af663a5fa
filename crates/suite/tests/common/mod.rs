//! The library of the fixtures, and evidence made by hand.
// Helpers of tests say what they mean by unwrapping, as tests do.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use runproof_model::{Evidence, FactRecord, NodeRecord, Role, Round, Site};
use runproof_suite::{Diagnostic, Library, Plan, SiteFile, SourceFile};
use serde_json::{Value, json};

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn files() -> Vec<SourceFile> {
    let mut files = Vec::new();
    for folder in ["", "profiles/"] {
        let dir = fixtures().join("library").join(folder);
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let name = format!("{folder}{}", entry.file_name().to_str().unwrap());
            if SourceFile::belongs(&name) {
                files.push(SourceFile::new(
                    name,
                    fs::read_to_string(entry.path()).unwrap(),
                ));
            }
        }
    }
    files
}

pub fn said(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

pub fn library() -> Library {
    Library::load(files()).unwrap_or_else(|d| panic!("{}", said(&d)))
}

/// The library with another suite in place of its own.
pub fn library_with(suite: &str) -> Library {
    let name = suite
        .lines()
        .find_map(|l| l.strip_prefix("suite: "))
        .unwrap();
    let mut files: Vec<_> = files()
        .into_iter()
        .filter(|f| f.name != "base.yaml")
        .collect();
    files.push(SourceFile::new(format!("{name}.yaml"), suite.to_owned()));
    Library::load(files).unwrap_or_else(|d| panic!("{}", said(&d)))
}

pub fn site(text: &str) -> Site {
    SiteFile::load("site.yaml", text)
        .unwrap_or_else(|d| panic!("{}", said(&d)))
        .site
}

pub const SITE: &str = "
site: lab
profile: incus
reach: { engine: incus }
nodes: { system: system-1, proxy: proxy-1, meet: { absent: no video here }, host: { hypervisor: true } }
inputs: { bots: [ { name: demo, folder: /opt/gbo/data } ], domain: example.com }
";

/// A file as it would be recorded: everything known, then the given fields.
pub fn file(fields: Value) -> Value {
    let mut fact = json!({
        "exists": true, "type": "file", "is_link": false, "mode": "0644", "owner": "root",
        "group": "root", "size": 100, "mtime": 1_700_000_000, "digest": {"$absent": true},
        "lines": {"$absent": true},
    });
    for (name, value) in fields.as_object().unwrap() {
        fact[name] = value.clone();
    }
    fact
}

/// Evidence in which every wanted fact is a good file, but for those of a path.
pub fn evidence(plan: &Plan, others: &[(&str, &str, Value)]) -> Evidence {
    let facts = plan
        .wanted()
        .iter()
        .map(|wanted| {
            let path = wanted.query["file"].as_str().unwrap();
            let other = others
                .iter()
                .find(|(role, at, _)| *role == wanted.role.as_str() && *at == path);
            let good = || {
                file(if wanted.query["digest"] == json!(true) {
                    json!({"digest": "00ff"})
                } else {
                    json!({})
                })
            };
            FactRecord {
                role: wanted.role.clone(),
                kind: wanted.kind.to_owned(),
                query: wanted.query.clone(),
                fact: other.map_or_else(good, |(_, _, fact)| fact.clone()),
            }
        })
        .collect();
    Evidence {
        format: runproof_model::evidence::FORMAT.into(),
        site: plan.site.clone(),
        profile: plan.profile.clone(),
        started: "2026-01-01T00:00:00Z".into(),
        duration_s: 0.1,
        key_id: None,
        inputs: BTreeMap::new(),
        absent_roles: BTreeMap::new(),
        nodes: ["system", "proxy", "host"]
            .into_iter()
            .map(|role| NodeRecord {
                role: Role::new(role).unwrap(),
                instance: role.into(),
                image: None,
                standin: false,
                now: Some(1_800_000_000.0),
                skew_s: None,
                trouble: None,
            })
            .collect(),
        rounds: vec![Round { at_s: 0.0, facts }],
    }
}
