//! What a lab is: `lab.json` in its folder.

use std::collections::BTreeMap;
use std::fs;

use runproof_model::site::Engine;
use serde::{Deserialize, Serialize};

use crate::error::{LabError, io};
use crate::name::LabName;
use crate::role::Played;
use crate::state::Folder;

/// The file's name in the lab's folder.
pub(crate) const FILE: &str = "lab.json";

/// A lab, as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub name: LabName,
    /// What runs its nodes.
    pub engine: Engine,
    /// Which daemon: its certificate's fingerprint (Incus) or its id (Docker).
    pub daemon: String,
    /// The host name of the machine on which the daemon runs.
    pub machine: String,
    /// The reading of the documents that it follows.
    pub profile: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Its own network, on Docker.
    pub network: Option<String>,
    /// The IPv4 network in which its nodes are.
    pub subnet: Option<String>,
    /// The secret that its nodes carry; a node without it is none of this lab.
    pub nonce: String,
    /// Values of roles' parameters.
    pub parameters: BTreeMap<String, String>,
    /// The roles that it is to have, known before its nodes are; a lab that was made before they were
    /// written down has none here.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Its nodes by role; empty until all are there.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// Whether it came up; what is not complete is made anew by a reset, and removed by the next `up`
    /// or `down`.
    pub complete: bool,
}

/// A node of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The instance's name.
    pub instance: String,
    /// The engine's own identifier: an instance's UUID (Incus), a container's id (Docker).
    pub id: String,
    /// Its IPv4 address.
    pub address: String,
    /// What runs in it.
    pub runs: Vec<Played>,
}

impl NodeRecord {
    /// Whether a stand-in plays any of its services.
    pub fn standin(&self) -> bool {
        self.runs.iter().any(|one| one.standin)
    }
}

impl Record {
    /// The roles that it has, or is to have once it is whole.
    pub(crate) fn wanted(&self) -> Vec<String> {
        if self.roles.is_empty() {
            self.nodes.keys().cloned().collect()
        } else {
            self.roles.clone()
        }
    }

    /// Reads it; none when the lab has none yet.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, LabError> {
        let path = folder.file(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io(&path, &e)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| LabError::failed(format!("{}: {e}", path.display())))
    }

    /// Writes it.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), LabError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| LabError::failed(e.to_string()))?;
        folder.write(&folder.file(FILE), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::record;
    use rstest::rstest;

    #[rstest]
    #[case::made_before_roles_were_written_down(&[], &["dns"])]
    #[case::killed_before_its_nodes_were_there(&["dns", "drive"], &["dns", "drive"])]
    fn the_roles_of_a_lab_are_known_whatever_became_of_its_nodes(
        #[case] written: &[&str],
        #[case] wanted: &[&str],
    ) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path());
        let mut record = record();
        record.roles = written.iter().map(|role| (*role).to_owned()).collect();
        if !written.is_empty() {
            record.nodes.clear();
        }
        let mut json = serde_json::to_value(&record).unwrap();
        if written.is_empty() {
            json.as_object_mut().unwrap().remove("roles").unwrap();
        }
        let bytes = serde_json::to_vec(&json).unwrap();
        folder.write(&folder.file(FILE), &bytes).unwrap();
        let read = Record::read(&folder).unwrap().unwrap();
        assert_eq!(read, record);
        assert_eq!(read.wanted(), wanted);
    }
}
