//! An engine entered by itself, without a site: for whoever makes and removes instances.
//!
//! Only its socket on this machine will do: a lab is made by the daemon that
//! also says who it is, and a command line may have another one behind it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Method;
use runproof_model::site::{Engine as Kind, Reach};
use runproof_model::{Reason, ReasonKind};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::backend::docker::Docker;
use crate::backend::incus::Incus;
use crate::backend::rest::Rest;
use crate::door::{PROJECT, usable_socket};
use crate::sink::Sink;

/// An engine's daemon on this machine.
pub struct Engine {
    kind: Kind,
    project: String,
    rest: Rest,
    backend: Box<dyn Backend>,
}

/// What a command in an instance said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: Zeroizing<Vec<u8>>,
    /// The beginning of its standard error.
    pub error: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Engine({} at {})",
            self.kind.as_str(),
            self.socket().display()
        )
    }
}

impl Engine {
    /// Enters by the socket.
    ///
    /// # Errors
    /// When there is none that lets us in, or nothing answers behind it.
    pub async fn open(reach: &Reach) -> Result<Self, Reason> {
        let socket = usable_socket(reach)?;
        let project = reach.project.as_deref().unwrap_or(PROJECT).to_owned();
        let rest = Rest::new(&socket);
        let backend: Box<dyn Backend> = match reach.engine {
            Kind::Docker => Box::new(Docker::connect(socket).await.map_err(|t| t.reason)?),
            Kind::Incus | Kind::Lxd | Kind::Local => {
                Box::new(Incus::new(socket, reach.engine, &project))
            }
        };
        backend.hostname().await.map_err(|trouble| trouble.reason)?;
        Ok(Self {
            kind: reach.engine,
            project,
            rest,
            backend,
        })
    }

    /// Which engine it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The project of Incus and LXD.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Where its daemon listens.
    pub fn socket(&self) -> &Path {
        self.rest.socket()
    }

    /// The host name of the machine on which it runs, in its own word.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn machine(&self) -> Result<String, Reason> {
        self.backend.hostname().await.map_err(|t| t.reason)
    }

    /// Runs `words` in an instance with `stdin`; standard output is cut at `cap` bytes, which is an error.
    ///
    /// # Errors
    /// When the engine could not start it or does not say how it ended, or after `time`.
    pub async fn exec(
        &self,
        instance: &str,
        words: &[&str],
        stdin: &[u8],
        cap: u64,
        time: Duration,
    ) -> Result<Said, Reason> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let sink = Sink::new(cap);
        let run = self.backend.exec(instance, &words, stdin, &sink);
        let code = match tokio::time::timeout(time, run).await {
            Ok(ended) => ended.map_err(|trouble| trouble.reason)?,
            Err(_) => {
                return Err(Reason::new(
                    ReasonKind::Timeout,
                    format!("no end after {} s: {}", time.as_secs(), sink.error_text()),
                ));
            }
        };
        let output = sink.into_output();
        Ok(Said {
            code,
            out: output.out,
            error: output.error,
        })
    }

    /// A request of the daemon's own API, as JSON: the whole answer, null when it has no body.
    ///
    /// # Errors
    /// When it is refused, or not answered within `time`.
    pub async fn request(
        &self,
        method: Verb,
        path: &str,
        body: Option<&Value>,
        time: Duration,
    ) -> Result<Value, Reason> {
        let method = match method {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        };
        self.rest
            .request_within(time, method, path, body)
            .await
            .map_err(|trouble| trouble.reason)
    }

    /// Something of the daemon's as JSON, the whole answer, and its version. Incus and LXD have them.
    ///
    /// # Errors
    /// When it is refused, not answered within `time`, or has no version.
    pub async fn versioned(&self, path: &str, time: Duration) -> Result<(Value, String), Reason> {
        let answer = self.rest.versioned(time, Method::GET, path, None, None);
        let (answer, version) = answer.await.map_err(|trouble| trouble.reason)?;
        let version = version.ok_or_else(|| {
            Reason::new(ReasonKind::Garbled, "the engine's answer has no version")
        })?;
        Ok((answer, version))
    }

    /// Replaces something of the daemon's, if it still is of that version; the whole answer.
    ///
    /// # Errors
    /// When it is another version by now, refused, or not answered within `time`.
    pub async fn replace(
        &self,
        path: &str,
        body: &Value,
        version: &str,
        time: Duration,
    ) -> Result<Value, Reason> {
        let answer = self
            .rest
            .versioned(time, Method::PUT, path, Some(body), Some(version));
        answer
            .await
            .map(|(answer, _)| answer)
            .map_err(|trouble| trouble.reason)
    }
}

/// The verbs of the daemons' APIs that making and removing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Ask.
    Get,
    /// Make.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
}

/// The socket at which an engine of this kind lets us in, if there is one.
pub fn socket_of(kind: Kind) -> Result<PathBuf, Reason> {
    usable_socket(&Reach {
        engine: kind,
        project: None,
        sudo: false,
        ssh: None,
        socket: None,
        via: runproof_model::site::Via::Socket,
    })
}
