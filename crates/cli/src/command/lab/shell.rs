//! `runproof lab shell`: a shell in a node, by the engine's own client.

use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;
use runproof_lab::{LabError, LabName, LabSite};
use runproof_model::site::Engine;
use runproof_model::{ExitCode, Role};

use super::{WhichLab, report};
use crate::command::recover;
use crate::live::block_on;
use crate::message;
use crate::options::role;

const EXAMPLES: &str = "\
Examples:
  runproof lab shell system                         a shell
  runproof lab shell tables -- psql --version       one command";

/// Arguments of `lab shell`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShellArgs {
    /// The node's role
    #[arg(value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// A command to run instead of a shell
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<String>,
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
}

/// Runs `lab shell`; the client takes the place of this process.
pub(super) fn run(args: &ShellArgs) -> ExitCode {
    if let Err(code) = recover::before(&args.lab.name) {
        return code;
    }
    let words = if args.command.is_empty() {
        vec!["bash".to_owned(), "-l".to_owned()]
    } else {
        args.command.clone()
    };
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

/// The engine's client that runs `words` in the node of a role, after it was proved to be ours.
pub(super) fn client(name: &LabName, role: &Role, words: &[String]) -> Result<Command, ExitCode> {
    let site = match block_on(|_| LabSite::open(name)) {
        Err(error) => {
            message::error(&error);
            return Err(ExitCode::Defect);
        }
        Ok(site) => site.map_err(|error| report(&error))?,
    };
    let Some(node) = site.node(role.as_str()) else {
        let roles: Vec<&str> = site
            .nodes()
            .iter()
            .map(runproof_lab::LabNode::role)
            .collect();
        return Err(report(&LabError {
            kind: runproof_lab::Kind::Usage,
            problem: format!("the lab {name} has no role `{role}`"),
            help: Some(format!("it has: {}", roles.join(", "))),
        }));
    };
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut command;
    if site.engine() == Engine::Docker {
        command = Command::new("docker");
        command.args(["exec", if terminal { "-it" } else { "-i" }, node.id()]);
    } else {
        command = Command::new("incus");
        command.args(["exec", &format!("local:{}", node.instance()), "--"]);
    }
    command.args(words);
    Ok(command)
}
