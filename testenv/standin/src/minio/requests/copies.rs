//! Requests that copy objects and remove them.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use crate::minio::body::{Received, internal};
use crate::minio::drive::Drive;
use crate::minio::object::{About, Object};

impl Drive {
    /// An object copied onto itself: refused, unless what is said of it is to be replaced, and then
    /// its bytes and its ETag stay as they are. S3's documentation says the first, MinIO's bug tracker
    /// holds the second as its promise. So the documented `mc cp` of a file over itself gives no new ETag.
    pub(in crate::minio) async fn copy_object(
        &self,
        input: CopyObjectInput,
    ) -> S3Result<CopyObjectOutput> {
        let CopySource::Bucket {
            bucket: from_bucket,
            key: from_key,
            ..
        } = &input.copy_source
        else {
            return Err(s3_error!(NotImplemented));
        };
        let source = self.disk.object(from_bucket, from_key)?;
        let only = input.copy_source_if_match.as_ref();
        let unless = input.copy_source_if_none_match.as_ref();
        if only.is_some_and(|condition| !source.matches(condition))
            || unless.is_some_and(|condition| source.matches(condition))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let directive = input.metadata_directive.as_ref();
        let replace = directive.is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        let about = if replace {
            About {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_disposition: input.content_disposition,
                content_language: input.content_language,
                cache_control: input.cache_control,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            }
        } else {
            source.about.clone()
        };
        let itself = **from_bucket == *input.bucket && **from_key == *input.key;
        let object = match (itself, replace) {
            (true, false) => {
                return Err(s3_error!(
                    InvalidRequest,
                    "This copy request is illegal because it is trying to copy an object to itself \
                     without changing the object's metadata, storage class, website redirect \
                     location or encryption attributes."
                ));
            }
            (true, true) => self.disk.retouch(&input.bucket, &input.key, about)?,
            (false, _) => {
                let received = self.duplicate(from_bucket, &source).await?;
                let etag = source.etag;
                self.disk
                    .store(&input.bucket, &input.key, received, etag, about)?
            }
        };
        Ok(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(object.e_tag()),
                last_modified: Some(object.modified()),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        })
    }

    async fn duplicate(&self, bucket: &str, source: &Object) -> S3Result<Received> {
        let path = self.disk.temporary();
        tokio::fs::copy(self.disk.data(bucket, source), &path)
            .await
            .map_err(internal)?;
        Ok(Received {
            path,
            size: source.size,
            md5: [0; 16],
        })
    }

    pub(in crate::minio) fn delete_object(
        &self,
        input: &DeleteObjectInput,
    ) -> S3Result<DeleteObjectOutput> {
        self.disk.delete(&input.bucket, &input.key)?;
        Ok(DeleteObjectOutput::default())
    }

    pub(in crate::minio) fn delete_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            self.disk.delete(&input.bucket, &object.key)?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            });
        }
        let quiet = input.delete.quiet.unwrap_or_default();
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            ..DeleteObjectsOutput::default()
        })
    }
}
