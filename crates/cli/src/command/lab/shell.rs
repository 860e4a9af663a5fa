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
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    match client(&args.lab.name, &args.role, &words, terminal) {
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

/// The engine's client that runs `words` in the node of a role, after it was proved to be ours; on a
/// terminal, or as a part of a pipeline.
pub(super) fn client(
    name: &LabName,
    role: &Role,
    words: &[String],
    terminal: bool,
) -> Result<Command, ExitCode> {
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
    let to = Reached {
        engine: site.engine(),
        project: site.project(),
        instance: node.instance(),
        id: node.id(),
    };
    let mut line = to.line(terminal).into_iter();
    let mut command = Command::new(line.next().unwrap_or_default());
    command.args(line).args(words);
    Ok(command)
}

/// A node as an engine's client names it.
struct Reached<'a> {
    engine: Engine,
    project: &'a str,
    instance: &'a str,
    id: &'a str,
}

impl Reached<'_> {
    /// The client's command line, up to what is run in the node. The project is the one in which the
    /// node was proved: the client's own may be another one, with an instance of that name in it.
    fn line(&self, terminal: bool) -> Vec<String> {
        let local = format!("local:{}", self.instance);
        let words: &[&str] = if self.engine == Engine::Docker {
            &[
                "docker",
                "exec",
                if terminal { "-it" } else { "-i" },
                self.id,
            ]
        } else {
            let mode = if terminal { "auto" } else { "non-interactive" };
            &[
                "incus",
                "exec",
                "--project",
                self.project,
                "--mode",
                mode,
                &local,
                "--",
            ]
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Engine::Docker, true, "docker exec -it 0123")]
    #[case(Engine::Docker, false, "docker exec -i 0123")]
    #[case(
        Engine::Incus,
        true,
        "incus exec --project default --mode auto local:lab-dns --"
    )]
    #[case(
        Engine::Incus,
        false,
        "incus exec --project default --mode non-interactive local:lab-dns --"
    )]
    fn a_client_reaches_the_node_that_was_proved(
        #[case] engine: Engine,
        #[case] terminal: bool,
        #[case] line: &str,
    ) {
        let to = Reached {
            engine,
            project: "default",
            instance: "lab-dns",
            id: "0123",
        };
        assert_eq!(to.line(terminal).join(" "), line);
    }
}
