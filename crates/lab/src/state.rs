//! A lab's folder: `$XDG_STATE_HOME/runproof/labs/NAME`, readable by its owner alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{LabError, io};
use crate::name::LabName;
use crate::{journal, record, secrets};

/// The folder of the site file and of what it names.
const SITES: &str = "sites";
/// What a lab keeps itself.
const OURS: [&str; 4] = [record::FILE, journal::FILE, secrets::FILE, SITES];

/// The folder of one lab.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    name: LabName,
    path: PathBuf,
}

/// The right to change a lab, or to rely on it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    #[expect(dead_code, reason = "the lock ends with the file")]
    file: File,
    path: PathBuf,
    lab: PathBuf,
}

impl Drop for Held {
    /// A lab that is no more leaves no lock behind.
    fn drop(&mut self) {
        if !self.lab.exists() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where all labs are.
pub(crate) fn home() -> Result<PathBuf, LabError> {
    let given = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = given("XDG_STATE_HOME").or_else(|| Some(given("HOME")?.join(".local/state")));
    state
        .map(|state| state.join("runproof/labs"))
        .ok_or_else(|| LabError::machine("neither XDG_STATE_HOME nor HOME names an absolute path"))
}

/// The site file of a lab that is complete.
///
/// # Errors
/// When the name cannot be one.
pub fn site_file(name: &str) -> Result<Option<PathBuf>, LabError> {
    let folder = Folder::of(&LabName::new(name)?)?;
    Ok(Some(folder.site_file()).filter(|path| path.exists()))
}

/// The folder of a lab that has one.
///
/// # Errors
/// When there is no place for labs.
pub fn find(name: &LabName) -> Result<Option<PathBuf>, LabError> {
    let folder = Folder::of(name)?;
    Ok(Some(folder.path).filter(|path| path.exists()))
}

/// The folder of a lab that has one, for whoever writes into it or does what stands in it.
///
/// # Errors
/// When there is no place for labs, or the lab is not the asking user's alone.
pub fn find_ours(name: &LabName) -> Result<Option<PathBuf>, LabError> {
    Folder::of(name)?.refuse_foreign()?;
    find(name)
}

impl Folder {
    /// Of this lab, whether or not it is there.
    pub fn of(name: &LabName) -> Result<Self, LabError> {
        Ok(Self {
            path: home()?.join(name.as_str()),
            name: name.clone(),
        })
    }

    /// The folders that are there.
    pub fn all() -> Result<Vec<Self>, LabError> {
        let home = home()?;
        let entries = match fs::read_dir(&home) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io(&home, &e)),
        };
        let mut found: Vec<Self> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let name = LabName::new(path.file_name()?.to_str()?).ok()?;
                path.is_dir().then_some(Self { name, path })
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The lab's name.
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// Refuses a lab that is not the asking user's alone: what stands in its folder says what is removed
    /// and made anew. One that is not there yet is nobody's.
    fn refuse_foreign(&self) -> Result<(), LabError> {
        self.refuse_foreign_to(rustix::process::geteuid().as_raw())
    }

    fn refuse_foreign_to(&self, us: u32) -> Result<(), LabError> {
        let Some(about) = there(&self.path, fs::symlink_metadata(&self.path))? else {
            return Ok(());
        };
        self.refuse_owner(&self.path, about.uid(), us)?;
        // Whoever may write into it may put a record or a journal of their own into the place of ours.
        if about.mode() & 0o022 != 0 {
            let path = self.path.display();
            return Err(LabError::failed(format!(
                "refused: others than its owner may write into the folder of the lab {}: {path}",
                self.name
            ))
            .help(format!(
                "if all that is in it is yours, `chmod go-w {path}`; else remove it"
            )));
        }
        let Some(entries) = there(&self.path, fs::read_dir(&self.path))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry.map_err(|e| io(&self.path, &e))?;
            // Whoever is at work on the lab may remove it meanwhile.
            if let Some(about) = there(&entry.path(), entry.metadata())? {
                self.refuse_owner(&entry.path(), about.uid(), us)?;
            }
        }
        Ok(())
    }

    fn refuse_owner(&self, path: &Path, owner: u32, us: u32) -> Result<(), LabError> {
        if owner == us {
            return Ok(());
        }
        Err(LabError::failed(format!(
            "refused: the lab {} belongs to another user: the account {owner} owns {}, and this is {us}",
            self.name,
            path.display()
        ))
        .help(
            "run it from that account; or make one of your own with `runproof lab up`, \
             in a place of your own (HOME or XDG_STATE_HOME, which `sudo -E` keeps)",
        ))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The site file of the lab.
    pub fn site_file(&self) -> PathBuf {
        self.path.join(SITES).join(format!("{}.yaml", self.name))
    }

    /// Makes it, for its owner alone.
    pub fn make(&self) -> Result<(), LabError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.path.join(SITES))
            .map_err(|e| io(&self.path, &e))
    }

    /// Writes a file whole or not at all, and lets it reach the disk.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), LabError> {
        let part = path.with_extension("part");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| io(path, &e))
    }

    /// Removes it with all that is in it.
    pub fn remove(&self) -> Result<(), LabError> {
        match fs::remove_dir_all(&self.path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(io(&self.path, &e)),
        }
    }

    /// Removes what others have put into it, but for their locks: who has one is at work on the lab.
    pub fn remove_others(&self) -> Result<(), LabError> {
        let failed = |e: std::io::Error| io(&self.path, &e);
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, name) = (entry.path(), entry.file_name());
            let ours = OURS.iter().any(|ours| name == *ours);
            if ours || path.extension().is_some_and(|end| end == "lock") {
                continue;
            }
            let removed = if entry.file_type().map_err(failed)?.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(|e| io(&path, &e))?;
        }
        Ok(())
    }

    /// Holds the lab for changing it; refuses when somebody else holds it. The lock stands beside
    /// the folder, for the folder goes away with the lab.
    pub fn hold(&self) -> Result<Held, LabError> {
        self.lock(File::try_lock)
    }

    /// Holds the lab as it is: many may at once, and nobody changes it meanwhile.
    pub fn share(&self) -> Result<Held, LabError> {
        self.lock(File::try_lock_shared)
    }

    /// Every command that changes a lab or relies on it comes by here, so here it is asked whose it is.
    fn lock(&self, take: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Held, LabError> {
        self.refuse_foreign()?;
        loop {
            let (file, path) = self.lock_file()?;
            match take(&file) {
                // Whoever held it before us may have removed the file, and this one holds nothing then.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => {
                    let lab = self.path.clone();
                    return Ok(Held { file, path, lab });
                }
                Err(TryLockError::WouldBlock) => return Err(self.busy()),
                Err(TryLockError::Error(e)) => return Err(io(&self.path, &e)),
            }
        }
    }

    fn busy(&self) -> LabError {
        LabError::usage(format!(
            "another runproof is at work on the lab {}",
            self.name
        ))
        .help("wait until it has ended")
    }

    fn lock_file(&self) -> Result<(File, PathBuf), LabError> {
        let locks = home()?.with_file_name("locks");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&locks)
            .map_err(|e| io(&locks, &e))?;
        let path = locks.join(self.name.as_str());
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map(|file| (file, path.clone()))
            .map_err(|e| io(&path, &e))
    }
}

/// What is at a path; none when nothing is.
fn there<T>(path: &Path, found: std::io::Result<T>) -> Result<Option<T>, LabError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io(path, &e)),
    }
}

/// Whether an open file is still the one that a path names.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
impl Folder {
    /// A folder for a test.
    pub fn at(path: &Path) -> Self {
        Self {
            name: LabName::new("test").unwrap(),
            path: path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::os::unix::fs::PermissionsExt as _;

    /// Who runs the test.
    fn us() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[rstest]
    #[case::ours(0o700, 0, None)]
    #[case::others_may_look(0o755, 0, None)]
    #[case::another_users(0o700, 1, Some("belongs to another user"))]
    #[case::its_group_writes(0o770, 0, Some("others than its owner may write"))]
    #[case::everybody_writes(0o702, 0, Some("others than its owner may write"))]
    fn a_lab_that_is_not_ours_alone_is_refused_with_what_to_do(
        #[case] mode: u32,
        #[case] further: u32,
        #[case] refusal: Option<&str>,
    ) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("x"));
        folder.make().unwrap();
        folder.write(&folder.file("faults.jsonl"), b"").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = folder.refuse_foreign_to(us() + further).err();
        match refusal {
            None => assert_eq!(refused, None),
            Some(words) => {
                let error = refused.unwrap();
                assert!(error.problem.contains(words), "{error}");
                assert!(error.help.is_some());
            }
        }
    }

    #[test]
    fn a_file_that_another_user_put_into_our_folder_is_refused_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("x"));
        folder.make().unwrap();
        let planted = folder.file("faults.jsonl");
        folder.write(&planted, b"").unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&planted, Some(us() + 1), None).is_ok() {
            let error = folder.refuse_foreign().unwrap_err();
            assert!(error.problem.contains("faults.jsonl"), "{error}");
        }
    }

    #[test]
    fn a_lab_that_is_not_there_is_nobodys() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("x"));
        assert_eq!(folder.refuse_foreign_to(us() + 1), Ok(()));
    }

    #[test]
    fn what_a_lab_keeps_is_its_owners_alone_and_is_written_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("x"));
        folder.make().unwrap();
        let path = folder.file("secrets.json");
        folder.write(&path, b"one").unwrap();
        folder.write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&path)), (0o700, 0o600));
        assert!(!path.with_extension("part").exists());
    }

    #[test]
    fn what_others_put_beside_a_lab_goes_and_what_it_keeps_and_the_locks_stay() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("x"));
        folder.make().unwrap();
        let stay = ["faults.lock", "journal.jsonl", "lab.json", "secrets.json"];
        for name in stay.into_iter().chain(["faults.jsonl", "watchdog.log"]) {
            folder.write(&folder.file(name), b"").unwrap();
        }
        fs::write(folder.site_file(), b"").unwrap();
        fs::create_dir_all(folder.file("images/bin")).unwrap();
        folder.remove_others().unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        let stay: Vec<&str> = stay.into_iter().chain([SITES]).collect();
        assert_eq!(left, stay);
        assert!(folder.site_file().exists());
    }
}
