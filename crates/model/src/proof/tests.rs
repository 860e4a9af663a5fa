//! What the lists of a proof come to.

use super::*;
use rstest::rstest;

fn proof(state: ScenarioState, cells: &[(Outcome, bool)], mutants: usize) -> Proof {
    let cells = cells
        .iter()
        .map(|(cell, expected)| MatrixCell {
            id: "an-id".to_owned(),
            cell: *cell,
            expected: *expected,
            detail: String::new(),
        })
        .collect();
    Proof {
        format: FORMAT.to_owned(),
        site: "reference".to_owned(),
        profile: "incus".to_owned(),
        strict: false,
        exit_code: 0,
        recall: None,
        precision: None,
        counts: ProofCounts::default(),
        scenarios: vec![ScenarioRow {
            id: "a-scenario".to_owned(),
            suite: "a-suite".to_owned(),
            title: String::new(),
            state,
            why: None,
            standin: false,
            cells,
            true_green: 3,
        }],
        invariants: vec![InvariantColumn {
            id: "an-id".to_owned(),
            suite: "a-suite".to_owned(),
            title: String::new(),
            standing: Standing::Holds,
            red: Vec::new(),
            unestablished: Vec::new(),
            caught_by: Vec::new(),
            standin: false,
            mutants,
            mutants_red: mutants,
            toothless: Vec::new(),
            green_on_unknown: Vec::new(),
        }],
    }
}

#[rstest]
#[case::caught(ScenarioState::Recorded, &[(Outcome::Caught, true)], false, ExitCode::Conforms)]
#[case::with_a_consequence(ScenarioState::Recorded, &[(Outcome::Caught, true), (Outcome::Cascade, false)], false, ExitCode::Conforms)]
#[case::missed(ScenarioState::Recorded, &[(Outcome::Missed, true)], false, ExitCode::Fails)]
#[case::an_error_is_no_catch(ScenarioState::Recorded, &[(Outcome::Error, true)], false, ExitCode::Fails)]
#[case::collateral(ScenarioState::Recorded, &[(Outcome::Caught, true), (Outcome::Collateral, false)], false, ExitCode::Fails)]
#[case::stale(ScenarioState::Stale, &[], false, ExitCode::Fails)]
#[case::unproven(ScenarioState::Unproven, &[], false, ExitCode::Conforms)]
#[case::unproven_and_strict(ScenarioState::Unproven, &[], true, ExitCode::Fails)]
#[case::of_another_profile(ScenarioState::OtherProfile, &[], false, ExitCode::Conforms)]
#[case::of_another_profile_and_strict(ScenarioState::OtherProfile, &[], true, ExitCode::Fails)]
fn the_exit_code_follows_the_cells(
    #[case] state: ScenarioState,
    #[case] cells: &[(Outcome, bool)],
    #[case] strict: bool,
    #[case] code: ExitCode,
) {
    let settled = proof(state, cells, 5).settle(strict);
    assert_eq!((settled.exit_code, settled.strict), (code.code(), strict));
}

fn unmet() -> Vec<Unmet> {
    vec![Unmet {
        node: "system".to_owned(),
        message: "it is not".to_owned(),
    }]
}

#[rstest]
#[case::red(unmet(), Vec::new(), (1, 0))]
#[case::not_established(Vec::new(), unmet(), (0, 1))]
fn what_does_not_hold_on_the_reference_fails_a_strict_proof_though_it_holds_elsewhere(
    #[case] red: Vec<Unmet>,
    #[case] unestablished: Vec<Unmet>,
    #[case] counted: (usize, usize),
) {
    let mut one = proof(ScenarioState::Recorded, &[(Outcome::Caught, true)], 5);
    one.invariants[0].red = red;
    one.invariants[0].unestablished = unestablished;
    let lax = one.clone().settle(false);
    assert_eq!(lax.exit_code, ExitCode::Conforms.code());
    let strict = one.settle(true);
    assert_eq!(strict.exit_code, ExitCode::Fails.code());
    let counts = strict.counts;
    assert_eq!((counts.red, counts.unestablished), counted);
    assert_eq!(counts.invariants, 1, "on another node it holds");
}

#[rstest]
#[case::by_none(Standing::Holds, &[], false, (1, 0))]
#[case::by_one(Standing::Holds, &["a-scenario"], false, (0, 0))]
#[case::on_a_stand_in(Standing::Holds, &["a-scenario"], true, (0, 1))]
#[case::it_does_not_apply(Standing::Skipped, &[], false, (0, 0))]
fn what_no_scenario_catches_is_counted_and_does_not_fail(
    #[case] standing: Standing,
    #[case] caught_by: &[&str],
    #[case] standin: bool,
    #[case] counted: (usize, usize),
) {
    let mut one = proof(ScenarioState::Recorded, &[], 5);
    one.invariants[0].standing = standing;
    one.invariants[0].caught_by = caught_by.iter().map(|&id| id.to_owned()).collect();
    one.invariants[0].standin = standin;
    let settled = one.settle(true);
    let counts = settled.counts;
    assert_eq!((counts.uncaught, counts.standin_only), counted);
    assert_eq!(settled.exit_code, ExitCode::Conforms.code());
}

#[test]
fn a_proof_of_nothing_is_not_green() {
    let settled = proof(ScenarioState::Unproven, &[], 0).settle(false);
    assert_eq!(settled.exit_code, ExitCode::NothingChecked.code());
    assert_eq!((settled.recall, settled.precision), (None, None));
}

#[test]
fn recall_counts_what_had_to_turn_red_and_precision_what_did() {
    let cells = [
        (Outcome::Caught, true),
        (Outcome::Caught, true),
        (Outcome::Missed, true),
        (Outcome::Error, true),
        (Outcome::Cascade, false),
        (Outcome::Collateral, false),
    ];
    let settled = proof(ScenarioState::Recorded, &cells, 1).settle(false);
    assert_eq!(settled.recall, Some(0.5));
    assert_eq!(settled.precision, Some(0.75));
}
