//! A stream whose other side may stop listening before we have heard it out.
//!
//! A daemon that has said everything closes its side at once. Whatever the protocol then
//! wants to send in passing (the answer to a ping, a farewell) breaks on the closed pipe, and
//! the error would stand before what was said and not read yet. So nothing that is
//! sent fails for that reason; what has to arrive is known by its answer.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// The stream.
#[derive(Debug)]
pub(crate) struct Lenient(pub UnixStream);

/// `sent` where the other side still listens, else as if it had been.
fn unheard<T>(sent: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
    match sent {
        Poll::Ready(Err(error))
            if matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
            ) =>
        {
            Poll::Ready(Ok(instead))
        }
        sent @ (Poll::Ready(_) | Poll::Pending) => sent,
    }
}

impl AsyncRead for Lenient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lenient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        unheard(Pin::new(&mut self.0).poll_write(cx, buf), buf.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        unheard(Pin::new(&mut self.0).poll_flush(cx), ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        unheard(Pin::new(&mut self.0).poll_shutdown(cx), ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn what_was_said_before_the_other_side_left_is_heard_whatever_we_still_send() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"all of it").await.unwrap();
        drop(theirs);
        let mut ours = Lenient(ours);
        ours.write_all(b"pong").await.unwrap();
        ours.flush().await.unwrap();
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "all of it");
    }
}
