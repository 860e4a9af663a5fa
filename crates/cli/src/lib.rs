//! The command line: arguments, progress, outputs and exit codes.
//!
//! Arguments are parsed and checked whole before anything is done. Nothing
//! here judges: verdicts and the exit code of a run come with the report.

pub mod advice;
pub mod cli;
pub mod color;
pub mod command;
pub mod core_file;
pub mod faults;
pub mod live;
pub mod load;
pub mod message;
pub mod options;
pub mod panic;
pub mod progress;
pub mod scenarios;
pub mod write;

use runproof_model::ExitCode;

/// Runs the program for the arguments of this process.
pub fn main() -> std::process::ExitCode {
    core_file::forbid();
    panic::install();
    let run = || cli::run(std::env::args_os().collect());
    let code = std::panic::catch_unwind(run).unwrap_or(ExitCode::Defect);
    std::process::ExitCode::from(panic::settle(code).code())
}
