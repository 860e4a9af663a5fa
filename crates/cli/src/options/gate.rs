//! `--gate`, `--strict`, `--phase`: what decides the exit code.

use clap::{Args, ValueEnum};
use runproof_model::Severity;
use runproof_model::exit::Gate;

use super::severity;

/// What decides the exit code.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What decides the exit code (needs --site)")]
pub struct GateOptions {
    /// Gate on invariants at least this severe: low, medium, high, critical [default: low]
    #[arg(long, value_name = "SEVERITY", value_parser = severity::parser(), hide_possible_values = true)]
    pub gate: Option<Severity>,
    /// Gate on recommendations (should) too
    #[arg(long)]
    pub strict: bool,
    /// Gate a deploy: pre before it, post after it
    #[arg(long, value_name = "PHASE", hide_possible_values = true)]
    pub phase: Option<Phase>,
}

/// When a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Before a deploy.
    Pre,
    /// After a deploy.
    Post,
}

impl GateOptions {
    /// What gates.
    pub fn gate(&self) -> Gate {
        let default = Gate::default();
        Gate {
            severity: self.gate.unwrap_or(default.severity),
            strict: self.strict,
        }
    }

    /// The options that were given, by name.
    pub fn given(&self) -> Vec<&'static str> {
        [
            (self.gate.is_some(), "--gate"),
            (self.strict, "--strict"),
            (self.phase.is_some(), "--phase"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_must_gates_by_default() {
        assert_eq!(GateOptions::default().gate(), Gate::default());
        assert!(GateOptions::default().given().is_empty());
    }
}
