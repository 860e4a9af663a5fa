//! `runproof watchdog`: what a drill starts before it breaks anything. Nobody calls it by hand.

use clap::Args;
use runproof_lab::LabName;
use runproof_model::ExitCode;

use super::lab::lab_name;
use crate::live::block_on_saying;
use crate::message;

/// Arguments of `watchdog`.
#[derive(Clone, Debug, Args)]
pub struct WatchdogArgs {
    /// The lab
    #[arg(value_name = "LAB", value_parser = lab_name)]
    pub lab: LabName,
}

/// Stands until there is nothing to undo.
pub fn run(args: &WatchdogArgs) -> ExitCode {
    match block_on_saying("a watchdog stays", |_| {
        runproof_fault::watchdog::stand(&args.lab)
    }) {
        Ok(Ok(_)) => ExitCode::Conforms,
        Ok(Err(error)) => {
            message::error(&error.to_string());
            ExitCode::Unestablished
        }
        Err(error) => {
            message::error(&error);
            ExitCode::Defect
        }
    }
}
