//! The sockets: the S3 interface with MinIO's health requests beside it, and the console.

use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::header::SERVER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, Response};
use axum::routing::get;
use s3s::S3Result;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;

use super::admin::Admin;
use super::command::{Command, Credentials};
use super::disk::Disk;
use super::drive::Drive;
use crate::log;

/// What MinIO's documentation promises of one drive: it takes writes as long as it lives.
const QUORUM: HeaderName = HeaderName::from_static("x-minio-write-quorum");

/// Serves until the end of the world.
pub async fn serve(command: &Command, credentials: Credentials) -> Result<(), String> {
    let disk = Disk::open(command.folder.as_ref())
        .map_err(|e| format!("Unable to use the drive {}: {e}", command.folder))?;
    let disk = Arc::new(disk);
    let listener = listen(&command.address).await?;
    if let Some(console) = &command.console {
        let listener = listen(console).await?;
        let page = Router::new().fallback(|| async { Html("<title>MinIO Console</title>") });
        tokio::spawn(async move { axum::serve(listener, page).await });
    }
    crate::say("MinIO Object Storage Server (a stand-in of runproof)");
    crate::say(&format!("API: http://{}", command.address));
    axum::serve(listener, router(disk, credentials))
        .await
        .map_err(|e| e.to_string())
}

async fn listen(address: &str) -> Result<tokio::net::TcpListener, String> {
    tokio::net::TcpListener::bind(address).await.map_err(|e| {
        format!(
            "Unable to start the server: listen tcp {address}: bind: {}",
            log::cause(&e)
        )
    })
}

fn router(disk: Arc<Disk>, credentials: Credentials) -> Router {
    let mut service = S3ServiceBuilder::new(Drive::new(Arc::clone(&disk)));
    service.set_auth(Root(credentials));
    service.set_route(Admin::new(disk));
    let s3 = HandleError::new(service.build(), |_| async {
        StatusCode::INTERNAL_SERVER_ERROR
    });
    Router::new()
        .route("/minio/health/live", get(|| async {}))
        .route("/minio/health/ready", get(|| async {}))
        .route(
            "/minio/health/cluster",
            get(|| async { [(QUORUM, HeaderValue::from_static("1"))] }),
        )
        .fallback_service(s3)
        .layer(axum::middleware::map_response(
            |mut response: Response| async {
                let headers = response.headers_mut();
                headers.insert(SERVER, HeaderValue::from_static("MinIO"));
                response
            },
        ))
}

/// There is one user.
struct Root(Credentials);

#[async_trait::async_trait]
impl S3Auth for Root {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.user {
            return Ok(SecretKey::from(self.0.password.clone()));
        }
        Err(s3s::s3_error!(
            InvalidAccessKeyId,
            "The Access Key Id you provided does not exist in our records."
        ))
    }
}
