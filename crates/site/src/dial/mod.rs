//! A byte stream to a port, as seen from inside a node.
//!
//! Where the node is this machine, or where this machine itself is asked to look, the
//! stream is a connection of ours. Everywhere else it runs through the engine: a shell
//! in the node opens the port and hands the bytes through ([`remote`]), so that the
//! node's own firewall, names and loopback decide. What was started there is ended
//! with the stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use runproof_facts::service::{Endpoint, Vantage};
use runproof_model::{Reason, ReasonKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backend::{Backend, Reached, Target};
use crate::host::Host;
use crate::trouble::Trouble;

pub(crate) mod forward;
pub(crate) mod pipe;
mod remote;

/// How long a port may take to be opened, once somebody there tries.
pub(crate) const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How much one stream may bring.
const STREAM_CAP: u64 = 32 << 20;
/// How many streams of a site are open at once; behind ssh each is a connection of its own.
const OPEN_AT_ONCE: usize = 24;
const OPEN_BEHIND_SSH: usize = 6;

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoStream {
    /// The port cannot be opened from there: refused, no route, no name, no answer in time.
    Closed(String),
    /// Nobody could try.
    Untried(Reason),
}

impl From<Trouble> for NoStream {
    fn from(trouble: Trouble) -> Self {
        Self::Untried(trouble.reason)
    }
}

/// A place from which ports are opened; owned, because a stream outlives its caller.
#[derive(Clone)]
pub(crate) struct Place {
    pub host: Host,
    pub sudo: bool,
    pub engine: Option<Arc<dyn Backend>>,
    pub target: Target,
    /// How many streams may be open at once.
    pub gate: Arc<Semaphore>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({:?})", self.target)
    }
}

impl Place {
    /// The gate of a site.
    pub fn gate(host: &Host) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(if host.is_here() {
            OPEN_AT_ONCE
        } else {
            OPEN_BEHIND_SSH
        }))
    }

    /// How many questions are asked of a site at once; one may need two streams at a time.
    pub fn turns(host: &Host) -> usize {
        if host.is_here() {
            OPEN_AT_ONCE
        } else {
            OPEN_BEHIND_SSH / 2
        }
    }

    /// The way to run something there.
    pub fn reached(&self) -> Reached<'_> {
        Reached {
            host: &self.host,
            sudo: self.sudo,
            engine: self.engine.as_deref(),
            target: &self.target,
        }
    }

    /// Whether what runs here runs there: the same machine, the same network.
    fn is_here(&self) -> bool {
        self.host.is_here() && self.target == Target::Machine
    }

    /// Opens a port.
    pub async fn dial(&self, from: Vantage, to: &Endpoint) -> Result<Stream, NoStream> {
        let permit = Arc::clone(&self.gate).acquire_owned().await.ok();
        let inner: Box<dyn Both> = if from == Vantage::Here || self.is_here() {
            Box::new(direct(to).await?)
        } else {
            Box::new(remote::open(self.clone(), to).await?)
        };
        Ok(Stream {
            inner,
            left: STREAM_CAP,
            _permit: permit,
        })
    }
}

async fn direct(to: &Endpoint) -> Result<TcpStream, NoStream> {
    let connect = TcpStream::connect((to.host.as_str(), to.port));
    match tokio::time::timeout(CONNECT_TIME, connect).await {
        Ok(Ok(stream)) => {
            // A question and an answer, never a flood.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Err(
            NoStream::Untried(Reason::new(ReasonKind::Permission, error.to_string())),
        ),
        Ok(Err(error)) => Err(NoStream::Closed(error.to_string())),
        Err(_) => Err(NoStream::Closed(no_answer())),
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", CONNECT_TIME.as_secs())
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// A byte stream; it brings so much and no more.
pub(crate) struct Stream {
    inner: Box<dyn Both>,
    left: u64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

/// The words of the error of a stream that brings too much.
pub(crate) const TOO_MUCH: &str = "the service says more than is taken";

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        let came = buf.filled().len().saturating_sub(before) as u64;
        if came > this.left {
            buf.set_filled(before);
            return Poll::Ready(Err(io::Error::other(TOO_MUCH)));
        }
        this.left -= came;
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
