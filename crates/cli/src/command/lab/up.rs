//! `runproof lab up`: make a lab.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use runproof_lab::{EngineChoice, LabName, Record, Servers, UpOptions};
use runproof_model::ExitCode;
use runproof_model::site::Engine;

use super::{Told, WhichLab, report};
use crate::live::block_on_saying;
use crate::message;
use crate::options::{DisplayOptions, role};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Make a lab and wait until it is up.

Images are built once of Debian packages and kept. A lab of that name which is up already is left
as it is; what a killed command left of one is removed first. Ctrl-C removes what was made.";

const EXAMPLES: &str = "\
Examples:
  runproof lab up                                   all roles, on what runs here
  runproof lab up --engine docker --roles system,tables,vault,drive
  runproof lab up --profile lxd --name old          the reading of the lxd guide
  runproof lab up --with cache=own                  Valkey in a container of its own";

/// Arguments of `lab up`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UpArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
    /// docker or incus [default: what runs here, incus first]
    #[arg(long, value_name = "ENGINE", hide_possible_values = true)]
    pub engine: Option<LabEngine>,
    /// Only these roles, separated by commas [default: all]
    #[arg(long, value_name = "ROLES", value_delimiter = ',', value_parser = role_name)]
    pub roles: Vec<String>,
    /// The reading of the documents: incus or lxd
    #[arg(long, value_name = "NAME", default_value = "incus", value_parser = ["incus", "lxd"], hide_possible_values = true)]
    pub profile: String,
    /// Where servers come from: packages (Debian, stand-ins for the rest) or upstream public images
    #[arg(
        long,
        value_name = "FROM",
        default_value = "packages",
        hide_possible_values = true
    )]
    pub images: ImageSource,
    /// With --images upstream: let a stand-in play what no registry gives
    #[arg(long)]
    pub fall_back: bool,
    /// A variant of a role, as cache=own
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    pub with: Vec<(String, String)>,
    /// Leave a lab that does not come up as it is, to look at it
    #[arg(long)]
    pub keep: bool,
}

impl UpArgs {
    /// What is asked for when nothing is said.
    pub(super) fn usual(name: LabName, profile: &str) -> Self {
        Self {
            lab: WhichLab { name },
            engine: None,
            roles: Vec::new(),
            profile: profile.to_owned(),
            images: ImageSource::Packages,
            fall_back: false,
            with: Vec::new(),
            keep: false,
        }
    }
}

/// An engine that runs labs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LabEngine {
    /// Docker.
    Docker,
    /// Incus.
    Incus,
}

/// Where servers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImageSource {
    /// Debian packages, and stand-ins.
    Packages,
    /// Public images where a role names one.
    Upstream,
}

fn role_name(text: &str) -> Result<String, String> {
    role(text).map(|role| role.as_str().to_owned())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if ["cache"].contains(&name) && ["own", "system"].contains(&value) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        Some(_) | None => Err("expected cache=own or cache=system".to_owned()),
    }
}

/// Runs `lab up`.
pub(super) fn run(args: &UpArgs, display: &DisplayOptions) -> ExitCode {
    let parameters: BTreeMap<String, String> = args.with.iter().cloned().collect();
    let options = UpOptions {
        name: args.lab.name.clone(),
        engine: match args.engine {
            None => EngineChoice::Any,
            Some(LabEngine::Docker) => EngineChoice::This(Engine::Docker),
            Some(LabEngine::Incus) => EngineChoice::This(Engine::Incus),
        },
        profile: args.profile.clone(),
        roles: args.roles.clone(),
        servers: match (args.images, args.fall_back) {
            (ImageSource::Packages, _) => Servers::Standins,
            (ImageSource::Upstream, false) => Servers::Upstream,
            (ImageSource::Upstream, true) => Servers::UpstreamElseStandins,
        },
        parameters,
        keep: args.keep,
    };
    let progress = display.progress();
    let result = block_on_saying("stopping: what was made is being removed", |cancel| {
        let (progress, options) = (&progress, &options);
        async move { runproof_lab::up(options, &Told(progress), &cancel).await }
    });
    progress.finish();
    match result {
        Err(error) => {
            message::error(&error);
            ExitCode::Defect
        }
        Ok(Err(error)) => report(&error),
        Ok(Ok(record)) => {
            said(&record);
            ExitCode::Conforms
        }
    }
}

fn said(record: &Record) {
    let played: Vec<&str> = record
        .nodes
        .iter()
        .filter(|(_, node)| node.standin())
        .map(|(role, _)| role.as_str())
        .collect();
    let standins = if played.is_empty() {
        "no stand-ins".to_owned()
    } else {
        format!("stand-ins play in {}", played.join(", "))
    };
    message::note(&format!(
        "the lab {} is up on {}: {}, {standins}",
        record.name,
        record.engine.as_str(),
        message::count(record.nodes.len(), "node"),
    ));
    message::help(&format!(
        "`runproof check --site {0}` looks at it, `runproof lab status --name {0}` says what runs where",
        record.name
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cache=own", true)]
    #[case("cache=elsewhere", false)]
    #[case("cache", false)]
    #[case("x=y", false)]
    fn a_variant_is_one_that_some_role_knows(#[case] text: &str, #[case] known: bool) {
        assert_eq!(parameter(text).is_ok(), known);
    }
}
