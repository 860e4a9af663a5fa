//! `runproof completions`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use runproof_model::ExitCode;

use crate::cli::Cli;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  runproof completions bash > ~/.local/share/bash-completion/completions/runproof
  runproof completions zsh > ~/.zfunc/_runproof
  runproof completions fish > ~/.config/fish/completions/runproof.fish";

/// Arguments of `completions`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: Shell,
}

/// Runs `completions`.
pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "runproof", &mut script);
    write::print(&String::from_utf8_lossy(&script), ExitCode::Conforms)
}
