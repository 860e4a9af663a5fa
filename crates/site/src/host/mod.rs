//! The machine on which an engine runs: this one, or one behind ssh.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use runproof_facts::quote::sh;
use runproof_model::{Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::dial::pipe::{Feed, Pipe, Said, pieces};
use crate::sink::Sink;
use crate::trouble::Trouble;

mod mux;
mod ssh;

use ssh::Ssh;

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// Where programs are, for machines whose shells know less.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Host(Way);

/// What a program is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Its answer; it has the caller's environment, which may configure it.
    Question,
    /// A script of ours on its standard input, which says its process number
    /// first (see [`crate::exec`]); it has the caller's environment.
    Script,
    /// The same with a cleared environment.
    BareScript,
}

#[derive(Clone, Debug)]
enum Way {
    Here,
    Ssh(Arc<Ssh>),
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        Self(Way::Here)
    }

    /// A machine behind ssh; nothing is connected yet. `config` replaces the client's own configuration file.
    pub fn ssh(destination: &str, config: Option<PathBuf>) -> Result<Self, Trouble> {
        Ok(Self(Way::Ssh(Arc::new(Ssh::new(destination, config)?))))
    }

    /// Whether it is this machine.
    pub fn is_here(&self) -> bool {
        matches!(self.0, Way::Here)
    }

    /// Makes the connection, when there is one to make.
    pub async fn enter(&self) -> Result<(), Trouble> {
        match &self.0 {
            Way::Here => Ok(()),
            Way::Ssh(ssh) => ssh.enter().await,
        }
    }

    /// Runs a program there.
    pub async fn run(
        &self,
        words: &[String],
        stdin: &[u8],
        sink: &Sink,
        errand: Errand,
    ) -> Result<i32, Trouble> {
        match &self.0 {
            Way::Here => here(words, stdin, sink, errand == Errand::BareScript).await,
            Way::Ssh(ssh) => {
                ssh.run(words, stdin, sink, errand != Errand::Question)
                    .await
            }
        }
    }

    /// Starts a program there, and hands out its standard streams. Behind ssh it has a
    /// connection of its own: the one launcher takes whole inputs only.
    pub async fn pipe(&self, words: &[String]) -> Result<Pipe, Trouble> {
        let child = match &self.0 {
            Way::Here => spawn(words, false)?,
            Way::Ssh(ssh) => ssh.spawn(words)?,
        };
        piped(child)
    }

    /// How an operator would run `words` there.
    pub fn how(&self, words: &[String]) -> String {
        let line: Vec<String> = words.iter().map(|word| sh(word)).collect();
        let line = line.join(" ");
        match &self.0 {
            Way::Here => line,
            Way::Ssh(ssh) => ssh.how(&line),
        }
    }

    /// The account that looks, in words.
    pub fn account(&self) -> String {
        match &self.0 {
            Way::Here => match uid() {
                Some(uid) => format!("uid {uid} on this machine"),
                None => "this account on this machine".to_owned(),
            },
            Way::Ssh(ssh) => format!("the ssh account of {}", ssh.destination()),
        }
    }

    /// Ends the connection, when there is one.
    pub async fn close(&self) {
        match &self.0 {
            Way::Here => {}
            Way::Ssh(ssh) => ssh.close().await,
        }
    }
}

/// Our own effective user number.
pub(crate) fn uid() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The standard streams of a child, which ends with them.
fn piped(mut child: Child) -> Result<Pipe, Trouble> {
    let (Some(input), Some(out), Some(err)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Trouble::new(ReasonKind::Defect, "a child without pipes"));
    };
    let said = futures_util::stream::select(pieces(out, Said::Out), pieces(err, Said::Err));
    Ok(Pipe {
        feed: Feed::Bytes(Box::pin(input)),
        said: Box::pin(said),
        keep: Box::new(child),
    })
}

fn spawn(words: &[String], cleared: bool) -> Result<Child, Trouble> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Trouble::new(ReasonKind::Defect, "an empty command"));
    };
    let mut command = Command::new(program);
    if cleared {
        command.env_clear().env("PATH", PATH);
    } else {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:{PATH}"));
    }
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for us; we end what we started ourselves.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Trouble::new(ReasonKind::MissingTool, format!("{program}: {error}"))
        } else {
            Trouble::io(program, &error)
        }
    })
}

async fn here(words: &[String], stdin: &[u8], sink: &Sink, cleared: bool) -> Result<i32, Trouble> {
    let mut child = spawn(words, cleared)?;
    pump(&mut child, stdin, sink).await?;
    let status = child
        .wait()
        .await
        .map_err(|error| Trouble::io("a child", &error))?;
    use std::os::unix::process::ExitStatusExt;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

/// Feeds a child and takes its output until both outputs have ended.
async fn pump(child: &mut Child, stdin: &[u8], sink: &Sink) -> Result<(), Trouble> {
    let (Some(mut input), Some(mut out), Some(mut err)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Trouble::new(ReasonKind::Defect, "a child without pipes"));
    };
    let send = async move {
        // A child that stops listening says so by its exit code.
        let _ = input.write_all(stdin).await;
        drop(input);
    };
    tokio::pin!(send);
    let mut out_buffer = Zeroizing::new(vec![0; CHUNK]);
    let mut err_buffer = vec![0; 4 << 10];
    let (mut sending, mut out_open, mut err_open) = (true, true, true);
    while out_open || err_open {
        tokio::select! {
            () = &mut send, if sending => sending = false,
            read = take(&mut out, &mut out_buffer), if out_open => match read? {
                0 => out_open = false,
                count => sink.out(&out_buffer[..count])?,
            },
            read = take(&mut err, &mut err_buffer), if err_open => match read? {
                0 => err_open = false,
                count => sink.err(&err_buffer[..count]),
            },
        }
    }
    Ok(())
}

async fn take(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Result<usize, Trouble> {
    from.read(buffer)
        .await
        .map_err(|error| Trouble::lasting(Reason::new(ReasonKind::Failed, error.to_string())))
}
