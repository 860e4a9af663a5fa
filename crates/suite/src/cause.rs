//! Causes: which finding follows from which.

use std::collections::HashMap;

use runproof_model::{Finding, Verdict};

use crate::plan::Plan;

fn is_red(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Error)
}

/// Names the root cause of every finding that is not green because an
/// invariant it needs is not: on the same node, or on any where the needed one
/// is not judged on the same. Verdicts stay as they are.
///
/// `findings` are those of the plan, in its order.
pub(crate) fn explain(plan: &Plan, findings: &mut [Finding]) {
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, finding) in findings.iter().enumerate() {
        by_id.entry(finding.id.as_str()).or_default().push(at);
    }
    // What each finding follows from directly: the first red one of those it needs.
    let direct: Vec<Option<usize>> = plan
        .bound
        .iter()
        .zip(findings.iter())
        .map(|(bound, finding)| {
            if !is_red(finding) {
                return None;
            }
            bound.invariant.needs.iter().find_map(|id| {
                let places = by_id.get(id.as_str())?;
                let at = |place: &&usize| findings.get(**place);
                let same: Vec<&usize> = places
                    .iter()
                    .filter(|place| at(place).is_some_and(|other| other.node == finding.node))
                    .collect();
                let candidates = if same.is_empty() {
                    places.iter().collect()
                } else {
                    same
                };
                let red = |place: &&&usize| at(place).is_some_and(is_red);
                // Of a loop, the same item explains best.
                candidates
                    .iter()
                    .filter(red)
                    .find(|place| at(place).is_some_and(|other| other.item == finding.item))
                    .or_else(|| candidates.iter().find(red))
                    .map(|place| **place)
            })
        })
        .collect();
    let roots: Vec<Option<String>> = direct
        .iter()
        .map(|next| {
            let mut root = (*next)?;
            // A chain longer than the findings is a circle; lint refuses those.
            for _ in 0..findings.len() {
                match direct.get(root).copied().flatten() {
                    Some(next) => root = next,
                    None => break,
                }
            }
            findings.get(root).map(|finding| finding.id.clone())
        })
        .collect();
    for (finding, root) in findings.iter_mut().zip(roots) {
        finding.because_of = root.filter(|root| *root != finding.id);
    }
}
