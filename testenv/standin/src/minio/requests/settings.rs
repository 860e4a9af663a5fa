//! Requests about what is set for a bucket.

use axum::http::StatusCode;
use s3s::dto::*;
use s3s::{S3Result, s3_error};

use crate::minio::drive::Drive;

impl Drive {
    pub(in crate::minio) fn get_bucket_versioning(
        &self,
        input: &GetBucketVersioningInput,
    ) -> S3Result<GetBucketVersioningOutput> {
        let set = self.disk.settings(&input.bucket)?.versioning;
        Ok(GetBucketVersioningOutput {
            status: set.and_then(|set| set.status),
            ..GetBucketVersioningOutput::default()
        })
    }

    pub(in crate::minio) fn put_bucket_versioning(
        &self,
        input: PutBucketVersioningInput,
    ) -> S3Result<PutBucketVersioningOutput> {
        let value = input.versioning_configuration;
        self.disk.set(&input.bucket, |settings| {
            settings.versioning = Some(value);
        })?;
        Ok(PutBucketVersioningOutput {})
    }

    pub(in crate::minio) fn get_bucket_encryption(
        &self,
        input: &GetBucketEncryptionInput,
    ) -> S3Result<GetBucketEncryptionOutput> {
        let set = self.disk.settings(&input.bucket)?.encryption;
        if set.is_none() {
            let mut refusal = s3_error!(
                ServerSideEncryptionConfigurationNotFoundError,
                "The server side encryption configuration was not found"
            );
            refusal.set_status_code(StatusCode::NOT_FOUND);
            return Err(refusal);
        }
        Ok(GetBucketEncryptionOutput {
            server_side_encryption_configuration: set,
        })
    }

    pub(in crate::minio) fn put_bucket_encryption(
        &self,
        input: PutBucketEncryptionInput,
    ) -> S3Result<PutBucketEncryptionOutput> {
        let value = input.server_side_encryption_configuration;
        self.disk.set(&input.bucket, |settings| {
            settings.encryption = Some(value);
        })?;
        Ok(PutBucketEncryptionOutput {})
    }

    pub(in crate::minio) fn delete_bucket_encryption(
        &self,
        input: &DeleteBucketEncryptionInput,
    ) -> S3Result<DeleteBucketEncryptionOutput> {
        self.disk.set(&input.bucket, |set| set.encryption = None)?;
        Ok(DeleteBucketEncryptionOutput {})
    }

    pub(in crate::minio) fn get_bucket_policy(
        &self,
        input: &GetBucketPolicyInput,
    ) -> S3Result<GetBucketPolicyOutput> {
        let policy = self.disk.settings(&input.bucket)?.policy;
        if policy.is_none() {
            return Err(s3_error!(
                NoSuchBucketPolicy,
                "The bucket policy does not exist"
            ));
        }
        Ok(GetBucketPolicyOutput { policy })
    }
}
