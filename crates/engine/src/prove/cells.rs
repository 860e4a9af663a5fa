//! The cells of the matrix: what became of each invariant under a scenario.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::proof::MatrixCell;
use runproof_model::{Finding, Outcome, Verdict};
use runproof_suite::Scenario;

/// The cells of one scenario that say something, sorted, and how many invariants stayed green
/// and had to.
///
/// `before` and `after` are the findings of one plan, in its order: on the reference, and with
/// the recorded fault laid over it. Only what held before can tell anything; of an invariant that
/// is judged on several nodes the worst tells.
pub(super) fn cells(
    scenario: &Scenario,
    before: &[Finding],
    after: &[Finding],
) -> (Vec<MatrixCell>, usize) {
    let must: BTreeSet<&str> = scenario.turns_red.iter().map(|id| id.as_str()).collect();
    let allowed: BTreeSet<&str> = scenario.cascades.iter().map(|id| id.as_str()).collect();
    let declared = |id: &str| must.contains(id) || allowed.contains(id);
    let mut by_id: BTreeMap<&str, Vec<(&Finding, &Finding)>> = BTreeMap::new();
    for (old, new) in before.iter().zip(after) {
        by_id.entry(old.id.as_str()).or_default().push((old, new));
    }
    let mut cells = Vec::new();
    let mut true_green = 0;
    for (id, pairs) in &by_id {
        let held: Vec<&Finding> = pairs
            .iter()
            .filter(|(old, _)| old.verdict == Verdict::Pass)
            .map(|(_, new)| *new)
            .collect();
        let worst = |verdict| held.iter().find(|new| new.verdict == verdict).copied();
        let expected = must.contains(id);
        let cell = |cell, detail| MatrixCell {
            id: (*id).to_owned(),
            cell,
            expected,
            detail,
        };
        if expected {
            cells.push(match (worst(Verdict::Fail), worst(Verdict::Error)) {
                (Some(fail), _) => cell(Outcome::Caught, said(fail)),
                (None, Some(error)) => cell(Outcome::Error, said(error)),
                (None, None) => cell(Outcome::Missed, why_missed(pairs)),
            });
            continue;
        }
        let red = || {
            held.iter()
                .filter(|new| matches!(new.verdict, Verdict::Fail | Verdict::Error))
        };
        let explained =
            |new: &Finding| declared(id) || new.because_of.as_deref().is_some_and(declared);
        let unexplained = |verdict| {
            red()
                .find(|new| new.verdict == verdict && !explained(new))
                .copied()
        };
        if let Some(fail) = unexplained(Verdict::Fail) {
            cells.push(cell(Outcome::Collateral, said(fail)));
        } else if let Some(error) = unexplained(Verdict::Error) {
            cells.push(cell(Outcome::Error, said(error)));
        } else if let Some(new) = red().next() {
            cells.push(cell(Outcome::Cascade, said(new)));
        } else if !held.is_empty() {
            true_green += 1;
        }
    }
    for id in must.iter().filter(|id| !by_id.contains_key(**id)) {
        cells.push(MatrixCell {
            id: (*id).to_owned(),
            cell: Outcome::Missed,
            expected: true,
            detail: "this profile does not judge it".to_owned(),
        });
    }
    cells.sort_by(|a, b| a.id.cmp(&b.id));
    (cells, true_green)
}

/// Where, and what the invariant said.
fn said(finding: &Finding) -> String {
    let place = match &finding.item {
        Some(item) => format!("{} [{item}]", finding.node),
        None => finding.node.clone(),
    };
    let cause = match &finding.because_of {
        Some(root) => format!(", because of {root}"),
        None => String::new(),
    };
    format!("on {place}: {}{cause}", finding.message)
}

/// Why what had to turn red did not.
fn why_missed(pairs: &[(&Finding, &Finding)]) -> String {
    let held = pairs.iter().any(|(old, _)| old.verdict == Verdict::Pass);
    match pairs.first() {
        Some(_) if held => "it stays green".to_owned(),
        Some((old, _)) => format!(
            "on {}: it is {} before the fault: {}",
            old.node,
            old.verdict.as_str(),
            old.message
        ),
        None => String::new(),
    }
}
