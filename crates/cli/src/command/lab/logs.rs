//! `runproof lab logs`: what a node has logged.

use std::os::unix::process::CommandExt as _;

use clap::Args;
use runproof_model::{ExitCode, Role};

use super::WhichLab;
use super::shell::client;
use crate::command::recover;
use crate::message;
use crate::options::role;

const EXAMPLES: &str = "\
Examples:
  runproof lab logs system                          the last lines of its logs and its journal
  runproof lab logs system --lines 200
  runproof lab logs system --follow                 and what is still to come, until Ctrl-C";

/// Arguments of `lab logs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// The node's role
    #[arg(value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// How many lines of each
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub lines: u32,
    /// Go on with what is still to come
    #[arg(long, short)]
    pub follow: bool,
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
}

/// Runs `lab logs`; the engine's client takes the place of this process.
pub(super) fn run(args: &LogsArgs) -> ExitCode {
    if let Err(code) = recover::before(&args.lab.name) {
        return code;
    }
    let lines = args.lines;
    let script = if args.follow {
        format!("exec tail -n {lines} -F /opt/gbo/logs/*.log")
    } else {
        format!(
            "echo '==> journal <=='; journalctl --no-pager -q -n {lines}; tail -v -n {lines} /opt/gbo/logs/*.log 2>/dev/null; :"
        )
    };
    let words = ["sh".to_owned(), "-c".to_owned(), script];
    match client(&args.lab.name, &args.role, &words) {
        Err(code) => code,
        Ok(mut command) => {
            let error = command.exec();
            message::error(&format!(
                "{}: {error}",
                command.get_program().to_string_lossy()
            ));
            ExitCode::Usage
        }
    }
}
