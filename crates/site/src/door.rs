//! By which door a site is entered: decided from the site file and from what
//! stands on this machine, before anything is said to the engine.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use runproof_model::site::{Engine, Reach, Via};
use runproof_model::{Reason, ReasonKind, Site};

use crate::backend::cli::Cli;
use crate::backend::docker::{self, Docker};
use crate::backend::incus::{self, Incus};
use crate::backend::{Backend, Target};
use crate::exec;
use crate::host::{Host, uid};
use crate::session::{OpenError, Options};
use crate::trouble::Trouble;

/// The project of Incus and LXD when the site file names none.
pub(crate) const PROJECT: &str = "default";

/// The way into a site.
#[derive(Debug)]
pub(crate) struct Door {
    /// The machine on which the engine runs.
    pub host: Host,
    /// Whether scripts on the machine itself run under `sudo -n`.
    pub sudo: bool,
    engine: Engine,
    project: String,
    entry: Entry,
}

#[derive(Debug)]
enum Entry {
    /// There is no engine.
    None,
    /// The engine's socket on this machine; the command line is there when it fails.
    Socket(PathBuf, Option<Cli>),
    /// The engine's command line.
    Cli(Cli),
}

impl Door {
    /// Chooses, without speaking to the engine.
    pub fn choose(site: &Site, options: &Options) -> Result<Self, OpenError> {
        if let Some((field, message)) = site.problems().into_iter().next() {
            return Err(OpenError::BadSite(format!("{field}: {message}")));
        }
        let reach = &site.reach;
        let host = match &reach.ssh {
            None => Host::here(),
            Some(destination) => Host::ssh(destination, options.ssh_config.clone())
                .map_err(|trouble| OpenError::BadSite(trouble.reason.detail))?,
        };
        // root on this machine needs no sudo, and may not even have it.
        let sudo = reach.sudo && !(host.is_here() && uid() == Some(0));
        let project = reach.project.as_deref().unwrap_or(PROJECT).to_owned();
        let cli = || Cli {
            host: host.clone(),
            engine: reach.engine,
            project: project.clone(),
            sudo,
            socket: reach.socket.clone(),
        };
        let entry = match reach.engine {
            Engine::Local => Entry::None,
            Engine::Incus | Engine::Lxd | Engine::Docker => match (reach.via, &reach.ssh) {
                (Via::Cli, _) | (Via::Auto, Some(_)) => Entry::Cli(cli()),
                (Via::Socket, Some(_)) => {
                    return Err(OpenError::BadSite(
                        "reach.via: a socket cannot be used over ssh".to_owned(),
                    ));
                }
                (Via::Auto, None) => match usable_socket(reach) {
                    Ok(socket) => Entry::Socket(socket, Some(cli())),
                    Err(_) => Entry::Cli(cli()),
                },
                (Via::Socket, None) => {
                    let socket = usable_socket(reach).map_err(OpenError::Unreachable)?;
                    Entry::Socket(socket, None)
                }
            },
        };
        Ok(Self {
            host,
            sudo,
            engine: reach.engine,
            project,
            entry,
        })
    }

    /// Enters: the machine, and its engine. A socket of Docker that does not answer leaves the
    /// command line; the one of Incus was opened when it was chosen, and its command line would
    /// ask at the same.
    pub async fn enter(&self) -> Result<Option<Box<dyn Backend>>, Trouble> {
        self.host.enter().await?;
        let (socket, cli) = match &self.entry {
            Entry::None => return Ok(None),
            Entry::Cli(cli) => return Ok(Some(Box::new(cli.clone()))),
            Entry::Socket(socket, cli) => (socket.clone(), cli),
        };
        let entered = self.by_socket(socket).await;
        match (entered, cli) {
            (Ok(backend), _) => Ok(Some(backend)),
            (Err(_), Some(cli)) => Ok(Some(Box::new(cli.clone()))),
            (Err(trouble), None) => Err(trouble),
        }
    }

    async fn by_socket(&self, socket: PathBuf) -> Result<Box<dyn Backend>, Trouble> {
        if self.engine == Engine::Docker {
            return Ok(Box::new(Docker::connect(socket).await?));
        }
        Ok(Box::new(self.incus(socket)))
    }

    fn incus(&self, socket: PathBuf) -> Incus {
        Incus::new(socket, self.engine, &self.project)
    }

    /// How an operator would run `words` in a place.
    pub fn how(&self, target: &Target, words: &[String]) -> String {
        match (target, &self.entry) {
            (Target::Machine, _) | (Target::Instance(_), Entry::None) => {
                self.host.how(&exec::on_machine(words, self.sudo))
            }
            (Target::Instance(name), Entry::Cli(cli)) => cli.how(name, words),
            (Target::Instance(name), Entry::Socket(socket, _)) => {
                if self.engine == Engine::Docker {
                    docker::how_at(socket, name, words)
                } else {
                    self.incus(socket.clone()).how(name, words)
                }
            }
        }
    }

    /// The account under which scripts run in a place, in words.
    pub fn whom(&self, target: &Target) -> String {
        match (target, &self.entry) {
            (Target::Machine, _) | (Target::Instance(_), Entry::None) if self.sudo => {
                format!("root by sudo, from {}", self.host.account())
            }
            (Target::Machine, _) | (Target::Instance(_), Entry::None) => self.host.account(),
            (Target::Instance(name), Entry::Cli(_) | Entry::Socket(..)) => {
                format!("root in {name}, from {}", self.host.account())
            }
        }
    }
}

/// The first socket that lets us connect; else why not.
pub(crate) fn usable_socket(reach: &Reach) -> Result<PathBuf, Reason> {
    let places = match (&reach.socket, reach.engine) {
        (Some(socket), _) => vec![PathBuf::from(socket)],
        (None, Engine::Docker) => docker::sockets(),
        (None, Engine::Incus | Engine::Lxd | Engine::Local) => incus::sockets(reach.engine),
    };
    let mut why = None;
    for place in places {
        match UnixStream::connect(&place) {
            Ok(_) => return Ok(place),
            Err(error) => {
                let trouble = Trouble::io(&place.to_string_lossy(), &error);
                // A closed door says more than one that is not there.
                if error.kind() != std::io::ErrorKind::NotFound || why.is_none() {
                    why = Some(trouble.reason);
                }
            }
        }
    }
    Err(why.unwrap_or_else(|| Reason::new(ReasonKind::Unreachable, "no socket of the engine")))
}
