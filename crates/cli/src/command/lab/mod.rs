//! `runproof lab`: sites that runproof makes itself, one file a command.

mod down;
mod list;
mod logs;
mod reset;
mod shell;
mod status;
mod up;

use clap::{Args, Subcommand};
use runproof_lab::{Events, Kind, LabError, LabName};
use runproof_model::ExitCode;

use crate::message;
use crate::options::DisplayOptions;
use crate::progress::Progress;

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Make a lab: the documented platform in containers of this machine, to look at and to break.

One container with systemd a role, on Docker or Incus, real where the service can be had, a
stand-in where it cannot; `lab status` and every report say which. `check --site NAME` looks at it
like at any other site.

Exit code 0 says that it was done, 2 that it failed or that a node does not run, 64 that the command
line is wrong, that there is no such lab, or that this machine cannot run one, 130 that somebody
asked to stop and what was made is removed.";

const EXAMPLES: &str = "\
Examples:
  runproof lab up                                   the whole platform, on the engine that runs here
  runproof lab up --roles system,tables,drive       a part of it
  runproof lab up --name second --engine docker     another one beside it
  runproof check --site lab                         look at it and judge it
  runproof lab shell system                         a shell in a node
  runproof lab reset drive                          one node anew
  runproof lab down                                 remove it, or what a killed command left";

/// Arguments of `lab`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct LabArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LabCommand,
}

/// What to do with a lab.
#[derive(Clone, Debug, Subcommand)]
pub enum LabCommand {
    /// Make a lab and wait until it is up
    #[command(long_about = up::ABOUT)]
    Up(up::UpArgs),
    /// Remove a lab, whole or half made
    #[command(long_about = down::ABOUT)]
    Down(down::DownArgs),
    /// Make one node anew, or the whole lab
    #[command(long_about = reset::ABOUT)]
    Reset(reset::ResetArgs),
    /// Say which node runs what, and whether it runs
    Status(status::StatusArgs),
    /// Run a shell, or a command, as root in a node
    Shell(shell::ShellArgs),
    /// Print the logs of a node
    Logs(logs::LogsArgs),
    /// List the labs that there are
    List(list::ListArgs),
}

/// Which lab.
#[derive(Clone, Debug, Args)]
pub struct WhichLab {
    /// The lab's name
    #[arg(long, value_name = "NAME", default_value = "lab", value_parser = lab_name)]
    pub name: LabName,
}

/// A lab's name, with or without the `lab:` that `--site` takes too.
pub(super) fn lab_name(text: &str) -> Result<LabName, String> {
    LabName::new(text.strip_prefix("lab:").unwrap_or(text)).map_err(|error| error.problem)
}

/// Runs `lab`.
pub fn run(args: &LabArgs, display: &DisplayOptions) -> ExitCode {
    match &args.command {
        LabCommand::Up(args) => up::run(args, display),
        LabCommand::Down(args) => down::run(args, display),
        LabCommand::Reset(args) => reset::run(args, display),
        LabCommand::Status(args) => status::run(args),
        LabCommand::Shell(args) => shell::run(args),
        LabCommand::Logs(args) => logs::run(args),
        LabCommand::List(args) => list::run(args),
    }
}

/// Makes the whole lab with what is usual, for a command that needs one.
pub(super) fn up_plain(name: &LabName, profile: &str, display: &DisplayOptions) -> ExitCode {
    up::run(&up::UpArgs::usual(name.clone(), profile), display)
}

/// Says a failure; the exit code to leave with.
fn report(error: &LabError) -> ExitCode {
    message::error(&error.problem);
    if let Some(help) = &error.help {
        message::help(help);
    }
    match error.kind {
        Kind::Usage | Kind::Machine => ExitCode::Usage,
        Kind::Failed => ExitCode::Unestablished,
        Kind::Interrupted => ExitCode::Interrupted,
    }
}

/// Progress of a lab on stderr.
#[derive(Debug)]
struct Told<'a>(&'a Progress);

impl Events for Told<'_> {
    fn step(&self, words: &str, nodes: &[String]) {
        self.0.begin(words, nodes);
    }

    fn done(&self, node: &str) {
        self.0.done(node);
    }

    fn note(&self, words: &str) {
        self.0.note(words);
    }
}

/// Rows as a table: columns as wide as their widest value, the last as it is.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
