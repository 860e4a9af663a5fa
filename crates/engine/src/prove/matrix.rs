//! The matrix: every scenario with a recording against every invariant.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::proof::{ScenarioRow, ScenarioState};
use runproof_model::{Evidence, FaultRecording, Finding, Outcome, Role};
use runproof_suite::{Facts, Library, Plan, Scenario, evaluate_facts};

use super::cells::cells;
use crate::fault_recording::Digests;

/// The reference, decoded and judged once.
pub(crate) struct Reference<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) facts: Facts,
    pub(crate) findings: Vec<Finding>,
    pub(crate) digests: Digests,
    /// The nodes on which a stand-in plays.
    standins: BTreeSet<Role>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(plan: &'a Plan, evidence: &Evidence) -> Self {
        let facts = Facts::of(plan, evidence);
        let standins = evidence.nodes.iter().filter(|node| node.standin);
        Self {
            standins: standins.map(|node| node.role.clone()).collect(),
            plan,
            findings: evaluate_facts(plan, &facts),
            facts,
            digests: Digests::of(evidence, plan),
        }
    }

    /// How everything is judged with a recorded fault laid over it.
    pub(crate) fn with_fault(&self, recording: &FaultRecording) -> Vec<Finding> {
        let facts = self
            .facts
            .overlaid(self.plan, &recording.nodes, &recording.facts);
        evaluate_facts(self.plan, &facts)
    }

    /// Whether a stand-in plays on a node that a recording rests on: one of its own, or one where
    /// its scenario acts. What it says of that itself counts for nothing.
    pub(crate) fn rests_on_standin(
        &self,
        recording: &FaultRecording,
        scenario: Option<&Scenario>,
    ) -> bool {
        let own = recording.nodes.iter().map(|node| &node.role);
        let roles: BTreeSet<&Role> = own
            .chain(recording.facts.iter().map(|fact| &fact.role))
            .collect();
        let acts = |role: &Role| {
            let mut on = scenario.into_iter().flat_map(|scenario| &scenario.on.0);
            on.any(|on| on.as_str() == role.as_str())
        };
        let mut standins = self.standins.iter();
        standins.any(|role| roles.contains(role) || acts(role))
    }
}

/// The profile that recordings were made for, where the reference is judged by another one.
pub(super) struct Elsewhere {
    profile: String,
    digests: Digests,
}

impl Elsewhere {
    /// `plan` follows that profile.
    pub(super) fn new(plan: &Plan, evidence: &Evidence) -> Self {
        Self {
            profile: plan.profile.clone(),
            digests: Digests::of(evidence, plan),
        }
    }
}

/// One row a scenario, in the order of suites; then one a recording of which there is none.
pub(super) fn rows(
    library: &Library,
    reference: &Reference<'_>,
    elsewhere: Option<&Elsewhere>,
    recordings: &[FaultRecording],
) -> Vec<ScenarioRow> {
    let by_id: BTreeMap<&str, &FaultRecording> = recordings
        .iter()
        .map(|recording| (recording.scenario.as_str(), recording))
        .collect();
    let mut rows = Vec::new();
    for (suite, scenario) in library.scenarios() {
        let mut row = ScenarioRow {
            id: scenario.id.value.clone(),
            suite: suite.suite.value.clone(),
            title: scenario.title.clone(),
            state: ScenarioState::Unproven,
            why: None,
            standin: false,
            cells: Vec::new(),
            true_green: 0,
        };
        match by_id.get(scenario.id.as_str()) {
            None => row.why = Some("there is no recording".to_owned()),
            Some(recording) => {
                row.standin = reference.rests_on_standin(recording, Some(scenario));
                let today = reference.digests.of_recording(scenario, recording);
                match recording.differs(&today) {
                    None => {
                        let after = reference.with_fault(recording);
                        row.state = ScenarioState::Recorded;
                        (row.cells, row.true_green) = cells(scenario, &reference.findings, &after);
                    }
                    Some(changed) => {
                        (row.state, row.why) = unfit(scenario, recording, elsewhere, changed)
                    }
                }
            }
        }
        rows.push(row);
    }
    for recording in recordings {
        if !rows.iter().any(|row| row.id == recording.scenario) {
            rows.push(ScenarioRow {
                id: recording.scenario.clone(),
                suite: String::new(),
                title: String::new(),
                state: ScenarioState::Stale,
                why: Some("no suite has this scenario any more".to_owned()),
                standin: reference.rests_on_standin(recording, None),
                cells: Vec::new(),
                true_green: 0,
            });
        }
    }
    rows
}

/// What a recording that is not of today's digests is, and why; `changed` is how it differs.
///
/// Every profile asks for something else, so a recording of another one is never of today's
/// digests. That makes it no older.
fn unfit(
    scenario: &Scenario,
    recording: &FaultRecording,
    elsewhere: Option<&Elsewhere>,
    changed: String,
) -> (ScenarioState, Option<String>) {
    let Some(elsewhere) = elsewhere else {
        return (ScenarioState::Stale, Some(changed));
    };
    let then = elsewhere.digests.of_recording(scenario, recording);
    match recording.differs(&then) {
        None => {
            let why = format!("recorded for the profile {}", elsewhere.profile);
            (ScenarioState::OtherProfile, Some(why))
        }
        Some(changed) => (ScenarioState::Stale, Some(changed)),
    }
}

/// The scenarios that an invariant catches, and whether each rests on a stand-in.
pub(super) fn caught_by<'r>(rows: &'r [ScenarioRow], id: &str) -> Vec<(&'r str, bool)> {
    rows.iter()
        .filter(|row| {
            let mut cells = row.cells.iter();
            cells.any(|one| one.id == id && one.cell == Outcome::Caught)
        })
        .map(|row| (row.id.as_str(), row.standin))
        .collect()
}
