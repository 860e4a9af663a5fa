//! `runproof lab down`: remove a lab.

use clap::Args;
use runproof_model::ExitCode;

use super::{Told, WhichLab, report};
use crate::live::block_on_saying;
use crate::message;
use crate::options::DisplayOptions;

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Remove a lab, whole or half made: its containers, its network, its secrets.

Only what carries this lab's label is removed. Images are kept for the next lab.";

const EXAMPLES: &str = "\
Examples:
  runproof lab down                                 the lab named lab
  runproof lab down --name second                   another one";

/// Arguments of `lab down`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DownArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
}

/// Runs `lab down`.
pub(super) fn run(args: &DownArgs, display: &DisplayOptions) -> ExitCode {
    let progress = display.progress();
    // Half a removal helps nobody: it goes on to its end.
    let result = block_on_saying("removing goes on; once more to stop at once", |_| {
        let progress = &progress;
        async move { runproof_lab::down(&args.lab.name, &Told(progress)).await }
    });
    progress.finish();
    match result {
        Err(error) => {
            message::error(&error);
            ExitCode::Defect
        }
        Ok(Err(error)) => report(&error),
        Ok(Ok(removed)) if removed.is_empty() => {
            message::note(&format!("nothing is left of a lab {}", args.lab.name));
            ExitCode::Conforms
        }
        Ok(Ok(removed)) => {
            let count = message::count(removed.len(), "node");
            message::note(&format!("the lab {} is gone: {count}", args.lab.name));
            ExitCode::Conforms
        }
    }
}
