//! JSON over HTTP on a unix socket, as the engines' daemons speak it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ETAG, IF_MATCH};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use runproof_model::ReasonKind;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::trouble::Trouble;

/// The largest answer that is read.
const BODY_CAP: usize = 64 << 20;
/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// A client. Every request has a connection of its own: on a unix socket that
/// costs a tenth of a millisecond, and twelve nodes never wait for each other.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    socket: PathBuf,
}

impl Rest {
    /// A client of the daemon at `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A fresh connection.
    pub async fn connect(&self) -> Result<UnixStream, Trouble> {
        UnixStream::connect(&self.socket)
            .await
            .map_err(|error| Trouble::io(&self.socket.to_string_lossy(), &error))
    }

    /// `GET`: the whole answer, as Docker gives it.
    pub async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.request(Method::GET, path, None).await
    }

    /// `GET`: the answer's `metadata`, as Incus and LXD wrap it.
    pub async fn get_metadata(&self, path: &str) -> Result<Value, Trouble> {
        self.get(path).await.map(metadata)
    }

    /// `POST`: the answer's `metadata`, as Incus and LXD wrap it.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.request(Method::POST, path, Some(body))
            .await
            .map(metadata)
    }

    /// Any request: the whole answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        self.request_within(REQUEST_TIME, method, path, body).await
    }

    /// The same with a time of its own: making and removing instances takes longer than a question.
    pub async fn request_within(
        &self,
        time: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        let answer = self.versioned(time, method, path, body, None).await?;
        Ok(answer.0)
    }

    /// The same with the version (`ETag`) of what was answered. Where `only` names a version, what
    /// has another one by now is left alone, and that is an error.
    pub async fn versioned(
        &self,
        time: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
        only: Option<&str>,
    ) -> Result<(Value, Option<String>), Trouble> {
        tokio::time::timeout(time, self.answer(method, path, body, only))
            .await
            .unwrap_or_else(|_| {
                Err(Trouble::new(
                    ReasonKind::Timeout,
                    "the engine does not answer",
                ))
            })
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        only: Option<&str>,
    ) -> Result<(Value, Option<String>), Trouble> {
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let driver = tokio::spawn(connection);
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "engine")
            .header("content-type", "application/json");
        if let Some(version) = only {
            request = request.header(IF_MATCH, version);
        }
        let request = request
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|error| Trouble::new(ReasonKind::Defect, error.to_string()))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let version = response.headers().get(ETAG);
        let version = version.and_then(|version| version.to_str().ok().map(str::to_owned));
        let body = Limited::new(response.into_body(), BODY_CAP)
            .collect()
            .await
            .map_err(|error| Trouble::new(ReasonKind::Unreachable, error.to_string()))?
            .to_bytes();
        driver.abort();
        // Docker answers some requests with nothing but a status.
        let envelope: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|error| {
                Trouble::new(ReasonKind::Garbled, format!("the engine: {error}"))
            })?
        };
        // Incus and LXD may put an error into an answer that is 200 itself.
        let inner = match envelope.get("type").and_then(Value::as_str) {
            Some("error") => envelope.get("error_code").and_then(Value::as_u64),
            Some(_) | None => None,
        };
        if status.is_success() && inner.is_none() {
            return Ok((envelope, version));
        }
        // Incus and LXD say `error`, Docker `message`.
        let text = ["error", "message"]
            .iter()
            .find_map(|key| envelope.get(key).and_then(Value::as_str))
            .unwrap_or_default();
        Err(match inner.unwrap_or_else(|| u64::from(status.as_u16())) {
            403 => Trouble::new(ReasonKind::Permission, text),
            404 => Trouble::new(ReasonKind::NoSuchNode, text),
            429 | 502 | 503 => Trouble::new(ReasonKind::Unreachable, text).passing(),
            _ => Trouble::refusal(text),
        })
    }
}

fn metadata(mut envelope: Value) -> Value {
    envelope
        .get_mut("metadata")
        .map(Value::take)
        .unwrap_or_default()
}

/// A connection that broke: the daemon restarts, perhaps.
fn broken(error: &hyper::Error) -> Trouble {
    Trouble::new(ReasonKind::Unreachable, error.to_string()).passing()
}
