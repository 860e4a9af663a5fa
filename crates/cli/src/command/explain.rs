//! `runproof explain`: what an invariant means.

use clap::Args;
use runproof_model::ExitCode;

use crate::options::{DisplayOptions, TargetOptions, TextFormat, name};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Say what an invariant means, how it is checked and how it is mended.

Shows the statement, why it matters, where it is documented, how it is checked
and the command to look by hand, and the documented fix; with --site also the
values of that site.";

const EXAMPLES: &str = "\
Examples:
  runproof explain botui-server-url-localhost
  runproof explain drive-listens-9100 --site prod   with that site's values
  runproof explain drive-listens-9100 --profile lxd as another reading has it
  runproof list                                     the identifiers";

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The invariant's identifier
    #[arg(value_name = "ID", value_parser = name)]
    pub id: String,
    /// Whose values and whose reading.
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

/// Runs `explain`.
// PLACEHOLDER: an unknown identifier is 64 with a suggestion.
pub fn run(_args: &ExplainArgs, _display: &DisplayOptions) -> ExitCode {
    super::not_linked("explain")
}
