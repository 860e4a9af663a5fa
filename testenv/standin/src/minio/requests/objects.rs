//! Requests that write and read one object.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use crate::minio::body::{self, hex};
use crate::minio::disk::Refusal;
use crate::minio::drive::Drive;
use crate::minio::object::{About, Object};

impl Drive {
    pub(in crate::minio) async fn put_object(
        &self,
        input: PutObjectInput,
    ) -> S3Result<PutObjectOutput> {
        self.disk.settings(&input.bucket)?;
        let md5 = input.content_md5.as_deref();
        let received = body::receive(self.disk.temporary(), input.body, md5).await?;
        let there = self.disk.object(&input.bucket, &input.key).ok();
        let unwanted = matches!((&input.if_none_match, &there), (Some(c), Some(o)) if o.matches(c));
        let missed = input
            .if_match
            .as_ref()
            .is_some_and(|c| !there.as_ref().is_some_and(|o| o.matches(c)));
        if unwanted || missed {
            let _ = std::fs::remove_file(&received.path);
            return Err(s3_error!(PreconditionFailed));
        }
        let about = About {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        };
        let etag = hex(&received.md5);
        let object = self
            .disk
            .store(&input.bucket, &input.key, received, etag, about)?;
        Ok(PutObjectOutput {
            e_tag: Some(object.e_tag()),
            ..PutObjectOutput::default()
        })
    }

    pub(in crate::minio) async fn get_object(
        &self,
        input: GetObjectInput,
    ) -> S3Result<GetObjectOutput> {
        let object = self.disk.object(&input.bucket, &input.key)?;
        demand(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        let range = match &input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let length = range.end - range.start;
        let path = self.disk.data(&input.bucket, &object);
        let blob = body::send(&path, range.start, length)
            .await
            .map_err(|_| Refusal::NoSuchKey)?;
        let said = input
            .range
            .is_some()
            .then(|| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        Ok(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(blob),
            content_length: i64::try_from(length).ok(),
            content_range: said,
            e_tag: Some(object.e_tag()),
            last_modified: Some(object.modified()),
            content_type: Some(kind(&object)),
            content_encoding: object.about.content_encoding,
            content_disposition: object.about.content_disposition,
            content_language: object.about.content_language,
            cache_control: object.about.cache_control,
            metadata: Some(object.about.metadata.into_iter().collect()),
            ..GetObjectOutput::default()
        })
    }

    pub(in crate::minio) fn head_object(
        &self,
        input: HeadObjectInput,
    ) -> S3Result<HeadObjectOutput> {
        let object = self.disk.object(&input.bucket, &input.key)?;
        demand(
            &object,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(object.size).ok(),
            e_tag: Some(object.e_tag()),
            last_modified: Some(object.modified()),
            content_type: Some(kind(&object)),
            content_encoding: object.about.content_encoding,
            content_disposition: object.about.content_disposition,
            content_language: object.about.content_language,
            cache_control: object.about.cache_control,
            metadata: Some(object.about.metadata.into_iter().collect()),
            ..HeadObjectOutput::default()
        })
    }
}

/// Refuses where the client's conditions say so.
fn demand(
    object: &Object,
    only: Option<&ETagCondition>,
    unless: Option<&ETagCondition>,
) -> S3Result<()> {
    if only.is_some_and(|condition| !object.matches(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if unless.is_some_and(|condition| object.matches(condition)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// S3's type of an object of which nobody said any.
fn kind(object: &Object) -> String {
    let said = object.about.content_type.clone();
    said.unwrap_or_else(|| "binary/octet-stream".to_owned())
}
