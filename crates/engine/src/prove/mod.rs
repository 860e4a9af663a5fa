//! `prove`: are the checks worth anything? Pure computing over evidence, without an engine.
//!
//! Recorded faults are laid over the reference evidence, and every invariant is judged over each:
//! those that the scenario names must turn red, and no others. Then the reference itself is
//! changed, field by field.

mod budget;
mod cells;
mod change;
pub(crate) mod matrix;
mod mutants;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use runproof_model::proof::{FORMAT, InvariantColumn, ProofCounts, ScenarioRow, Standing, Unmet};
use runproof_model::{Evidence, FaultRecording, Finding, Proof, Verdict};
use runproof_suite::{Library, Plan, Selection};

use matrix::{Elsewhere, Reference};
use mutants::{Lab, node_of};

/// Proves the invariants of a plan by the scenarios of its library: `plan` is that of the site of
/// the `reference`, and `recordings` are laid over it. `strict` as in [`Proof::settle`].
///
/// Where the plan follows another profile than the reference was recorded for, `recorded_for` is
/// the plan that follows that one: it tells recordings of that profile from old ones. `selection`
/// says which invariants are proven, with the scenarios that have to turn one of them red; `plan` has
/// them all, for recordings are of all.
pub fn prove(
    library: &Library,
    plan: &Plan,
    recorded_for: Option<&Plan>,
    reference: &Evidence,
    recordings: &[FaultRecording],
    selection: &Selection,
    strict: bool,
) -> Proof {
    let elsewhere = recorded_for.map(|plan| Elsewhere::new(plan, reference));
    let reference = Reference::new(plan, reference);
    let mut scenarios = matrix::rows(library, &reference, elsewhere.as_ref(), recordings);
    let mut counts = ProofCounts::default();
    let mut lab = Lab::new(plan, &reference.facts);
    let mut invariants: Vec<InvariantColumn> = Vec::new();
    let wanted: BTreeSet<&str> = library
        .invariants()
        .filter(|(suite, invariant)| selection.wants(&suite.suite, invariant))
        .map(|(_, invariant)| invariant.id.as_str())
        .collect();
    let unselected: BTreeSet<&str> = plan
        .bound
        .iter()
        .map(|bound| bound.invariant.id.as_str())
        .filter(|id| !wanted.contains(id))
        .collect();
    counts.unselected = unselected.len();
    // A selection that leaves nothing out is none: it hides no recording either.
    if !unselected.is_empty() {
        scenarios.retain(|row| concerns(library, row, &wanted));
    }
    for (bound, finding) in plan.bound.iter().zip(&reference.findings) {
        if !wanted.contains(finding.id.as_str()) {
            continue;
        }
        let column = match invariants.last_mut() {
            Some(last) if last.id == finding.id => last,
            _ => {
                lab.begin();
                invariants.push(column(finding));
                match invariants.last_mut() {
                    Some(last) => last,
                    None => continue,
                }
            }
        };
        let standing = standing(finding);
        let unmet = || Unmet {
            node: node_of(bound),
            message: finding.message.clone(),
        };
        match standing {
            Standing::Red => column.red.push(unmet()),
            Standing::Unestablished => column.unestablished.push(unmet()),
            Standing::Holds | Standing::Skipped | Standing::Defect => {}
        }
        if standing != Standing::Holds {
            // On some other node it may hold.
            if column.standing != Standing::Holds {
                column.standing = column.standing.max(standing);
            }
            continue;
        }
        column.standing = Standing::Holds;
        let mutants = lab.try_all(bound);
        column.mutants += mutants.tried;
        column.mutants_red += mutants.red;
        let toothless = mutants.toothless.into_iter().map(|(_, weakness)| weakness);
        column.toothless.extend(toothless);
        column.green_on_unknown.extend(mutants.green_on_unknown);
        counts.type_errors += mutants.type_errors;
        counts.absent += mutants.absent;
        counts.unknown += mutants.unknown;
    }
    for column in &mut invariants {
        let caught = matrix::caught_by(&scenarios, &column.id);
        column.standin = !caught.is_empty() && caught.iter().all(|(_, standin)| *standin);
        column.caught_by = caught.into_iter().map(|(id, _)| id.to_owned()).collect();
        column.caught_by.sort();
    }
    scenarios.sort_by(|a, b| (&a.suite, &a.id).cmp(&(&b.suite, &b.id)));
    invariants.sort_by(|a, b| (&a.suite, &a.id).cmp(&(&b.suite, &b.id)));
    Proof {
        format: FORMAT.to_owned(),
        site: plan.site.clone(),
        profile: plan.profile.clone(),
        strict,
        exit_code: 0,
        recall: None,
        precision: None,
        counts,
        scenarios,
        invariants,
    }
    .settle(strict)
}

/// Whether a scenario has to turn red something that is wanted. A recording without a scenario is
/// nobody's, and is told where all is proven.
fn concerns(library: &Library, row: &ScenarioRow, wanted: &BTreeSet<&str>) -> bool {
    let scenario = library.scenarios().find(|(_, one)| one.id.value == row.id);
    let mut reds = scenario.iter().flat_map(|(_, one)| &one.turns_red);
    reds.any(|id| wanted.contains(id.as_str()))
}

/// An empty column.
fn column(finding: &Finding) -> InvariantColumn {
    InvariantColumn {
        id: finding.id.clone(),
        suite: finding.suite.clone(),
        title: finding.title.clone(),
        standing: standing(finding),
        red: Vec::new(),
        unestablished: Vec::new(),
        caught_by: Vec::new(),
        standin: false,
        mutants: 0,
        mutants_red: 0,
        toothless: Vec::new(),
        green_on_unknown: Vec::new(),
    }
}

fn standing(finding: &Finding) -> Standing {
    match finding.verdict {
        Verdict::Pass => Standing::Holds,
        _ if finding.document_defect.is_some() => Standing::Defect,
        Verdict::Skip => Standing::Skipped,
        Verdict::Error => Standing::Unestablished,
        Verdict::Fail | Verdict::Waived => Standing::Red,
    }
}
