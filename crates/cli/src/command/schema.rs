//! `runproof schema`: print the JSON Schema of suites and other files.

use clap::{Args, ValueEnum};
use runproof_model::ExitCode;

const EXAMPLES: &str = "\
Examples:
  runproof schema > suite.schema.json               for suites
  runproof schema site > site.schema.json           for site files
An editor with a YAML language server completes a file that begins with
  # yaml-language-server: $schema=suite.schema.json";

/// Arguments of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {
    /// Whose schema: suite, profile, site, waivers or facts
    #[arg(
        value_name = "WHAT",
        default_value = "suite",
        hide_possible_values = true
    )]
    pub what: SchemaOf,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Suites.
    Suite,
    /// Profiles.
    Profile,
    /// Site files.
    Site,
    /// Files of waivers.
    Waivers,
    /// Every kind of fact, by name.
    Facts,
}

/// Runs `schema`.
// PLACEHOLDER: `runproof_report::json::to_string(&schema)` through `write::stdout`.
pub fn run(_args: &SchemaArgs) -> ExitCode {
    super::not_linked("schema")
}
