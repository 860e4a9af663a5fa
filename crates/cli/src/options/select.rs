//! `--suite`, `--id`, `--severity`: which invariants.

use clap::Args;
use runproof_model::Severity;

use super::names::pattern;
use super::severity;

/// Which invariants. What is given of several options must hold together.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which invariants")]
pub struct SelectOptions {
    /// Only this suite; may be repeated, * stands for any characters
    #[arg(id = "suite", long, value_name = "NAME", value_parser = pattern)]
    pub suites: Vec<String>,
    /// Only this invariant; may be repeated, * stands for any characters
    #[arg(id = "id", long, value_name = "ID", value_parser = pattern)]
    pub ids: Vec<String>,
    /// Only invariants at least this severe: low, medium, high, critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity::parser(), hide_possible_values = true)]
    pub severity: Option<Severity>,
}

impl SelectOptions {
    /// Whether anything is selected at all; nothing selected means everything.
    pub fn is_empty(&self) -> bool {
        self.suites.is_empty() && self.ids.is_empty() && self.severity.is_none()
    }

    /// The severities that are asked for; `None` means all.
    pub fn severities(&self) -> Option<Vec<Severity>> {
        self.severity.map(severity::at_least)
    }
}
