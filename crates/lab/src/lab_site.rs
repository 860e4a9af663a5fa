//! The proof that a site is a lab that runproof made: what may be broken.

use std::path::{Path, PathBuf};
use std::time::Duration;

use runproof_model::site::{Engine as Kind, NodeRef, Site};
use zeroize::Zeroizing;

use crate::engine::{Described, Place};
use crate::error::{LabError, Unproved};
use crate::labs::record_of;
use crate::name::LabName;
use crate::part::{Part, Stands};
use crate::proof::{self, FOREIGN};
use crate::reap;
use crate::record::{NodeRecord, Record};
use crate::secrets::Secrets;
use crate::state::{Folder, Held};

/// Exit codes that an engine keeps for itself, no shell and a shell that may not be run, and what a
/// script of ours ends with instead: a program that is missing in the node is an answer of the script.
const OF_THE_ENGINE: [(i32, i32); 2] = [(126, 116), (127, 117)];
/// How often an instance is changed until it is as it should be: not every way is one step, and
/// somebody else may change it in between.
const REPLACE_TRIES: u32 = 6;

/// A lab whose identity was proved: the daemon is the one that made it, every node is the instance
/// that was made then, by the engine's own identifier and by our label, and carries the lab's nonce.
/// While it is held, nobody removes or resets the lab.
///
/// Nobody else can make one, and nothing turns another site into one:
///
/// ```compile_fail
/// let forged = runproof_lab::LabSite { nodes: Vec::new() };
/// ```
///
/// ```compile_fail
/// fn from(record: runproof_lab::Record) -> runproof_lab::LabSite {
///     runproof_lab::LabSite::new(record)
/// }
/// ```
#[derive(Debug)]
pub struct LabSite {
    record: Record,
    place: Place,
    folder: Folder,
    nodes: Vec<LabNode>,
    _held: Held,
}

/// A node of a lab whose identity was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabNode {
    role: String,
    node: NodeRecord,
}

/// What signs the certificates of a lab, as PEM.
pub struct Authority {
    /// Its certificate.
    pub certificate: String,
    /// Its key.
    pub key: Zeroizing<String>,
}

/// What a script in a node said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// The beginning of what it printed on standard error.
    pub error: String,
}

impl LabSite {
    /// Finds a lab and proves that it is one.
    ///
    /// # Errors
    /// When there is no such lab, somebody changes it, or anything of its identity differs.
    pub async fn open(name: &LabName) -> Result<Self, LabError> {
        Self::prove(name).await.map_err(LabError::from)
    }

    /// The same, for whoever makes nodes anew that are no more.
    ///
    /// # Errors
    /// As [`LabSite::open`], with whether what was made is lost.
    pub async fn prove(name: &LabName) -> Result<Self, Unproved> {
        let folder = Folder::of(name)?;
        let held = folder.share()?;
        let record = record_of(&folder)?;
        let place = reap::place_of(&record).await?;
        let found = place.find(Some(name)).await?;
        proof::listed(&record, &found, None).map_err(Unproved::Lost)?;
        let nodes = record.nodes.iter().map(|(role, node)| LabNode {
            role: role.clone(),
            node: node.clone(),
        });
        let site = Self {
            nodes: nodes.collect(),
            record,
            place,
            folder,
            _held: held,
        };
        let carry = site.nodes.iter().map(|node| site.carries_nonce(node));
        let carried = futures_util::future::try_join_all(carry).await;
        carried.map_err(Unproved::Lost)?;
        Ok(site)
    }

    /// Compares the nonce in a node. One in which no shell runs is proved by its engine alone.
    async fn carries_nonce(&self, node: &LabNode) -> Result<(), LabError> {
        proof::inside(&self.place, &self.record, &node.role, &node.node)
            .await
            .map(|_code| ())
    }

    /// Proves that a site file means the nodes of this lab and no others, reached on this machine: what
    /// is looked at is what was broken.
    ///
    /// # Errors
    /// When it means another machine, another engine or another instance.
    pub fn is_described_by(&self, site: &Site) -> Result<(), LabError> {
        let refused = |what: &str| {
            LabError::failed(format!(
                "refused: the site file of the lab {} {what}",
                self.record.name
            ))
            .help(format!(
                "`runproof lab down --name {0}`, then `runproof lab up --name {0}`, writes it anew",
                self.record.name
            ))
        };
        let reach = &site.reach;
        if reach.ssh.is_some() {
            return Err(refused("leads to another machine by ssh"));
        }
        let engine = self.record.engine;
        if reach.engine != engine || reach.socket.is_some() || reach.project.is_some() {
            return Err(refused("leads to another engine than the lab's"));
        }
        let meant = site.nodes.iter().filter_map(|(role, node)| match node {
            NodeRef::Instance(instance) => Some((role.as_str(), instance.as_str())),
            NodeRef::Hypervisor(_) => Some((role.as_str(), "")),
            NodeRef::Absent(_) => None,
        });
        let made = self.nodes.iter().map(|one| (one.role(), one.instance()));
        if !meant.eq(made) {
            return Err(refused("names other instances than were made"));
        }
        Ok(())
    }

    /// The lab's name.
    pub fn name(&self) -> &LabName {
        &self.record.name
    }

    /// What runs its nodes.
    pub fn engine(&self) -> Kind {
        self.record.engine
    }

    /// The project of Incus in which its nodes were proved.
    pub fn project(&self) -> &str {
        self.place.0.project()
    }

    /// What is known of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its site file.
    pub fn site_file(&self) -> PathBuf {
        self.folder.site_file()
    }

    /// Its folder, in which whoever breaks it writes down how to undo that.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[LabNode] {
        &self.nodes
    }

    /// The node of a role.
    pub fn node(&self, role: &str) -> Option<&LabNode> {
        self.nodes.iter().find(|node| node.role == role)
    }

    /// The authority whose certificates the lab's nodes trust.
    ///
    /// # Errors
    /// When the lab does not have its secrets any more.
    pub fn authority(&self) -> Result<Authority, LabError> {
        let secrets = Secrets::read(&self.folder)?;
        let of = |name: &str| {
            let found = secrets.iter().find(|(one, _)| *one == name);
            let found = found.map(|(_, value)| Zeroizing::new(value.to_owned()));
            found.ok_or_else(|| {
                LabError::failed(format!("the lab {} has no authority", self.record.name))
            })
        };
        Ok(Authority {
            certificate: of("LAB_CA_CRT")?.to_string(),
            key: of("LAB_CA_KEY")?,
        })
    }

    /// Runs a script as root in a node. The nonce is compared in the same exec, before the script:
    /// a container that took the node's place in between is not touched.
    ///
    /// # Errors
    /// When the node is another one by now, or the engine does not run the script.
    pub async fn run(
        &self,
        node: &LabNode,
        script: &str,
        time: Duration,
    ) -> Result<Said, LabError> {
        let guard = proof::guard(&self.record.nonce);
        let cases = OF_THE_ENGINE.map(|(code, other)| format!("{code}) exit {other} ;;"));
        let cases = cases.join(" ");
        let guarded = format!(
            "{guard}(\n{script}\n)\n\
             code=$?; case $code in {cases} *) exit $code ;; esac"
        );
        let instance = &node.node.instance;
        let reached = self.place.reached(instance, &node.node.id);
        let said = self
            .place
            .sh(reached, &guarded, time)
            .await
            .map_err(|r| self.place.failed(&format!("cannot reach {instance}"), &r))?;
        if said.code == FOREIGN {
            return Err(proof::without_nonce(&self.record, &node.role));
        }
        let told = OF_THE_ENGINE.iter().find(|(_, other)| *other == said.code);
        Ok(Said {
            code: told.map_or(said.code, |(code, _)| *code),
            out: String::from_utf8_lossy(&said.out).into_owned(),
            error: self.without_secrets(said.error),
        })
    }

    /// What a script complained of goes into reports, and a shell shows the line that it could not read.
    fn without_secrets(&self, error: String) -> String {
        if error.is_empty() {
            return error;
        }
        match Secrets::read(&self.folder) {
            Ok(secrets) => secrets.hide(&error),
            Err(_) => "it complained, and the lab's secrets cannot be read to hide them".to_owned(),
        }
    }

    /// How a part of a node's instance stands in its engine, once the engine is not at work on it.
    ///
    /// # Errors
    /// When the instance is another one by now, or the engine has no such parts, as Docker.
    pub async fn stands(&self, node: &LabNode, part: &Part) -> Result<Stands, LabError> {
        Ok(self.described(node, part).await?.0)
    }

    /// Lets the engine make a part stand so. What is compared and what is changed is one version of
    /// the instance: one that took its place in between is not touched.
    ///
    /// # Errors
    /// When the node is another one by now, or the engine does not do it.
    pub async fn make_stand(&self, node: &LabNode, wanted: &Stands) -> Result<(), LabError> {
        let instance = &node.node.instance;
        self.carries_nonce(node).await?;
        for _ in 0..REPLACE_TRIES {
            let (stands, described) = self.described(node, &wanted.part()).await?;
            if stands == *wanted {
                return Ok(());
            }
            let body = wanted
                .write(&described.instance)
                .ok_or_else(|| self.no_description(node))?;
            let replaced = self.place.replace(instance, &body, &described.version);
            replaced
                .await
                .map_err(|r| self.place.failed(&format!("cannot change {instance}"), &r))?;
        }
        Err(LabError::failed(format!(
            "{instance} does not become as it should be"
        )))
    }

    /// A part of a node's instance, and the description that it stands in, whose identity was compared.
    async fn described(
        &self,
        node: &LabNode,
        part: &Part,
    ) -> Result<(Stands, Described), LabError> {
        let instance = &node.node.instance;
        let described = self.place.describe(instance).await;
        let described =
            described.map_err(|r| self.place.failed(&format!("cannot look at {instance}"), &r))?;
        let ours = described.found.as_ref();
        let ours = ours.filter(|found| found.lab == self.record.name.as_str());
        proof::one(&self.record, &node.role, &node.node, ours)?;
        let stands = Stands::read(&described.instance, &described.profiles, part)
            .ok_or_else(|| self.no_description(node))?;
        Ok((stands, described))
    }

    fn no_description(&self, node: &LabNode) -> LabError {
        let instance = &node.node.instance;
        LabError::failed(format!("the engine's description of {instance} is none"))
    }
}

impl LabNode {
    /// Its role.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Its instance's name.
    pub fn instance(&self) -> &str {
        &self.node.instance
    }

    /// The engine's own identifier of it.
    pub fn id(&self) -> &str {
        &self.node.id
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.node.address
    }
}
