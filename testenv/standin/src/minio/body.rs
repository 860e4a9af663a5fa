//! Bytes on their way in, to a file beside the buckets, and on their way out.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

/// What arrived, in a file that its owner moves or removes.
pub struct Received {
    pub path: PathBuf,
    pub size: u64,
    pub md5: [u8; 16],
}

/// Writes a body to `path`; what the client announced must be what arrives.
pub async fn receive(
    path: PathBuf,
    body: Option<StreamingBlob>,
    announced: Option<&str>,
) -> S3Result<Received> {
    let received = copy(&path, body).await;
    let refusal = match received {
        Ok(received) if announced.is_none_or(|md5| md5 == base64(&received.md5)) => {
            return Ok(received);
        }
        Ok(_) => s3_error!(BadDigest),
        // A chunk whose signature does not fit, or a client that hung up.
        Err(refusal) => refusal,
    };
    let _ = std::fs::remove_file(&path);
    Err(refusal)
}

async fn copy(path: &Path, body: Option<StreamingBlob>) -> S3Result<Received> {
    let mut file = tokio::fs::File::create(path).await.map_err(internal)?;
    let (mut digest, mut size) = (Md5::new(), 0);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|e| match e.downcast::<S3Error>() {
                Ok(refusal) => *refusal,
                Err(e) => s3_error!(IncompleteBody, "{e}"),
            })?;
            digest.update(&chunk);
            size += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(internal)?;
        }
    }
    file.sync_all().await.map_err(internal)?;
    Ok(Received {
        path: path.to_owned(),
        size,
        md5: digest.finalize().into(),
    })
}

/// A part of a file as a body.
pub async fn send(path: &Path, from: u64, length: u64) -> io::Result<StreamingBlob> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(io::SeekFrom::Start(from)).await?;
    Ok(StreamingBlob::wrap(ReaderStream::new(file.take(length))))
}

/// Lower-case hexadecimal, as ETags are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What is nobody's fault but ours.
pub fn internal(error: io::Error) -> S3Error {
    s3_error!(InternalError, "{error}")
}
