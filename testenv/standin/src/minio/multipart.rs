//! Uploads in parts, each a file until all are joined.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use md5::{Digest, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};

use super::body::{Received, hex, internal};
use super::object::About;

/// Every part but the last has at least this size.
const LEAST: u64 = 5 << 20;

/// The uploads under way.
#[derive(Default)]
pub struct Uploads(Mutex<HashMap<String, Upload>>);

struct Upload {
    bucket: String,
    key: String,
    about: About,
    parts: BTreeMap<i32, Received>,
}

/// What became of an upload: its bytes, its ETag, what the client said of it.
pub struct Joined {
    pub received: Received,
    pub etag: String,
    pub about: About,
}

impl Drop for Upload {
    fn drop(&mut self) {
        for part in self.parts.values() {
            let _ = std::fs::remove_file(&part.path);
        }
    }
}

impl Uploads {
    /// Begins an upload.
    pub fn begin(&self, id: String, bucket: &str, key: &str, about: About) {
        let upload = Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            about,
            parts: BTreeMap::new(),
        };
        self.lock().insert(id, upload);
    }

    /// Takes a part, and gives its ETag.
    pub fn part(
        &self,
        id: &str,
        bucket: &str,
        key: &str,
        number: i32,
        part: Received,
    ) -> S3Result<String> {
        let mut uploads = self.lock();
        let upload = find(&mut uploads, id, bucket, key)?;
        let etag = hex(&part.md5);
        if let Some(old) = upload.parts.insert(number, part) {
            let _ = std::fs::remove_file(&old.path);
        }
        Ok(etag)
    }

    /// The parts that came: number, size, ETag.
    pub fn parts(&self, id: &str, bucket: &str, key: &str) -> S3Result<Vec<(i32, u64, String)>> {
        let mut uploads = self.lock();
        let upload = find(&mut uploads, id, bucket, key)?;
        let parts = upload.parts.iter();
        Ok(parts
            .map(|(number, part)| (*number, part.size, hex(&part.md5)))
            .collect())
    }

    /// Forgets an upload.
    pub fn abort(&self, id: &str, bucket: &str, key: &str) -> S3Result<()> {
        let mut uploads = self.lock();
        find(&mut uploads, id, bucket, key)?;
        uploads.remove(id);
        Ok(())
    }

    /// Joins the named parts into one file.
    pub fn complete(
        &self,
        id: &str,
        bucket: &str,
        key: &str,
        named: &[CompletedPart],
        path: PathBuf,
    ) -> S3Result<Joined> {
        let mut uploads = self.lock();
        let upload = find(&mut uploads, id, bucket, key)?;
        let mut parts = Vec::new();
        let mut last = 0;
        for name in named {
            let number = name.part_number.unwrap_or_default();
            if number <= last {
                return Err(s3_error!(InvalidPartOrder));
            }
            last = number;
            let part = upload.parts.get(&number).filter(|part| {
                name.e_tag
                    .as_ref()
                    .is_none_or(|etag| etag.value() == hex(&part.md5))
            });
            parts.push(part.ok_or_else(|| s3_error!(InvalidPart))?);
        }
        let Some((_, all_but_last)) = parts.split_last() else {
            return Err(s3_error!(MalformedXML));
        };
        if all_but_last.iter().any(|part| part.size < LEAST) {
            return Err(s3_error!(EntityTooSmall));
        }
        let received = join(&parts, path)?;
        let etag = format!("{}-{}", hex(&received.md5), parts.len());
        let about = std::mem::take(&mut upload.about);
        uploads.remove(id);
        Ok(Joined {
            received,
            etag,
            about,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(
    uploads: &'a mut HashMap<String, Upload>,
    id: &str,
    bucket: &str,
    key: &str,
) -> S3Result<&'a mut Upload> {
    uploads
        .get_mut(id)
        .filter(|upload| upload.bucket == bucket && upload.key == key)
        .ok_or_else(|| s3_error!(NoSuchUpload))
}

/// The digest of a joined object is that of its parts' digests.
fn join(parts: &[&Received], path: PathBuf) -> S3Result<Received> {
    let mut file = std::fs::File::create(&path).map_err(internal)?;
    let (mut digest, mut size) = (Md5::new(), 0);
    for part in parts {
        let mut source = std::fs::File::open(&part.path).map_err(internal)?;
        size += std::io::copy(&mut source, &mut file).map_err(internal)?;
        digest.update(part.md5);
    }
    file.flush().map_err(internal)?;
    Ok(Received {
        path,
        size,
        md5: digest.finalize().into(),
    })
}
