//! A machine behind the system's own ssh client.
//!
//! The client's configuration, agent, known hosts and jump hosts are honoured;
//! it may never ask. There is ONE connection and ONE session for the whole
//! site, because sshd allows ten sessions on a connection: see [`super::mux`].

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use runproof_facts::quote::sh;
use runproof_model::ReasonKind;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::mux::{LAUNCHER, Mux};
use crate::random;
use crate::sink::Sink;
use crate::trouble::Trouble;

/// How long the connection may take, name resolution and jump hosts included.
const CONNECT_TIME: Duration = Duration::from_secs(20);
/// How long the client may take to leave.
const LEAVE_TIME: Duration = Duration::from_secs(2);

/// What the client is told beside the user's own configuration.
const OPTIONS: &[&str] = &[
    "-T",
    "-a",
    "-x",
    "-oBatchMode=yes",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
    "-oClearAllForwardings=yes",
    "-oPermitLocalCommand=no",
    "-oRemoteCommand=none",
    "-oEscapeChar=none",
    "-oLogLevel=ERROR",
];

/// A destination, and the connection to it when there is one.
#[derive(Debug)]
pub(super) struct Ssh {
    destination: String,
    config: Option<PathBuf>,
    connection: Mutex<Option<Connection>>,
}

#[derive(Debug)]
struct Connection {
    mux: Arc<Mux>,
    client: Child,
}

impl Ssh {
    /// A checked destination: `[user@]host`, or a name of the client's configuration.
    pub fn new(destination: &str, config: Option<PathBuf>) -> Result<Self, Trouble> {
        let plain = !destination.is_empty()
            && !destination.starts_with('-')
            && !destination
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || "'\"`$;&|<>()\\".contains(c));
        if !plain {
            return Err(Trouble::new(
                ReasonKind::Failed,
                format!("{destination:?} is no ssh destination"),
            ));
        }
        Ok(Self {
            destination: destination.to_owned(),
            config,
            connection: Mutex::new(None),
        })
    }

    /// The destination as given.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    fn arguments(&self, launcher: &str) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        if let Some(config) = &self.config {
            arguments.extend(["-F".to_owned(), config.to_string_lossy().into_owned()]);
        }
        arguments.extend(OPTIONS.iter().map(|&option| option.to_owned()));
        arguments.extend([
            "--".to_owned(),
            self.destination.clone(),
            launcher.to_owned(),
        ]);
        arguments
    }

    /// The client's command line, then what its one launcher is given on standard input.
    pub fn how(&self, line: &str) -> String {
        let arguments = self.arguments(LAUNCHER);
        let words: Vec<String> = arguments.iter().map(|word| sh(word)).collect();
        format!("ssh {} <<< {}", words.join(" "), sh(line))
    }

    /// Runs a program there, over the connection that is open, else over a new one.
    pub async fn run(
        &self,
        words: &[String],
        stdin: &[u8],
        sink: &Sink,
        script: bool,
    ) -> Result<i32, Trouble> {
        let mux = self.mux().await?;
        mux.run(words, stdin, sink, script).await
    }

    /// Starts a program over a connection of its own.
    pub fn spawn(&self, words: &[String]) -> Result<Child, Trouble> {
        let words: Vec<String> = words.iter().map(|word| sh(word)).collect();
        self.client(&format!("exec {}", words.join(" ")))
    }

    /// Makes the connection, when it is not open.
    pub async fn enter(&self) -> Result<(), Trouble> {
        self.mux().await.map(drop)
    }

    async fn mux(&self) -> Result<Arc<Mux>, Trouble> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = &*connection
            && open.mux.is_alive()
        {
            return Ok(Arc::clone(&open.mux));
        }
        let fresh = tokio::time::timeout(CONNECT_TIME, self.connect())
            .await
            .unwrap_or_else(|_| {
                Err(Trouble::new(
                    ReasonKind::Unreachable,
                    format!("ssh {} does not answer", self.destination),
                ))
            })?;
        let mux = Arc::clone(&fresh.mux);
        *connection = Some(fresh);
        Ok(mux)
    }

    /// The client, with what it starts on the far side.
    fn client(&self, remote: &str) -> Result<Child, Trouble> {
        Command::new("ssh")
            .args(self.arguments(remote))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Trouble::new(ReasonKind::MissingTool, format!("ssh: {error}")))
    }

    async fn connect(&self) -> Result<Connection, Trouble> {
        let mut client = self.client(LAUNCHER)?;
        let (Some(input), Some(output), Some(mut errors)) = (
            client.stdin.take(),
            client.stdout.take(),
            client.stderr.take(),
        ) else {
            return Err(Trouble::new(ReasonKind::Defect, "a child without pipes"));
        };
        let said = Arc::new(std::sync::Mutex::new(Vec::new()));
        let listener = tokio::spawn({
            let said = Arc::clone(&said);
            async move {
                let mut buffer = vec![0; 4096];
                while let Ok(count @ 1..) = errors.read(&mut buffer).await {
                    if let Ok(mut said) = said.lock() {
                        let room = 4096_usize.saturating_sub(said.len());
                        said.extend_from_slice(&buffer[..count.min(room)]);
                    }
                }
            }
        });
        let boundary = random::word()?;
        match Mux::greet(boundary, input, output).await {
            Ok(mux) => Ok(Connection {
                mux: Arc::new(mux),
                client,
            }),
            Err(_) => {
                // The client says why on its standard error, and leaves.
                let _ = tokio::time::timeout(LEAVE_TIME, listener).await;
                let text = said
                    .lock()
                    .map(|said| String::from_utf8_lossy(&said).into_owned())
                    .unwrap_or_default();
                Err(refused(&self.destination, text.trim()))
            }
        }
    }

    /// Leaves: the launcher's end ends what it started.
    pub async fn close(&self) {
        if let Some(mut open) = self.connection.lock().await.take() {
            drop(open.mux);
            if tokio::time::timeout(LEAVE_TIME, open.client.wait())
                .await
                .is_err()
            {
                let _ = open.client.kill().await;
            }
        }
    }
}

fn refused(destination: &str, text: &str) -> Trouble {
    let text = if text.is_empty() {
        format!("ssh {destination}: the connection was closed")
    } else {
        format!("ssh {destination}: {text}")
    };
    let lower = text.to_ascii_lowercase();
    let kind = if lower.contains("permission denied") || lower.contains("host key verification") {
        ReasonKind::Permission
    } else {
        ReasonKind::Unreachable
    };
    let trouble = Trouble::new(kind, &text);
    let passing = [
        "connection reset",
        "connection closed",
        "connection refused",
    ];
    if passing.iter().any(|word| lower.contains(word)) {
        trouble.passing()
    } else {
        trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ops@prod.example.com", true)]
    #[case("prod", true)]
    #[case("ssh://ops@prod.example.com:2222", true)]
    #[case("-oProxyCommand=x", false)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a;b", false)]
    fn a_destination_is_one_plain_word(#[case] destination: &str, #[case] valid: bool) {
        assert_eq!(Ssh::new(destination, None).is_ok(), valid);
    }

    #[test]
    fn the_destination_stands_behind_the_end_of_options() {
        let ssh = Ssh::new("ops@prod.example.com", None).unwrap();
        let arguments = ssh.arguments("x");
        let at = arguments.iter().position(|word| word == "--").unwrap();
        assert_eq!(arguments[at + 1..], ["ops@prod.example.com", "x"]);
    }
}
