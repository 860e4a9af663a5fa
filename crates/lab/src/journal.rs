//! What is about to be created, on disk before it is: one JSON line each, flushed with its folder.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};

use runproof_model::site::Engine;
use serde::{Deserialize, Serialize};

use crate::error::{LabError, io};
use crate::state::Folder;

/// The file's name in the lab's folder.
pub(crate) const FILE: &str = "journal.jsonl";

/// Something that a lab makes outside its folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "make", rename_all = "lowercase")]
pub(crate) enum Made {
    /// A container.
    Instance {
        /// Its name.
        name: String,
    },
    /// A network.
    Network {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    engine: Engine,
    #[serde(flatten)]
    made: Made,
}

/// The journal of a lab that is being made.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: Folder,
    file: Mutex<File>,
}

impl Journal {
    /// Goes on with the journal of a lab, or begins it.
    pub fn open(folder: &Folder) -> Result<Self, LabError> {
        let path = folder.file(FILE);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| io(&path, &e))?;
        Ok(Self {
            folder: folder.clone(),
            file: Mutex::new(file),
        })
    }

    /// Writes down what will be made; when this returns, a kill no longer loses it.
    pub fn will(&self, engine: Engine, made: Made) -> Result<(), LabError> {
        let mut line = serde_json::to_vec(&Line { engine, made })
            .map_err(|e| LabError::failed(e.to_string()))?;
        line.push(b'\n');
        let write = || {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&line)?;
            file.sync_all()?;
            File::open(self.folder.path())?.sync_all()
        };
        write().map_err(|e| io(&self.folder.file(FILE), &e))
    }

    /// All that was written down, once each. A last line that a kill has cut is none: what it
    /// would have named was not made yet.
    pub fn read(folder: &Folder) -> Result<BTreeSet<(String, Made)>, LabError> {
        let path = folder.file(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(io(&path, &e)),
        };
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok())
            .map(|line| (line.engine.as_str().to_owned(), line.made))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_kill_has_cut_names_nothing() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path());
        let journal = Journal::open(&folder).unwrap();
        let made = Made::Instance {
            name: "lab-dns".to_owned(),
        };
        journal.will(Engine::Incus, made.clone()).unwrap();
        journal.will(Engine::Incus, made.clone()).unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .open(folder.file(FILE))
            .unwrap();
        file.write_all(b"{\"engine\":\"incus\",\"make\":\"inst")
            .unwrap();
        let read = Journal::read(&folder).unwrap();
        assert_eq!(read, BTreeSet::from([("incus".to_owned(), made)]));
    }
}
