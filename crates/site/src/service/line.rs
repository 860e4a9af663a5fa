//! Protocols whose words are lines.

use std::time::Duration;

use runproof_model::text::one_line;
use runproof_model::{Reason, ReasonKind};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::lost;

/// The longest line that is taken.
const LINE_CAP: u64 = 8192;
/// How many lines one answer may have.
const LINES: usize = 200;
/// How long one line may take.
const TIME: Duration = Duration::from_secs(8);

/// A stream of lines.
pub(super) struct Lines<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    /// Lines over a stream.
    pub fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next line without its end.
    pub async fn line(&mut self) -> Result<String, Reason> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(LINE_CAP);
        let read = limited.read_until(b'\n', &mut line);
        match tokio::time::timeout(TIME, read).await {
            Ok(Ok(0)) => Err(Reason::new(ReasonKind::Garbled, "the service hung up")),
            Ok(Ok(_)) if line.last() != Some(&b'\n') => Err(Reason::new(
                if line.len() as u64 >= LINE_CAP {
                    ReasonKind::CapReached
                } else {
                    ReasonKind::Garbled
                },
                "a line without an end",
            )),
            Ok(Ok(_)) => Ok(one_line(String::from_utf8_lossy(&line).trim_end(), 2000)),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(Reason::new(ReasonKind::Timeout, "the service says nothing")),
        }
    }

    /// Says a line.
    pub async fn say(&mut self, line: &str) -> Result<(), Reason> {
        let sent = async {
            let stream = self.0.get_mut();
            stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            stream.flush().await
        };
        match tokio::time::timeout(TIME, sent).await {
            Ok(sent) => sent.map_err(|error| lost(&error)),
            Err(_) => Err(Reason::new(
                ReasonKind::Timeout,
                "the service does not listen",
            )),
        }
    }

    /// The stream, for TLS. What was said before may not run into it.
    pub fn into_stream(self) -> Result<S, Reason> {
        if self.0.buffer().is_empty() {
            Ok(self.0.into_inner())
        } else {
            Err(Reason::new(
                ReasonKind::Garbled,
                "words in front of the handshake",
            ))
        }
    }
}

/// A reply of SMTP: its code and its lines.
pub(super) async fn smtp_reply<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
) -> Result<(u16, Vec<String>), Reason> {
    let garbled = || Reason::new(ReasonKind::Garbled, "it is no SMTP");
    let mut said = Vec::new();
    while said.len() < LINES {
        let line = lines.line().await?;
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
        let code = code
            .filter(|code| (200..600).contains(code))
            .ok_or_else(garbled)?;
        said.push(line.get(4..).unwrap_or_default().to_owned());
        match line.as_bytes().get(3) {
            Some(b'-') => {}
            Some(b' ') | None => return Ok((code, said)),
            Some(_) => return Err(garbled()),
        }
    }
    Err(Reason::new(
        ReasonKind::CapReached,
        "the reply does not end",
    ))
}

/// A reply of IMAP: the untagged lines, and what stands behind the tag.
pub(super) async fn imap_reply<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<S>,
    tag: &str,
) -> Result<(Vec<String>, String), Reason> {
    let mut said = Vec::new();
    while said.len() < LINES {
        let line = lines.line().await?;
        if let Some(rest) = line
            .strip_prefix(tag)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            return Ok((said, rest.to_owned()));
        }
        match line.strip_prefix("* ") {
            Some(rest) => said.push(rest.to_owned()),
            None => return Err(Reason::new(ReasonKind::Garbled, "it is no IMAP")),
        }
    }
    Err(Reason::new(
        ReasonKind::CapReached,
        "the reply does not end",
    ))
}
