//! One zone of one master file, looked at again from time to time.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use hickory_proto::rr::Name;

use super::zone::Zone;
use crate::console;

/// One zone of one master file.
#[derive(Debug)]
pub struct File {
    origin: Name,
    path: PathBuf,
    /// How often its serial is looked at; zero: never.
    pub every: Duration,
    zone: RwLock<Option<Zone>>,
}

impl File {
    /// Reads it. A file that is not there may come; one that is wrong stops the start.
    pub fn new(path: &str, every: Duration, origin: Name) -> Result<Self, String> {
        let file = Self {
            path: path.into(),
            every,
            zone: RwLock::new(None),
            origin,
        };
        match file.read() {
            Ok(zone) => *file.zone.write().unwrap_or_else(PoisonError::into_inner) = Some(zone),
            Err(e) if e.starts_with("open ") && !every.is_zero() => {
                console::line(&format!(
                    "[WARNING] plugin/file: Failed to open {path:?}: {e}: trying again in {every:?}"
                ));
            }
            Err(e) => return Err(format!("plugin/file: {e}")),
        }
        Ok(file)
    }

    /// What it is the zone of.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// The zone, once it could be read.
    pub fn zone(&self) -> RwLockReadGuard<'_, Option<Zone>> {
        self.zone.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Zone, String> {
        Zone::load(&self.path, &self.origin)
    }

    /// Reads the file again and takes it when its serial is another.
    pub fn refresh(&self) {
        let loaded = match self.read() {
            Ok(loaded) => loaded,
            Err(e) => {
                console::line(&format!(
                    "[ERROR] plugin/file: Failed to reload zone {:?}: {e}",
                    self.origin.to_ascii()
                ));
                return;
            }
        };
        let mut zone = self.zone.write().unwrap_or_else(PoisonError::into_inner);
        if zone.as_ref().map(Zone::serial) == Some(loaded.serial()) {
            return;
        }
        console::line(&format!(
            "[INFO] plugin/file: Successfully reloaded zone {:?} in {:?} with {} SOA serial",
            self.origin.to_ascii(),
            self.path.display(),
            loaded.serial()
        ));
        *zone = Some(loaded);
    }
}
