//! Judging a drill: what became of each invariant, and what that makes of the scenario.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::drill::{Cell, Row};
use runproof_model::{Finding, Outcome, Verdict};
use runproof_suite::BoundScenario;

/// A row of which nothing is known yet.
pub(super) fn blank(scenario: &BoundScenario, standins: Vec<String>) -> Row {
    Row {
        standins,
        ..Row::blank(&scenario.id, &scenario.title, &scenario.role)
    }
}

/// Whether all of these fail; what could not be established does not.
pub(super) fn all_red(ids: &[String], bad: &BTreeMap<String, bool>) -> bool {
    ids.iter().all(|id| bad.get(id) == Some(&true))
}

/// Judges what the findings say while the fault is in: the cells, and what they make of the row.
pub(super) fn judge(row: &mut Row, scenario: &BoundScenario, findings: &[Finding]) {
    let mut cells = BTreeSet::new();
    let counts = |finding: &Finding| finding.document_defect.is_none();
    let red: BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fail && counts(finding))
        .map(|finding| finding.id.as_str())
        .collect();
    let expected = |id: &str| {
        scenario.turns_red.iter().any(|one| one == id)
            || scenario.cascades.iter().any(|one| one == id)
    };
    for id in &scenario.turns_red {
        let of_it = || findings.iter().filter(|finding| &finding.id == id);
        let failed = of_it().find(|finding| finding.verdict == Verdict::Fail);
        let erred = of_it().find(|finding| finding.verdict == Verdict::Error);
        let (kind, finding) = match (failed, erred) {
            (Some(finding), _) => (Outcome::Caught, Some(finding)),
            (None, Some(finding)) => (Outcome::Error, Some(finding)),
            (None, None) => (Outcome::Missed, of_it().next()),
        };
        cells.insert(Cell {
            invariant: id.clone(),
            node: finding.map_or_else(|| scenario.role.clone(), |one| one.node.clone()),
            kind,
            message: finding.map_or_else(String::new, |one| one.message.clone()),
        });
    }
    for finding in findings.iter().filter(|finding| counts(finding)) {
        let turns_red = scenario.turns_red.contains(&finding.id);
        let under = finding
            .because_of
            .as_deref()
            .is_some_and(|root| expected(root) || red.contains(root));
        let kind = match finding.verdict {
            Verdict::Fail if turns_red => Outcome::Caught,
            Verdict::Fail if expected(&finding.id) || under => Outcome::Cascade,
            Verdict::Fail => Outcome::Collateral,
            // What cannot be established while something is broken is no catch, and nobody's fault
            // when it follows from what turned red.
            Verdict::Error if !turns_red && (expected(&finding.id) || under) => Outcome::Cascade,
            Verdict::Error if !turns_red => Outcome::Error,
            Verdict::Error | Verdict::Pass | Verdict::Skip | Verdict::Waived => continue,
        };
        cells.insert(Cell {
            invariant: finding.id.clone(),
            node: finding.node.clone(),
            kind,
            message: finding.message.clone(),
        });
    }
    row.cells = cells.into_iter().collect();
    let names = |kind: Outcome| {
        let of: Vec<&str> = row
            .cells
            .iter()
            .filter(|cell| cell.kind == kind)
            .map(|cell| cell.invariant.as_str())
            .collect();
        of.join(", ")
    };
    let has = |kind: Outcome| row.cells.iter().any(|cell| cell.kind == kind);
    let (outcome, why) = if has(Outcome::Missed) {
        (Outcome::Missed, Some(names(Outcome::Missed)))
    } else if has(Outcome::Collateral) {
        (Outcome::Collateral, Some(names(Outcome::Collateral)))
    } else if has(Outcome::Error) {
        (Outcome::Error, Some(names(Outcome::Error)))
    } else if scenario.turns_red.is_empty() {
        (Outcome::TrueGreen, None)
    } else {
        (Outcome::Caught, None)
    };
    row.outcome = outcome;
    row.why = why;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn scenario(turns_red: &[&str], cascades: &[&str]) -> BoundScenario {
        let ids = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect();
        BoundScenario {
            id: "a-scenario".to_owned(),
            title: String::new(),
            suite: "a-suite".to_owned(),
            role: "system".to_owned(),
            fault: json!({ "nothing": {} }),
            turns_red: ids(turns_red),
            cascades: ids(cascades),
            fix: None,
            sources: Vec::new(),
        }
    }

    fn finding(id: &str, verdict: Verdict) -> Finding {
        Finding {
            verdict,
            ..Finding::named(id, "a-suite")
        }
    }

    #[rstest]
    #[case::red(&[("red", Verdict::Fail)], Outcome::Caught)]
    #[case::red_on_one_of_two_nodes(&[("red", Verdict::Pass), ("red", Verdict::Fail)], Outcome::Caught)]
    #[case::with_a_consequence(&[("red", Verdict::Fail), ("follows", Verdict::Error)], Outcome::Caught)]
    #[case::green(&[("red", Verdict::Pass)], Outcome::Missed)]
    #[case::not_there(&[], Outcome::Missed)]
    #[case::an_error_is_no_catch(&[("red", Verdict::Error)], Outcome::Error)]
    #[case::something_else_too(&[("red", Verdict::Fail), ("other", Verdict::Fail)], Outcome::Collateral)]
    #[case::something_else_unknown(&[("red", Verdict::Fail), ("other", Verdict::Error)], Outcome::Error)]
    #[case::missed_is_worse(&[("red", Verdict::Pass), ("other", Verdict::Fail)], Outcome::Missed)]
    fn what_must_turn_red_has_to_and_nothing_else(
        #[case] findings: &[(&str, Verdict)],
        #[case] outcome: Outcome,
    ) {
        let scenario = scenario(&["red"], &["follows"]);
        let mut row = blank(&scenario, Vec::new());
        let findings: Vec<_> = findings.iter().map(|(id, v)| finding(id, *v)).collect();
        judge(&mut row, &scenario, &findings);
        assert_eq!(row.outcome, outcome, "{:?}", row.cells);
    }

    #[rstest]
    #[case::all_green(Verdict::Pass, Outcome::TrueGreen)]
    #[case::one_red(Verdict::Fail, Outcome::Collateral)]
    fn the_negative_control_leaves_everything_green(
        #[case] verdict: Verdict,
        #[case] outcome: Outcome,
    ) {
        let scenario = scenario(&[], &[]);
        let mut row = blank(&scenario, Vec::new());
        judge(&mut row, &scenario, &[finding("other", verdict)]);
        assert_eq!(row.outcome, outcome);
    }

    #[test]
    fn what_follows_from_what_turned_red_is_a_consequence_and_a_defect_of_the_documents_nothing() {
        let scenario = scenario(&["red"], &[]);
        let mut row = blank(&scenario, Vec::new());
        let follows = Finding {
            because_of: Some("red".to_owned()),
            ..finding("below", Verdict::Error)
        };
        let defect = Finding {
            document_defect: Some("it cannot be".to_owned()),
            ..finding("never", Verdict::Fail)
        };
        judge(
            &mut row,
            &scenario,
            &[finding("red", Verdict::Fail), follows, defect],
        );
        let cells: Vec<_> = row
            .cells
            .iter()
            .map(|c| (c.invariant.as_str(), c.kind))
            .collect();
        assert_eq!(
            cells,
            [("below", Outcome::Cascade), ("red", Outcome::Caught)]
        );
    }
}
