//! A proof of the checks themselves: which scenarios they catch, and what could slip by.

use serde::{Deserialize, Serialize};

use crate::exit::ExitCode;
use crate::outcome::Outcome;

/// The name and version of the contract.
pub const FORMAT: &str = "runproof.prove/1";

/// Everything that a renderer of `prove` may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: String,
    /// The site of the reference evidence.
    pub site: String,
    /// The profile whose invariants were proved.
    pub profile: String,
    /// The exit code of the run.
    pub exit_code: u8,
    /// Of the invariants that had to turn red, the part that did; none without a recording.
    pub recall: Option<f64>,
    /// Of those that turned red, the part that had to or was declared; none where nothing did.
    pub precision: Option<f64>,
    /// How many there are of each.
    pub counts: ProofCounts,
    /// One row a scenario, sorted.
    pub scenarios: Vec<ScenarioRow>,
    /// One column an invariant of the profile, sorted by suite and identifier.
    pub invariants: Vec<InvariantColumn>,
}

/// Numbers of a proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofCounts {
    /// Scenarios with a recording that is laid over the reference.
    pub recorded: usize,
    /// Scenarios without one.
    pub unproven: usize,
    /// Recordings of something that has changed since.
    pub stale: usize,
    /// Cells where an invariant had to turn red and did.
    pub caught: usize,
    /// Cells where an invariant had to turn red and did not.
    pub missed: usize,
    /// Cells where an invariant turned red that nobody declared.
    pub collateral: usize,
    /// Cells where an invariant could not be established: no catch where it had to turn red, and
    /// unexplained elsewhere.
    pub error: usize,
    /// Cells where an invariant turned red as a declared consequence, or because of its cause.
    pub cascade: usize,
    /// Cells where an invariant stayed green, and had to.
    pub true_green: usize,
    /// Invariants that hold on the reference.
    pub invariants: usize,
    /// Invariants that are defects of the documents: left out.
    pub defects: usize,
    /// Invariants that do not apply to the reference: left out.
    pub skipped: usize,
    /// Invariants that are red on the reference: left out.
    pub red: usize,
    /// Changes of one field within its type.
    pub mutants: usize,
    /// Those that turned an invariant red.
    pub mutants_red: usize,
    /// Those after which an expectation could not be judged for its types: never a catch.
    pub type_errors: usize,
    /// Fields made absent.
    pub absent: usize,
    /// Fields made unknown.
    pub unknown: usize,
    /// Expectations that no mutant turns red.
    pub toothless: usize,
    /// Places that can be unknown while an invariant that depends on them stays green.
    pub green_on_unknown: usize,
}

/// A scenario against every invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRow {
    /// The scenario's identifier.
    pub id: String,
    /// The suite it stands in; empty for a recording of which there is no scenario.
    pub suite: String,
    /// What is broken, in a few words.
    pub title: String,
    /// Whether it was replayed.
    pub state: ScenarioState,
    /// Why it was not, when it was not.
    pub why: Option<String>,
    /// Whether a stand-in plays a service that the recording rests on.
    pub standin: bool,
    /// Every cell but those that stayed green and had to, sorted by invariant.
    pub cells: Vec<MatrixCell>,
    /// How many those are.
    pub true_green: usize,
}

/// Whether a scenario was replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioState {
    /// From its recording.
    Recorded,
    /// There is no recording.
    Unproven,
    /// The recording is of something that has changed since.
    Stale,
}

impl ScenarioState {
    /// In lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Unproven => "unproven",
            Self::Stale => "stale",
        }
    }
}

/// One invariant under one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatrixCell {
    /// The invariant's identifier.
    pub id: String,
    /// What became of it.
    pub cell: Outcome,
    /// Whether it had to turn red.
    pub expected: bool,
    /// Where, and what the invariant said; one line.
    pub detail: String,
}

/// An invariant, against every scenario and every mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantColumn {
    /// The invariant's identifier.
    pub id: String,
    /// The suite it stands in.
    pub suite: String,
    /// The invariant in words.
    pub title: String,
    /// How it stands on the reference.
    pub standing: Standing,
    /// The scenarios that it catches.
    pub caught_by: Vec<String>,
    /// Whether it catches some, and each of them on a stand-in only.
    pub standin: bool,
    /// Changes of one field within its type.
    pub mutants: usize,
    /// Those that turned it red.
    pub mutants_red: usize,
    /// Its expectations that none of them turned red.
    pub toothless: Vec<Weakness>,
    /// The places that can be unknown while it stays green though it depends on them.
    pub green_on_unknown: Vec<Weakness>,
}

/// How an invariant stands on the reference; of several nodes the last in this order tells,
/// unless it holds on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It holds: it can be proved.
    Holds,
    /// It does not apply there.
    Skipped,
    /// It is a defect of the documents.
    Defect,
    /// It is red there.
    Red,
}

/// A way in which a broken site could stay green.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weakness {
    /// The role of the node, with the item of the loop where there is one.
    pub node: String,
    /// The expectation as written; empty when it is about all of them.
    pub expect: String,
    /// The field, when it is about one: `name.field`.
    pub place: String,
}

impl Proof {
    /// Counts the lists and settles the exit code; the only place where they come from.
    ///
    /// `strict` lets scenarios without a recording fail too. Where there is neither
    /// a recording nor a mutant, nothing was checked.
    #[must_use]
    pub fn settle(mut self, strict: bool) -> Self {
        let cells = |cell: Outcome| {
            let rows = self.scenarios.iter().flat_map(|row| &row.cells);
            rows.filter(|one| one.cell == cell).count()
        };
        let states = |state: ScenarioState| {
            let rows = self.scenarios.iter();
            rows.filter(|row| row.state == state).count()
        };
        let standings = |standing: Standing| {
            let columns = self.invariants.iter();
            columns.filter(|one| one.standing == standing).count()
        };
        let columns = |count: fn(&InvariantColumn) -> usize| -> usize {
            self.invariants.iter().map(count).sum()
        };
        let counts = ProofCounts {
            recorded: states(ScenarioState::Recorded),
            unproven: states(ScenarioState::Unproven),
            stale: states(ScenarioState::Stale),
            caught: cells(Outcome::Caught),
            missed: cells(Outcome::Missed),
            collateral: cells(Outcome::Collateral),
            error: cells(Outcome::Error),
            cascade: cells(Outcome::Cascade),
            true_green: self.scenarios.iter().map(|row| row.true_green).sum(),
            invariants: standings(Standing::Holds),
            defects: standings(Standing::Defect),
            skipped: standings(Standing::Skipped),
            red: standings(Standing::Red),
            mutants: columns(|one| one.mutants),
            mutants_red: columns(|one| one.mutants_red),
            toothless: columns(|one| one.toothless.len()),
            green_on_unknown: columns(|one| one.green_on_unknown.len()),
            // What leaves no trace in a column is counted by who made the mutants.
            type_errors: self.counts.type_errors,
            absent: self.counts.absent,
            unknown: self.counts.unknown,
        };
        self.counts = counts;
        let rows = || self.scenarios.iter().flat_map(|row| &row.cells);
        let expected = rows().filter(|one| one.expected).count();
        let unexplained = rows()
            .filter(|one| !one.expected && matches!(one.cell, Outcome::Collateral | Outcome::Error))
            .count();
        let allowed = counts.caught + counts.cascade;
        self.recall = part(counts.caught, expected);
        self.precision = part(allowed, allowed + unexplained);
        let weak = counts.missed
            + counts.collateral
            + counts.error
            + counts.stale
            + counts.toothless
            + counts.green_on_unknown;
        let code = if weak > 0 || (strict && counts.unproven > 0) {
            ExitCode::Fails
        } else if counts.recorded + counts.mutants == 0 {
            ExitCode::NothingChecked
        } else {
            ExitCode::Conforms
        };
        self.exit_code = code.code();
        self
    }
}

/// A part of a whole, when there is one.
fn part(some: usize, all: usize) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    (all > 0).then(|| some as f64 / all as f64)
}

#[cfg(test)]
mod tests {
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
    fn the_exit_code_follows_the_cells(
        #[case] state: ScenarioState,
        #[case] cells: &[(Outcome, bool)],
        #[case] strict: bool,
        #[case] code: ExitCode,
    ) {
        assert_eq!(proof(state, cells, 5).settle(strict).exit_code, code.code());
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
}
