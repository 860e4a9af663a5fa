//! One finding on the page.

use runproof_model::{ExpectationOutcome, Finding, Verdict};

use super::fold::DarkNode;
use super::page::Page;
use super::{more, verdict_word};
use crate::paint::Role;
use crate::words;
use runproof_model::text;

/// Where the text of an entry begins.
const TEXT: usize = 2;
/// Where its fields begin.
const FIELD: usize = 4;
/// Where its commands begin.
const COMMAND: usize = 6;
/// More expectations of one finding are counted.
const EXPECTATIONS: usize = 12;
/// More lines of a fix are counted.
const FIX_LINES: usize = 40;
/// More names in one list are counted.
const NAMES: usize = 60;
/// The longest line of a fix.
const FIX_LINE: usize = 4000;

/// The longest value that is shown.
fn value_limit(page: &Page) -> usize {
    if page.verbose { 4000 } else { 300 }
}

/// The whole finding: head, title, message, expectations, sources, fix.
pub(super) fn full(page: &mut Page, finding: &Finding) {
    let limit = value_limit(page);
    head(page, finding);
    let title = text::one_line(&finding.title, 300);
    let message = text::one_line(&finding.message, limit.max(600));
    if !title.is_empty() {
        page.line(TEXT, Role::Plain, &title);
    }
    if !message.is_empty() && message != title {
        page.line(TEXT, Role::Plain, &message);
    }
    let mut open = finding
        .expectations
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Pass);
    for outcome in open.by_ref().take(EXPECTATIONS) {
        expectation(page, finding, outcome, limit);
    }
    let rest = open.count();
    if rest > 0 {
        let words = format!("{} that do not hold; the JSON report has them", more(rest));
        page.field(FIELD, "", Role::Plain, &words);
    }
    let optional = [
        ("because", finding.because_of.as_deref()),
        ("reading", finding.reading.as_deref()),
        ("document", finding.document_defect.as_deref()),
    ];
    for (label, text) in optional {
        if let Some(text) = text {
            page.field(FIELD, label, Role::Plain, &text::one_line(text, 600));
        }
    }
    for (index, source) in finding.sources.iter().take(NAMES).enumerate() {
        let label = if index == 0 { "source" } else { "" };
        page.field(FIELD, label, Role::Plain, &words::source(source));
    }
    fix(page, finding);
}

fn head(page: &mut Page, finding: &Finding) {
    let (word, role) = verdict_word(finding);
    let mut pieces = vec![
        (role, format!("{word:<6} {:<8} ", finding.severity.as_str())),
        (Role::Strong, words::name(finding)),
        (
            Role::Plain,
            format!("  on {}", text::one_line(&finding.node, 80)),
        ),
    ];
    match finding.level {
        runproof_model::Level::Must => {}
        runproof_model::Level::Should => pieces.push((Role::Dim, "  (recommended)".to_owned())),
    }
    page.pieces(&pieces);
}

fn expectation(page: &mut Page, finding: &Finding, outcome: &ExpectationOutcome, limit: usize) {
    let label = match outcome.verdict {
        Verdict::Error => "unknown",
        Verdict::Fail | Verdict::Pass | Verdict::Skip | Verdict::Waived => "expect",
    };
    page.field(
        FIELD,
        label,
        Role::Strong,
        &text::one_line(&outcome.expect, limit),
    );
    // The reason of an unknown is often the whole message; once is enough.
    if let Some(found) = &outcome.found
        && *found != finding.message
    {
        page.field(FIELD, "found", Role::Fail, &text::one_line(found, limit));
    }
    if let Some(expected) = &outcome.expected {
        page.field(
            FIELD,
            "expected",
            Role::Pass,
            &text::one_line(expected, limit),
        );
    }
}

fn fix(page: &mut Page, finding: &Finding) {
    let mut lines = finding
        .fix
        .iter()
        .flat_map(|step| text::lines(step, FIX_LINE))
        .filter(|line| !line.trim().is_empty())
        .peekable();
    if lines.peek().is_none() {
        return;
    }
    let place = format!("on {}:", text::one_line(&finding.node, 80));
    page.field(FIELD, "fix", Role::Plain, &place);
    for line in lines.by_ref().take(FIX_LINES) {
        page.verbatim(COMMAND, &line);
    }
    let rest = lines.count();
    if rest > 0 {
        let words = format!(
            "… {} lines: runproof explain {}",
            more(rest),
            words::name(finding)
        );
        page.line(FIELD, Role::Dim, &words);
    }
}

/// What follows from a finding, folded under it.
pub(super) fn followers(page: &mut Page, root: &Finding, followers: &[&Finding]) {
    let head = format!(
        "{} because of {}: ",
        more(followers.len()),
        words::name(root)
    );
    folded(page, &head, followers, names);
}

/// A node that could not be looked at, with what is therefore unknown.
pub(super) fn dark_node(page: &mut Page, dark: &DarkNode<'_>) {
    page.blank();
    let role = dark.node.role.as_str();
    page.pieces(&[
        (Role::Error, "ERROR  ".to_owned()),
        (Role::Strong, format!("node {role}")),
        (
            Role::Plain,
            format!(
                " ({}) could not be looked at",
                text::one_line(&dark.node.instance, 80)
            ),
        ),
    ]);
    page.line(TEXT, Role::Plain, &text::one_line(dark.trouble, 600));
    let number = words::count(dark.findings.len(), "invariant is", "invariants are");
    folded(
        page,
        &format!("{number} unknown for it: "),
        &dark.findings,
        ids,
    );
}

fn folded(page: &mut Page, head: &str, findings: &[&Finding], say: fn(&[&Finding]) -> String) {
    if page.verbose {
        page.line(TEXT, Role::Dim, head.trim_end());
        for finding in findings {
            page.blank();
            full(page, finding);
        }
        return;
    }
    page.line(TEXT, Role::Plain, &format!("{head}{}", say(findings)));
}

/// `id on node`, in the order given; what would flood the page is counted.
pub(super) fn names(findings: &[&Finding]) -> String {
    list(findings, |finding| {
        format!(
            "{} on {}",
            words::name(finding),
            text::one_line(&finding.node, 80)
        )
    })
}

/// `id`, where the node is clear.
fn ids(findings: &[&Finding]) -> String {
    list(findings, words::name)
}

fn list(findings: &[&Finding], say: impl Fn(&Finding) -> String) -> String {
    let mut names: Vec<String> = findings.iter().take(NAMES).map(|f| say(f)).collect();
    if findings.len() > NAMES {
        names.push(format!("{} (-v names them)", more(findings.len() - NAMES)));
    }
    names.join(", ")
}
