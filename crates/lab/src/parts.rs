//! What labs are made of: `testenv`, compiled in, or from the folder in RUNPROOF_TESTENV.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{LabError, io};

/// The variable that names another folder, as of a checkout that is being worked on.
const VARIABLE: &str = "RUNPROOF_TESTENV";

/// A file that is compiled in.
struct Part {
    path: &'static str,
    runs: bool,
    bytes: &'static [u8],
}

static BUILTIN: &[Part] = include!(concat!(env!("OUT_DIR"), "/testenv.rs"));

/// A file of a lab's making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Whether it is a program.
    pub runs: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// All files, by their path under `testenv`.
#[derive(Clone, Debug)]
pub(crate) struct Parts(BTreeMap<String, File>);

impl Parts {
    /// From the folder that the environment names, else what is compiled in.
    pub fn load() -> Result<Self, LabError> {
        match std::env::var_os(VARIABLE) {
            Some(folder) if !folder.is_empty() => Self::from_folder(Path::new(&folder)),
            Some(_) | None => Ok(Self(
                BUILTIN
                    .iter()
                    .map(|part| {
                        let file = File {
                            runs: part.runs,
                            bytes: part.bytes.to_vec(),
                        };
                        (part.path.to_owned(), file)
                    })
                    .collect(),
            )),
        }
    }

    fn from_folder(folder: &Path) -> Result<Self, LabError> {
        let mut files = BTreeMap::new();
        for part in ["roles", "images"] {
            read(folder, &folder.join(part), &mut files)?;
        }
        read_one(folder, &folder.join("bin/images"), &mut files)?;
        Ok(Self(files))
    }

    /// One file.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// One file as text.
    pub fn text(&self, path: &str) -> Option<String> {
        self.get(path)
            .map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
    }

    /// The files under a folder, by their path in it.
    pub fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a File)> {
        self.0.iter().filter_map(move |(path, file)| {
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((rest, file))
        })
    }
}

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, File>) -> Result<(), LabError> {
    let entries = fs::read_dir(folder).map_err(|e| io(folder, &e))?;
    for entry in entries {
        let path: PathBuf = entry.map_err(|e| io(folder, &e))?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else {
            read_one(root, &path, files)?;
        }
    }
    Ok(())
}

fn read_one(root: &Path, path: &Path, files: &mut BTreeMap<String, File>) -> Result<(), LabError> {
    let Ok(name) = path.strip_prefix(root) else {
        return Ok(());
    };
    let about = fs::metadata(path).map_err(|e| io(path, &e))?;
    let file = File {
        runs: about.permissions().mode() & 0o100 != 0,
        bytes: fs::read(path).map_err(|e| io(path, &e))?,
    };
    files.insert(name.display().to_string(), file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_what_the_checkout_has() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testenv");
        let found = Parts::from_folder(&here).unwrap();
        for part in BUILTIN {
            let file = found.get(part.path).unwrap();
            assert_eq!((part.runs, part.bytes), (file.runs, file.bytes.as_slice()));
        }
        assert_eq!(found.0.len(), BUILTIN.len());
    }
}
