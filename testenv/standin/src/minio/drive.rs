//! The interface of S3 over the drive: which request goes where.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::disk::Disk;
use super::multipart::Uploads;

/// The interface over the drive.
pub struct Drive {
    pub disk: Arc<Disk>,
    pub uploads: Uploads,
}

impl Drive {
    pub fn new(disk: Arc<Disk>) -> Self {
        Self {
            disk,
            uploads: Uploads::default(),
        }
    }
}

/// What stands behind an answer of S3.
type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Drive {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        Ok(S3Response::new(self.list_buckets()))
    }

    async fn create_bucket(&self, r: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        Ok(S3Response::new(self.create_bucket(&r.input)?))
    }

    async fn head_bucket(&self, r: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        Ok(S3Response::new(self.head_bucket(&r.input)?))
    }

    async fn delete_bucket(&self, r: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        Ok(S3Response::new(self.delete_bucket(&r.input)?))
    }

    async fn get_bucket_location(
        &self,
        r: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        Ok(S3Response::new(self.get_bucket_location(&r.input)?))
    }

    async fn get_bucket_versioning(
        &self,
        r: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        Ok(S3Response::new(self.get_bucket_versioning(&r.input)?))
    }

    async fn put_bucket_versioning(
        &self,
        r: S3Request<PutBucketVersioningInput>,
    ) -> Answer<PutBucketVersioningOutput> {
        Ok(S3Response::new(self.put_bucket_versioning(r.input)?))
    }

    async fn get_bucket_encryption(
        &self,
        r: S3Request<GetBucketEncryptionInput>,
    ) -> Answer<GetBucketEncryptionOutput> {
        Ok(S3Response::new(self.get_bucket_encryption(&r.input)?))
    }

    async fn put_bucket_encryption(
        &self,
        r: S3Request<PutBucketEncryptionInput>,
    ) -> Answer<PutBucketEncryptionOutput> {
        Ok(S3Response::new(self.put_bucket_encryption(r.input)?))
    }

    async fn delete_bucket_encryption(
        &self,
        r: S3Request<DeleteBucketEncryptionInput>,
    ) -> Answer<DeleteBucketEncryptionOutput> {
        Ok(S3Response::new(self.delete_bucket_encryption(&r.input)?))
    }

    async fn get_bucket_policy(
        &self,
        r: S3Request<GetBucketPolicyInput>,
    ) -> Answer<GetBucketPolicyOutput> {
        Ok(S3Response::new(self.get_bucket_policy(&r.input)?))
    }

    async fn list_objects(&self, r: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        Ok(S3Response::new(self.list_objects(r.input)?))
    }

    async fn list_objects_v2(
        &self,
        r: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        Ok(S3Response::new(self.list_objects_v2(r.input)?))
    }

    async fn list_object_versions(
        &self,
        r: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        Ok(S3Response::new(self.list_object_versions(r.input)?))
    }

    async fn put_object(&self, r: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        Ok(S3Response::new(self.put_object(r.input).await?))
    }

    async fn get_object(&self, r: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        Ok(S3Response::new(self.get_object(r.input).await?))
    }

    async fn head_object(&self, r: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        Ok(S3Response::new(self.head_object(r.input)?))
    }

    async fn copy_object(&self, r: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        Ok(S3Response::new(self.copy_object(r.input).await?))
    }

    async fn delete_object(&self, r: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        Ok(S3Response::new(self.delete_object(&r.input)?))
    }

    async fn delete_objects(
        &self,
        r: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        Ok(S3Response::new(self.delete_objects(r.input)?))
    }

    async fn create_multipart_upload(
        &self,
        r: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        Ok(S3Response::new(self.create_multipart_upload(r.input)?))
    }

    async fn upload_part(&self, r: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        Ok(S3Response::new(self.upload_part(r.input).await?))
    }

    async fn list_parts(&self, r: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        Ok(S3Response::new(self.list_parts(r.input)?))
    }

    async fn complete_multipart_upload(
        &self,
        r: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        Ok(S3Response::new(self.complete_multipart_upload(r.input)?))
    }

    async fn abort_multipart_upload(
        &self,
        r: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        Ok(S3Response::new(self.abort_multipart_upload(&r.input)?))
    }
}
