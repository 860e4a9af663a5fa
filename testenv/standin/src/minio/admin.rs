//! `mc admin info`: the one request of MinIO's administration that is answered.

use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Request, S3Response, S3Result, s3_error};
use serde_json::json;

use super::disk::Disk;

const ROOT: &str = "/minio/admin/";

/// The route of the administration. Its requests are signed like all others.
pub struct Admin {
    disk: Arc<Disk>,
}

impl Admin {
    pub fn new(disk: Arc<Disk>) -> Self {
        Self { disk }
    }

    fn info(&self) -> String {
        let buckets = self.disk.buckets();
        let (mut objects, mut bytes) = (0, 0);
        for (bucket, _) in &buckets {
            let sum = self.disk.look(bucket, |all| {
                (
                    all.len(),
                    all.values().map(|object| object.size).sum::<u64>(),
                )
            });
            if let Ok((count, size)) = sum {
                objects += count;
                bytes += size;
            }
        }
        json!({
            "mode": "online",
            "deploymentID": "00000000-0000-0000-0000-000000000000",
            "buckets": { "count": buckets.len() },
            "objects": { "count": objects },
            "usage": { "size": bytes },
            "backend": { "backendType": "FS" },
            "servers": [{
                "state": "online",
                "endpoint": "stand-in",
                "version": env!("CARGO_PKG_VERSION"),
                "commitID": "standin",
            }],
        })
        .to_string()
    }
}

#[async_trait::async_trait]
impl S3Route for Admin {
    fn is_match(&self, _: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        uri.path().starts_with(ROOT)
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let path = request.uri.path().strip_prefix(ROOT).unwrap_or_default();
        match path.split_once('/') {
            Some((_, "info")) => Ok(S3Response::with_status(
                Body::from(self.info()),
                StatusCode::OK,
            )),
            _ => Err(s3_error!(
                NotImplemented,
                "of the administration only info is answered here"
            )),
        }
    }
}
