//! `runproof init`: ask an engine what is there and write a first site file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use runproof_engine::SiteKey;
use runproof_facts::Context;
use runproof_model::ExitCode;
use runproof_model::site::{Engine, Identity, Reach, Site, Via};
use runproof_site::{Discovered, Options, Session};
use runproof_suite::Library;

use crate::live::block_on;
use crate::options::{DisplayOptions, SuiteOptions, name};
use crate::{load, message, write};

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
pub fn run(args: &InitArgs, display: &DisplayOptions) -> ExitCode {
    let path = args.path();
    if path.exists() && !args.force {
        message::error(&format!("{}: there is a file already", path.display()));
        message::help("--force replaces it, --file names another");
        return ExitCode::Usage;
    }
    let library = match load::library(&SuiteOptions::default()) {
        Ok(library) => library,
        Err(error) => return error.report(display),
    };
    if let Err(error) = load::known_profile(&args.profile, &library) {
        return error.report(display);
    }
    let engines: Vec<Engine> = match args.engine {
        Some(choice) => vec![choice.into()],
        None => vec![Engine::Incus, Engine::Lxd, Engine::Docker],
    };
    let key = match SiteKey::load(None) {
        Ok(key) => key,
        Err(error) => {
            message::error(&error.to_string());
            return ExitCode::Defect;
        }
    };
    let mut troubles = Vec::new();
    for engine in engines {
        let site = empty_site(args, engine);
        let options = Options::new(Context {
            key: key.key.clone(),
        });
        let asked = block_on(|_| async {
            let session = Session::open(&site, options)
                .await
                .map_err(|e| e.to_string())?;
            let found = session.discover().await.map_err(|e| e.to_string());
            session.close().await;
            found
        });
        match asked {
            Ok(Ok(found)) => {
                let text = site_file(args, engine, &found, &library);
                return save(&path, &text, &found, display);
            }
            Ok(Err(trouble)) => troubles.push(format!("{}: {trouble}", engine.as_str())),
            Err(message) => {
                message::error(&message);
                return ExitCode::Defect;
            }
        }
    }
    for trouble in troubles {
        message::error(&trouble);
    }
    message::help(
        "name the engine with --engine, its machine with --ssh, and --sudo where it needs root",
    );
    ExitCode::Unestablished
}

fn save(path: &Path, text: &str, found: &[Discovered], _display: &DisplayOptions) -> ExitCode {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        && let Err(cause) = std::fs::create_dir_all(folder)
    {
        message::error(&format!("{}: {cause}", folder.display()));
        return ExitCode::CannotWrite;
    }
    if let Err(error) = write::replace_file(path, text.as_bytes()) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    message::note(&format!(
        "{} found, {} written: answer its questions, then `runproof lint --site {}`",
        message::count(found.len(), "instance"),
        path.display(),
        path.display()
    ));
    ExitCode::Conforms
}

fn empty_site(args: &InitArgs, engine: Engine) -> Site {
    Site {
        site: args.name.clone(),
        profile: args.profile.clone(),
        identity: Identity::default(),
        reach: Reach {
            engine,
            project: args.project.clone(),
            sudo: args.sudo,
            ssh: args.ssh.clone(),
            socket: None,
            via: Via::Auto,
        },
        nodes: BTreeMap::new(),
        inputs: BTreeMap::new(),
        content: None,
        standins: Vec::new(),
        waivers: None,
        key_file: None,
        credentials: runproof_model::Credentials::default(),
    }
}

/// Other names by which the guides call a role's container.
const ALSO: &[(&str, &[&str])] = &[
    ("vector", &["vectordb", "qdrant"]),
    ("drive", &["minio"]),
    ("tables", &["postgres", "postgresql"]),
    ("proxy", &["caddy"]),
    ("alm", &["forgejo"]),
    ("directory", &["zitadel"]),
    ("meet", &["livekit"]),
    ("dns", &["coredns"]),
    ("email", &["mail", "stalwart"]),
];

/// The instance that plays a role: named like it, or with a tenant's name before it.
fn instance_of<'a>(role: &str, found: &'a [Discovered]) -> Option<&'a str> {
    let names = std::iter::once(role).chain(
        ALSO.iter()
            .filter(|(name, _)| *name == role)
            .flat_map(|(_, also)| also.iter().copied()),
    );
    for name in names {
        let ending = format!("-{name}");
        let mut fits = found
            .iter()
            .map(|one| one.name.as_str())
            .filter(|one| *one == name || one.ends_with(&ending));
        // Two that fit are a question, not an answer. "alm-ci" does not end in "-alm", so no role hides another.
        if let (Some(first), None) = (fits.next(), fits.next()) {
            return Some(first);
        }
    }
    None
}

fn site_file(args: &InitArgs, engine: Engine, found: &[Discovered], library: &Library) -> String {
    let (required, optional) = library.roles(&args.profile);
    let mut reach = format!("engine: {}", engine.as_str());
    for (name, value) in [("project", &args.project), ("ssh", &args.ssh)] {
        if let Some(value) = value {
            reach.push_str(&format!(", {name}: {value}"));
        }
    }
    if args.sudo {
        reach.push_str(", sudo: true");
    }
    let mut text = format!(
        "# yaml-language-server: $schema=site.schema.json\n# Written by `runproof init`. Every TODO is a question that only you can answer.\nsite: {}\nprofile: {}\n\
         # TODO what proves that this is the right environment: refused otherwise.\n# identity: {{ hostname: NAME, subnet: 10.0.2.0/24 }}\n\
         reach: {{ {reach} }}\nnodes:\n",
        args.name, args.profile
    );
    let mut used = Vec::new();
    for role in &required {
        let line = match instance_of(role, found) {
            Some(instance) => {
                used.push(instance);
                format!("  {role}: {instance}\n")
            }
            None if *role == "host" => "  host: { hypervisor: true }\n".to_owned(),
            None => format!(
                "  # TODO no instance looks like it; until it is mapped its invariants are errors.\n  # {role}: NAME, or {role}: {{ absent: WHY }}\n"
            ),
        };
        text.push_str(&line);
    }
    for role in &optional {
        if let Some(instance) = instance_of(role, found).filter(|instance| !used.contains(instance))
        {
            used.push(instance);
            text.push_str(&format!("  {role}: {instance}\n"));
        }
    }
    let left: Vec<_> = found
        .iter()
        .map(|one| one.name.as_str())
        .filter(|name| !used.contains(name))
        .collect();
    if !left.is_empty() {
        text.push_str(&format!(
            "# Also there, and of no role by its name: {}\n",
            left.join(", ")
        ));
    }
    text.push_str("inputs:\n  domain: example.com # TODO\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn found(names: &[&str]) -> Vec<Discovered> {
        names
            .iter()
            .map(|name| Discovered {
                name: (*name).to_owned(),
                state: "running".to_owned(),
                image: None,
                engine: "incus",
            })
            .collect()
    }

    #[rstest]
    #[case("system", &["system", "tables"], Some("system"))]
    #[case("system", &["acme-system"], Some("acme-system"))]
    #[case("vector", &["vectordb"], Some("vectordb"))]
    #[case("alm", &["t-alm", "t-alm-ci"], Some("t-alm"))]
    #[case("alm-ci", &["t-alm", "t-alm-ci"], Some("t-alm-ci"))]
    #[case("system", &["a-system", "b-system"], None)]
    #[case("system", &["subsystem"], None)]
    fn an_instance_is_matched_by_its_name_and_two_that_fit_are_a_question(
        #[case] role: &str,
        #[case] names: &[&str],
        #[case] instance: Option<&str>,
    ) {
        assert_eq!(instance_of(role, &found(names)), instance);
    }

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
