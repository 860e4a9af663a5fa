//! One invariant judged by the record.

use std::collections::BTreeSet;

use runproof_engine::replay;
use runproof_model::exit::Gate;
use runproof_model::{Finding, Report, Verdict};
use runproof_report::{Style, terminal};
use runproof_suite::{Library, Selection, bind};

use crate::record::Record;

/// Judges an invariant: everything that it says of any node has to hold. A statement that cannot
/// be true of the real program has to fail. What was found is shown as in a report.
///
/// # Errors
/// When anything does not hold, could not be established, or applies nowhere.
pub(crate) fn judge(library: &Library, record: &Record, id: &str) -> Result<String, String> {
    let selection = Selection {
        ids: with_causes(library, id).into_iter().collect(),
        ..Selection::all()
    };
    let site = runproof_engine::site_of(&record.bundle);
    let plan = bind(library, &site, &selection);
    let mut waivers = record.waivers.clone();
    waivers.waivers.retain(|waiver| waiver.id.value == id);
    let defect = library
        .invariant(id)
        .is_some_and(|(_, invariant)| invariant.document_defect.is_some());
    // A recommendation is a test like any other; what cannot be true gates nothing.
    let gate = Gate {
        strict: !defect,
        ..Gate::default()
    };
    let report = replay(&record.bundle, &plan, &waivers, gate).report;
    let report = only(report, id, record.replayed).settle(gate, false);
    let shown = terminal::render(&report, &Style::default());
    // Where it applies to no node, nothing was judged.
    let judged = |finding: &Finding| finding.verdict != Verdict::Skip;
    if report.findings.iter().any(judged) && report.findings.iter().all(wanted) {
        Ok(shown)
    } else {
        Err(shown)
    }
}

/// What the report says of one invariant and its nodes.
fn only(mut report: Report, id: &str, replayed: bool) -> Report {
    report.recorded = replayed;
    report.findings.retain(|finding| finding.id == id);
    let nodes: BTreeSet<&str> = report.findings.iter().map(|f| f.node.as_str()).collect();
    report
        .nodes
        .retain(|node| nodes.contains(node.role.as_str()));
    if report.findings.is_empty() {
        report.notes.push(format!(
            "the profile {} does not state {id}",
            report.profile
        ));
    }
    report
}

fn wanted(finding: &Finding) -> bool {
    match finding.verdict {
        Verdict::Pass | Verdict::Skip | Verdict::Waived => true,
        Verdict::Fail => finding.document_defect.is_some(),
        Verdict::Error => false,
    }
}

/// The invariant with those whose failure may explain its own, directly or not.
fn with_causes(library: &Library, id: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut todo = vec![id.to_owned()];
    while let Some(id) = todo.pop() {
        if let Some((_, invariant)) = library.invariant(&id)
            && found.insert(id)
        {
            todo.extend(invariant.needs.iter().map(|need| need.value.clone()));
        }
    }
    found
}
