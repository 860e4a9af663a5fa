//! The standard streams of a program in a node, for as long as it runs.

use std::any::Any;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{SinkExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::backend::incus::Channel;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// A piece of what a program says.
#[derive(Debug)]
pub(crate) enum Said {
    /// On standard output.
    Out(Bytes),
    /// On standard error.
    Err(Bytes),
}

/// A running program.
pub(crate) struct Pipe {
    /// Its standard input.
    pub feed: Feed,
    /// What it says; ends with it.
    pub said: BoxStream<'static, Said>,
    /// What has to live as long as it: a control channel, a child.
    pub keep: Box<dyn Any + Send>,
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipe")
    }
}

/// A standard input.
pub(crate) enum Feed {
    /// A stream of bytes.
    Bytes(Pin<Box<dyn AsyncWrite + Send>>),
    /// A channel of Incus or LXD.
    Messages(Box<Channel>),
}

impl Feed {
    /// Hands over bytes at once.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Bytes(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Messages(channel) => channel
                .send(Message::Binary(Bytes::copy_from_slice(bytes)))
                .await
                .map_err(io::Error::other),
        }
    }

    /// Says that no more will come.
    pub async fn close(&mut self) {
        // A program that is gone needs no word.
        let _ = match self {
            Self::Bytes(stream) => stream.shutdown().await,
            Self::Messages(channel) => channel
                .send(Message::text(""))
                .await
                .map_err(io::Error::other),
        };
    }
}

/// What comes from a stream, piece by piece, until it ends.
pub(crate) fn pieces(
    from: impl AsyncRead + Send + Unpin + 'static,
    wrap: fn(Bytes) -> Said,
) -> BoxStream<'static, Said> {
    Box::pin(stream::unfold(from, move |mut from| async move {
        let mut buffer = vec![0; CHUNK];
        match from.read(&mut buffer).await {
            Ok(count @ 1..) => {
                buffer.truncate(count);
                Some((wrap(Bytes::from(buffer)), from))
            }
            Ok(0) | Err(_) => None,
        }
    }))
}
