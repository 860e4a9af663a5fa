//! `--format junit`: the subset of JUnit's XML that every consumer accepts.
//!
//! One `testsuite` a node, named `site/role`; one `testcase` a finding, its
//! classname `runproof.<suite>.<role>` and its name the identifier with the
//! loop's item, unique in the whole document. A finding that does not pass has
//! exactly one child, `failure`, `error` or `skipped`, whose text repeats the
//! message, because some consumers read the text and some the attribute.
//!
//! The crate `junit-report` writes the document. Where it falls short, and what
//! is done about it here rather than in a writer of our own:
//!
//! - It puts text into CDATA as it is, so that `]]>` would end the section and
//!   what follows be read as markup. `cdata` splits the mark over two sections.
//! - It passes on characters that XML forbids. Every text is washed first, so
//!   that they and escape sequences stand there as visible `\u{..}`.
//! - Its constructors give `skipped` no text and take the host's clock, and
//!   `localhost`, where nothing was said. Results are built from its public
//!   fields, and time stamp, host name and package are set.
//! - It panics on a time stamp that RFC 3339 cannot hold; `timestamp` lets
//!   none through.
//! - It knows no limit. `cases` cuts each text to 8 KiB, and further when the
//!   document would pass 30 MB; a cut is said in the document.
//! - It has no time of a whole run, only sums over cases. Facts are gathered
//!   together, so a finding has no time of its own; those of findings are `0`, and the time of
//!   the run stands in `system-out` of each suite.

mod cases;
mod text;

use std::collections::BTreeMap;

use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestResult, TestSuite};
use runproof_model::text::one_line;
use runproof_model::{NodeRecord, Report, Verdict};

pub(crate) use cases::{Case, own};

/// GitLab takes no more than 30 MB.
const DOCUMENT_LIMIT: usize = 30_000_000;

/// The document could not be made; a defect of runproof.
#[derive(Debug, thiserror::Error)]
#[error("the JUnit document could not be made: {0}")]
pub struct JunitError(String);

/// Renders a report; ends with a newline.
///
/// # Errors
///
/// When the XML writer fails, which nothing in a report should be able to cause.
pub fn render(report: &Report) -> Result<String, JunitError> {
    render_within(report, DOCUMENT_LIMIT)
}

/// [`render`] with a limit that a test can reach.
fn render_within(report: &Report, limit: usize) -> Result<String, JunitError> {
    let nodes: BTreeMap<&str, &NodeRecord> = report
        .nodes
        .iter()
        .map(|node| (node.role.as_str(), node))
        .collect();
    let plan = cases::plan(report, &nodes, limit);
    let time = timestamp(&report.started);
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for case in &plan.cases {
        suites
            .entry(&case.node)
            .or_insert_with(|| suite(report, &nodes, case, time, &plan.notes))
            .add_testcase(testcase(case));
    }
    write(suites)
}

/// A document of cases that are no findings: one `testsuite` a [`Case::node`]. None has a time of
/// day.
pub(crate) fn document(
    package: &str,
    mut cases: Vec<Case>,
    exit_code: u8,
) -> Result<String, JunitError> {
    if exit_code == cases::NOTHING {
        cases.push(cases::nothing_checked("nothing was checked"));
    }
    let plan = cases::fit(cases, DOCUMENT_LIMIT);
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for case in &plan.cases {
        let suite = || TestSuite {
            name: format!("{package}/{}", case.node),
            package: package.to_owned(),
            timestamp: OffsetDateTime::UNIX_EPOCH,
            hostname: case.node.clone(),
            testcases: Vec::new(),
            system_out: Some(cdata(&plan.notes.join("\n"))).filter(|_| !plan.notes.is_empty()),
            system_err: None,
        };
        suites
            .entry(&case.node)
            .or_insert_with(suite)
            .add_testcase(testcase(case));
    }
    write(suites)
}

fn write(suites: BTreeMap<&str, TestSuite>) -> Result<String, JunitError> {
    let document = ReportBuilder::new()
        .add_testsuites(suites.into_values())
        .build();
    let mut out = Vec::new();
    document
        .write_xml(&mut out)
        .map_err(|error| JunitError(error.to_string()))?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|error| JunitError(error.to_string()))
}

fn suite(
    report: &Report,
    nodes: &BTreeMap<&str, &NodeRecord>,
    case: &Case,
    time: Option<OffsetDateTime>,
    notes: &[String],
) -> TestSuite {
    let node = nodes.get(case.role.as_str()).copied();
    let site = one_line(&report.site, 80);
    let out = text::suite_output(report, node, time.is_some(), notes);
    TestSuite {
        name: format!("{site}/{}", case.node),
        package: site,
        timestamp: time.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        hostname: node.map_or_else(|| case.node.clone(), |node| one_line(&node.instance, 128)),
        testcases: Vec::new(),
        system_out: Some(cdata(&out)),
        system_err: None,
    }
}

fn testcase(case: &Case) -> TestCase {
    let type_ = case.verdict.as_str().to_owned();
    let message = case.message.clone();
    let cause = Some(cdata(&case.text));
    let result = match case.verdict {
        Verdict::Pass => TestResult::Success,
        Verdict::Fail => TestResult::Failure {
            type_,
            message,
            cause,
        },
        Verdict::Error => TestResult::Error {
            type_,
            message,
            cause,
        },
        Verdict::Skip | Verdict::Waived => TestResult::SkippedWithCause {
            type_,
            message,
            cause,
        },
    };
    TestCase {
        name: case.name.clone(),
        // A time that the document cannot hold is none.
        time: Duration::checked_seconds_f64(case.seconds.max(0.0)).unwrap_or(Duration::ZERO),
        result,
        classname: Some(case.classname.clone()),
        filepath: None,
        system_out: None,
        system_err: None,
    }
}

/// The start of the run, when it is a time that the document can hold.
fn timestamp(started: &str) -> Option<OffsetDateTime> {
    let seconds = started.parse::<jiff::Timestamp>().ok()?.as_second();
    // Years 1970 to 9999: the writer has four digits and no sign.
    (0..=253_402_300_799)
        .contains(&seconds)
        .then(|| OffsetDateTime::from_unix_timestamp(seconds).ok())?
}

/// Text that may stand between the marks of a CDATA section which the writer adds.
fn cdata(text: &str) -> String {
    text.replace("]]>", "]]]]><![CDATA[>")
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::accepted;
