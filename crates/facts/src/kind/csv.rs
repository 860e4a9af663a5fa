//! A bot's `config.csv`, read as the platform reads it.

use std::collections::BTreeSet;

use runproof_model::{Observed, ReasonKind, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::environ;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::open_map::OpenMap;
use crate::quote::sh;
use crate::scrub;
use crate::secret::Secret;

/// More rows than this are no configuration.
const MAX_ROWS: usize = 20_000;
/// So many mistakes are listed.
const MAX_MALFORMED: usize = 200;

/// Which file, and which of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvQuery {
    /// Absolute path; the site's allow-list must have it.
    pub csv: String,
    /// Keys whose values are no secret.
    #[serde(default)]
    pub plain: Vec<String>,
    /// Keys whose values are only compared.
    #[serde(default)]
    pub secret: Vec<String>,
}

/// A `config.csv`. The program trims each line, skips blank lines, lines that begin with
/// `#` and lines that begin with `key,` in upper or lower case, splits the rest at the first
/// comma and trims both sides. Every row is written to the database in turn, so the last
/// one of a key wins. It takes nothing from a file that is not UTF-8; here such a file is
/// unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Whether the path leads to anything.
    pub exists: Observed<bool>,
    /// The keys in the order in which they first stand, each once.
    pub keys: Observed<Vec<String>>,
    /// How many rows take effect, repeated keys counted each time.
    #[schemars(range(min = 0))]
    pub rows: Observed<i64>,
    /// The values of the plain keys; the last row of a key counts.
    #[schemars(extend("x-keys" = "plain"))]
    pub plain: Observed<OpenMap<String>>,
    /// The values of the secret keys; the last row of a key counts.
    #[schemars(extend("x-keys" = "secret"))]
    pub secret: Observed<OpenMap<Secret>>,
    /// Keys with more than one row, in the order in which they first stand.
    pub duplicates: Observed<Vec<String>>,
    /// Whether the first row is `name,value`: the program takes such a header for a row.
    pub header: Observed<bool>,
    /// How many lines begin with `#`.
    #[schemars(range(min = 0))]
    pub comments: Observed<i64>,
    /// Lines that are no row.
    pub malformed: Observed<Vec<Malformed>>,
    /// Whether the file begins with a byte order mark, which becomes a part of the first key.
    pub bom: Observed<bool>,
    /// Whether lines end with `\r\n`.
    pub crlf: Observed<bool>,
}

/// A line that is no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Malformed {
    /// The line, counted from 1.
    #[schemars(range(min = 1))]
    pub line: i64,
    /// What is wrong with it; never its text.
    pub why: String,
}

/// A file's rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed<'a> {
    rows: Vec<(&'a str, &'a str)>,
    comments: i64,
    malformed: Vec<Malformed>,
    bom: bool,
    crlf: bool,
}

/// Reads the rows as the program does; nothing when there are too many.
fn parse(input: &str) -> Option<Parsed<'_>> {
    let mut parsed = Parsed {
        bom: input.starts_with('\u{feff}'),
        ..Parsed::default()
    };
    for (index, line) in input.split('\n').enumerate() {
        parsed.crlf |= line.ends_with('\r');
        let line = line.trim();
        if line.starts_with('#') {
            parsed.comments += 1;
            continue;
        }
        let is_header = line
            .get(..4)
            .is_some_and(|head| head.eq_ignore_ascii_case("key,"));
        if line.is_empty() || is_header {
            continue;
        }
        let why = match line.split_once(',') {
            Some((key, value)) => {
                let (key, value) = (key.trim(), value.trim());
                if !key.is_empty() {
                    parsed.rows.push((key, value));
                    if parsed.rows.len() > MAX_ROWS {
                        return None;
                    }
                    continue;
                }
                "there is nothing before the comma"
            }
            None => "there is no comma",
        };
        if parsed.malformed.len() < MAX_MALFORMED {
            parsed.malformed.push(Malformed {
                line: i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1),
                why: why.to_owned(),
            });
        }
    }
    Some(parsed)
}

/// A key as a fact shows it.
fn shown(key: &str) -> String {
    text::one_line(key, 200)
}

impl Csv {
    fn of(parsed: &Parsed<'_>, query: &CsvQuery, context: &Context) -> Self {
        let mut seen = BTreeSet::new();
        let mut twice = BTreeSet::new();
        let mut keys = Vec::new();
        for (key, _) in &parsed.rows {
            if seen.insert(*key) {
                keys.push(*key);
            } else {
                twice.insert(*key);
            }
        }
        let value = |wanted: &str| -> Observed<&str> {
            parsed
                .rows
                .iter()
                .rev()
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| *value)
                .into()
        };
        Self {
            exists: Observed::Known(true),
            keys: Observed::Known(keys.iter().map(|key| shown(key)).collect()),
            rows: Observed::Known(i64::try_from(parsed.rows.len()).unwrap_or(i64::MAX)),
            plain: Observed::Known(OpenMap::declared(&query.plain, |key| {
                value(key).and_then(|value| scrub::plain(key, value))
            })),
            secret: Observed::Known(OpenMap::declared(&query.secret, |key| {
                value(key).map(|value| Secret::of(value.as_bytes(), &context.key))
            })),
            duplicates: Observed::Known(
                keys.iter()
                    .filter(|key| twice.contains(*key))
                    .map(|key| shown(key))
                    .collect(),
            ),
            header: Observed::Known(parsed.rows.first().is_some_and(|(key, value)| {
                key.trim_start_matches('\u{feff}') == "name" && *value == "value"
            })),
            comments: Observed::Known(parsed.comments),
            malformed: Observed::Known(parsed.malformed.clone()),
            bom: Observed::Known(parsed.bom),
            crlf: Observed::Known(parsed.crlf),
        }
    }

    /// A file of which nothing but this is known.
    fn without(why: &Observed<()>) -> Self {
        fn same<U>(why: &Observed<()>) -> Observed<U> {
            match why {
                Observed::Known(()) => Observed::unknown(ReasonKind::Defect, "not read"),
                Observed::Absent => Observed::Absent,
                Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
            }
        }
        let exists = match why {
            Observed::Unknown(reason)
                if matches!(reason.kind, ReasonKind::CapReached | ReasonKind::Garbled) =>
            {
                Observed::Known(true)
            }
            Observed::Known(()) | Observed::Absent | Observed::Unknown(_) => why.exists(),
        };
        Self {
            exists,
            keys: same(why),
            rows: same(why),
            plain: same(why),
            secret: same(why),
            duplicates: same(why),
            header: same(why),
            comments: same(why),
            malformed: same(why),
            bom: same(why),
            crlf: same(why),
        }
    }
}

impl Fact for Csv {
    const KIND: &'static str = "csv";
    const ABOUT: &'static str =
        "A bot's config.csv as the platform reads it: keys, values, repeated keys, header.";
    type Query = CsvQuery;

    fn check(query: &CsvQuery) -> Result<(), String> {
        check_path(&query.csv)?;
        environ::check_plain(&query.plain)?;
        match query.plain.iter().find(|key| query.secret.contains(key)) {
            Some(key) => Err(format!("key {key:?} is both plain and secret")),
            None => Ok(()),
        }
    }

    fn asks(query: &CsvQuery) -> Vec<Ask> {
        vec![Ask::read(&query.csv)]
    }

    fn read(query: &CsvQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        let ask = Ask::read(&query.csv);
        let text = answers
            .bytes(&ask)
            .and_then(|bytes| match std::str::from_utf8(bytes) {
                Ok(text) => Observed::Known(text),
                Err(_) => Observed::unknown(
                    ReasonKind::Garbled,
                    "not UTF-8: the program takes nothing from it",
                ),
            });
        Reading::Done(Observed::Known(match text {
            Observed::Known(text) => match parse(text) {
                Some(parsed) => Self::of(&parsed, query, context),
                None => Self::without(&Observed::unknown(
                    ReasonKind::CapReached,
                    format!("more than {MAX_ROWS} rows"),
                )),
            },
            Observed::Absent => Self::without(&Observed::Absent),
            Observed::Unknown(reason) => Self::without(&Observed::Unknown(reason)),
        }))
    }

    fn by_hand(query: &CsvQuery) -> String {
        format!("grep -viE '^[[:space:]]*(#|key,|$)' {}", sh(&query.csv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use proptest::prelude::*;
    use rstest::rstest;

    fn read(code: u8, out: impl AsRef<[u8]>) -> Csv {
        let query = CsvQuery {
            csv: "/c.csv".into(),
            plain: vec!["llm-url".into(), "none".into()],
            secret: vec!["llm-key".into()],
        };
        let context = Context {
            key: Key::new([0; 32]),
        };
        let answers = Answers::new().with(Ask::read("/c.csv"), code, out);
        match Csv::read(&query, &answers, &context) {
            Reading::Done(Observed::Known(csv)) => csv,
            other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_are_read_as_the_program_reads_them() {
        let csv = read(
            0,
            "name,value\n# a comment, with comma\n\n  llm-url , http://10.0.2.9:8081/v1?a,b \nKey,skipped\nllm-key,abc\nllm-key,def\nno comma here\n,nothing\n",
        );
        assert_eq!(
            csv.keys,
            Observed::Known(vec!["name".into(), "llm-url".into(), "llm-key".into()])
        );
        assert_eq!(csv.rows, Observed::Known(4));
        assert_eq!(csv.header, Observed::Known(true));
        assert_eq!(csv.comments, Observed::Known(1));
        assert_eq!(csv.duplicates, Observed::Known(vec!["llm-key".into()]));
        let plain = csv.plain.known().unwrap();
        assert_eq!(
            plain.get("llm-url"),
            Some(&Observed::Known("http://10.0.2.9:8081/v1?a,b".into()))
        );
        assert_eq!(plain.get("none"), Some(&Observed::Absent));
        let key = Key::new([0; 32]);
        assert_eq!(
            csv.secret.known().unwrap().get("llm-key"),
            Some(&Observed::Known(Secret::of(b"def", &key)))
        );
        let lines: Vec<i64> = csv
            .malformed
            .known()
            .unwrap()
            .iter()
            .map(|m| m.line)
            .collect();
        assert_eq!(lines, [8, 9]);
    }

    #[test]
    fn no_value_of_a_secret_key_enters_the_fact() {
        let csv = read(0, "llm-key,hunter2\nother,hunter2\nhunter2\n");
        assert!(!serde_json::to_string(&csv).unwrap().contains("hunter2"));
    }

    #[rstest]
    #[case("a,b\r\nc,d\r\n", false, true, vec!["a", "c"])]
    #[case("\u{feff}a,b\n", true, false, vec!["\\u{feff}a"])]
    #[case("", false, false, vec![])]
    #[case("#\n\n", false, false, vec![])]
    fn marks_and_line_ends_are_seen(
        #[case] text: &str,
        #[case] bom: bool,
        #[case] crlf: bool,
        #[case] keys: Vec<&str>,
    ) {
        let csv = read(0, text);
        assert_eq!(
            (csv.bom, csv.crlf),
            (Observed::Known(bom), Observed::Known(crlf))
        );
        assert_eq!(
            csv.keys,
            Observed::Known(keys.into_iter().map(str::to_owned).collect())
        );
    }

    #[test]
    fn a_missing_file_is_absent_and_a_closed_one_unknown() {
        let gone = read(
            1,
            "head: cannot open '/c.csv' for reading: No such file or directory\n",
        );
        assert_eq!(gone.exists, Observed::Known(false));
        assert_eq!(gone.rows, Observed::Absent);
        let closed = read(
            1,
            "head: cannot open '/c.csv' for reading: Permission denied\n",
        );
        assert!(matches!(closed.exists, Observed::Unknown(_)));
        assert!(matches!(closed.rows, Observed::Unknown(_)));
    }

    #[test]
    fn a_file_that_is_not_utf8_is_there_but_unknown() {
        let csv = read(0, b"a,b\xff\n");
        assert_eq!(csv.exists, Observed::Known(true));
        assert!(matches!(csv.keys, Observed::Unknown(_)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ \r\n,#a-e\u{feff}]{0,60}") {
            let _ = read(0, text);
        }

        #[test]
        fn written_rows_come_back(rows in proptest::collection::vec(("[a-z][a-z0-9-]{3,8}", "[!-~]{0,12}"), 0..8)) {
            let text: String = rows.iter().map(|(key, value)| format!("{key},{value}\n")).collect();
            let parsed = parse(&text).unwrap();
            let back: Vec<(String, String)> = parsed.rows.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            prop_assert_eq!(back, rows);
        }
    }
}
