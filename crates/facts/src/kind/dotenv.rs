//! An env file, read in both dialects that its readers use.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::text::one_line;
use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::environ;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::open_map::OpenMap;
use crate::parse::dotenv::{Assignment, Parsed, dotenvy, systemd};
use crate::quote::sh;
use crate::secret::Secret;

/// More names than this are not listed.
const MAX_KEYS: usize = 2000;
/// Names and reasons are cut at so many characters.
const MAX_NAME: usize = 200;

/// Which file, and which of its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DotenvQuery {
    /// Absolute path.
    pub dotenv: String,
    /// Keys whose values are plain.
    #[serde(default)]
    pub plain: Vec<String>,
    /// Keys whose values are secret.
    #[serde(default)]
    pub secret: Vec<String>,
}

/// An env file as dotenvy 0.15 and systemd's `EnvironmentFile=` read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dotenv {
    /// Whether the file is there.
    pub exists: Observed<bool>,
    /// Every key that either dialect sees, sorted.
    pub keys: Observed<Vec<String>>,
    /// The keys that dotenvy sees, sorted.
    pub dotenvy_keys: Observed<Vec<String>>,
    /// The keys that systemd sees, sorted.
    pub systemd_keys: Observed<Vec<String>>,
    /// The declared plain values; unknown where the dialects disagree.
    #[schemars(extend("x-keys" = "plain"))]
    pub plain: OpenMap<String>,
    /// The declared secret values; unknown where the dialects disagree.
    #[schemars(extend("x-keys" = "secret"))]
    pub secret: OpenMap<Secret>,
    /// The keys whose value is empty in either dialect, sorted.
    pub empty_keys: Observed<Vec<String>>,
    /// Whether both dialects see the same keys with the same values.
    pub dialects_agree: Observed<bool>,
    /// Where they disagree, without values.
    pub differences: Observed<Vec<Difference>>,
    /// What either dialect does not accept, by line.
    pub malformed: Observed<Vec<MalformedLine>>,
    /// The keys that are assigned more than once, sorted: dotenvy takes the first, systemd the last.
    pub duplicates: Observed<Vec<String>>,
    /// The first line of those that dotenvy silently drops; absent when it reads them all.
    pub dropped_from_line: Observed<u32>,
}

/// A key that the two dialects read differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// The line of its first assignment.
    pub line: u32,
    /// In what they differ, without values.
    pub how: String,
}

/// A line that a dialect does not accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MalformedLine {
    /// The line, counted from 1.
    pub line: u32,
    /// `dotenvy` or `systemd`.
    pub dialect: String,
    /// What is wrong with it, and what the dialect does about it.
    pub why: String,
}

/// What one dialect makes of one key.
type Values<'a> = BTreeMap<&'a str, &'a Assignment>;

/// The file in both dialects.
struct Both {
    dotenvy: Parsed,
    systemd: Parsed,
}

/// What counts of it, per key.
struct View<'a> {
    /// dotenvy does not override what is set: the first assignment.
    dotenvy: Values<'a>,
    /// The last assignment.
    systemd: Values<'a>,
    duplicates: BTreeSet<&'a str>,
    first_line: BTreeMap<&'a str, u32>,
}

impl Both {
    fn parse(content: &[u8]) -> Self {
        Self {
            dotenvy: dotenvy::parse(content),
            systemd: systemd::parse(content),
        }
    }

    fn view(&self) -> View<'_> {
        let mut view = View {
            dotenvy: Values::new(),
            systemd: Values::new(),
            duplicates: BTreeSet::new(),
            first_line: BTreeMap::new(),
        };
        for assignment in &self.dotenvy.assignments {
            let key = assignment.key.as_str();
            if view.dotenvy.contains_key(key) {
                view.duplicates.insert(key);
            } else {
                view.dotenvy.insert(key, assignment);
            }
        }
        for assignment in &self.systemd.assignments {
            let key = assignment.key.as_str();
            if view.systemd.insert(key, assignment).is_some() {
                view.duplicates.insert(key);
            }
        }
        for assignment in self
            .dotenvy
            .assignments
            .iter()
            .chain(&self.systemd.assignments)
        {
            view.first_line
                .entry(assignment.key.as_str())
                .and_modify(|line| *line = assignment.line.min(*line))
                .or_insert(assignment.line);
        }
        view
    }
}

impl<'a> View<'a> {
    fn keys(&self) -> BTreeSet<&'a str> {
        self.dotenvy
            .keys()
            .chain(self.systemd.keys())
            .copied()
            .collect()
    }

    fn how(&self, key: &str) -> Option<&'static str> {
        how(
            self.dotenvy.get(key).copied(),
            self.systemd.get(key).copied(),
            self.duplicates.contains(key),
        )
    }
}

/// Says in what two readings differ; `None` when they are the same value.
fn how(a: Option<&Assignment>, b: Option<&Assignment>, twice: bool) -> Option<&'static str> {
    let (a, b) = match (a, b) {
        (None, None) => return None,
        (Some(_), None) => return Some("only dotenvy sees it"),
        (None, Some(_)) => return Some("only systemd sees it"),
        (Some(a), Some(b)) => (a, b),
    };
    let (Some(a), Some(b)) = (&a.value, &b.value) else {
        return Some(if a.value.is_none() {
            "dotenvy puts in a variable that this file does not set before"
        } else {
            "systemd reads the line before or after version 254 differently"
        });
    };
    if a == b {
        return None;
    }
    let without = |text: &str, chars: &[char]| text.replace(chars, "");
    Some(if twice {
        "it is assigned more than once: dotenvy takes the first, systemd the last"
    } else if b
        .strip_prefix(a.as_str())
        .is_some_and(|rest| rest.trim_start().starts_with('#'))
    {
        "systemd takes the comment for part of the value"
    } else if b.contains('$') {
        "only dotenvy puts in variables"
    } else if without(a, &['"', '\'']) == without(b, &['"', '\'']) {
        "quotes are kept by one dialect"
    } else if without(a, &['\\', '\n', 'n']) == without(b, &['\\', '\n', 'n']) {
        "a backslash means different things"
    } else if a.split_whitespace().eq(b.split_whitespace()) {
        "white space is kept by one dialect"
    } else {
        "the values differ"
    })
}

fn names<'a>(keys: impl Iterator<Item = &'a str>) -> Observed<Vec<String>> {
    let keys: Vec<String> = keys
        .take(MAX_KEYS + 1)
        .map(|key| one_line(key, MAX_NAME))
        .collect();
    if keys.len() > MAX_KEYS {
        Observed::Unknown(environ::too_many("keys", MAX_KEYS))
    } else {
        Observed::Known(keys)
    }
}

impl Fact for Dotenv {
    const KIND: &'static str = "dotenv";
    const ABOUT: &'static str = "An env file in the dialects of dotenvy and of systemd: keys, declared values, whether the dialects agree.";
    type Query = DotenvQuery;

    fn check(query: &DotenvQuery) -> Result<(), String> {
        check_path(&query.dotenv)?;
        environ::check_plain(&query.plain)?;
        environ::check_names(query.plain.iter().chain(&query.secret))
    }

    fn asks(query: &DotenvQuery) -> Vec<Ask> {
        vec![Ask::read(&query.dotenv)]
    }

    fn read(query: &DotenvQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        let ask = Ask::read(&query.dotenv);
        let both = answers.bytes(&ask).map(Both::parse);
        let both = both.as_ref();
        let view = both.clone().map(Both::view);
        let agreed = |name: &str| -> Observed<&str> {
            view.as_ref().and_then(|view| match view.how(name) {
                Some(how) => Observed::unknown(
                    ReasonKind::Garbled,
                    format!("the dialects disagree on {name}: {how}"),
                ),
                None => view
                    .systemd
                    .get(name)
                    .and_then(|assignment| assignment.value.as_deref())
                    .into(),
            })
        };
        let (plain, secret) = environ::declared(&query.plain, &query.secret, &context.key, agreed);
        let differences = view.as_ref().and_then(|view| {
            let keys = view.keys();
            if keys.len() > MAX_KEYS {
                return Observed::Unknown(environ::too_many("keys", MAX_KEYS));
            }
            let mut differences: Vec<Difference> = keys
                .into_iter()
                .filter_map(|key| {
                    Some(Difference {
                        key: one_line(key, MAX_NAME),
                        line: view.first_line.get(key).copied().unwrap_or(0),
                        how: view.how(key)?.to_owned(),
                    })
                })
                .collect();
            differences.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
            Observed::Known(differences)
        });
        let malformed = both.clone().and_then(|both| {
            let mut lines: Vec<MalformedLine> =
                [("dotenvy", &both.dotenvy), ("systemd", &both.systemd)]
                    .into_iter()
                    .flat_map(|(dialect, parsed)| {
                        parsed.malformed.iter().map(move |malformed| MalformedLine {
                            line: malformed.line,
                            dialect: dialect.to_owned(),
                            why: malformed.why.to_owned(),
                        })
                    })
                    .collect();
            if lines.len() > MAX_KEYS {
                return Observed::Unknown(environ::too_many("malformed lines", MAX_KEYS));
            }
            lines.sort_by(|a, b| (a.line, &a.dialect).cmp(&(b.line, &b.dialect)));
            Observed::Known(lines)
        });
        let sorted = |pick: fn(&View<'_>) -> Observed<Vec<String>>| view.as_ref().and_then(pick);
        Reading::Done(Observed::Known(Self {
            exists: both.exists(),
            keys: sorted(|view| names(view.keys().into_iter())),
            dotenvy_keys: sorted(|view| names(view.dotenvy.keys().copied())),
            systemd_keys: sorted(|view| names(view.systemd.keys().copied())),
            plain,
            secret,
            empty_keys: sorted(|view| {
                let empty: BTreeSet<&str> = view
                    .dotenvy
                    .iter()
                    .chain(&view.systemd)
                    .filter(|(_, assignment)| assignment.value.as_deref() == Some(""))
                    .map(|(key, _)| *key)
                    .collect();
                names(empty.into_iter())
            }),
            dialects_agree: differences.as_ref().map(Vec::is_empty),
            differences,
            malformed,
            duplicates: sorted(|view| names(view.duplicates.iter().copied())),
            dropped_from_line: both.and_then(|both| both.dotenvy.dropped_from.into()),
        }))
    }

    fn by_hand(query: &DotenvQuery) -> String {
        format!("cut -d= -f1 {}", sh(&query.dotenv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use rstest::rstest;

    fn look(code: u8, content: impl AsRef<[u8]>) -> Dotenv {
        let query = DotenvQuery {
            dotenv: "/e".into(),
            plain: vec!["A".into(), "B".into()],
            secret: vec!["S".into()],
        };
        let answers = Answers::new().with(Ask::read("/e"), code, content);
        let context = Context {
            key: Key::new([0; 32]),
        };
        match Dotenv::read(&query, &answers, &context) {
            Reading::Done(Observed::Known(fact)) => fact,
            other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_both_read_alike_is_told_without_its_secrets() {
        let fact = look(0, "# c\nA=1\nB=\"x y\"\nS=hunter2\n");
        assert_eq!(fact.dialects_agree, Observed::Known(true));
        assert_eq!(
            fact.keys,
            Observed::Known(vec!["A".into(), "B".into(), "S".into()])
        );
        assert_eq!(fact.plain.get("B"), Some(&Observed::Known("x y".into())));
        assert_eq!(fact.dropped_from_line, Observed::Absent);
        let json = serde_json::to_string(&fact).unwrap();
        assert!(!json.contains("hunter2"));
    }

    #[rstest]
    #[case("export A=1\n", "only dotenvy sees it")]
    #[case("x y\nA=1\n", "only systemd sees it")]
    #[case("A=1 # c\n", "systemd takes the comment for part of the value")]
    #[case("B=2\nA=$B\n", "only dotenvy puts in variables")]
    #[case(
        "A=$HOME\n",
        "dotenvy puts in a variable that this file does not set before"
    )]
    #[case(
        "A=1\nA=2\n",
        "it is assigned more than once: dotenvy takes the first, systemd the last"
    )]
    #[case("A=x\"y\n", "only systemd sees it")]
    #[case("A=\"a\\nb\"\n", "a backslash means different things")]
    fn a_disagreement_is_explained_and_its_value_unknown(#[case] text: &str, #[case] how: &str) {
        let fact = look(0, text);
        assert_eq!(fact.dialects_agree, Observed::Known(false));
        let differences = fact.differences.known().unwrap();
        assert_eq!(differences.iter().find(|d| d.key == "A").unwrap().how, how);
        assert!(
            matches!(fact.plain.get("A"), Some(Observed::Unknown(r)) if r.kind == ReasonKind::Garbled)
        );
    }

    #[test]
    fn lines_that_dotenvy_drops_are_counted_from_the_malformed_one() {
        let fact = look(0, "A=1\nnonsense\nB=2\n");
        assert_eq!(fact.dropped_from_line, Observed::Known(2));
        assert_eq!(fact.dotenvy_keys, Observed::Known(vec!["A".into()]));
        assert_eq!(
            fact.systemd_keys,
            Observed::Known(vec!["A".into(), "B".into()])
        );
        assert_eq!(fact.malformed.known().unwrap().len(), 2);
    }

    #[test]
    fn a_missing_file_is_absent_and_a_closed_one_unknown() {
        let gone = look(
            1,
            "head: cannot open '/e' for reading: No such file or directory\n",
        );
        assert_eq!(gone.exists, Observed::Known(false));
        assert_eq!(gone.plain.get("A"), Some(&Observed::Absent));
        let closed = look(1, "head: cannot open '/e' for reading: Permission denied\n");
        assert!(matches!(closed.keys, Observed::Unknown(_)));
        assert!(matches!(closed.plain.get("A"), Some(Observed::Unknown(_))));
    }

    #[test]
    fn neither_differences_nor_malformed_lines_hold_values() {
        let fact = look(0, "S=hunter2 # hunter2\nS='hunter2\nhunter2\n1=hunter2\n");
        assert!(!serde_json::to_string(&fact).unwrap().contains("hunter2"));
    }
}
