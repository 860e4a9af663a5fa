//! Incus and LXD through the daemon's own unix socket.
//!
//! An exec is an operation with one websocket for each of standard input,
//! output and error, and a control channel. Its output is never recorded:
//! `record-output` would leave files on the host.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{SinkExt, StreamExt, TryFutureExt};
use runproof_facts::quote::sh;
use runproof_model::ReasonKind;
use runproof_model::site::Engine;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::incus_json::{described, listed};
use super::lenient::Lenient;
use super::rest::Rest;
use super::{Backend, Listed};
use crate::dial::pipe::{Feed, Pipe, Said};
use crate::sink::Sink;
use crate::trouble::Trouble;

/// The daemon sends pieces of some 128 KiB; more than this is not the daemon.
const MESSAGE_CAP: usize = 8 << 20;
/// How much of a script goes into one message.
const CHUNK: usize = 64 << 10;
/// How long the daemon may take to say the exit code of an exec whose output has ended.
const EXIT_TIME: Duration = Duration::from_secs(10);

/// One standard stream of an exec.
pub(crate) type Channel = WebSocketStream<Lenient>;

/// The daemon.
#[derive(Debug)]
pub(crate) struct Incus {
    rest: Rest,
    engine: Engine,
    project: String,
}

/// The places where the daemon's socket may be, most particular first.
pub(crate) fn sockets(engine: Engine) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = Vec::new();
    let folder = |name: &str| env::var_os(name).map(|dir| PathBuf::from(dir).join("unix.socket"));
    if engine == Engine::Lxd {
        places.extend(env::var_os("LXD_SOCKET").map(PathBuf::from));
        places.extend(folder("LXD_DIR"));
        places.push("/var/snap/lxd/common/lxd/unix.socket".into());
        places.push("/var/lib/lxd/unix.socket".into());
    } else {
        places.extend(env::var_os("INCUS_SOCKET").map(PathBuf::from));
        places.extend(folder("INCUS_DIR"));
        places.push("/run/incus/unix.socket".into());
        places.push("/var/lib/incus/unix.socket".into());
    }
    places
}

impl Incus {
    /// The daemon at `socket`.
    pub fn new(socket: PathBuf, engine: Engine, project: &str) -> Self {
        Self {
            rest: Rest::new(socket),
            engine,
            project: project.to_owned(),
        }
    }

    /// The API call of an exec, for an operator to read.
    pub fn how(&self, instance: &str, words: &[String]) -> String {
        let words: Vec<String> = words.iter().map(|word| sh(word)).collect();
        format!(
            "POST /1.0/instances/{instance}/exec?project={} on {}: {}",
            self.project,
            self.rest.socket().display(),
            words.join(" ")
        )
    }

    async fn channel(&self, operation: &str, secret: &str) -> Result<Channel, Trouble> {
        let stream = Lenient(self.rest.connect().await?);
        let url = format!(
            "ws://engine/1.0/operations/{operation}/websocket?project={}&secret={secret}",
            self.project
        );
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_CAP))
            .max_frame_size(Some(MESSAGE_CAP));
        tokio_tungstenite::client_async_with_config(url, stream, Some(config))
            .await
            .map(|(channel, _)| channel)
            .map_err(|error| Trouble::new(ReasonKind::Unreachable, error.to_string()).passing())
    }

    /// Starts an exec: its operation, and its channels.
    async fn start(&self, instance: &str, words: &[String]) -> Result<Started, Trouble> {
        let body = json!({
            "command": words,
            "environment": { "LC_ALL": "C" },
            "interactive": false,
            "wait-for-websocket": true,
            "record-output": false,
        });
        let path = format!("/1.0/instances/{instance}/exec?project={}", self.project);
        let operation = self.rest.post(&path, &body).await?;
        let (id, secrets) = channels(&operation)?;
        let secret = |name: &str| secrets.get(name).map(String::as_str).unwrap_or_default();
        let (control, input, output, error) = futures_util::try_join!(
            self.channel(&id, secret("control")),
            self.channel(&id, secret("0")),
            self.channel(&id, secret("1")),
            self.channel(&id, secret("2")),
        )?;
        Ok(Started {
            id,
            control,
            input,
            output,
            error,
        })
    }

    async fn run(
        &self,
        instance: &str,
        words: &[String],
        stdin: &[u8],
        sink: &Sink,
    ) -> Result<i32, Trouble> {
        let Started {
            id,
            control,
            input,
            output,
            error,
        } = self.start(instance, words).await?;
        relay(input, output, error, stdin, sink).await?;
        let code = if sink.ended_well() {
            Ok(0)
        } else {
            self.exit_code(&id).await
        };
        // The daemon kills the command when this channel closes, so it is
        // open for as long as we wait, and dropped with us when we go away.
        drop(control);
        code
    }

    async fn exit_code(&self, operation: &str) -> Result<i32, Trouble> {
        let seconds = EXIT_TIME.as_secs();
        let path = format!(
            "/1.0/operations/{operation}/wait?timeout={seconds}&project={}",
            self.project
        );
        let done = self.rest.get_metadata(&path).await?;
        let code = done.pointer("/metadata/return").and_then(Value::as_i64);
        let error = done.get("err").and_then(Value::as_str).unwrap_or_default();
        match code.and_then(|code| i32::try_from(code).ok()) {
            Some(code) if code >= 0 && error.is_empty() => Ok(code),
            _ if !error.is_empty() => Err(Trouble::refusal(error)),
            _ => Err(Trouble::new(
                ReasonKind::Failed,
                "the engine did not say how the script ended",
            )),
        }
    }
}

/// An exec that runs.
struct Started {
    id: String,
    control: Channel,
    input: Channel,
    output: Channel,
    error: Channel,
}

/// What comes from a channel until it ends.
fn pieces(channel: Channel, wrap: fn(Bytes) -> Said) -> BoxStream<'static, Said> {
    Box::pin(
        channel
            .map(|message| match piece(Some(message)) {
                Piece::Bytes(bytes) => Some(bytes),
                Piece::End | Piece::Broken(_) => None,
            })
            .take_while(|bytes| std::future::ready(bytes.is_some()))
            .filter_map(move |bytes| std::future::ready(bytes.map(wrap))),
    )
}

/// The operation's identifier and its channels' secrets, both checked, for they travel into a path.
fn channels(operation: &Value) -> Result<(String, HashMap<String, String>), Trouble> {
    let plain = |text: &&str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let id = operation.get("id").and_then(Value::as_str).filter(plain);
    let fds = operation
        .pointer("/metadata/fds")
        .and_then(Value::as_object);
    let (Some(id), Some(fds)) = (id, fds) else {
        return Err(Trouble::new(
            ReasonKind::Garbled,
            "the engine's answer to an exec",
        ));
    };
    let secrets = fds
        .iter()
        .filter_map(|(name, secret)| {
            let secret = secret.as_str().filter(plain)?;
            Some((name.clone(), secret.to_owned()))
        })
        .collect();
    Ok((id.to_owned(), secrets))
}

/// Sends the script and takes the output until both outputs have ended.
async fn relay(
    mut input: Channel,
    mut output: Channel,
    mut error: Channel,
    stdin: &[u8],
    sink: &Sink,
) -> Result<(), Trouble> {
    let send = async {
        for chunk in stdin.chunks(CHUNK) {
            let message = Message::Binary(Bytes::copy_from_slice(chunk));
            input.send(message).await?;
        }
        // The daemon's word for the end of input.
        input.send(Message::text("")).await
    };
    // A node that stops listening says so by its exit code; that is no trouble of the sender.
    let send = send.unwrap_or_else(|_| ());
    tokio::pin!(send);
    let (mut sending, mut out_open, mut err_open) = (true, true, true);
    let mut broken = None;
    while out_open || err_open {
        tokio::select! {
            () = &mut send, if sending => sending = false,
            message = output.next(), if out_open => match piece(message) {
                Piece::Bytes(bytes) => sink.out(&bytes)?,
                Piece::End => out_open = false,
                Piece::Broken(why) => {
                    broken = Some(why);
                    out_open = false;
                }
            },
            message = error.next(), if err_open => match piece(message) {
                Piece::Bytes(bytes) => sink.err(&bytes),
                // What was said on it is worth a word, its end is not.
                Piece::End | Piece::Broken(_) => err_open = false,
            },
        }
    }
    match broken {
        // An exit code would make a part of an answer look like the whole.
        Some(why) => Err(Trouble::new(
            ReasonKind::Unreachable,
            format!("the engine cut the output off: {why}"),
        )
        .passing()),
        None => Ok(()),
    }
}

/// What a channel hands over.
enum Piece {
    Bytes(Bytes),
    /// The daemon says that there is no more.
    End,
    /// It ended without that word.
    Broken(String),
}

fn piece(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Piece {
    match message {
        Some(Ok(Message::Binary(bytes))) => Piece::Bytes(bytes),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
            Piece::Bytes(Bytes::new())
        }
        // A text message is the daemon's word for the end of output.
        Some(Ok(Message::Text(_) | Message::Close(_))) => Piece::End,
        Some(Err(error)) => Piece::Broken(error.to_string()),
        None => Piece::Broken("no word of an end".to_owned()),
    }
}

impl Backend for Incus {
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
            let started = self.start(instance, words).await?;
            let out = pieces(started.output, Said::Out);
            let error = pieces(started.error, Said::Err);
            Ok(Pipe {
                feed: Feed::Messages(Box::new(started.input)),
                said: Box::pin(futures_util::stream::select(out, error)),
                // The daemon kills the command when this closes.
                keep: Box::new(started.control),
            })
        })
    }

    fn describe<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Value, Trouble>> {
        Box::pin(async move {
            let path = format!(
                "/1.0/instances/{instance}?recursion=1&project={}",
                self.project
            );
            Ok(described(
                self.engine.as_str(),
                self.rest.get_metadata(&path).await?,
            ))
        })
    }

    fn list(&self, addresses: bool) -> BoxFuture<'_, Result<Vec<Listed>, Trouble>> {
        Box::pin(async move {
            let depth = if addresses { 2 } else { 1 };
            let path = format!("/1.0/instances?recursion={depth}&project={}", self.project);
            Ok(listed(&self.rest.get_metadata(&path).await?))
        })
    }

    fn hostname(&self) -> BoxFuture<'_, Result<String, Trouble>> {
        Box::pin(async move {
            let server = self.rest.get_metadata("/1.0").await?;
            server
                .pointer("/environment/server_name")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| {
                    // An untrusted client sees no environment.
                    Trouble::new(
                        ReasonKind::Permission,
                        "the engine does not name its machine to this account",
                    )
                })
        })
    }
}
