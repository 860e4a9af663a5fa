//! Which labs there are, and how each of them is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::Found;
use crate::error::{LabError, Unproved};
use crate::name::LabName;
use crate::reap;
use crate::record::{NodeRecord, Record};
use crate::state::Folder;

/// A lab in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What runs it, when that is known.
    pub engine: Option<String>,
    /// Its profile, when it has one.
    pub profile: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// How it is.
    pub state: State,
}

/// How a lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It came up.
    Up,
    /// It is being made, or a killed command left it.
    Partial,
    /// An engine has parts of it, and this account knows nothing of it.
    Stray,
}

/// Every lab of this account, and what engines have of labs of which it knows nothing.
///
/// # Errors
/// When there is no place for labs.
pub async fn list() -> Result<Vec<Entry>, LabError> {
    let mut entries = Vec::new();
    for folder in Folder::all()? {
        let record = Record::read(&folder).ok().flatten();
        entries.push(Entry {
            name: folder.name().to_string(),
            engine: record.as_ref().map(|r| r.engine.as_str().to_owned()),
            profile: record.as_ref().map(|r| r.profile.clone()),
            roles: record
                .as_ref()
                .map(|r| r.nodes.keys().cloned().collect())
                .unwrap_or_default(),
            state: if record.is_some_and(|r| r.complete) {
                State::Up
            } else {
                State::Partial
            },
        });
    }
    for (name, engine) in reap::strays().await? {
        entries.push(Entry {
            name,
            engine: Some(engine),
            profile: None,
            roles: Vec::new(),
            state: State::Stray,
        });
    }
    Ok(entries)
}

/// A lab with its nodes as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The lab as it was made.
    pub record: Record,
    /// Each node by role.
    pub nodes: BTreeMap<String, NodeStatus>,
}

/// A node as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// How it is.
    pub state: NodeState,
    /// Its memory in bytes, when the engine says so.
    pub memory: Option<u64>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It runs.
    Running,
    /// It is there and does not run.
    Stopped,
    /// It is gone.
    Gone,
    /// One of that name is there, and it is not the one that this lab made.
    Foreign,
}

/// How a lab is.
///
/// # Errors
/// When there is no such lab, or its engine cannot be reached.
pub async fn status(name: &LabName) -> Result<Status, LabError> {
    let record = record_of(&Folder::of(name)?)?;
    let place = reap::place_of(&record).await?;
    let found = place.find(Some(name)).await?;
    let nodes = record
        .nodes
        .iter()
        .map(|(role, node)| (role.clone(), node_status(&record, node, &found)))
        .collect();
    Ok(Status { record, nodes })
}

fn node_status(record: &Record, node: &NodeRecord, found: &[Found]) -> NodeStatus {
    let one = found.iter().find(|one| one.name == node.instance);
    let state = match one {
        None => NodeState::Gone,
        Some(one) if one.id != node.id || one.nonce != record.nonce => NodeState::Foreign,
        Some(one) if one.running => NodeState::Running,
        Some(_) => NodeState::Stopped,
    };
    NodeStatus {
        state,
        memory: one.and_then(|one| one.memory),
    }
}

/// The record of a lab that came up.
pub(crate) fn record_of(folder: &Folder) -> Result<Record, Unproved> {
    let name = folder.name();
    match Record::read(folder)? {
        Some(record) if record.complete => Ok(record),
        Some(_) => Err(Unproved::Lost(
            LabError::usage(format!("the lab {name} did not come up")).help(format!(
                "`runproof lab reset --name {name}` makes it anew, as it was asked for; `runproof lab down --name {name}` removes it"
            )),
        )),
        None => Err(no_lab(name).into()),
    }
}

/// The refusal of a lab that is not there.
pub(crate) fn no_lab(name: &LabName) -> LabError {
    LabError::usage(format!("there is no lab {name}"))
        .help("`runproof lab list` shows those that are; `runproof lab up` makes one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::record;

    #[test]
    fn only_a_lab_that_is_ours_to_make_anew_counts_as_lost() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path());
        let no_lab = record_of(&folder).unwrap_err();
        assert!(matches!(no_lab, Unproved::Refused(_)), "{no_lab:?}");

        let mut record = record();
        record.complete = false;
        record.write(&folder).unwrap();
        let half_made = record_of(&folder).unwrap_err();
        assert!(matches!(half_made, Unproved::Lost(_)), "{half_made:?}");

        folder
            .write(&folder.file(crate::record::FILE), b"{")
            .unwrap();
        let garbled = record_of(&folder).unwrap_err();
        assert!(matches!(garbled, Unproved::Refused(_)), "{garbled:?}");
    }
}
