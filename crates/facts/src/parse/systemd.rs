//! Unit files of systemd: syntax, drop-ins, and what the assignments come to.
//!
//! Follows `systemd.syntax(7)`, `systemd.unit(5)`, `systemd.exec(5)` and
//! `systemd.service(5)`. What systemd ignores with a warning is a [`Problem`];
//! what makes it refuse the unit is a fatal one.

pub mod exec;
pub mod name;
pub mod show;
pub mod time;
pub mod words;

use std::collections::BTreeMap;

use name::UnitName;
use words::{Style, Words, is_space};

/// The longest line that systemd reads, continuations joined, in bytes.
const LONG_LINE: usize = 1 << 20;
/// Problems beyond this number are not listed.
const MAX_PROBLEMS: usize = 100;

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Section, without brackets.
    pub section: String,
    /// Key.
    pub key: String,
    /// Value: continuations joined, outer white space gone, everything else as written.
    pub value: String,
    /// The line on which it begins, counted from 1.
    pub line: u32,
    /// The file it stands in.
    pub path: String,
}

/// Something that systemd warns of, or refuses. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// The line, counted from 1; 0 when it concerns the whole.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// Whether systemd refuses the unit because of it.
    pub fatal: bool,
}

/// A unit file, or several merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile {
    /// All assignments in order.
    pub entries: Vec<Entry>,
    /// What is wrong with the text.
    pub problems: Vec<Problem>,
}

/// An `EnvironmentFile=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Absolute path; may hold a pattern.
    pub path: String,
    /// Written with a leading `-`: the file may be missing.
    pub optional: bool,
}

impl UnitFile {
    /// Parses the text of one file.
    pub fn parse(text: &str) -> Self {
        Self::parse_bytes("", text.as_bytes())
    }

    /// Parses the content of the file at `path`. What systemd cannot read ends the file.
    pub fn parse_bytes(path: &str, content: &[u8]) -> Self {
        let mut parser = Parser {
            path,
            section: Section::None,
            file: Self::default(),
        };
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut joined: Option<(u32, Vec<u8>)> = None;
        for (number, line) in lines(content) {
            let first = line.iter().find(|b| !matches!(b, b' ' | b'\t'));
            if matches!(first, Some(b'#' | b';')) {
                continue;
            }
            let (start, mut text) = joined.take().unwrap_or((number, Vec::new()));
            text.extend_from_slice(line);
            if text.len() > LONG_LINE {
                parser.problem(start, "line is too long", true);
                return parser.file;
            }
            let escapes = line.iter().rev().take_while(|&&b| b == b'\\').count();
            if escapes % 2 == 1 {
                if let Some(last) = text.last_mut() {
                    *last = b' ';
                }
                joined = Some((start, text));
                continue;
            }
            if !parser.line(start, &text) {
                return parser.file;
            }
        }
        if let Some((start, text)) = joined {
            parser.line(start, &text);
        }
        parser.file
    }

    /// The unit file followed by its drop-ins, in the order in which they apply.
    pub fn merge(files: impl IntoIterator<Item = Self>) -> Self {
        let mut merged = Self::default();
        for file in files {
            merged.entries.extend(file.entries);
            merged.problems.extend(file.problems);
        }
        merged
    }

    /// Every assignment of a key, in order; empty ones included.
    pub fn all<'a>(
        &'a self,
        section: &str,
        key: &str,
    ) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.section == section && entry.key == key)
    }

    /// The assignments that stand after the last empty one, which resets a list.
    pub fn list(&self, section: &str, key: &str) -> Vec<&Entry> {
        let mut list: Vec<&Entry> = self
            .all(section, key)
            .rev()
            .take_while(|entry| !entry.value.is_empty())
            .collect();
        list.reverse();
        list
    }

    /// The last assignment of a key; an empty one takes the key back.
    pub fn scalar(&self, section: &str, key: &str) -> Option<&str> {
        let last = self.all(section, key).next_back()?;
        (!last.value.is_empty()).then_some(last.value.as_str())
    }

    /// The last assignment that systemd can use; the others are ignored with a warning.
    pub fn last_valid<T>(
        &self,
        section: &str,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let mut found = None;
        for entry in self.all(section, key) {
            match parse(&entry.value) {
                Some(value) => found = Some(value),
                None => warn(
                    problems,
                    entry,
                    format!("{key}= has a value that is ignored"),
                ),
            }
        }
        found
    }

    /// A boolean: `1`, `yes`, `y`, `true`, `t`, `on` and their opposites in any case.
    pub fn boolean(&self, section: &str, key: &str, problems: &mut Vec<Problem>) -> Option<bool> {
        self.last_valid(section, key, boolean, problems)
    }

    /// A span of time in seconds.
    pub fn duration(&self, section: &str, key: &str, problems: &mut Vec<Problem>) -> Option<f64> {
        self.last_valid(section, key, time::span, problems)
    }

    /// The units of `After=`, `Wants=` and their like. An empty assignment does not reset these.
    pub fn units(&self, key: &str, unit: &UnitName, problems: &mut Vec<Problem>) -> Vec<String> {
        let mut units = Vec::new();
        for entry in self.all("Unit", key) {
            for word in Words::new(&entry.value, Style::Names) {
                match word {
                    Ok(word) => {
                        if let Ok((word, _)) = unit.resolve(&word)
                            && !units.contains(&word)
                        {
                            units.push(word);
                        }
                    }
                    Err(error) => warn(problems, entry, format!("{key}=: {error}")),
                }
                if units.len() > 1000 {
                    return units;
                }
            }
        }
        units
    }

    /// `Environment=`: names and values, the last assignment of a name wins. A value that
    /// only the manager can resolve is `None`.
    pub fn environment(
        &self,
        unit: &UnitName,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, Option<String>> {
        let mut environment = BTreeMap::new();
        for entry in self.list("Service", "Environment") {
            for word in Words::new(&entry.value, Style::Strict) {
                let word = match word {
                    Ok(word) => word,
                    Err(error) => {
                        warn(
                            problems,
                            entry,
                            format!("Environment=: {error}; the rest of the line is ignored"),
                        );
                        continue;
                    }
                };
                let (word, whole) = match resolve(unit, &word, entry, problems) {
                    Ok(resolved) => resolved,
                    Err(why) => {
                        warn(
                            problems,
                            entry,
                            format!("Environment=: {why}; the assignment is ignored"),
                        );
                        continue;
                    }
                };
                match word.split_once('=') {
                    Some((name, value)) if is_variable(name) => {
                        environment.insert(name.to_owned(), whole.then(|| value.to_owned()));
                    }
                    _ => warn(
                        problems,
                        entry,
                        "Environment= has an assignment that is ignored",
                    ),
                }
            }
        }
        environment
    }

    /// `EnvironmentFile=`.
    pub fn environment_files(
        &self,
        unit: &UnitName,
        problems: &mut Vec<Problem>,
    ) -> Vec<EnvironmentFile> {
        let mut files = Vec::new();
        for entry in self.list("Service", "EnvironmentFile") {
            let (value, _) = match resolve(unit, &entry.value, entry, problems) {
                Ok(resolved) => resolved,
                Err(why) => {
                    warn(problems, entry, format!("EnvironmentFile=: {why}"));
                    continue;
                }
            };
            let (path, optional) = match value.strip_prefix('-') {
                Some(path) => (path, true),
                None => (value.as_str(), false),
            };
            if path.starts_with('/') {
                files.push(EnvironmentFile {
                    path: simplify(path),
                    optional,
                });
            } else {
                warn(
                    problems,
                    entry,
                    "EnvironmentFile= is not an absolute path and is ignored",
                );
            }
        }
        files
    }
}

/// Adds a problem that systemd only warns of.
pub(crate) fn warn(problems: &mut Vec<Problem>, entry: &Entry, message: impl Into<String>) {
    report(problems, entry, message.into(), false);
}

/// Adds a problem for which systemd refuses the unit.
pub(crate) fn refuse(problems: &mut Vec<Problem>, entry: &Entry, message: impl Into<String>) {
    report(problems, entry, message.into(), true);
}

fn report(problems: &mut Vec<Problem>, entry: &Entry, message: String, fatal: bool) {
    if problems.len() < MAX_PROBLEMS || fatal {
        problems.push(Problem {
            path: entry.path.clone(),
            line: entry.line,
            message,
            fatal,
        });
    }
}

/// Resolves specifiers, and says which only the node itself can resolve; the second value
/// is whether there are none of those. An error is what systemd does not resolve at all.
pub(crate) fn resolve(
    unit: &UnitName,
    text: &str,
    entry: &Entry,
    problems: &mut Vec<Problem>,
) -> Result<(String, bool), String> {
    let (resolved, unresolved) = unit
        .resolve(text)
        .map_err(|specifier| format!("there is no specifier %{specifier}"))?;
    let whole = unresolved.is_empty();
    for specifier in unresolved {
        warn(
            problems,
            entry,
            format!(
                "{}= holds %{specifier}, which only the manager can resolve",
                entry.key
            ),
        );
    }
    Ok((resolved, whole))
}

/// Text as systemd takes it: no code points that are never characters. Else where it ends.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, usize> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
    let never = |c: char| {
        let code = u32::from(c);
        (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    match text.char_indices().find(|(_, c)| never(*c)) {
        Some((at, _)) => Err(at),
        None => Ok(text),
    }
}

/// Whether systemd takes a text for the name or number of an account. It is liberal:
/// directories of users have all sorts of names.
pub(crate) fn is_account(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(name) {
        // The two largest numbers of 16 and 32 bits stand for nobody in particular.
        return name
            .parse::<u32>()
            .is_ok_and(|id| id != u32::from(u16::MAX) && id != u32::MAX);
    }
    !name.is_empty()
        && !name.strip_prefix('-').is_some_and(digits)
        && !matches!(name, "." | "..")
        && !name.contains(|c: char| c.is_control() || matches!(c, ':' | '/'))
}

/// A boolean as systemd reads it.
pub fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["1", "yes", "y", "true", "t", "on"]) {
        Some(true)
    } else if is(&["0", "no", "n", "false", "f", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// Whether a name can be an environment variable for systemd.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A path without doubled slashes, `/./` and a slash at its end.
pub(crate) fn simplify(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let lead = if path.starts_with('/') { "/" } else { "" };
    format!("{lead}{}", parts.join("/"))
}

/// Lines and their numbers; `\n`, `\r`, NUL or several different ones end a line.
fn lines(content: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = content;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let end = rest
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r' | 0))
            .unwrap_or(rest.len());
        let line = &rest[..end];
        let mut after = end;
        while let Some(b @ (b'\n' | b'\r')) = rest.get(after)
            && !rest[end..after].contains(b)
        {
            after += 1;
        }
        if rest.get(after) == Some(&0) {
            after += 1;
        }
        rest = &rest[after..];
        Some((number, line))
    })
}

enum Section {
    None,
    Ignored,
    Named(String),
}

struct Parser<'a> {
    path: &'a str,
    section: Section,
    file: UnitFile,
}

impl Parser<'_> {
    fn problem(&mut self, line: u32, message: &str, fatal: bool) {
        if self.file.problems.len() < MAX_PROBLEMS || fatal {
            self.file.problems.push(Problem {
                path: self.path.to_owned(),
                line,
                message: message.to_owned(),
                fatal,
            });
        }
    }

    /// One joined line; false when the rest of the file is not read.
    fn line(&mut self, number: u32, bytes: &[u8]) -> bool {
        let Ok(text) = utf8(bytes) else {
            self.problem(
                number,
                "line is not UTF-8: nothing from it on is read",
                true,
            );
            return false;
        };
        let text = text.trim_matches(is_space);
        if text.is_empty() {
            return true;
        }
        if let Some(rest) = text.strip_prefix('[') {
            let name = rest.strip_suffix(']').filter(|name| {
                !name
                    .chars()
                    .any(|c| c.is_control() || matches!(c, '"' | '\'' | '\\'))
            });
            let Some(name) = name else {
                self.problem(
                    number,
                    "invalid section header: nothing after it is read",
                    true,
                );
                return false;
            };
            self.section = if SECTIONS.contains(&name) {
                Section::Named(name.to_owned())
            } else {
                if !name.starts_with("X-") {
                    self.problem(number, "unknown section is ignored", false);
                }
                Section::Ignored
            };
            return true;
        }
        let section = match &self.section {
            Section::Named(name) => name.clone(),
            Section::Ignored => return true,
            Section::None => {
                self.problem(number, "assignment outside of a section is ignored", false);
                return true;
            }
        };
        let Some((key, value)) = text.split_once('=') else {
            self.problem(number, "line without '=' is ignored", false);
            return true;
        };
        let key = key.trim_matches(is_space);
        if key.is_empty() {
            self.problem(number, "line without a key is ignored", false);
            return true;
        }
        self.file.entries.push(Entry {
            section,
            key: key.to_owned(),
            value: value.trim_matches(is_space).to_owned(),
            line: number,
            path: self.path.to_owned(),
        });
        true
    }
}

/// The sections that units have.
const SECTIONS: [&str; 12] = [
    "Unit",
    "Install",
    "Service",
    "Socket",
    "Mount",
    "Automount",
    "Swap",
    "Timer",
    "Path",
    "Slice",
    "Scope",
    "Target",
];

#[cfg(test)]
mod tests;
