//! `--format json`: the report exactly as the contract has it.
//!
//! The keys and their order are those of [`runproof_model::Report`]; nothing
//! is added, left out or shortened. Always indented and in one stable order,
//! so that two reports can be compared line by line; verbosity changes nothing.
//!
//! JSON may hold control characters of the eight-bit set, bidirectional and
//! invisible ones as they are, and a terminal would obey some of them. So all
//! of those are written as `\u` escapes: the same value to every parser, but
//! harmless to look at.

use std::io;

use runproof_model::Report;
use runproof_model::text::is_hostile;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// Renders a report; ends with a newline.
///
/// # Errors
///
/// Only when the report cannot be serialised, which is a defect of runproof.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    to_string(report)
}

/// Renders any value by the same rules: indented, harmless, with a final newline.
///
/// # Errors
///
/// When the value cannot be serialised, as a map with keys that are not strings.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(
        &mut out,
        Harmless(PrettyFormatter::new()),
    ))?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Indents like its inner formatter, and escapes what a terminal might obey.
struct Harmless(PrettyFormatter<'static>);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut start = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| is_hostile(*c)) {
            writer.write_all(&fragment.as_bytes()[start..at])?;
            start = at + c.len_utf8();
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use proptest::prelude::*;

    /// The sample without its ten mebibytes, which JSON must not shorten.
    fn short() -> Report {
        let mut report = sample::report();
        let outcomes = report.findings.iter_mut().flat_map(|f| &mut f.expectations);
        for found in outcomes.filter_map(|outcome| outcome.found.as_mut()) {
            found.truncate(100);
        }
        report
    }

    #[test]
    fn a_report_with_every_verdict_looks_like_this() {
        insta::assert_snapshot!(render(&short()).unwrap());
    }

    /// The keys of the objects at one depth, in the order in which they stand.
    fn keys(json: &str, indent: usize) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        for line in json.lines() {
            let bare = line.trim_start();
            if line.len() - bare.len() == indent
                && let Some((key, _)) = bare
                    .strip_prefix('"')
                    .and_then(|rest| rest.split_once("\":"))
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        keys
    }

    #[test]
    fn the_keys_stand_in_the_order_of_the_contract() {
        let mut report = short();
        let json = render(&report).unwrap();
        assert_eq!(
            keys(&json, 2),
            [
                "format",
                "site",
                "profile",
                "recorded",
                "started",
                "duration_s",
                "exit_code",
                "summary",
                "findings",
                "nodes",
                "notes"
            ]
        );
        report.nodes.clear();
        report
            .findings
            .retain(|finding| !finding.expectations.is_empty());
        report.findings.truncate(1);
        let finding = &mut report.findings[0];
        finding.item = None;
        finding.reading = None;
        finding.because_of = None;
        finding.document_defect = None;
        finding.expectations.truncate(1);
        let json = render(&report).unwrap();
        assert_eq!(
            keys(&json, 6),
            [
                "id",
                "suite",
                "node",
                "verdict",
                "level",
                "severity",
                "title",
                "message",
                "expectations",
                "because_of",
                "document_defect",
                "sources",
                "fix"
            ]
        );
        assert_eq!(keys(&json, 10), ["expect", "verdict", "found", "expected"]);
        assert_eq!(keys(&json, 4), ["pass", "fail", "error", "skip", "waived"]);
        assert!(
            json.contains("\"because_of\": null"),
            "nulls are written, not left out"
        );
    }

    proptest! {
        #[test]
        fn any_text_survives_and_none_reaches_a_terminal(
            text in proptest::collection::vec(any::<char>(), 0..80)
        ) {
            let text: String = text.into_iter().collect();
            let report = sample::with_text_everywhere(&text);
            let json = render(&report).unwrap();
            prop_assert!(!json.chars().any(|c| c != '\n' && is_hostile(c)));
            prop_assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        }
    }
}
