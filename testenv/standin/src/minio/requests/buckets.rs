//! Requests about buckets.

use s3s::S3Result;
use s3s::dto::*;

use super::owner;
use crate::minio::drive::Drive;
use crate::minio::object::moment;

/// MinIO's region when none is set.
const REGION: &str = "us-east-1";

impl Drive {
    pub(in crate::minio) fn list_buckets(&self) -> ListBucketsOutput {
        let buckets = self.disk.buckets().into_iter();
        let buckets = buckets.map(|(name, created)| Bucket {
            name: Some(name),
            creation_date: Some(moment(created)),
            ..Bucket::default()
        });
        ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(owner()),
            ..ListBucketsOutput::default()
        }
    }

    pub(in crate::minio) fn create_bucket(
        &self,
        input: &CreateBucketInput,
    ) -> S3Result<CreateBucketOutput> {
        self.disk.create(&input.bucket)?;
        Ok(CreateBucketOutput {
            location: Some(format!("/{}", input.bucket)),
        })
    }

    pub(in crate::minio) fn head_bucket(
        &self,
        input: &HeadBucketInput,
    ) -> S3Result<HeadBucketOutput> {
        self.disk.settings(&input.bucket)?;
        Ok(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..HeadBucketOutput::default()
        })
    }

    pub(in crate::minio) fn delete_bucket(
        &self,
        input: &DeleteBucketInput,
    ) -> S3Result<DeleteBucketOutput> {
        self.disk.remove(&input.bucket)?;
        Ok(DeleteBucketOutput {})
    }

    pub(in crate::minio) fn get_bucket_location(
        &self,
        input: &GetBucketLocationInput,
    ) -> S3Result<GetBucketLocationOutput> {
        self.disk.settings(&input.bucket)?;
        // The first region has an empty name here, says S3's documentation.
        Ok(GetBucketLocationOutput::default())
    }
}
