//! `runproof list`: what there is.

use clap::{Args, ValueEnum};
use runproof_model::ExitCode;

use crate::options::{DisplayOptions, SelectOptions, SuiteOptions, TextFormat};

const EXAMPLES: &str = "\
Examples:
  runproof list                                     every invariant: id, severity, role, title
  runproof list --suite firewall --severity high    some of them
  runproof list --profile lxd                       those of one reading
  runproof list facts                               the kinds of facts that suites can ask for";

/// Arguments of `list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// What to list: invariants, suites, profiles or facts
    #[arg(
        value_name = "WHAT",
        default_value = "invariants",
        hide_possible_values = true
    )]
    pub what: Listed,
    /// Which documents.
    #[command(flatten)]
    pub documents: SuiteOptions,
    /// Which invariants.
    #[command(flatten)]
    pub select: SelectOptions,
    /// Print as terminal or json
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: TextFormat,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Invariants.
    Invariants,
    /// Suites.
    Suites,
    /// Profiles.
    Profiles,
    /// Kinds of facts.
    Facts,
}

/// Runs `list`.
// PLACEHOLDER: a selection that matches nothing is 3.
pub fn run(_args: &ListArgs, _display: &DisplayOptions) -> ExitCode {
    super::not_linked("list")
}
