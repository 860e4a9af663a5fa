//! The commands, one file each: arguments, help and tests side by side.

pub mod check;
pub mod completions;
pub mod diagnose;
pub mod drill;
pub mod explain;
pub mod init;
pub mod lab;
pub mod lint;
pub mod list;
pub mod look;
pub mod prove;
pub mod record;
pub mod recover;
pub mod reproduce;
pub mod schema;
pub mod watchdog;

use clap::Subcommand;
use runproof_model::ExitCode;

use crate::options::DisplayOptions;

/// What to do.
// The long help stands at the variant: a variant's docstring would replace one at its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at a site and judge it
    #[command(long_about = check::ABOUT)]
    Check(check::CheckArgs),
    /// Look at a site and save what was seen as a bundle
    #[command(long_about = record::ABOUT)]
    Record(record::RecordArgs),
    /// Check suites, profiles and site files without running anything
    #[command(long_about = lint::ABOUT)]
    Lint(lint::LintArgs),
    /// Print the JSON Schema of suites and other files
    Schema(schema::SchemaArgs),
    /// Say what an invariant means, how it is checked and how it is mended
    #[command(long_about = explain::ABOUT)]
    Explain(explain::ExplainArgs),
    /// List invariants, suites, profiles or kinds of facts
    List(list::ListArgs),
    /// Look at one thing by hand: one fact, on this machine or on a site
    #[command(long_about = look::ABOUT)]
    Look(look::LookArgs),
    /// Ask an engine what is there and write a first site file
    #[command(long_about = init::ABOUT)]
    Init(init::InitArgs),
    /// Make a lab: the documented platform in containers, to look at and to break
    #[command(long_about = lab::ABOUT)]
    Lab(lab::LabArgs),
    /// Break a lab in the documented ways: is it noticed, does the documented fix mend it
    #[command(long_about = drill::ABOUT)]
    Drill(drill::DrillArgs),
    /// Boot a lab and break it as a report says that a site is broken
    #[command(long_about = reproduce::ABOUT)]
    Reproduce(reproduce::ReproduceArgs),
    /// Undo what a drill left in a lab
    #[command(long_about = recover::ABOUT)]
    Recover(recover::RecoverArgs),
    /// Stand by a drill, and undo its fault when it dies
    #[command(hide = true)]
    Watchdog(watchdog::WatchdogArgs),
    /// Prove the checks: replay recorded faults, change what is read, see what turns red
    #[command(long_about = prove::ABOUT)]
    Prove(prove::ProveArgs),
    /// Say which documented scenario explains what is red, and how it is mended
    #[command(long_about = diagnose::ABOUT)]
    Diagnose(diagnose::DiagnoseArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Runs the command. Arguments that contradict each other end here, before anything is done.
    pub fn run(&self, display: &DisplayOptions) -> ExitCode {
        let checked = match self {
            Self::Check(args) => args.check(),
            Self::Record(args) => args.check(),
            Self::Look(args) => args.check(),
            Self::Drill(args) => args.check(),
            Self::Prove(args) => args.check(),
            Self::Diagnose(args) => args.check(),
            Self::List(args) => args.check(),
            Self::Lint(_)
            | Self::Schema(_)
            | Self::Explain(_)
            | Self::Init(_)
            | Self::Lab(_)
            | Self::Recover(_)
            | Self::Reproduce(_)
            | Self::Watchdog(_)
            | Self::Completions(_) => Ok(()),
        };
        if let Err(error) = checked {
            return error.report();
        }
        match self {
            Self::Check(args) => check::run(args, display),
            Self::Record(args) => record::run(args, display),
            Self::Lint(args) => lint::run(args, display),
            Self::Schema(args) => schema::run(args),
            Self::Explain(args) => explain::run(args, display),
            Self::List(args) => list::run(args, display),
            Self::Look(args) => look::run(args, display),
            Self::Init(args) => init::run(args, display),
            Self::Lab(args) => lab::run(args, display),
            Self::Drill(args) => drill::run(args, display),
            Self::Recover(args) => recover::run(args),
            Self::Reproduce(args) => reproduce::run(args, display),
            Self::Watchdog(args) => watchdog::run(args),
            Self::Prove(args) => prove::run(args, display),
            Self::Diagnose(args) => diagnose::run(args, display),
            Self::Completions(args) => completions::run(args),
        }
    }
}

/// Parses a command line in a test.
#[cfg(test)]
fn parse(words: &[&str]) -> Result<crate::cli::Cli, clap::Error> {
    use clap::Parser as _;
    crate::cli::Cli::try_parse_from(std::iter::once(&"runproof").chain(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::ColorChoice;
    use rstest::rstest;

    #[rstest]
    #[case(&["-v", "--no-progress", "--color", "never", "list"])]
    #[case(&["list", "-v", "--no-progress", "--color", "never"])]
    fn display_options_stand_before_or_after_the_command(#[case] words: &[&str]) {
        let display = parse(words).unwrap().display;
        assert!(display.verbose && display.no_progress);
        assert_eq!(display.color, ColorChoice::Never);
    }
}
