//! The rules of the house that no compiler checks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that decide and render, and never do.
const PURE: &[&str] = &[
    "runproof-model",
    "runproof-facts",
    "runproof-suite",
    "runproof-report",
];

/// What would let them do.
const DOERS: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "reqwest",
    "async-std",
    "smol",
    "rustls",
    "bollard",
    "openssh",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

fn cargo(words: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .args(words)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// For this platform: a build here fetches no package that only another one needs.
fn metadata() -> Value {
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let words = "metadata --format-version 1 --locked --offline --filter-platform";
    let words: Vec<&str> = words.split(' ').chain(host).collect();
    serde_json::from_slice(&cargo(&words)).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn pure_crates_never_see_a_runtime_or_a_socket() {
    let metadata = metadata();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let needs: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let normal = node["deps"].as_array().unwrap().iter().filter(|dep| {
                dep["dep_kinds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|kind| kind["kind"].is_null())
            });
            (
                text(&node["id"]),
                normal.map(|dep| text(&dep["pkg"])).collect(),
            )
        })
        .collect();
    for pure in PURE {
        let start = names.iter().find(|(_, name)| *name == pure).unwrap().0;
        let (mut seen, mut todo) = (BTreeSet::new(), vec![*start]);
        while let Some(id) = todo.pop() {
            if seen.insert(id) {
                todo.extend(needs.get(id).into_iter().flatten());
            }
        }
        let found: Vec<_> = seen
            .iter()
            .map(|id| names[id])
            .filter(|name| DOERS.contains(name))
            .collect();
        assert!(found.is_empty(), "{pure} depends on {found:?}");
    }
}

#[test]
fn the_source_of_pure_crates_names_no_socket_and_starts_no_process() {
    for pure in PURE {
        let folder = root()
            .join("crates")
            .join(pure.trim_start_matches("runproof-"))
            .join("src");
        for file in files(&folder, "rs") {
            let source = std::fs::read_to_string(&file).unwrap();
            // Tests may start a real shell; they stand at the end of a file or in one of their own.
            let code = source.split("#[cfg(test)]").next().unwrap();
            let name = file.file_stem().unwrap().to_string_lossy();
            let only_tested = std::fs::read_to_string(folder.join("lib.rs"))
                .unwrap()
                .contains(&format!("#[cfg(test)]\nmod {name};"));
            let below_tests = file.components().any(|part| part.as_os_str() == "tests");
            if name == "tests" || below_tests || only_tested {
                continue;
            }
            for word in [
                "std::net::Tcp",
                "std::net::Udp",
                "std::os::unix::net",
                "std::process::Command",
                "std::fs::",
            ] {
                assert!(!code.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn every_path_that_our_documents_name_exists() {
    let root = root();
    for document in ["README.md", "DESIGN.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let first = word.split('/').next().unwrap_or_default();
            let ours = ["crates", "suites", "fixtures", "testenv", "ci", "docs"].contains(&first)
                && word.contains('/');
            if ours && !word.contains(['*', '<', ' ', '{', '…']) {
                assert!(root.join(word).exists(), "{document} names {word}");
            }
        }
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found
}
