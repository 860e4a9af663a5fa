//! From the words of the command line to a command.

use std::ffi::OsString;
use std::io;

use clap::error::ErrorKind;
use clap::{ColorChoice as ClapColor, CommandFactory, FromArgMatches, Parser};
use runproof_model::ExitCode;

use crate::command::Command;
use crate::message;
use crate::options::DisplayOptions;

/// Said under the help of the program.
const EXAMPLES: &str = "\
Examples:
  runproof check                                   replay the recorded reference: needs nothing
  runproof init prod --ssh ops@prod.example.com    ask its engine, write sites/prod.yaml
  runproof check --site prod                       look at the site sites/prod.yaml
  runproof check --site prod --gate high --output junit=out.xml
                                                   gate a pipeline
  runproof explain botui-server-url-localhost      what it means, how to look, how to mend

Exit codes:
    0  all that gates holds                   64  the command line or a suite is wrong
    1  a gated finding fails                  70  a defect of runproof
    2  a gated finding is not established     74  an output could not be written
    3  nothing was checked                   130  interrupted; the report is partial";

/// Proves runbooks: what the documents say must be true of a site, checked.
///
/// Each documented invariant is encoded once and checked on every node it
/// speaks of. What could not be looked at is never green. A site is only ever
/// looked at, never changed.
#[derive(Debug, Parser)]
#[command(name = "runproof", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to show it.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Why the arguments cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct UsageError {
    problem: String,
    help: Option<String>,
}

impl UsageError {
    /// A problem with what to do about it.
    pub fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            help: Some(help.into()),
        }
    }

    /// Says it on stderr; the exit code to leave with.
    pub fn report(&self) -> ExitCode {
        message::error(&self.problem);
        if let Some(help) = &self.help {
            message::help(help);
        }
        ExitCode::Usage
    }
}

/// Parses the arguments and runs the command.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let command = Cli::command().color(color_of_messages(&arguments));
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => cli.command.run(&cli.display),
        Err(error) => refuse(&error),
    }
}

/// Prints what the parser has to say: help is an answer, anything else a usage error.
fn refuse(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    match error.print() {
        Err(cause) if asked_for && cause.kind() != io::ErrorKind::BrokenPipe => {
            message::error(&format!("stdout: {cause}"));
            ExitCode::CannotWrite
        }
        Ok(()) | Err(_) if asked_for => ExitCode::Conforms,
        Ok(()) | Err(_) => ExitCode::Usage,
    }
}

/// `--color` as far as it can be known before the arguments are parsed: the
/// parser's own messages obey it too. `NO_COLOR` is looked at by the parser.
fn color_of_messages(arguments: &[OsString]) -> ClapColor {
    let mut choice = ClapColor::Auto;
    let mut words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None if word == "--" => break,
            None => continue,
        };
        choice = match value {
            Some("always") => ClapColor::Always,
            Some("never") => ClapColor::Never,
            _ => choice,
        };
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case(&["runproof", "--color", "never", "nonsense"], ClapColor::Never)]
    #[case(&["runproof", "check", "--color=always"], ClapColor::Always)]
    #[case(&["runproof", "check", "--color"], ClapColor::Auto)]
    #[case(&["runproof", "check", "--", "--color=never"], ClapColor::Auto)]
    fn messages_of_the_parser_obey_color(#[case] words: &[&str], #[case] choice: ClapColor) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_eq!(color_of_messages(&words), choice);
    }
}
