//! Environment files, in the two dialects that read one and the same file.

pub mod dotenvy;
pub mod systemd;

/// One assignment that a dialect accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Name.
    pub key: String,
    /// Value; `None` when the file alone does not decide it.
    pub value: Option<String>,
    /// The line on which it begins, counted from 1.
    pub line: u32,
}

/// What a dialect does not accept. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line on which it begins, counted from 1.
    pub line: u32,
    /// What is wrong, and what the dialect does about it.
    pub why: &'static str,
}

/// A file in one dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The assignments in the order of the file.
    pub assignments: Vec<Assignment>,
    /// What is malformed.
    pub malformed: Vec<Malformed>,
    /// The line from which on nothing is read.
    pub dropped_from: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Said {
        /// What `dotenvy` set in an empty environment.
        dotenvy: BTreeMap<String, String>,
        /// Whether it ended with an error.
        #[serde(rename = "dotenvy-stops")]
        stops: bool,
        /// What a unit of the older systemd had; null when the file was refused.
        #[serde(rename = "systemd-252")]
        older: Option<BTreeMap<String, String>>,
        /// The same of the newer one.
        #[serde(rename = "systemd-257")]
        newer: Option<BTreeMap<String, String>>,
    }

    /// Our assignments, the first or the last of a name, where the file decides the value.
    fn values(parsed: &Parsed, last: bool) -> BTreeMap<String, Option<String>> {
        let mut values = BTreeMap::new();
        for assignment in &parsed.assignments {
            let Assignment { key, value, .. } = assignment.clone();
            if last || !values.contains_key(&key) {
                values.insert(key, value);
            }
        }
        values
    }

    fn compare(
        ours: &BTreeMap<String, Option<String>>,
        theirs: &BTreeMap<String, String>,
        name: &str,
    ) {
        for (key, value) in theirs {
            let found = ours.get(key);
            assert!(
                found.is_some_and(|found| found.as_ref().is_none_or(|found| found == value)),
                "{name}: {key} is {value:?} to the program and {found:?} to us"
            );
        }
        for (key, value) in ours {
            assert!(
                value.is_none() || theirs.contains_key(key),
                "{name}: the program has no {key}"
            );
        }
    }

    /// A file dropped into the folder is a test; what the programs made of it stands beside it.
    #[test]
    fn files_mean_to_us_what_they_mean_to_dotenvy_and_to_two_systemds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpora/env");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "env") {
                continue;
            }
            count += 1;
            let name = path.display().to_string();
            let content = std::fs::read(&path).unwrap();
            let golden = std::fs::read(path.with_extension("json")).unwrap();
            let said: Said = serde_json::from_slice(&golden).unwrap();
            let ours = dotenvy::parse(&content);
            assert_eq!(ours.dropped_from.is_some(), said.stops, "{name}");
            compare(&values(&ours, false), &said.dotenvy, &name);
            let ours = systemd::parse(&content);
            for theirs in [said.older, said.newer] {
                assert_eq!(ours.dropped_from.is_some(), theirs.is_none(), "{name}");
                if let Some(theirs) = theirs {
                    compare(&values(&ours, true), &theirs, &name);
                }
            }
        }
        assert!(count > 0);
    }
}
