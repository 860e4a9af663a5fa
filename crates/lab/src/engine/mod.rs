//! The engines as labs use them: make an instance, find those of a lab, remove them.

mod docker;
mod incus;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use runproof_model::site::{Engine as Kind, Reach, Via};
use runproof_model::{Reason, ReasonKind};
use runproof_site::engine::{Engine, Said};
use serde_json::Value;

use crate::error::LabError;
use crate::name::LabName;
use crate::proof::FOREIGN;

/// The label that names an instance's lab, under `user.` on Incus.
pub(crate) const LAB: &str = "runproof-lab";
/// The label with the lab's nonce.
pub(crate) const NONCE: &str = "runproof-nonce";
/// The label with the node's role.
pub(crate) const ROLE: &str = "runproof-role";

/// How many processes and threads a node may have: far more than a role needs, and few enough that
/// one in which they multiply does not take the machine along.
const PROCESSES: u16 = 4096;

/// How much a command in a node may say.
const CAP: u64 = 8 << 20;

/// Which engine runs a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// What runs here; Incus, which the documents have, before Docker.
    Any,
    /// This one.
    This(Kind),
}

/// How to get an engine, for a machine that has none.
pub fn install_lines() -> &'static str {
    "one of: `apt-get install docker.io` and `systemctl start docker` · `apt-get install incus` \
     (Debian 12: from bookworm-backports) and `incus admin init --minimal`; then be root, or in the \
     group docker or incus-admin. In a checkout, ci/engines does it all"
}

/// What tells an engine's own client to speak to the daemon at a socket, whatever it is configured for.
pub(crate) fn client_environment(
    kind: Kind,
    socket: &Path,
    project: &str,
) -> Vec<(&'static str, OsString)> {
    if kind == Kind::Docker {
        let mut host = OsString::from("unix://");
        host.push(socket);
        return vec![("DOCKER_HOST", host)];
    }
    vec![
        ("INCUS_SOCKET", socket.into()),
        ("INCUS_REMOTE", "local".into()),
        ("INCUS_PROJECT", project.into()),
    ]
}

/// An engine's daemon with the lab's way of using it.
#[derive(Debug)]
pub(crate) struct Place(pub Engine);

/// Who a daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Daemon {
    /// Its certificate's fingerprint (Incus) or its id (Docker).
    pub id: String,
    /// The host name of its machine.
    pub machine: String,
}

/// What an instance is made from.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    pub lab: &'a LabName,
    pub nonce: &'a str,
    pub role: &'a str,
    pub instance: String,
    /// The image, in the engine's own terms.
    pub image: &'a str,
    pub capabilities: &'a [String],
    /// The lab's own network, on Docker.
    pub network: Option<&'a str>,
    /// The address that it has to have: always in a network of the lab's own, else when it replaces another.
    pub address: Option<&'a str>,
    /// Flags that this machine needs, from the preflight.
    pub machine: &'a crate::preflight::Flags,
}

/// An instance with its labels; they are empty when it is no lab's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: String,
    /// UUID (Incus) or container id (Docker).
    pub id: String,
    pub lab: String,
    pub role: String,
    pub nonce: String,
    pub running: bool,
    /// The memory that it uses, in bytes, when the engine says so.
    pub memory: Option<u64>,
}

/// An instance with all that its daemon knows of it.
#[derive(Debug)]
pub(crate) struct Described {
    /// Who it is.
    pub found: Option<Found>,
    /// What is said of it.
    pub instance: Value,
    /// What is said of its profiles.
    pub profiles: Vec<Value>,
    /// The version of all this.
    pub version: String,
}

impl Place {
    /// The engine that is wanted, or the first that answers.
    pub async fn open(choice: EngineChoice) -> Result<Self, LabError> {
        match choice {
            EngineChoice::This(kind) => Self::enter(kind).await.map_err(|reason| {
                LabError::machine(format!("{} cannot be used: {reason}", kind.as_str()))
                    .help(install_lines())
            }),
            EngineChoice::Any => {
                let mut reasons = Vec::new();
                for kind in [Kind::Incus, Kind::Docker] {
                    match Self::enter(kind).await {
                        Ok(place) => return Ok(place),
                        Err(reason) => reasons.push(format!("{}: {reason}", kind.as_str())),
                    }
                }
                Err(LabError::machine(format!(
                    "no engine runs here that a lab could use ({})",
                    reasons.join("; ")
                ))
                .help(install_lines()))
            }
        }
    }

    /// Every engine that answers.
    pub async fn all() -> Vec<Self> {
        let mut places = Vec::new();
        for kind in [Kind::Incus, Kind::Docker] {
            places.extend(Self::enter(kind).await.ok());
        }
        places
    }

    async fn enter(kind: Kind) -> Result<Self, Reason> {
        let reach = Reach {
            engine: kind,
            project: None,
            sudo: false,
            ssh: None,
            socket: None,
            via: Via::Socket,
        };
        Engine::open(&reach).await.map(Self)
    }

    /// Which engine.
    pub fn kind(&self) -> Kind {
        self.0.kind()
    }

    /// What tells this engine's own client to speak to this daemon.
    pub fn client_environment(&self) -> Vec<(&'static str, OsString)> {
        client_environment(self.kind(), self.0.socket(), self.0.project())
    }

    fn is_docker(&self) -> bool {
        self.kind() == Kind::Docker
    }

    /// Who the daemon is.
    pub async fn daemon(&self) -> Result<Daemon, LabError> {
        let id = if self.is_docker() {
            docker::daemon(&self.0).await
        } else {
            incus::daemon(&self.0).await
        };
        let id = id.map_err(|r| self.failed("does not say who it is", &r))?;
        let machine = self.0.machine().await;
        let machine = machine.map_err(|r| self.failed("does not name its machine", &r))?;
        Ok(Daemon { id, machine })
    }

    /// Makes an instance and starts it; the engine's own identifier.
    pub async fn launch(&self, launch: &Launch<'_>) -> Result<String, LabError> {
        let made = if self.is_docker() {
            docker::launch(&self.0, launch).await
        } else {
            incus::launch(&self.0, launch).await
        };
        made.map_err(|r| self.failed(&format!("cannot make {}", launch.instance), &r))
    }

    /// Every instance, of a lab or not.
    pub async fn list(&self) -> Result<Vec<Found>, LabError> {
        let found = if self.is_docker() {
            docker::list(&self.0).await
        } else {
            incus::list(&self.0).await
        };
        found.map_err(|r| self.failed("does not list its instances", &r))
    }

    /// The instances of a lab, or of every lab.
    pub async fn find(&self, lab: Option<&LabName>) -> Result<Vec<Found>, LabError> {
        let mut found = self.list().await?;
        found.retain(|one| match lab {
            Some(lab) => one.lab == lab.as_str(),
            None => !one.lab.is_empty(),
        });
        Ok(found)
    }

    /// By which of the two an instance is reached: a container's id cannot be taken by another one,
    /// a name can. Incus reaches by name only.
    pub fn reached<'a>(&self, instance: &'a str, id: &'a str) -> &'a str {
        if self.is_docker() { id } else { instance }
    }

    /// The profile of which every node is made, where the engine has profiles.
    pub async fn profile(&self) -> Result<Option<Value>, LabError> {
        if self.is_docker() {
            return Ok(None);
        }
        let profile = incus::profile(&self.0).await;
        let profile = profile.map_err(|r| self.failed("does not show the default profile", &r))?;
        Ok(Some(profile))
    }

    /// Removes an instance, running or half made; one that is gone already is removed. Another one
    /// that has taken its name is left alone.
    pub async fn remove(&self, found: &Found) -> Result<(), LabError> {
        let removed = if self.is_docker() {
            docker::remove(&self.0, &found.id).await
        } else {
            incus::remove(&self.0, found).await
        };
        removed.map_err(|r| self.failed(&format!("cannot remove {}", found.name), &r))
    }

    /// Whether the daemon is still at work on an instance of that name that is not listed yet. What
    /// has to be made to find that out carries the lab's labels.
    pub async fn making(&self, lab: &LabName, nonce: &str, name: &str) -> bool {
        if self.is_docker() {
            docker::making(&self.0, lab, nonce, name).await
        } else {
            incus::making(&self.0, name).await
        }
    }

    /// Makes the lab's network where it has one of its own; its name and its subnet.
    pub async fn make_network(
        &self,
        lab: &LabName,
        nonce: &str,
    ) -> Result<Option<(String, String)>, LabError> {
        if !self.is_docker() {
            return Ok(None);
        }
        docker::make_network(&self.0, lab, nonce).await.map(Some)
    }

    /// Removes the networks of a lab, or those of them that carry a nonce.
    pub async fn remove_networks(
        &self,
        lab: &LabName,
        nonce: Option<&str>,
    ) -> Result<(), LabError> {
        if !self.is_docker() {
            return Ok(());
        }
        docker::remove_networks(&self.0, lab, nonce)
            .await
            .map_err(|r| self.failed("cannot remove the lab's network", &r))
    }

    /// The labs whose networks are there.
    pub async fn labs_of_networks(&self) -> Vec<String> {
        if self.is_docker() {
            docker::labs_of_networks(&self.0).await.unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    /// Makes the engine keep a node's address; on Docker it was chosen from the beginning.
    pub async fn pin(&self, instance: &str, address: &str) -> Result<(), Reason> {
        if self.is_docker() {
            return Ok(());
        }
        incus::pin(&self.0, instance, address).await
    }

    /// What the daemon knows of an instance. Docker keeps no devices and settings that could be changed.
    pub async fn describe(&self, instance: &str) -> Result<Described, Reason> {
        self.has_parts()?;
        incus::describe(&self.0, instance).await
    }

    /// Replaces that, if it is still the version that was described.
    pub async fn replace(&self, instance: &str, body: &Value, version: &str) -> Result<(), Reason> {
        self.has_parts()?;
        incus::replace(&self.0, instance, body, version).await
    }

    fn has_parts(&self) -> Result<(), Reason> {
        if self.is_docker() {
            let why = "Docker has no devices and settings of an instance as Incus has";
            return Err(Reason::new(ReasonKind::Failed, why));
        }
        Ok(())
    }

    /// Runs a script as root in a node.
    pub async fn sh(&self, instance: &str, script: &str, time: Duration) -> Result<Said, Reason> {
        self.0
            .exec(instance, &["sh", "-s"], script.as_bytes(), CAP, time)
            .await
    }

    /// Feeds bytes to a command in a node; it has to succeed.
    pub async fn feed(
        &self,
        instance: &str,
        words: &[&str],
        bytes: &[u8],
        time: Duration,
    ) -> Result<(), Reason> {
        let said = self.0.exec(instance, words, bytes, CAP, time).await?;
        match said.code {
            0 => Ok(()),
            FOREIGN => Err(Reason::new(
                ReasonKind::Failed,
                "it does not carry the lab's nonce",
            )),
            _ => Err(Reason::new(ReasonKind::Failed, said.error)),
        }
    }

    /// A failure of this engine in words.
    pub fn failed(&self, what: &str, reason: &Reason) -> LabError {
        LabError::failed(format!("{}: {what}: {reason}", self.kind().as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::docker(Kind::Docker, &[("DOCKER_HOST", "unix:///run/x.sock")])]
    #[case::incus(
        Kind::Incus,
        &[("INCUS_SOCKET", "/run/x.sock"), ("INCUS_REMOTE", "local"), ("INCUS_PROJECT", "default")]
    )]
    fn a_client_is_told_the_daemon_that_was_entered(
        #[case] kind: Kind,
        #[case] told: &[(&str, &str)],
    ) {
        let environment = client_environment(kind, Path::new("/run/x.sock"), "default");
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.to_str().unwrap()))
            .collect();
        assert_eq!(environment, told);
    }
}
