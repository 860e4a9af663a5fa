//! The ways to break a node, one file each. A primitive is a typed value of a suite, and
//! becomes an [`Act`].

use runproof_lab::{Authority, LabError, LabSite};
use serde::Deserialize;

use crate::act::Act;
use crate::error::FaultError;

mod binary;
mod cache;
mod certificate;
mod disk;
mod file;
mod firewall;
mod git;
mod instance;
mod keep;
mod mount;
mod network;
mod nothing;
mod objects;
mod port;
mod postgres;
mod process;
mod unit;
mod vault;

pub(crate) use file::check_path;
pub(crate) use unit::check_unit;

/// A primitive as a suite writes it: a mapping of its name to its values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primitive {
    /// A file's bytes, mode or owner.
    EditFile(file::EditFile),
    /// A path that is no more.
    RemoveFile(file::RemoveFile),
    /// Rules of the packet filter.
    Firewall(firewall::Firewall),
    /// A unit of systemd.
    Unit(unit::Unit),
    /// The processes of a unit.
    Process(process::Process),
    /// A port that somebody else has.
    Port(port::Port),
    /// The node's network.
    Network(network::Network),
    /// A full disk.
    Disk(disk::Disk),
    /// A file system over a folder.
    Mount(mount::Mount),
    /// Vault.
    Vault(vault::Vault),
    /// PostgreSQL.
    Postgres(postgres::Postgres),
    /// Valkey.
    Cache(cache::Cache),
    /// The object storage.
    Objects(objects::Objects),
    /// A certificate.
    Certificate(certificate::Certificate),
    /// A program.
    Binary(binary::Binary),
    /// A working copy of git.
    Git(git::Git),
    /// The instance that the node is, by its engine.
    Instance(instance::Instance),
    /// What a fix changes beside the fault.
    Keep(keep::Keep),
    /// The negative control.
    Nothing(nothing::Nothing),
}

impl Primitive {
    /// Its name in suites.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EditFile(_) => "edit-file",
            Self::RemoveFile(_) => "remove-file",
            Self::Firewall(_) => "firewall",
            Self::Unit(_) => "unit",
            Self::Process(_) => "process",
            Self::Port(_) => "port",
            Self::Network(_) => "network",
            Self::Disk(_) => "disk",
            Self::Mount(_) => "mount",
            Self::Vault(_) => "vault",
            Self::Postgres(_) => "postgres",
            Self::Cache(_) => "cache",
            Self::Objects(_) => "objects",
            Self::Certificate(_) => "certificate",
            Self::Binary(_) => "binary",
            Self::Git(_) => "git",
            Self::Instance(_) => "instance",
            Self::Keep(_) => "keep",
            Self::Nothing(_) => "nothing",
        }
    }

    /// What it does in a node of this lab.
    ///
    /// # Errors
    /// When its values contradict each other, or the lab lacks what it needs; nothing was changed.
    pub fn act(&self, lab: &LabSite) -> Result<Act, FaultError> {
        let address = |role: &str| lab.node(role).map(|node| node.address().to_owned());
        self.act_where(address, || lab.authority())
    }

    /// The same, by what has to be known of the lab: the address of a role's node, and the authority.
    fn act_where(
        &self,
        address: impl Fn(&str) -> Option<String>,
        authority: impl FnOnce() -> Result<Authority, LabError>,
    ) -> Result<Act, FaultError> {
        match self {
            Self::EditFile(edit) => edit.act(),
            Self::RemoveFile(remove) => remove.act(),
            Self::Firewall(firewall) => firewall.act(),
            Self::Unit(unit) => unit.act(),
            Self::Process(process) => process.act(),
            Self::Port(port) => port.act(),
            Self::Network(network) => network.act(address),
            Self::Disk(disk) => disk.act(),
            Self::Mount(mount) => mount.act(),
            Self::Vault(vault) => vault.act(),
            Self::Postgres(postgres) => postgres.act(),
            Self::Cache(cache) => cache.act(),
            Self::Objects(objects) => objects.act(),
            Self::Certificate(certificate) => certificate.act(&authority()?),
            Self::Binary(binary) => binary.act(),
            Self::Git(git) => git.act(),
            Self::Instance(instance) => instance.act(),
            Self::Keep(keep) => keep.act(),
            Self::Nothing(nothing) => Ok(nothing.act()),
        }
    }
}

#[cfg(test)]
mod tests;
