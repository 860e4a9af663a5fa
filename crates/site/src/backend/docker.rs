//! Docker through the daemon's unix socket: bollard for execs, plain JSON for
//! the rest, because facts read what the engine itself says, unknown fields included.

use std::env;
use std::path::{Path, PathBuf};

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::{API_DEFAULT_VERSION, Docker as Client};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, try_join_all};
use runproof_facts::quote::sh;
use runproof_model::ReasonKind;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::docker_json::{described, listed};
use super::rest::Rest;
use super::{Backend, Listed};
use crate::dial::pipe::{Feed, Pipe, Said};
use crate::sink::Sink;
use crate::trouble::Trouble;

/// Seconds that one request may take.
const REQUEST_SECONDS: u64 = 20;
/// Execs run as root, as the guides' commands do, whatever user the image names.
const USER: &str = "0";

/// The daemon.
#[derive(Debug)]
pub(crate) struct Docker {
    client: Client,
    rest: Rest,
}

/// The places where the daemon's socket may be, most particular first.
pub(crate) fn sockets() -> Vec<PathBuf> {
    let given = env::var("DOCKER_HOST").ok();
    let given = given
        .as_deref()
        .and_then(|host| host.strip_prefix("unix://"))
        .map(PathBuf::from);
    given
        .into_iter()
        .chain([
            PathBuf::from("/run/docker.sock"),
            PathBuf::from("/var/run/docker.sock"),
        ])
        .collect()
}

impl Docker {
    /// The daemon at `socket`; asks it which version of the API it speaks.
    pub async fn connect(socket: PathBuf) -> Result<Self, Trouble> {
        let rest = Rest::new(&socket);
        // bollard does not say why a socket cannot be opened; this does.
        drop(rest.connect().await?);
        let client = Client::connect_with_unix(
            &socket.to_string_lossy(),
            REQUEST_SECONDS,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| trouble(&error))?;
        let client = client
            .negotiate_version()
            .await
            .map_err(|error| trouble(&error))?;
        Ok(Self { client, rest })
    }

    /// Starts an exec: its identifier, and its streams.
    async fn start(
        &self,
        instance: &str,
        words: &[String],
    ) -> Result<(String, StartExecResults), Trouble> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            user: Some(USER.to_owned()),
            env: Some(vec!["LC_ALL=C".to_owned()]),
            cmd: Some(words.to_vec()),
            ..CreateExecOptions::default()
        };
        let exec = self
            .client
            .create_exec(instance, options)
            .await
            .map_err(|error| trouble(&error))?;
        let start = StartExecOptions {
            output_capacity: Some(64 << 10),
            ..StartExecOptions::default()
        };
        let started = self
            .client
            .start_exec(&exec.id, Some(start))
            .await
            .map_err(|error| trouble(&error))?;
        Ok((exec.id, started))
    }

    async fn run(
        &self,
        instance: &str,
        words: &[String],
        stdin: &[u8],
        sink: &Sink,
    ) -> Result<i32, Trouble> {
        let (id, started) = self.start(instance, words).await?;
        let StartExecResults::Attached {
            mut output,
            mut input,
        } = started
        else {
            return Err(Trouble::new(ReasonKind::Defect, "a detached exec"));
        };

        let send = async {
            // A node that stops listening says so by its exit code; that is no trouble of the sender.
            let _ = input.write_all(stdin).await;
            let _ = input.shutdown().await;
        };
        tokio::pin!(send);
        let mut sending = true;
        loop {
            tokio::select! {
                () = &mut send, if sending => sending = false,
                piece = output.next() => match piece {
                    Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => sink.out(&message)?,
                    Some(Ok(LogOutput::StdErr { message })) => sink.err(&message),
                    Some(Ok(LogOutput::StdIn { .. })) => {}
                    Some(Err(error)) => return Err(trouble(&error)),
                    None => break,
                },
            }
        }
        if sink.ended_well() {
            return Ok(0);
        }
        let ended = self
            .client
            .inspect_exec(&id)
            .await
            .map_err(|error| trouble(&error))?;
        let code = ended.exit_code.and_then(|code| i32::try_from(code).ok());
        code.ok_or_else(|| {
            Trouble::new(
                ReasonKind::Failed,
                "the engine did not say how the script ended",
            )
        })
    }
}

/// What an error of bollard means.
fn trouble(error: &Error) -> Trouble {
    if let Error::DockerResponseServerError {
        status_code,
        message,
    } = error
    {
        return match status_code {
            404 => Trouble::new(ReasonKind::NoSuchNode, message),
            403 => Trouble::new(ReasonKind::Permission, message),
            502..=503 => Trouble::new(ReasonKind::Unreachable, message).passing(),
            _ => Trouble::refusal(message),
        };
    }
    if let Error::IOError { err } = error {
        return Trouble::io("docker", err);
    }
    if matches!(error, Error::RequestTimeoutError) {
        return Trouble::new(ReasonKind::Timeout, "the engine does not answer");
    }
    let found = Trouble::refusal(&error.to_string());
    if matches!(error, Error::HyperResponseError { .. }) {
        Trouble::new(ReasonKind::Unreachable, error.to_string()).passing()
    } else {
        found
    }
}

impl Backend for Docker {
    fn exec<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
        stdin: &'a [u8],
        sink: &'a Sink,
    ) -> BoxFuture<'a, Result<i32, Trouble>> {
        Box::pin(self.run(instance, words, stdin, sink))
    }

    fn pipe<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
    ) -> BoxFuture<'a, Result<Pipe, Trouble>> {
        Box::pin(async move {
            let (_, started) = self.start(instance, words).await?;
            let StartExecResults::Attached { output, input } = started else {
                return Err(Trouble::new(ReasonKind::Defect, "a detached exec"));
            };
            let said = output
                .take_while(|piece| std::future::ready(piece.is_ok()))
                .filter_map(|piece| {
                    std::future::ready(match piece {
                        Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                            Some(Said::Out(message))
                        }
                        Ok(LogOutput::StdErr { message }) => Some(Said::Err(message)),
                        Ok(LogOutput::StdIn { .. }) | Err(_) => None,
                    })
                });
            Ok(Pipe {
                feed: Feed::Bytes(input),
                said: Box::pin(said),
                keep: Box::new(()),
            })
        })
    }

    fn describe<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Value, Trouble>> {
        Box::pin(async move {
            let path = format!("/containers/{instance}/json");
            self.rest.get(&path).await.map(described)
        })
    }

    fn list(&self, _addresses: bool) -> BoxFuture<'_, Result<Vec<Listed>, Trouble>> {
        Box::pin(async move {
            let summaries = self.rest.get("/containers/json?all=1").await?;
            let ids = summaries.as_array().map(Vec::as_slice).unwrap_or_default();
            // The list names an image by its identifier when the tag has moved on; inspect keeps its name.
            let inspect = ids
                .iter()
                .filter_map(|container| container.get("Id").and_then(Value::as_str))
                .filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))
                .map(|id| async move {
                    let path = format!("/containers/{id}/json");
                    match self.rest.get(&path).await {
                        Ok(inspected) => Ok(listed(&inspected)),
                        // It was removed since.
                        Err(trouble) if trouble.reason.kind == ReasonKind::NoSuchNode => Ok(None),
                        Err(trouble) => Err(trouble),
                    }
                });
            Ok(try_join_all(inspect).await?.into_iter().flatten().collect())
        })
    }

    fn hostname(&self) -> BoxFuture<'_, Result<String, Trouble>> {
        Box::pin(async move {
            let info = self.rest.get("/info").await?;
            info.get("Name")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| {
                    Trouble::new(ReasonKind::Garbled, "the engine does not name its machine")
                })
        })
    }
}

/// The API call of an exec at `socket`, for an operator to read.
pub(crate) fn how_at(socket: &Path, instance: &str, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| sh(word)).collect();
    format!(
        "POST /containers/{instance}/exec on {}, user {USER}: {}",
        socket.display(),
        words.join(" ")
    )
}
