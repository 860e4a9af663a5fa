//! `runproof lab list`: the labs that there are.

use clap::Args;
use runproof_lab::{Entry, State};
use runproof_model::ExitCode;

use super::{report, table};
use crate::live::block_on;
use crate::options::TextFormat;
use crate::{message, write};

const EXAMPLES: &str = "\
Examples:
  runproof lab list                                 labs of this account, and strays of any
  runproof lab list --format json                   for a program";

/// Arguments of `lab list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Print as terminal or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: TextFormat,
}

/// Runs `lab list`.
pub(super) fn run(args: &ListArgs) -> ExitCode {
    let entries = match block_on(|_| runproof_lab::list()) {
        Err(error) => {
            message::error(&error);
            return ExitCode::Defect;
        }
        Ok(Err(error)) => return report(&error),
        Ok(Ok(entries)) => entries,
    };
    let text = match args.format {
        TextFormat::Terminal => {
            let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
            Ok(table(&rows))
        }
        TextFormat::Json => runproof_report::json::to_string(&entries),
    };
    match text.map(|text| write::stdout(&text)) {
        Err(error) => {
            message::error(&error.to_string());
            ExitCode::Defect
        }
        Ok(Err(error)) => {
            message::error(&error.to_string());
            error.exit_code()
        }
        Ok(Ok(())) => {
            if entries.is_empty() {
                message::note("there is no lab; `runproof lab up` makes one");
            }
            ExitCode::Conforms
        }
    }
}

fn row(entry: &Entry) -> Vec<String> {
    let state = match entry.state {
        State::Up => "up",
        State::Partial => "not whole",
        State::Stray => "stray: an engine has parts of it, and this account knows nothing of it",
    };
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        entry.name.clone(),
        word(&entry.engine),
        word(&entry.profile),
        state.to_owned(),
        entry.roles.join(","),
    ]
}
