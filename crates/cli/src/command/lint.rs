//! `runproof lint`: check suites, profiles and site files without running anything.

use clap::Args;
use runproof_model::ExitCode;

use crate::options::{DisplayOptions, TargetOptions, TextFormat};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Check suites, profiles and site files without running anything.

Every field that an expression touches is looked up in the schema of its fact,
for every profile. Unknown fields, facts, roles, sources and parameters, and
keys given twice, are errors with file, line, column and a suggestion.";

const EXAMPLES: &str = "\
Examples:
  runproof lint                                     the built-in suites
  runproof lint --suites suites                     those of a folder
  runproof lint --suites suites --site prod         and a site file with them";

/// Arguments of `lint`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LintArgs {
    /// What is checked.
    #[command(flatten)]
    pub target: TargetOptions,
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

/// Runs `lint`.
// PLACEHOLDER: `runproof_report::diagnostics::render(&diagnostics, …)` on stdout
// through `write::stdout`; 64 when there is an error.
pub fn run(_args: &LintArgs, _display: &DisplayOptions) -> ExitCode {
    super::not_linked("lint")
}
