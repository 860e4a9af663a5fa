//! The tail of a log: the platform's own format, and JSON lines.

use runproof_model::{Observed, ReasonKind, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Answers;
use crate::ask::{Ask, End};
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::parse::log::{Item, LEVELS, Needle, items};
use crate::quote::sh;
use crate::scrub;

/// The most that a query may read, in bytes.
const MAX_TAIL: u32 = 4 << 20;
/// So many entries are kept, the last ones.
const MAX_ENTRIES: usize = 500;
/// So many characters of a message are kept.
const MAX_MESSAGE: usize = 500;
/// So many texts may be searched for, each so long.
const MAX_TEXTS: usize = 50;
const MAX_TEXT: usize = 512;

/// Which log, how much of it, and what to search for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Absolute path; the site's allow-list must have it.
    pub log: String,
    /// How many bytes of its end are read; 4 MiB at most.
    #[serde(default = "default_tail")]
    pub tail: u32,
    /// Texts to search for in the joined entries and in all other lines.
    #[serde(default)]
    pub contains: Vec<String>,
}

fn default_tail() -> u32 {
    256 << 10
}

/// The end of a log. Entries of the platform are wrapped at 100 columns; they are joined
/// again, and a search takes every place where lines met for a blank or for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Whether the path leads to anything.
    pub exists: Observed<bool>,
    /// Size of the whole file in bytes.
    pub size: Observed<u64>,
    /// Time of the last change, in seconds since 1970.
    pub mtime: Observed<i64>,
    /// Whether the file is longer than what was read of it.
    pub truncated_head: Observed<bool>,
    /// The time of the first entry or JSON line that was read, in seconds since 1970;
    /// absent when there is none with a time.
    pub first_time: Observed<f64>,
    /// The last 500 entries in the platform's format.
    pub entries: Observed<Vec<LogEntry>>,
    /// How many lines are neither a part of an entry nor JSON.
    #[schemars(range(min = 0))]
    pub unparsed: Observed<i64>,
    /// How many entries and JSON lines there are of each level.
    pub levels: Observed<Levels>,
    /// One for each text of the query, in its order.
    pub found: Observed<Vec<FoundText>>,
    /// The JSON lines, such as an access log has.
    pub json: Observed<JsonLines>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// Seconds since 1970; the node's clock is taken to be in UTC.
    pub time: f64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The path of the module; empty when there is none.
    pub module: String,
    /// The message on one line, at most 500 characters, what looks like a secret masked.
    pub message: String,
}

/// How many entries there are of each level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Errors.
    #[schemars(range(min = 0))]
    pub error: i64,
    /// Warnings.
    #[schemars(range(min = 0))]
    pub warn: i64,
    /// Information.
    #[schemars(range(min = 0))]
    pub info: i64,
    /// For debugging.
    #[schemars(range(min = 0))]
    pub debug: i64,
    /// Finer still.
    #[schemars(range(min = 0))]
    pub trace: i64,
}

/// What came of the search for one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoundText {
    /// The text.
    pub text: String,
    /// In how many entries and other lines it stands.
    #[schemars(range(min = 0))]
    pub count: i64,
    /// The time of the last of those that has one; absent when there is none.
    pub last_time: Observed<f64>,
}

/// The JSON lines of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonLines {
    /// How many lines are a JSON object.
    #[schemars(range(min = 0))]
    pub lines: i64,
    /// How many lines begin like one but are none.
    #[schemars(range(min = 0))]
    pub bad: i64,
    /// The last one; absent when there is none.
    pub last: Observed<AccessLine>,
}

/// One line of an access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLine {
    /// The status of the answer.
    pub status: Observed<i64>,
    /// The address of the client: `request.remote_ip`.
    pub remote_ip: Observed<String>,
    /// When it was, in seconds since 1970. Unknown when the log writes times as text.
    pub ts: Observed<f64>,
}

impl AccessLine {
    fn of(value: &Value) -> Self {
        fn odd<T>(name: &str) -> Observed<T> {
            Observed::unknown(
                ReasonKind::Unsupported,
                format!("{name} is of another type"),
            )
        }
        Self {
            status: match value.get("status") {
                None => Observed::Absent,
                Some(status) => status
                    .as_i64()
                    .map_or_else(|| odd("status"), Observed::Known),
            },
            remote_ip: match value.pointer("/request/remote_ip") {
                None => Observed::Absent,
                Some(Value::String(ip)) => Observed::Known(text::one_line(ip, 100)),
                Some(_) => odd("request.remote_ip"),
            },
            ts: match value.get("ts") {
                None => Observed::Absent,
                Some(ts) => ts.as_f64().map_or_else(|| odd("ts"), Observed::Known),
            },
        }
    }
}

fn ask(query: &LogQuery) -> Ask {
    Ask::Read {
        path: query.log.clone(),
        cap: query.tail,
        end: End::Tail,
    }
}

/// What the lines say.
struct Seen {
    first_time: Option<f64>,
    entries: Vec<LogEntry>,
    unparsed: i64,
    levels: Levels,
    found: Vec<FoundText>,
    json: JsonLines,
}

impl Seen {
    fn of(text: &str, cut: bool, contains: &[String]) -> Self {
        let needles: Vec<Needle<'_>> = contains.iter().map(|text| Needle::new(text)).collect();
        let mut seen = Self {
            first_time: None,
            entries: Vec::new(),
            unparsed: 0,
            levels: Levels::default(),
            found: contains
                .iter()
                .map(|text| FoundText {
                    text: text.clone(),
                    count: 0,
                    last_time: Observed::Absent,
                })
                .collect(),
            json: JsonLines {
                lines: 0,
                bad: 0,
                last: Observed::Absent,
            },
        };
        let items = items(text, cut);
        let all = items
            .iter()
            .filter(|item| matches!(item, Item::Entry(_)))
            .count();
        let mut skip = all.saturating_sub(MAX_ENTRIES);
        for item in &items {
            let time = match item {
                Item::Entry(entry) => {
                    seen.level(entry.level);
                    if skip > 0 {
                        skip -= 1;
                    } else {
                        // Masked before it is cut: half a secret would not look like one.
                        let message = scrub::line(&entry.message(8 * MAX_MESSAGE));
                        seen.entries.push(LogEntry {
                            time: entry.time,
                            level: entry.level.to_owned(),
                            module: text::one_line(entry.module, 200),
                            message: text::one_line(&message, MAX_MESSAGE - 1),
                        });
                    }
                    Some(entry.time)
                }
                Item::Json(line) => seen.json_line(line),
                Item::Other(_) => {
                    seen.unparsed += 1;
                    None
                }
            };
            if seen.first_time.is_none() {
                seen.first_time = time;
            }
            for (needle, found) in needles.iter().zip(&mut seen.found) {
                if needle.is_in(item) {
                    found.count += 1;
                    if let Some(time) = time {
                        found.last_time = Observed::Known(time);
                    }
                }
            }
        }
        seen
    }

    fn level(&mut self, level: &str) {
        let [error, warn, info, debug, trace] = LEVELS;
        let count = if level == error {
            &mut self.levels.error
        } else if level == warn {
            &mut self.levels.warn
        } else if level == info {
            &mut self.levels.info
        } else if level == debug {
            &mut self.levels.debug
        } else if level == trace {
            &mut self.levels.trace
        } else {
            return;
        };
        *count += 1;
    }

    fn json_line(&mut self, line: &str) -> Option<f64> {
        let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(line) else {
            self.json.bad += 1;
            return None;
        };
        self.json.lines += 1;
        if let Some(level) = value.get("level").and_then(Value::as_str) {
            self.level(&level.to_ascii_lowercase());
        }
        let last = AccessLine::of(&value);
        let time = last.ts.known().copied();
        self.json.last = Observed::Known(last);
        time
    }
}

impl Fact for Log {
    const KIND: &'static str = "log";
    const ABOUT: &'static str = "The end of a log: entries of the platform joined again, JSON lines, \
         counts by level, and in how many places given texts stand.";
    type Query = LogQuery;

    fn check(query: &LogQuery) -> Result<(), String> {
        check_path(&query.log)?;
        if query.tail == 0 || query.tail > MAX_TAIL {
            return Err(format!("tail must be between 1 and {MAX_TAIL} bytes"));
        }
        if query.contains.len() > MAX_TEXTS {
            return Err(format!("at most {MAX_TEXTS} texts can be searched for"));
        }
        for text in &query.contains {
            if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
                return Err(format!(
                    "text {:?} must be one line of 1 to {MAX_TEXT} bytes",
                    text::one_line(text, 60)
                ));
            }
        }
        Ok(())
    }

    fn asks(query: &LogQuery) -> Vec<Ask> {
        vec![Ask::stat(&query.log), ask(query)]
    }

    fn read(query: &LogQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let target = answers
            .stat(&Ask::stat(&query.log))
            .and_then(|seen| seen.target);
        let bytes = answers.bytes(&ask(query));
        let size = target.as_ref().map(|meta| meta.size);
        let cap = u64::from(query.tail);
        let truncated_head = bytes.as_ref().and_then(|bytes| {
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            match &size {
                // All of it came: less than was asked for.
                _ if len < cap => Observed::Known(false),
                Observed::Known(size) => Observed::Known(*size != cap),
                Observed::Absent => {
                    Observed::unknown(ReasonKind::Interrupted, "the file was replaced")
                }
                Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
            }
        });
        // Not knowing whether the head is cut, take it for cut: half an entry is none.
        let cut = truncated_head != Observed::Known(false);
        let seen = bytes.map(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            Seen::of(&text, cut, &query.contains)
        });
        let part = seen.as_ref();
        Reading::Done(Observed::Known(Self {
            exists: match seen {
                // Read just now, whatever stat said before.
                Observed::Known(_) => Observed::Known(true),
                Observed::Absent | Observed::Unknown(_) => target.exists(),
            },
            size,
            mtime: target.map(|meta| meta.mtime),
            truncated_head,
            first_time: part.clone().and_then(|seen| seen.first_time.into()),
            entries: part.clone().map(|seen| seen.entries.clone()),
            unparsed: part.clone().map(|seen| seen.unparsed),
            levels: part.clone().map(|seen| seen.levels.clone()),
            found: part.clone().map(|seen| seen.found.clone()),
            json: part.map(|seen| seen.json.clone()),
        }))
    }

    fn by_hand(query: &LogQuery) -> String {
        format!("tail -c {} {}", query.tail, sh(&query.log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use rstest::rstest;

    fn query(contains: &[&str]) -> LogQuery {
        LogQuery {
            log: "/l".into(),
            tail: 4096,
            contains: contains.iter().map(|&t| t.to_owned()).collect(),
        }
    }

    fn read_sized(text: &str, size: usize, contains: &[&str]) -> Log {
        let query = query(contains);
        let stat = format!("81a4:0:0:{size}:1700000000:1:2049:77:root:root\n").repeat(2);
        let answers = Answers::new()
            .with(Ask::stat("/l"), 0, stat)
            .with(ask(&query), 0, text);
        let context = Context {
            key: Key::new([0; 32]),
        };
        match Log::read(&query, &answers, &context) {
            Reading::Done(Observed::Known(log)) => log,
            other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
        }
    }

    fn read(text: &str, contains: &[&str]) -> Log {
        read_sized(text, text.len(), contains)
    }

    #[test]
    fn wrapped_entries_are_joined_and_searched() {
        let indent = " ".repeat(25);
        let log = read(
            &format!(
                "20261120120000.123 info botserver:Starting HTTP server on 0.0.0.0:5858 with a long tail of other\n\
                 {indent}words and password=hunter2 here\n\
                 20261120120001.000 error botserver::drive:Failed to scan bucket\n\
                 panic without a form\n"
            ),
            &["other words", "Failed to scan", "never", "hunter2"],
        );
        let entries = log.entries.known().unwrap();
        assert_eq!(entries.len(), 2);
        assert!(
            entries[0]
                .message
                .ends_with("of other words and password=‹masked› here")
        );
        assert_eq!(entries[1].module, "botserver::drive");
        let found: Vec<(i64, Observed<f64>)> = log
            .found
            .known()
            .unwrap()
            .iter()
            .map(|found| (found.count, found.last_time.clone()))
            .collect();
        assert_eq!(
            found,
            [
                (1, Observed::Known(1_795_176_000.123)),
                (1, Observed::Known(1_795_176_001.0)),
                (0, Observed::Absent),
                (1, Observed::Known(1_795_176_000.123)),
            ]
        );
        assert_eq!(log.unparsed, Observed::Known(1));
        assert_eq!(log.first_time, Observed::Known(1_795_176_000.123));
        let levels = log.levels.known().unwrap();
        assert_eq!((levels.error, levels.info, levels.warn), (1, 1, 0));
        assert_eq!(log.truncated_head, Observed::Known(false));
    }

    #[test]
    fn an_access_log_is_read() {
        let log = read(
            "{\"level\":\"info\",\"ts\":1795176000.5,\"logger\":\"http.log.access\",\"request\":{\"remote_ip\":\"10.0.2.9\",\"uri\":\"/\"},\"status\":404}\n{\"level\":\n",
            &["http.log.access"],
        );
        let json = log.json.known().unwrap();
        assert_eq!((json.lines, json.bad), (1, 1));
        let last = json.last.known().unwrap();
        assert_eq!(last.status, Observed::Known(404));
        assert_eq!(last.remote_ip, Observed::Known("10.0.2.9".into()));
        assert_eq!(last.ts, Observed::Known(1_795_176_000.5));
        assert_eq!(log.first_time, Observed::Known(1_795_176_000.5));
        assert_eq!(log.found.known().unwrap()[0].count, 1);
    }

    #[test]
    fn times_written_as_text_are_unknown() {
        let log = read("{\"ts\":\"2026-11-20\",\"status\":\"x\"}\n", &[]);
        let last = log.json.known().unwrap().last.known().unwrap().clone();
        assert!(matches!(last.ts, Observed::Unknown(_)));
        assert!(matches!(last.status, Observed::Unknown(_)));
        assert_eq!(last.remote_ip, Observed::Absent);
    }

    #[test]
    fn an_empty_log_has_no_entries_and_is_known() {
        let log = read("", &["x"]);
        assert_eq!(log.exists, Observed::Known(true));
        assert_eq!(log.entries, Observed::Known(Vec::new()));
        assert_eq!(log.first_time, Observed::Absent);
        assert_eq!(log.found.known().unwrap()[0].count, 0);
    }

    #[test]
    fn a_longer_file_is_cut_at_an_entry() {
        let mut text = "20261120120000.123 info a:b\n".repeat(200);
        text.drain(..text.len() - 4096);
        let log = read_sized(&text, 1 << 20, &[]);
        assert_eq!(log.truncated_head, Observed::Known(true));
        assert_eq!(log.unparsed, Observed::Known(0));
    }

    #[test]
    fn only_the_last_entries_are_kept_and_all_are_counted() {
        let text: String = (0..700)
            .map(|n| format!("20261120120000.123 warn m:{n}\n"))
            .collect();
        let log = read(&text, &["warn m"]);
        let entries = log.entries.known().unwrap();
        assert_eq!(entries.len(), 500);
        assert_eq!(entries[499].message, "699");
        assert_eq!(log.found.known().unwrap()[0].count, 699);
    }

    #[rstest]
    #[case("No such file or directory", Observed::Known(false), true)]
    #[case(
        "Permission denied",
        Observed::unknown(ReasonKind::Permission, "stat: cannot statx '/l': Permission denied"),
        false
    )]
    fn a_missing_log_is_absent_and_a_closed_one_unknown(
        #[case] why: &str,
        #[case] exists: Observed<bool>,
        #[case] absent: bool,
    ) {
        let query = query(&[]);
        let answers = Answers::new()
            .with(
                Ask::stat("/l"),
                1,
                format!("stat: cannot statx '/l': {why}\n"),
            )
            .with(
                ask(&query),
                1,
                format!("tail: cannot open '/l' for reading: {why}\n"),
            );
        let context = Context {
            key: Key::new([0; 32]),
        };
        let Reading::Done(Observed::Known(log)) = Log::read(&query, &answers, &context) else {
            panic!("no fact");
        };
        assert_eq!(log.exists, exists);
        assert_eq!(log.entries == Observed::Absent, absent);
        assert_eq!(matches!(log.found, Observed::Unknown(_)), !absent);
    }

    #[rstest]
    #[case(0, &[])]
    #[case(5 << 20, &[])]
    #[case(100, &[""])]
    #[case(100, &["a\nb"])]
    fn a_query_that_cannot_be_used_is_refused(#[case] tail: u32, #[case] contains: &[&str]) {
        let query = LogQuery {
            tail,
            ..query(contains)
        };
        assert!(Log::check(&query).is_err());
    }
}
