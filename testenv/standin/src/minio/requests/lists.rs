//! Requests that list objects.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::owner;
use crate::minio::drive::Drive;
use crate::minio::listing::{Listing, Page, encode};

/// As many names a page, however many are asked for.
const MOST: i32 = 1000;

impl Drive {
    fn page(&self, bucket: &str, listing: &Listing) -> S3Result<Page> {
        Ok(self.disk.look(bucket, |objects| listing.of(objects))?)
    }

    pub(in crate::minio) fn list_objects(
        &self,
        input: ListObjectsInput,
    ) -> S3Result<ListObjectsOutput> {
        let max = most(input.max_keys)?;
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter(input.delimiter),
            after: input.marker.clone().unwrap_or_default(),
            max: usize::try_from(max).unwrap_or_default(),
        };
        let page = self.page(&input.bucket, &listing)?;
        let name = Names::of(input.encoding_type.as_ref());
        Ok(ListObjectsOutput {
            prefix: input.prefix.map(|prefix| name.write(&prefix)),
            marker: Some(name.write(&listing.after)),
            delimiter: listing.delimiter.as_deref().map(|d| name.write(d)),
            max_keys: Some(max),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.as_deref().map(|next| name.write(next)),
            common_prefixes: Some(prefixes(&page, &name)),
            contents: Some(contents(page, &name, true)),
            encoding_type: input.encoding_type,
            name: Some(input.bucket),
            ..ListObjectsOutput::default()
        })
    }

    pub(in crate::minio) fn list_objects_v2(
        &self,
        input: ListObjectsV2Input,
    ) -> S3Result<ListObjectsV2Output> {
        let max = most(input.max_keys)?;
        let after = input.continuation_token.as_ref();
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter(input.delimiter),
            after: after
                .or(input.start_after.as_ref())
                .cloned()
                .unwrap_or_default(),
            max: usize::try_from(max).unwrap_or_default(),
        };
        let page = self.page(&input.bucket, &listing)?;
        let name = Names::of(input.encoding_type.as_ref());
        let count = page.objects.len() + page.prefixes.len();
        let owned = input.fetch_owner.unwrap_or_default();
        Ok(ListObjectsV2Output {
            prefix: input.prefix.map(|prefix| name.write(&prefix)),
            start_after: input.start_after.map(|after| name.write(&after)),
            delimiter: listing.delimiter.as_deref().map(|d| name.write(d)),
            max_keys: Some(max),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(page.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: page.next.clone(),
            common_prefixes: Some(prefixes(&page, &name)),
            contents: Some(contents(page, &name, owned)),
            encoding_type: input.encoding_type,
            name: Some(input.bucket),
            ..ListObjectsV2Output::default()
        })
    }

    pub(in crate::minio) fn list_object_versions(
        &self,
        input: ListObjectVersionsInput,
    ) -> S3Result<ListObjectVersionsOutput> {
        let max = most(input.max_keys)?;
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter(input.delimiter),
            after: input.key_marker.clone().unwrap_or_default(),
            max: usize::try_from(max).unwrap_or_default(),
        };
        let page = self.page(&input.bucket, &listing)?;
        let name = Names::of(input.encoding_type.as_ref());
        let common = prefixes(&page, &name);
        let next = page.next.as_deref().map(|next| name.write(next));
        let versions = page.objects.into_iter().map(|(key, object)| ObjectVersion {
            e_tag: Some(object.e_tag()),
            is_latest: Some(true),
            key: Some(name.write(&key)),
            last_modified: Some(object.modified()),
            owner: Some(owner()),
            size: i64::try_from(object.size).ok(),
            // What S3 calls the version of an object that was written without versions.
            version_id: Some("null".to_owned()),
            ..ObjectVersion::default()
        });
        Ok(ListObjectVersionsOutput {
            versions: Some(versions.collect()),
            common_prefixes: Some(common),
            prefix: input.prefix.map(|prefix| name.write(&prefix)),
            max_keys: Some(max),
            is_truncated: Some(next.is_some()),
            next_key_marker: next,
            encoding_type: input.encoding_type,
            name: Some(input.bucket),
            ..ListObjectVersionsOutput::default()
        })
    }
}

fn most(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(MOST) {
        negative if negative < 0 => Err(s3_error!(InvalidArgument, "max-keys is negative")),
        asked => Ok(asked.min(MOST)),
    }
}

/// An empty delimiter is none.
fn delimiter(asked: Option<String>) -> Option<String> {
    asked.filter(|delimiter| !delimiter.is_empty())
}

/// How names are written in an answer.
struct Names {
    encoded: bool,
}

impl Names {
    fn of(asked: Option<&EncodingType>) -> Self {
        Self {
            encoded: asked.is_some_and(|encoding| encoding.as_str() == EncodingType::URL),
        }
    }

    fn write(&self, name: &str) -> String {
        if self.encoded {
            encode(name)
        } else {
            name.to_owned()
        }
    }
}

fn prefixes(page: &Page, name: &Names) -> Vec<CommonPrefix> {
    let prefixes = page.prefixes.iter();
    prefixes
        .map(|prefix| CommonPrefix {
            prefix: Some(name.write(prefix)),
        })
        .collect()
}

fn contents(page: Page, name: &Names, owned: bool) -> Vec<s3s::dto::Object> {
    let objects = page.objects.into_iter();
    objects
        .map(|(key, object)| s3s::dto::Object {
            e_tag: Some(object.e_tag()),
            key: Some(name.write(&key)),
            last_modified: Some(object.modified()),
            owner: owned.then(owner),
            size: i64::try_from(object.size).ok(),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            ..s3s::dto::Object::default()
        })
        .collect()
}
