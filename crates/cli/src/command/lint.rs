//! `runproof lint`: check suites, profiles and site files without running anything.

use clap::Args;
use runproof_model::ExitCode;
use runproof_suite::{Diagnostic, Library};
use serde_json::json;

use crate::load::{self, LoadError};
use crate::options::{DisplayOptions, TargetOptions, TextFormat};
use crate::{message, scenarios, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Check suites, profiles and site files without running anything.

Every field that an expression touches is looked up in the schema of its fact,
for every profile. Unknown fields, facts, roles, sources and parameters, and
keys given twice, are errors with file, line, column and a suggestion.

Every scenario is tried as a site of each of its profiles would have it: its
fault and its fix have to be readable, and what it turns red has to be there.

A folder without sources.yaml or conflicts.yaml is held against the built-in
ledger. An invariant names the places where it is documented; only where every
profile it is for says `undocumented: WHY` may its sources be empty.";

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
pub fn run(args: &LintArgs, display: &DisplayOptions) -> ExitCode {
    let mistakes = match mistakes(args) {
        Ok(mistakes) => mistakes,
        Err(LoadError::Diagnostics(mistakes)) => mistakes,
        Err(error @ LoadError::Message(..)) => return error.report(display),
    };
    let text = match args.format {
        TextFormat::Terminal if mistakes.is_empty() => "no mistakes\n".to_owned(),
        TextFormat::Terminal => load::rendered(&mistakes, display.style().color),
        TextFormat::Json => {
            let list: Vec<_> = mistakes
                .iter()
                .map(|m| json!({ "file": m.file, "line": m.line, "column": m.column, "message": m.message, "help": m.help }))
                .collect();
            match runproof_report::json::to_string(&list) {
                Ok(text) => text,
                Err(error) => {
                    message::error(&error.to_string());
                    return ExitCode::Defect;
                }
            }
        }
    };
    let code = if mistakes.is_empty() {
        ExitCode::Conforms
    } else {
        ExitCode::Usage
    };
    write::print(&text, code)
}

/// Everything that is wrong: in the suites, and in the site file when one is named.
fn mistakes(args: &LintArgs) -> Result<Vec<Diagnostic>, LoadError> {
    let (library, mut mistakes) = match &args.target.documents.suites {
        None => {
            let library = Library::builtin()?;
            let mistakes = library.lint();
            (library, mistakes)
        }
        Some(folder) => {
            let files = load::suite_files(folder)?;
            let mistakes = Library::lint_files(files.clone());
            match Library::load(files) {
                Ok(library) => (library, mistakes),
                // A site file can only be held against suites that can be read.
                Err(_) => return Ok(mistakes),
            }
        }
    };
    mistakes.extend(scenarios::mistakes(&library));
    mistakes.sort();
    if args.target.site.is_some() {
        match load::target(&args.target, &library) {
            Ok(_) => {}
            Err(LoadError::Diagnostics(more)) => mistakes.extend(more),
            Err(error @ LoadError::Message(..)) => return Err(error),
        }
    }
    Ok(mistakes)
}
