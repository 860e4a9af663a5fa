//! `--format terminal`: what an operator reads at three in the morning.
//!
//! What is wrong comes first, worst first, each with what was found, what was
//! expected and how it is mended; what follows from something else stands
//! under it; what holds is only counted. The last line is the summary and what
//! the exit code means, because it is what a scrolled terminal shows.
//!
//! No line is wider than the style says, with one exception: the commands of a
//! fix are never broken, because they are copied.

mod entry;
mod fold;
pub(crate) mod page;
mod tail;

use runproof_model::{Finding, Report, Verdict};

use crate::paint::{Paint, Role};
use crate::words::count;
use fold::Folded;
use page::{NARROWEST, Page, WIDEST};
use runproof_model::text;

/// What the report of a recording opens with.
const RECORDED: &str = "recorded reference, not your site";

/// How to show a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Use colour. Whether it is wanted (`NO_COLOR`, a pipe) is the caller's to know.
    pub color: bool,
    /// The columns of the terminal; used between 40 and 100.
    pub width: usize,
    /// Show what holds and what is folded one by one, and longer values.
    pub verbose: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: WIDEST,
            verbose: false,
        }
    }
}

/// Renders a report; ends with a newline.
pub fn render(report: &Report, style: &Style) -> String {
    let paint = Paint { color: style.color };
    let width = style.width.clamp(NARROWEST, WIDEST);
    let mut page = Page::new(paint, width, style.verbose);
    opening(&mut page, report);
    let folded = Folded::of(report, style.verbose);
    section(
        &mut page,
        "Does not hold",
        Role::Fail,
        &folded.fails,
        &folded,
    );
    section(
        &mut page,
        "Could not be established",
        Role::Error,
        &folded.errors,
        &folded,
    );
    section(
        &mut page,
        "Accepted for a time",
        Role::Waived,
        &folded.waived,
        &folded,
    );
    section(
        &mut page,
        "Document defects",
        Role::Strong,
        &folded.defects,
        &folded,
    );
    tail::render(&mut page, report);
    page.finish()
}

fn opening(page: &mut Page, report: &Report) {
    if report.recorded {
        page.line(
            0,
            Role::Error,
            &format!(
                "{RECORDED}: a replay, which says nothing of a live one; name yours with --site"
            ),
        );
    }
    let words = format!(
        "site {}, profile {}, looked at {}, took {} s",
        text::one_line(&report.site, 80),
        text::one_line(&report.profile, 80),
        text::one_line(&report.started, 40),
        seconds(report.duration_s),
    );
    page.line(0, Role::Strong, &words);
}

/// Seconds with as many places as they deserve.
fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2}")
    } else {
        format!("{seconds:.0}")
    }
}

fn section(page: &mut Page, title: &str, role: Role, findings: &[&Finding], folded: &Folded) {
    // What cannot be established because a node is dark is an error too.
    let dark = if role == Role::Error {
        folded.dark_nodes.as_slice()
    } else {
        &[]
    };
    let number = findings.len() + dark.iter().map(|node| node.findings.len()).sum::<usize>();
    if number == 0 {
        return;
    }
    page.blank();
    let under: usize = findings.iter().map(|f| folded.followers(f).len()).sum();
    let also = if under == 0 {
        String::new()
    } else {
        format!(", and {under} that follow from them")
    };
    page.line(0, role, &format!("{title} ({number}{also})"));
    for node in dark {
        entry::dark_node(page, node);
    }
    for finding in findings {
        page.blank();
        entry::full(page, finding);
        let followers = folded.followers(finding);
        if !followers.is_empty() {
            entry::followers(page, finding, followers);
        }
    }
}

/// The word that opens an entry and its colour.
fn verdict_word(finding: &Finding) -> (&'static str, Role) {
    match finding.verdict {
        Verdict::Pass => ("pass", Role::Pass),
        Verdict::Fail if fold::is_document_defect(finding) => ("DOC", Role::Strong),
        Verdict::Fail => ("FAIL", Role::Fail),
        Verdict::Error => ("ERROR", Role::Error),
        Verdict::Skip => ("skip", Role::Dim),
        Verdict::Waived => ("waived", Role::Waived),
    }
}

/// `3 more`, so that the sentence is the same wherever something is folded.
fn more(number: usize) -> String {
    count(number, "more", "more")
}

#[cfg(test)]
mod tests;
