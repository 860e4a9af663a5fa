//! Requests of uploads in parts.

use s3s::S3Result;
use s3s::dto::*;

use crate::minio::body::{self, hex};
use crate::minio::drive::Drive;
use crate::minio::object::About;

impl Drive {
    pub(in crate::minio) fn create_multipart_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        self.disk.settings(&input.bucket)?;
        let path = self.disk.temporary();
        let id = hex(path.as_os_str().as_encoded_bytes());
        let about = About {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        };
        self.uploads
            .begin(id.clone(), &input.bucket, &input.key, about);
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(in crate::minio) async fn upload_part(
        &self,
        input: UploadPartInput,
    ) -> S3Result<UploadPartOutput> {
        let md5 = input.content_md5.as_deref();
        let part = body::receive(self.disk.temporary(), input.body, md5).await?;
        let (id, number) = (&input.upload_id, input.part_number);
        let etag = self
            .uploads
            .part(id, &input.bucket, &input.key, number, part)?;
        Ok(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            ..UploadPartOutput::default()
        })
    }

    pub(in crate::minio) fn list_parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let parts = self
            .uploads
            .parts(&input.upload_id, &input.bucket, &input.key)?;
        let parts = parts.into_iter().map(|(number, size, etag)| Part {
            part_number: Some(number),
            size: i64::try_from(size).ok(),
            e_tag: Some(ETag::Strong(etag)),
            ..Part::default()
        });
        Ok(ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(false),
            ..ListPartsOutput::default()
        })
    }

    pub(in crate::minio) fn complete_multipart_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let named = input.multipart_upload.and_then(|upload| upload.parts);
        let named = named.unwrap_or_default();
        let (id, path) = (&input.upload_id, self.disk.temporary());
        let joined = self
            .uploads
            .complete(id, &input.bucket, &input.key, &named, path)?;
        let (received, etag) = (joined.received, joined.etag);
        let object = self
            .disk
            .store(&input.bucket, &input.key, received, etag, joined.about)?;
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(object.e_tag()),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    pub(in crate::minio) fn abort_multipart_upload(
        &self,
        input: &AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        self.uploads
            .abort(&input.upload_id, &input.bucket, &input.key)?;
        Ok(AbortMultipartUploadOutput::default())
    }
}
