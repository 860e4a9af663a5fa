//! The lease of a lab's faults: who holds it is at work on them, and death gives it back.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::FaultError;

/// The file's name in the lab's folder.
const FILE: &str = "faults.lock";

/// The right to put faults into a lab and to undo them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    #[expect(dead_code, reason = "the lock ends with the file")]
    file: File,
}

impl Lease {
    /// Takes the lease; none when somebody else has it.
    pub fn take(folder: &Path) -> Result<Option<Self>, FaultError> {
        let path = folder.join(FILE);
        let failed = |e: std::io::Error| FaultError::Journal(format!("{}: {e}", path.display()));
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}
