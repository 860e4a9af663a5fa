//! Units as two real managers loaded them, beside what we make of their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runproof_model::Observed;
use serde::Deserialize;

use super::super::files;
use super::super::merged::Merged;
use crate::answer::Answers;
use crate::ask::Ask;
use crate::parse::systemd::name::UnitName;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    unit: String,
    /// Path → what lies there.
    files: BTreeMap<String, Content>,
    said: Said,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Link { link: String },
    Bytes { bytes: Vec<u8> },
}

/// What the manager's own bus said of the unit; of one that it refuses, little.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Said {
    load: String,
    fragment: Option<String>,
    drop_ins: Option<Vec<String>>,
    user: Option<String>,
    group: Option<String>,
    restart: Option<String>,
    programs: Option<Vec<String>>,
    exec: Option<Vec<Vec<String>>>,
    environment: Option<BTreeMap<String, String>>,
    environment_files: Option<Vec<(String, bool)>>,
    output: Option<String>,
}

/// Lays the files under `root`, links with them.
fn lay(root: &Path, files: &BTreeMap<String, Content>) {
    for (path, content) in files {
        let at = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        match content {
            Content::Text(text) => std::fs::write(at, text).unwrap(),
            Content::Bytes { bytes } => std::fs::write(at, bytes).unwrap(),
            Content::Link { link } => {
                let inside = link.starts_with('/') && link != "/dev/null";
                let target = if inside {
                    root.join(link.trim_start_matches('/'))
                } else {
                    PathBuf::from(link)
                };
                std::os::unix::fs::symlink(target, at).unwrap();
            }
        }
    }
}

/// Runs the look for the files of a unit under `root` and takes `root` out of its answer.
fn list(root: &Path, unit: &UnitName) -> String {
    let Ask::Run(command) = files::ask(unit) else {
        panic!("no command")
    };
    let prefix = root.to_str().unwrap();
    let mut text = command.text.to_owned();
    for top in ["/etc", "/run", "/usr"] {
        text = text.replace(&format!(" {top}/"), &format!(" {prefix}{top}/"));
        text = text.replace(&format!("'{top}/"), &format!("'{prefix}{top}/"));
        text = text.replace(&format!(" {top} "), &format!(" {prefix}{top} "));
    }
    let output = std::process::Command::new("sh")
        .args(["-c", &text, command.name])
        .args(&command.args)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.is_empty(), "{}: {complaint}", unit.as_str());
    String::from_utf8(output.stdout)
        .unwrap()
        .replace(prefix, "")
}

fn check(case: &Case, root: &Path) {
    let name = &case.unit;
    let said = &case.said;
    let unit = UnitName::new(name).unwrap();
    lay(root, &case.files);
    let mut answers = Answers::new().with(files::ask(&unit), 0, list(root, &unit));
    let found = files::listed(&answers, &unit).unwrap();
    assert_eq!(found.fragment.is_none(), said.load == "not-found", "{name}");
    for ask in found.asks() {
        let Ask::Read { path, .. } = ask.clone() else {
            panic!("no read")
        };
        let content = std::fs::read(root.join(path.trim_start_matches('/'))).unwrap();
        answers = answers.with(ask, 0, &content);
    }
    let merged = match found.merged(&answers, &unit) {
        Observed::Known(merged) => merged,
        Observed::Absent => return,
        Observed::Unknown(reason) => panic!("{name}: {reason:?}"),
    };
    let refused: Vec<_> = merged.problems.iter().filter(|p| p.fatal).collect();
    assert_eq!(
        refused.is_empty(),
        said.load == "loaded",
        "{name}: {refused:?}"
    );
    assert_eq!(found.fragment, said.fragment, "{name}");
    if let Some(drop_ins) = &said.drop_ins {
        assert_eq!(&found.drop_in_paths(), drop_ins, "{name}");
        compare(&merged, said, name);
    }
}

fn compare(merged: &Merged, said: &Said, name: &str) {
    let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    if said.user.is_some() {
        let user = merged.user.clone().unwrap_or_else(|| "root".to_owned());
        assert_eq!(Some(user), said.user, "{name}");
        let group = merged.group.clone().or_else(|| {
            let made = merged.dynamic_user.then(|| merged.user.clone());
            made.flatten()
        });
        assert_eq!(group, set(&said.group), "{name}");
    }
    if let Some(restart) = &said.restart {
        assert_eq!(merged.restart.as_deref().unwrap_or("no"), restart, "{name}");
    }
    if let (Some(programs), Some(exec)) = (&said.programs, &said.exec) {
        let ours: Vec<_> = merged.exec_start.iter().map(|c| &c.path).collect();
        assert_eq!(ours, programs.iter().collect::<Vec<_>>(), "{name}");
        let ours: Vec<_> = merged.exec_start.iter().map(|c| &c.argv).collect();
        assert_eq!(ours, exec.iter().collect::<Vec<_>>(), "{name}");
    }
    if let Some(environment) = &said.environment {
        let ours: BTreeMap<&String, &str> = merged
            .environment
            .iter()
            .map(|(key, value)| (key, value.as_deref().unwrap_or("?")))
            .collect();
        let theirs: BTreeMap<&String, &str> =
            environment.iter().map(|(k, v)| (k, v.as_str())).collect();
        assert_eq!(ours, theirs, "{name}");
    }
    if let Some(files) = &said.environment_files {
        let ours: Vec<(String, bool)> = merged
            .environment_files
            .iter()
            .map(|file| (file.path.clone(), file.optional))
            .collect();
        assert_eq!(&ours, files, "{name}");
    }
    if let (Some(ours), Some(theirs)) = (&merged.standard_output, &said.output) {
        assert_eq!(ours.split(':').next(), theirs.split(':').next(), "{name}");
    }
}

/// A file dropped into the folder is a test: units, their files, and what systemd 252 and
/// 257 both said of them.
#[test]
fn units_mean_to_us_what_they_mean_to_two_managers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpora/systemd");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in cases {
            let root =
                std::env::temp_dir().join(format!("runproof-unit-{}-{count}", std::process::id()));
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(&root).unwrap();
            check(&case, &root);
            std::fs::remove_dir_all(&root).unwrap();
            count += 1;
        }
    }
    assert!(count > 0);
}
