//! `runproof lab reset`: a node, or the lab, anew.

use clap::Args;
use runproof_model::{ExitCode, Role};

use super::{Told, WhichLab, report};
use crate::command::recover;
use crate::live::block_on_saying;
use crate::message;
use crate::options::{DisplayOptions, role};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Make one node anew, or the whole lab.

The node is removed and made again at the same address; what was set up after it is set up again,
for it may rest on what the old one had made. All other nodes have to be those that were made, and
run; else nothing is changed. The whole lab is made anew whatever became of it, as it was.";

const EXAMPLES: &str = "\
Examples:
  runproof lab reset drive                          one node
  runproof lab reset                                the whole lab, with the same roles";

/// Arguments of `lab reset`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ResetArgs {
    /// The node's role
    #[arg(value_name = "ROLE", value_parser = role)]
    pub role: Option<Role>,
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
}

/// Runs `lab reset`.
pub(super) fn run(args: &ResetArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(code) = recover::first(&args.lab.name) {
        // What cannot be undone in nodes goes with them; who is at work on them goes first.
        if args.role.is_some() || runproof_fault::is_busy(&args.lab.name) {
            return code;
        }
        message::note("the whole lab is made anew all the same, and that goes with its nodes");
    }
    let progress = display.progress();
    let result = block_on_saying("stopping: the lab is not whole then", |cancel| {
        let progress = &progress;
        async move {
            let role = args.role.as_ref().map(Role::as_str);
            runproof_lab::reset(&args.lab.name, role, &Told(progress), &cancel).await
        }
    });
    progress.finish();
    match result {
        Err(error) => {
            message::error(&error);
            ExitCode::Defect
        }
        Ok(Err(error)) => report(&error),
        Ok(Ok(record)) => {
            let what = args.role.as_ref().map_or_else(
                || message::count(record.nodes.len(), "node"),
                |role| role.as_str().to_owned(),
            );
            message::note(&format!(
                "the lab {} is up again: {what} anew",
                args.lab.name
            ));
            ExitCode::Conforms
        }
    }
}
