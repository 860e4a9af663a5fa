//! The end of the page: what holds, what was skipped, the nodes, the notes, the summary.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use runproof_model::{Finding, NodeRecord, Report, Verdict};

use super::entry::names;
use super::fold::is_document_defect;
use super::page::Page;
use crate::paint::Role;
use crate::words::exit_of;
use runproof_model::text;

/// More groups of skips are counted.
const REASONS: usize = 20;

pub(super) fn render(page: &mut Page, report: &Report) {
    holds(page, report);
    skips(page, report);
    nodes(page, &report.nodes);
    notes(page, &report.notes);
    summary(page, report);
}

fn with(report: &Report, verdict: Verdict) -> Vec<&Finding> {
    report
        .findings
        .iter()
        .filter(|finding| finding.verdict == verdict && !is_document_defect(finding))
        .collect()
}

fn holds(page: &mut Page, report: &Report) {
    let passes = with(report, Verdict::Pass);
    if passes.is_empty() {
        return;
    }
    page.blank();
    let mut suites: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &passes {
        suites.entry(&finding.suite).or_default().push(finding);
    }
    let counts: Vec<String> = suites
        .iter()
        .map(|(suite, findings)| format!("{} {}", text::one_line(suite, 60), findings.len()))
        .collect();
    let head = format!("Holds ({}): ", passes.len());
    page.hanging(0, &head, Role::Pass, Role::Plain, &counts.join(", "));
    if page.verbose {
        for findings in suites.values() {
            for finding in findings {
                page.hanging(2, "pass  ", Role::Pass, Role::Plain, &names(&[finding]));
                if let Some(reading) = &finding.reading {
                    page.field(8, "reading", Role::Plain, &text::one_line(reading, 300));
                }
            }
        }
    }
}

fn skips(page: &mut Page, report: &Report) {
    let skips = with(report, Verdict::Skip);
    if skips.is_empty() {
        return;
    }
    page.blank();
    page.line(
        0,
        Role::Strong,
        &format!("Does not apply ({})", skips.len()),
    );
    let mut reasons: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in skips {
        let reason = text::one_line(&finding.message, 300);
        let reason = if reason.is_empty() {
            "no reason given".to_owned()
        } else {
            reason
        };
        reasons.entry(reason).or_default().push(finding);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, findings)| Reverse(findings.len()));
    let shown = if page.verbose { reasons.len() } else { REASONS };
    for (reason, findings) in reasons.iter().take(shown) {
        page.hanging(
            2,
            &format!("{:>3}  ", findings.len()),
            Role::Dim,
            Role::Plain,
            reason,
        );
        if page.verbose {
            page.line(7, Role::Dim, &names(findings));
        }
    }
    let rest: usize = reasons
        .iter()
        .skip(shown)
        .map(|(_, findings)| findings.len())
        .sum();
    if rest > 0 {
        page.hanging(
            2,
            &format!("{rest:>3}  "),
            Role::Dim,
            Role::Plain,
            "for other reasons (-v names them)",
        );
    }
}

fn nodes(page: &mut Page, nodes: &[NodeRecord]) {
    if nodes.is_empty() {
        return;
    }
    page.blank();
    let list: Vec<String> = nodes
        .iter()
        .map(|node| {
            let role = node.role.as_str();
            let instance = text::one_line(&node.instance, 80);
            let mut about = Vec::new();
            if instance != role && !instance.is_empty() {
                about.push(instance);
            }
            if node.standin {
                about.push("STAND-IN".to_owned());
            }
            if node.trouble.is_some() {
                about.push("not seen".to_owned());
            }
            if about.is_empty() {
                role.to_owned()
            } else {
                format!("{role} ({})", about.join(", "))
            }
        })
        .collect();
    let head = format!("Nodes ({}): ", nodes.len());
    page.hanging(0, &head, Role::Strong, Role::Plain, &list.join(", "));
    let standins: Vec<&str> = nodes
        .iter()
        .filter(|node| node.standin)
        .map(|node| node.role.as_str())
        .collect();
    if !standins.is_empty() {
        let plays = if standins.len() == 1 {
            "a stand-in plays"
        } else {
            "stand-ins play"
        };
        let words = format!(
            "{plays} {}: what is said of it says nothing about the real service",
            standins.join(", ")
        );
        page.line(2, Role::Error, &words);
    }
    for node in nodes {
        if let Some(trouble) = &node.trouble {
            let words = format!("{}: {}", node.role, text::one_line(trouble, 300));
            page.line(2, Role::Error, &words);
        }
        if page.verbose {
            if let Some(image) = &node.image {
                page.line(
                    2,
                    Role::Dim,
                    &format!("{}: image {}", node.role, text::one_line(image, 120)),
                );
            }
            if let Some(skew) = node.skew_s {
                page.line(
                    2,
                    Role::Dim,
                    &format!("{}: clock {skew:+.1} s from ours", node.role),
                );
            }
        }
    }
}

fn notes(page: &mut Page, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    page.blank();
    for note in notes {
        page.hanging(
            0,
            "Note: ",
            Role::Strong,
            Role::Plain,
            &text::one_line(note, 600),
        );
    }
}

fn summary(page: &mut Page, report: &Report) {
    page.blank();
    let summary = &report.summary;
    let defects = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail && is_document_defect(finding))
        .count();
    let mut counts = Vec::new();
    let each = [
        (summary.fail, "fail"),
        (summary.error, "error"),
        (summary.pass, "pass"),
        (summary.skip, "skip"),
        (summary.waived, "waived"),
    ];
    for (number, word) in each {
        if number > 0 || word == "fail" || word == "error" || word == "pass" {
            counts.push(format!("{number} {word}"));
        }
    }
    if defects > 0 {
        counts[0].push_str(&format!(" ({defects} of the documents)"));
    }
    let code = report.exit_code;
    let role = match code {
        0 => Role::Pass,
        1 => Role::Fail,
        _ => Role::Error,
    };
    let aside = if code == 0 && summary.fail + summary.error > 0 {
        "; what fails does not gate"
    } else {
        ""
    };
    let words = format!(
        "{} - exit {code}: {}{aside}",
        counts.join(", "),
        exit_of(report)
    );
    page.line(0, role, &words);
}
