//! A campaign of drills: what became of each scenario on a lab.

use serde::{Deserialize, Serialize};

use crate::exit::ExitCode;
use crate::outcome::Outcome;

/// The name and version of the contract.
pub const FORMAT: &str = "runproof.drill/1";

/// Everything that a renderer of `drill` may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// [`FORMAT`].
    pub format: String,
    /// The lab's name.
    pub lab: String,
    /// The exit code of the run.
    pub exit_code: u8,
    /// The scenarios that were asked for, in their order; the negative control is one.
    pub wanted: Vec<String>,
    /// Why those of them that have no row were not run.
    pub stopped: Option<String>,
    /// One row a scenario that was run, in their order.
    pub scenarios: Vec<Row>,
}

/// What became of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// What is broken.
    pub title: String,
    /// The role of the node.
    pub role: String,
    /// The roles among those concerned whose services a stand-in plays.
    pub standins: Vec<String>,
    /// The verdict on the whole.
    pub outcome: Outcome,
    /// Why, when it is not caught.
    pub why: Option<String>,
    /// Whether the fault was left in, for somebody to look at.
    #[serde(default)]
    pub held: bool,
    /// What was done, with the role of each node.
    pub acts: Vec<String>,
    /// Every invariant that had something to do with it.
    pub cells: Vec<Cell>,
    /// What became of the documented fix.
    pub fix: FixProof,
    /// Commands of the fix that did not end with 0 when it was first run, and how.
    #[serde(default)]
    pub failed_commands: Vec<String>,
    /// Declared consequences that were not green when the fix had mended the rest.
    pub left: Vec<String>,
    /// The roles whose nodes had to be made anew to undo it.
    pub anew: Vec<String>,
    /// Facts that differ from the baseline after the undo, and do not change by themselves.
    pub residue: Vec<String>,
    /// How long everything took.
    pub times: Times,
}

/// What one invariant said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// The invariant.
    pub invariant: String,
    /// The node.
    pub node: String,
    /// What became of it.
    pub kind: Outcome,
    /// What it said.
    pub message: String,
}

/// What became of the documented fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fix", content = "why")]
pub enum FixProof {
    /// It was not tried.
    Untried,
    /// Nothing is documented, or it cannot be run in a lab.
    None(String),
    /// It is necessary, it mends, and twice is harmless.
    Proven,
    /// It does not mend, as its suite says of the document.
    DocumentDefect(String),
    /// It does not mend; or it does, and its suite says that it cannot.
    Failed(String),
    /// A program that it needs is missing in the node, so nothing is known of it.
    CannotRun(String),
    /// Without it everything is green again as well.
    Unneeded(String),
}

impl FixProof {
    /// What is said of it beside its name, where something is.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Untried | Self::Proven => None,
            Self::None(why)
            | Self::DocumentDefect(why)
            | Self::Failed(why)
            | Self::CannotRun(why)
            | Self::Unneeded(why) => Some(why),
        }
    }
}

/// How long the phases took, in seconds; 0 for one that was not come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Until the effect was seen.
    pub inject_s: f64,
    /// From there until red.
    pub red_s: Option<f64>,
    /// For how long it was seen to stay red before the fix.
    #[serde(default)]
    pub stood_s: Option<f64>,
    /// From the fix until green.
    pub green_s: Option<f64>,
    /// Until everything was as before.
    pub restore_s: f64,
    /// The whole drill.
    pub whole_s: f64,
}

impl Times {
    /// Whether the fix took longer than the fault was watched without it: then time may have mended it.
    pub fn may_have_healed(&self) -> bool {
        match (self.stood_s, self.green_s) {
            (Some(stood), Some(green)) => green > stood,
            _ => false,
        }
    }

    /// The phases by name and in their order: none for one that was not come to.
    pub fn phases(&self) -> [(&'static str, Option<f64>); 4] {
        let taken = |seconds: f64| (seconds > 0.0).then_some(seconds);
        [
            ("inject", taken(self.inject_s)),
            ("red", self.red_s),
            ("green", self.green_s),
            ("undo", taken(self.restore_s)),
        ]
    }
}

impl Row {
    /// A row of which nothing is known yet: an error, until somebody judges it.
    pub fn blank(
        scenario: impl Into<String>,
        title: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        Self {
            scenario: scenario.into(),
            title: title.into(),
            role: role.into(),
            standins: Vec::new(),
            outcome: Outcome::Error,
            why: None,
            held: false,
            acts: Vec::new(),
            cells: Vec::new(),
            fix: FixProof::Untried,
            failed_commands: Vec::new(),
            left: Vec::new(),
            anew: Vec::new(),
            residue: Vec::new(),
            times: Times::default(),
        }
    }

    /// The same with its outcome.
    #[must_use]
    pub fn end(mut self, outcome: Outcome, why: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.why = Some(why.into());
        self
    }

    /// The invariants of which this became.
    pub fn of(&self, kind: Outcome) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.kind == kind)
    }
}

impl Campaign {
    /// A campaign of which nothing has been run yet.
    pub fn new(lab: impl Into<String>, wanted: Vec<String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            lab: lab.into(),
            exit_code: ExitCode::NothingChecked.code(),
            wanted,
            stopped: None,
            scenarios: Vec::new(),
        }
    }

    /// How many scenarios are proven.
    pub fn proven(&self) -> usize {
        let rows = self.scenarios.iter();
        rows.filter(|row| row.outcome.is_proven()).count()
    }

    /// The scenarios that were asked for and not run.
    pub fn not_run(&self) -> impl Iterator<Item = &str> {
        let ran = |id: &String| self.scenarios.iter().any(|row| row.scenario == *id);
        let wanted = self.wanted.iter().filter(move |id| !ran(id));
        wanted.map(String::as_str)
    }

    /// Settles the exit code, the only place where it comes from: `stopped` is why the campaign did
    /// not come to its end, and the code that stands for it.
    #[must_use]
    pub fn settle(mut self, stopped: Option<(ExitCode, String)>) -> Self {
        let is = |outcome: Outcome| self.scenarios.iter().any(|row| row.outcome == outcome);
        let code = if let Some((code, why)) = stopped {
            self.stopped = Some(why);
            code
        } else if is(Outcome::Interrupted) {
            ExitCode::Interrupted
        } else if self.proven() < self.scenarios.len() {
            ExitCode::Fails
        } else if self.scenarios.is_empty() {
            ExitCode::NothingChecked
        } else if self.not_run().next().is_some() {
            ExitCode::Unestablished
        } else {
            ExitCode::Conforms
        };
        self.exit_code = code.code();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn row(scenario: &str, outcome: Outcome) -> Row {
        Row {
            outcome,
            ..Row::blank(scenario, "", "system")
        }
    }

    #[rstest]
    #[case::all_proven(&[("a", Outcome::Caught), ("b", Outcome::TrueGreen)], None, ExitCode::Conforms)]
    #[case::one_missed(&[("a", Outcome::Caught), ("b", Outcome::Missed)], None, ExitCode::Fails)]
    #[case::one_refused(&[("a", Outcome::Caught), ("b", Outcome::Refused)], None, ExitCode::Fails)]
    #[case::one_interrupted(&[("a", Outcome::Missed), ("b", Outcome::Interrupted)], None, ExitCode::Interrupted)]
    #[case::one_not_run(&[("a", Outcome::Caught)], None, ExitCode::Unestablished)]
    #[case::none_run(&[], None, ExitCode::NothingChecked)]
    #[case::stopped(&[("a", Outcome::Caught)], Some(ExitCode::Interrupted), ExitCode::Interrupted)]
    #[case::stopped_by_a_refusal(&[], Some(ExitCode::Usage), ExitCode::Usage)]
    fn a_campaign_is_green_when_everything_that_was_asked_for_is_proven(
        #[case] rows: &[(&str, Outcome)],
        #[case] stopped: Option<ExitCode>,
        #[case] code: ExitCode,
    ) {
        let mut campaign = Campaign::new("lab", vec!["a".to_owned(), "b".to_owned()]);
        let rows = rows.iter().map(|(id, outcome)| row(id, *outcome));
        campaign.scenarios.extend(rows);
        let settled = campaign.settle(stopped.map(|code| (code, "it was stopped".to_owned())));
        assert_eq!(settled.exit_code, code.code());
        assert_eq!(settled.stopped.is_some(), stopped.is_some());
    }

    #[test]
    fn the_shape_of_the_json_is_kept() {
        let mut campaign = Campaign::new("lab", vec!["a".to_owned()]);
        let mut one = row("a", Outcome::FixFailed);
        one.fix = FixProof::Failed("still red".to_owned());
        one.cells.push(Cell {
            invariant: "an-id".to_owned(),
            node: "system".to_owned(),
            kind: Outcome::Caught,
            message: "it is red".to_owned(),
        });
        campaign.scenarios.push(one);
        let json = serde_json::to_value(campaign.settle(None)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "format": "runproof.drill/1", "lab": "lab", "exit_code": 1, "wanted": ["a"], "stopped": null,
                "scenarios": [{
                    "scenario": "a", "title": "", "role": "system", "standins": [], "outcome": "fix-failed",
                    "why": null, "held": false, "acts": [],
                    "cells": [{ "invariant": "an-id", "node": "system", "kind": "caught", "message": "it is red" }],
                    "fix": { "fix": "failed", "why": "still red" }, "failed_commands": [], "left": [], "anew": [], "residue": [],
                    "times": { "inject_s": 0.0, "red_s": null, "stood_s": null, "green_s": null, "restore_s": 0.0, "whole_s": 0.0 },
                }],
            })
        );
    }
}
