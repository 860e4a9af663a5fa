//! The drive: one folder a bucket, in it two files an object, one for its bytes and one for the rest.
//!
//! What is known of the objects is held in memory and written through, so that a listing is one
//! walk over a sorted map. Keys are no file names here: nothing a client calls its objects can leave the
//! folder, and `a` and `a/b` live side by side.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3s::{S3Error, s3_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::body::{Received, hex, internal};
use super::object::{About, Object, now};
use super::settings::Settings;

/// What is ours between the buckets; no bucket's name begins with a dot.
const OURS: &str = ".minio.sys";

/// The drive.
pub struct Disk {
    root: PathBuf,
    buckets: Mutex<BTreeMap<String, Bucket>>,
    serial: AtomicU64,
}

#[derive(Default)]
struct Bucket {
    settings: Settings,
    objects: BTreeMap<String, Object>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    object: Object,
}

/// Why the drive does not do what is asked.
#[derive(Debug)]
pub enum Refusal {
    NoSuchBucket,
    NoSuchKey,
    BucketExists,
    BucketNotEmpty,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchBucket => {
                s3_error!(NoSuchBucket, "The specified bucket does not exist")
            }
            Refusal::NoSuchKey => s3_error!(NoSuchKey, "The specified key does not exist."),
            Refusal::BucketExists => s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            ),
            Refusal::BucketNotEmpty => {
                s3_error!(
                    BucketNotEmpty,
                    "The bucket you tried to delete is not empty"
                )
            }
            Refusal::Io(error) => internal(error),
        }
    }
}

impl Disk {
    /// Reads what an earlier run left.
    pub fn open(root: &Path) -> io::Result<Self> {
        let ours = root.join(OURS);
        // What was on its way in when the last run ended was never acknowledged.
        let _ = std::fs::remove_dir_all(ours.join("tmp"));
        std::fs::create_dir_all(ours.join("tmp"))?;
        std::fs::create_dir_all(ours.join("buckets"))?;
        let mut buckets = BTreeMap::new();
        for entry in std::fs::read_dir(root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() && !name.starts_with('.') {
                let settings = read(&ours.join("buckets").join(&name)).unwrap_or_default();
                let objects = objects(&entry.path())?;
                buckets.insert(name, Bucket { settings, objects });
            }
        }
        Ok(Self {
            root: root.to_owned(),
            buckets: Mutex::new(buckets),
            serial: AtomicU64::new(0),
        })
    }

    /// The buckets and when they were made, in milliseconds since 1970.
    pub fn buckets(&self) -> Vec<(String, u64)> {
        let buckets = self.lock();
        buckets
            .iter()
            .filter(|(name, _)| self.root.join(name).is_dir())
            .map(|(name, bucket)| (name.clone(), bucket.settings.created))
            .collect()
    }

    /// Makes a bucket.
    pub fn create(&self, name: &str) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        if self.root.join(name).is_dir() {
            return Err(Refusal::BucketExists);
        }
        std::fs::create_dir(self.root.join(name))?;
        let settings = Settings {
            created: now(),
            ..Settings::default()
        };
        self.write(&self.settings_file(name), &settings)?;
        let bucket = Bucket {
            settings,
            objects: BTreeMap::new(),
        };
        buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Removes an empty bucket.
    pub fn remove(&self, name: &str) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        if !self.bucket(&mut buckets, name)?.objects.is_empty() {
            return Err(Refusal::BucketNotEmpty);
        }
        std::fs::remove_dir_all(self.root.join(name))?;
        let _ = std::fs::remove_file(self.settings_file(name));
        buckets.remove(name);
        Ok(())
    }

    /// What is set for a bucket.
    pub fn settings(&self, name: &str) -> Result<Settings, Refusal> {
        let mut buckets = self.lock();
        Ok(self.bucket(&mut buckets, name)?.settings.clone())
    }

    /// Sets something for a bucket.
    pub fn set(&self, name: &str, change: impl FnOnce(&mut Settings)) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        let bucket = self.bucket(&mut buckets, name)?;
        let mut settings = bucket.settings.clone();
        change(&mut settings);
        self.write(&self.settings_file(name), &settings)?;
        bucket.settings = settings;
        Ok(())
    }

    /// Looks at all objects of a bucket.
    pub fn look<T>(
        &self,
        bucket: &str,
        at: impl FnOnce(&BTreeMap<String, Object>) -> T,
    ) -> Result<T, Refusal> {
        let mut buckets = self.lock();
        Ok(at(&self.bucket(&mut buckets, bucket)?.objects))
    }

    /// One object.
    pub fn object(&self, bucket: &str, key: &str) -> Result<Object, Refusal> {
        self.look(bucket, |objects| objects.get(key).cloned())?
            .ok_or(Refusal::NoSuchKey)
    }

    /// The file of an object's bytes.
    pub fn data(&self, bucket: &str, object: &Object) -> PathBuf {
        self.root.join(bucket).join(&object.data)
    }

    /// A place for bytes on their way in.
    pub fn temporary(&self) -> PathBuf {
        self.root.join(OURS).join("tmp").join(self.serial())
    }

    /// Takes what arrived as the object of this key, instead of what was there.
    pub fn store(
        &self,
        bucket: &str,
        key: &str,
        received: Received,
        etag: String,
        about: About,
    ) -> Result<Object, Refusal> {
        let mut buckets = self.lock();
        let objects = &mut self.bucket(&mut buckets, bucket)?.objects;
        let object = Object {
            etag,
            size: received.size,
            modified: now(),
            data: format!("{}.{}", stem(key), self.serial()),
            about,
        };
        std::fs::rename(&received.path, self.data(bucket, &object))?;
        self.note(bucket, key, &object)?;
        if let Some(old) = objects.insert(key.to_owned(), object.clone()) {
            let _ = std::fs::remove_file(self.data(bucket, &old));
        }
        Ok(object)
    }

    /// Says something else of an object; its bytes and so its ETag stay.
    pub fn retouch(&self, bucket: &str, key: &str, about: About) -> Result<Object, Refusal> {
        let mut buckets = self.lock();
        let objects = &mut self.bucket(&mut buckets, bucket)?.objects;
        let object = objects.get_mut(key).ok_or(Refusal::NoSuchKey)?;
        let changed = Object {
            modified: now(),
            about,
            ..object.clone()
        };
        self.note(bucket, key, &changed)?;
        *object = changed.clone();
        Ok(changed)
    }

    /// Removes an object; none there is none to remove.
    pub fn delete(&self, bucket: &str, key: &str) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        let objects = &mut self.bucket(&mut buckets, bucket)?.objects;
        if let Some(old) = objects.remove(key) {
            std::fs::remove_file(self.note_file(bucket, key))?;
            let _ = std::fs::remove_file(self.data(bucket, &old));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bucket whose folder somebody removed is gone.
    fn bucket<'a>(
        &self,
        buckets: &'a mut BTreeMap<String, Bucket>,
        name: &str,
    ) -> Result<&'a mut Bucket, Refusal> {
        if !self.root.join(name).is_dir() {
            buckets.remove(name);
        }
        buckets.get_mut(name).ok_or(Refusal::NoSuchBucket)
    }

    fn settings_file(&self, bucket: &str) -> PathBuf {
        self.root.join(OURS).join("buckets").join(bucket)
    }

    fn note_file(&self, bucket: &str, key: &str) -> PathBuf {
        self.root.join(bucket).join(format!("{}.json", stem(key)))
    }

    fn note(&self, bucket: &str, key: &str, object: &Object) -> io::Result<()> {
        let record = Record {
            key: key.to_owned(),
            object: object.clone(),
        };
        self.write(&self.note_file(bucket, key), &record)
    }

    /// A file is either the old one or the new one, whenever the power goes.
    fn write(&self, path: &Path, value: &impl Serialize) -> io::Result<()> {
        let temporary = self.temporary();
        std::fs::write(&temporary, serde_json::to_vec(value)?)?;
        std::fs::rename(temporary, path)
    }

    /// Differs from every other one, those of earlier runs included.
    fn serial(&self) -> String {
        format!("{}-{}", now(), self.serial.fetch_add(1, Ordering::Relaxed))
    }
}

fn objects(folder: &Path) -> io::Result<BTreeMap<String, Object>> {
    let mut objects = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && let Some(Record { key, object }) = read(&path)
            && folder.join(&object.data).is_file()
        {
            objects.insert(key, object);
        }
    }
    Ok(objects)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn stem(key: &str) -> String {
    hex(&Sha256::digest(key))
}
