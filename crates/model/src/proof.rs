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
    /// Whether what is only not proved makes it fail too.
    pub strict: bool,
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
    /// Scenarios whose recording is of another profile.
    pub other_profile: usize,
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
    /// Invariants that hold on the reference, on a node of it at least.
    pub invariants: usize,
    /// Those that no scenario catches: their teeth are shown by mutants only.
    pub uncaught: usize,
    /// Those that scenarios catch on stand-ins only.
    pub standin_only: usize,
    /// Invariants that were not selected: left out.
    #[serde(default)]
    pub unselected: usize,
    /// Invariants that are defects of the documents: left out.
    pub defects: usize,
    /// Invariants that do not apply to the reference: left out.
    pub skipped: usize,
    /// Invariants that are red on a node of the reference: there nothing proves them.
    pub red: usize,
    /// Invariants that could not be established on a node of the reference: neither.
    pub unestablished: usize,
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
    /// The recording is of another profile: it asks and judges otherwise.
    OtherProfile,
    /// The recording is of something that has changed since.
    Stale,
}

impl ScenarioState {
    /// In lower case, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Unproven => "unproven",
            Self::OtherProfile => "other-profile",
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
    /// The nodes of the reference on which it is red, whatever it is on others.
    pub red: Vec<Unmet>,
    /// The nodes of the reference on which it could not be established, likewise.
    pub unestablished: Vec<Unmet>,
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
    /// It holds, on one node at least: there it can be proved.
    Holds,
    /// It does not apply there.
    Skipped,
    /// It is a defect of the documents.
    Defect,
    /// It could not be established there.
    Unestablished,
    /// It is red there.
    Red,
}

/// Where an invariant does not hold on the reference: nothing is proved of it there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unmet {
    /// The role of the node, with the item of the loop where there is one.
    pub node: String,
    /// What it said, on one line.
    pub message: String,
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

impl InvariantColumn {
    /// Whether it holds on the reference and no scenario catches it.
    pub fn is_uncaught(&self) -> bool {
        self.standing == Standing::Holds && self.caught_by.is_empty()
    }
}

impl ProofCounts {
    /// How much is not proved without being wrong: what fails a strict proof only.
    fn unsaid(&self) -> usize {
        self.unproven + self.other_profile + self.red + self.unestablished
    }
}

impl Proof {
    /// Counts the lists and settles the exit code; the only place where they come from.
    ///
    /// `strict` lets fail too what nothing is said of: scenarios without a recording of this
    /// profile, and invariants that do not hold on the reference. Where there is neither a
    /// recording nor a mutant, nothing was checked.
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
            other_profile: states(ScenarioState::OtherProfile),
            stale: states(ScenarioState::Stale),
            caught: cells(Outcome::Caught),
            missed: cells(Outcome::Missed),
            collateral: cells(Outcome::Collateral),
            error: cells(Outcome::Error),
            cascade: cells(Outcome::Cascade),
            true_green: self.scenarios.iter().map(|row| row.true_green).sum(),
            invariants: standings(Standing::Holds),
            uncaught: columns(|one| usize::from(one.is_uncaught())),
            standin_only: columns(|one| usize::from(one.standin)),
            defects: standings(Standing::Defect),
            skipped: standings(Standing::Skipped),
            red: columns(|one| usize::from(!one.red.is_empty())),
            unestablished: columns(|one| usize::from(!one.unestablished.is_empty())),
            mutants: columns(|one| one.mutants),
            mutants_red: columns(|one| one.mutants_red),
            toothless: columns(|one| one.toothless.len()),
            green_on_unknown: columns(|one| one.green_on_unknown.len()),
            // What leaves no trace in a column is counted by who made them.
            unselected: self.counts.unselected,
            type_errors: self.counts.type_errors,
            absent: self.counts.absent,
            unknown: self.counts.unknown,
        };
        self.counts = counts;
        self.strict = strict;
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
        let code = if weak > 0 || (strict && counts.unsaid() > 0) {
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
mod tests;
