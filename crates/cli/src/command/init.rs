//! `runproof init`: ask an engine what is there and write a first site file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use runproof_model::ExitCode;
use runproof_model::site::Engine;

use crate::options::{DisplayOptions, name};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Ask an engine what is there and write a first site file.

Instances are matched to the roles of the profile by their names. What cannot
be matched is written down as a question to answer: a role that is neither
mapped nor declared absent makes its invariants errors.";

const EXAMPLES: &str = "\
Examples:
  runproof init prod                                the engine of this machine, to sites/prod.yaml
  runproof init prod --ssh ops@prod.example.com --sudo
  runproof init lab --engine docker --file lab.yaml";

/// Arguments of `init`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// The site's name
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// Ask this engine: incus, lxd, docker or local [default: the first that answers]
    #[arg(long, value_name = "ENGINE", hide_possible_values = true)]
    pub engine: Option<EngineChoice>,
    /// The engine's project, for Incus and LXD [default: default]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub project: Option<String>,
    /// Reach the engine's machine over ssh, as ops@prod.example.com
    #[arg(long, value_name = "DESTINATION", value_parser = destination)]
    pub ssh: Option<String>,
    /// Reach the engine with sudo -n
    #[arg(long)]
    pub sudo: bool,
    /// Follow this reading of the documents
    #[arg(long, value_name = "NAME", default_value = "incus", value_parser = name)]
    pub profile: String,
    /// Write to this file [default: sites/NAME.yaml]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

impl InitArgs {
    /// Where the site file is written.
    pub fn path(&self) -> PathBuf {
        let usual = || PathBuf::from("sites").join(format!("{}.yaml", self.name));
        self.file.clone().unwrap_or_else(usual)
    }
}

/// An engine on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Incus.
    Incus,
    /// LXD.
    Lxd,
    /// Docker.
    Docker,
    /// No engine.
    Local,
}

impl From<EngineChoice> for Engine {
    fn from(choice: EngineChoice) -> Self {
        match choice {
            EngineChoice::Incus => Self::Incus,
            EngineChoice::Lxd => Self::Lxd,
            EngineChoice::Docker => Self::Docker,
            EngineChoice::Local => Self::Local,
        }
    }
}

/// An ssh destination: nothing that ssh would read as an option or a shell as words.
fn destination(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "'\"`$;&|<>()\\".contains(c);
    if text.is_empty() || text.starts_with('-') || text.chars().any(odd) {
        return Err(
            "expected a destination as ssh has it: HOST, USER@HOST or a name of its configuration"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Runs `init`.
// PLACEHOLDER: never replace a file without --force (64); create `sites/` for the usual path.
pub fn run(_args: &InitArgs, _display: &DisplayOptions) -> ExitCode {
    super::not_linked("init")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ops@prod.example.com", true)]
    #[case("prod", true)]
    #[case("ssh://ops@prod.example.com:22", true)]
    #[case("-oProxyCommand=x", false)]
    #[case("a b", false)]
    #[case("a;b", false)]
    #[case("", false)]
    fn a_destination_is_one_word_and_no_option(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(destination(text).is_ok(), valid);
    }
}
