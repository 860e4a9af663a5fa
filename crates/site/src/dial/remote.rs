//! A port that a shell in the node opens for us.

use std::time::Duration;

use futures_util::StreamExt;
use runproof_facts::service::Endpoint;
use runproof_model::{Reason, ReasonKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::pipe::{Pipe, Said};
use super::{CONNECT_TIME, NoStream, Place, no_answer};
use crate::exec::{self, PID_LINE, pid_of};
use crate::random;
use crate::trouble::Trouble;

/// `$0`: mark, `$1`: host, `$2`: port, `$3`: [`BASH`], `$4`: seconds after which the node's
/// own `timeout` ends it. socat and nc do not say when they are through; nobody else can.
const OUTER: &str = r#"LC_ALL=C; export LC_ALL
printf '\n%-62s\n' "$0 $$"
t=; command -v timeout >/dev/null 2>&1 && t="timeout -k 2 $4"
h=$1; case "$h" in *:*) h="[$h]";; esac
if command -v bash >/dev/null 2>&1; then exec $t bash -c "$3" "$0" "$1" "$2"; fi
if command -v socat >/dev/null 2>&1; then printf '%s ~\n' "$0"; exec $t socat - "TCP:$h:$2"; fi
if command -v nc >/dev/null 2>&1; then printf '%s ~\n' "$0"; exec $t nc "$1" "$2"; fi
if command -v ncat >/dev/null 2>&1; then printf '%s ~\n' "$0"; exec $t ncat "$1" "$2"; fi
printf '%s !\n' "$0"
exit 96"#;

/// Both directions, until either ends; then the other is ended.
const BASH: &str = r#"exec 5>&2 2>&1
exec 3<>"/dev/tcp/$1/$2" || { printf '%s -\n' "$0"; exit 97; }
exec 2>&5 5>&-
printf '%s +\n' "$0"
exec 4<&0
cat <&4 >&3 & w=$!
cat <&3 & r=$!
wait -n
kill "$w" "$r" 2>/dev/null
exit 0"#;

/// How long a stream may last by the node's own clock; ours is shorter.
const LONGEST: u64 = 120;
/// How long the engine may take to start the shell.
const START_TIME: Duration = Duration::from_secs(10);
/// How long a program whose input has ended may take to end.
const LEAVE_TIME: Duration = Duration::from_secs(2);
/// How long the killing may take.
const KILL_TIME: Duration = Duration::from_secs(4);
/// How much of what is said before the stream begins is kept.
const HEAD_CAP: usize = 4096;
/// How much waits between the node and the client.
const BUFFER: usize = 64 << 10;

/// What the node says about the port, once.
type Verdict = Result<(), NoStream>;

/// How often a shell whose every word was lost is started again.
const RETRIES: usize = 2;

/// Opens a port from there.
pub(super) async fn open(place: Place, to: &Endpoint) -> Result<DuplexStream, NoStream> {
    let mut opened = attempt(place.clone(), to).await;
    for _ in 0..RETRIES {
        // An engine's command line may lose all that a program said which ends within
        // milliseconds, and that is how a refused port ends.
        if !matches!(&opened, Err(why) if *why == wordless()) {
            break;
        }
        opened = attempt(place.clone(), to).await;
    }
    opened
}

/// What is to be said when the shell ended without a word.
fn wordless() -> NoStream {
    NoStream::Untried(Reason::new(
        ReasonKind::Failed,
        "the shell in the node ended without a word",
    ))
}

async fn attempt(place: Place, to: &Endpoint) -> Result<DuplexStream, NoStream> {
    let mark = format!("runproof-{}", random::word()?);
    let words = [
        "sh",
        "-c",
        OUTER,
        &mark,
        &to.host,
        &to.port.to_string(),
        BASH,
        &LONGEST.to_string(),
    ]
    .map(str::to_owned);
    let pipe = timeout(START_TIME, place.reached().pipe(&words))
        .await
        .unwrap_or_else(|_| {
            Err(Trouble::new(
                ReasonKind::Timeout,
                "the engine does not start a shell",
            ))
        })?;
    let (ours, far) = tokio::io::duplex(BUFFER);
    let (said, mut verdict) = oneshot::channel();
    let (began, beginning) = oneshot::channel();
    tokio::spawn(carry(place, mark, pipe, far, began, said));
    let lost = || {
        NoStream::Untried(Reason::new(
            ReasonKind::Failed,
            "the shell in the node ended early",
        ))
    };
    match timeout(START_TIME, beginning).await {
        Ok(Ok(())) => {}
        // It ended before its first line; the verdict says why, when it is known.
        Ok(Err(_)) => {
            return Err(verdict
                .await
                .ok()
                .and_then(Verdict::err)
                .unwrap_or_else(lost));
        }
        Err(_) => {
            return Err(NoStream::Untried(Reason::new(
                ReasonKind::Timeout,
                "the shell in the node says nothing",
            )));
        }
    }
    match timeout(CONNECT_TIME, &mut verdict).await {
        Ok(Ok(Ok(()))) => Ok(ours),
        Ok(Ok(Err(why))) => Err(why),
        Ok(Err(_)) => Err(lost()),
        // The shell said that it tries.
        Err(_) => Err(NoStream::Closed(no_answer())),
    }
}

/// What a shell says before the stream begins.
#[derive(Default)]
struct Head {
    text: Vec<u8>,
    error: Vec<u8>,
    pid: Option<String>,
}

impl Head {
    /// Takes a piece; the verdict, and what of the piece belongs to the stream already.
    fn take(&mut self, mark: &str, piece: &[u8]) -> Option<(Verdict, Vec<u8>)> {
        self.text.extend_from_slice(piece);
        // Half of the line would hold half of the number.
        if let (None, Some(line)) = (&self.pid, self.text.get(..PID_LINE)) {
            self.pid = pid_of(line, mark);
        }
        let found = ["+", "~", "-", "!"].iter().find_map(|sign| {
            let line = format!("\n{mark} {sign}\n");
            let at = self
                .text
                .windows(line.len())
                .position(|window| window == line.as_bytes())?;
            Some((*sign, at, at + line.len()))
        });
        let Some((sign, at, end)) = found else {
            return (self.text.len() > HEAD_CAP).then(|| {
                let reason = Reason::new(ReasonKind::Garbled, "the shell in the node");
                (Err(NoStream::Untried(reason)), Vec::new())
            });
        };
        let verdict = match sign {
            "+" | "~" => Ok(()),
            "!" => Err(NoStream::Untried(Reason::new(
                ReasonKind::MissingTool,
                "neither bash nor socat nor nc is on the node",
            ))),
            _ => {
                let start = PID_LINE.min(at);
                Err(refusal(&String::from_utf8_lossy(&self.text[start..at])))
            }
        };
        Some((verdict, self.text.split_off(end)))
    }

    /// What is to be said when the shell ended without a verdict.
    fn ended(&self) -> NoStream {
        let error = String::from_utf8_lossy(&self.error);
        let text = String::from_utf8_lossy(&self.text);
        let said = if error.trim().is_empty() { text } else { error };
        if said.trim().is_empty() {
            return wordless();
        }
        NoStream::Untried(Trouble::refusal(said.trim()).reason)
    }
}

/// What bash says about a port that it cannot open. It tries every address of a name, and
/// says a line about each.
fn refusal(text: &str) -> NoStream {
    const CLOSED: &[&str] = &[
        "Connection refused",
        "No route to host",
        "Network is unreachable",
        "Connection timed out",
        "Connection reset by peer",
        "Name or service not known",
        "Temporary failure in name resolution",
        "No address associated with hostname",
        // A name that has only addresses of a family that the node is without.
        "Cannot assign requested address",
    ];
    if let Some(cause) = CLOSED.iter().find(|cause| text.contains(**cause)) {
        return NoStream::Closed(cause.to_ascii_lowercase());
    }
    let cause = text.trim().rsplit(": ").next().unwrap_or_default();
    let kind = if text.contains("Permission denied") || text.contains("not permitted") {
        ReasonKind::Permission
    } else {
        // A bash without /dev/tcp takes it for a file.
        ReasonKind::Unsupported
    };
    NoStream::Untried(Reason::new(kind, cause))
}

/// Carries both directions until one ends, and ends what was started in the node.
async fn carry(
    place: Place,
    mark: String,
    pipe: Pipe,
    near: DuplexStream,
    began: oneshot::Sender<()>,
    said: oneshot::Sender<Verdict>,
) {
    let Pipe {
        mut feed,
        said: mut pieces,
        keep,
    } = pipe;
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let mut head = Head::default();
    let (mut began, mut said) = (Some(began), Some(said));

    // Until the verdict, nothing of the client's is sent.
    let mut first = Vec::new();
    while let Some(sender) = said.take() {
        match pieces.next().await {
            Some(Said::Out(piece)) => {
                let verdict = head.take(&mark, &piece);
                if head.pid.is_some()
                    && let Some(began) = began.take()
                {
                    let _ = began.send(());
                }
                match verdict {
                    None => said = Some(sender),
                    Some((verdict, rest)) => {
                        let open = verdict.is_ok();
                        // Somebody who no longer waits has given up: then it is closed below.
                        let heard = sender.send(verdict).is_ok();
                        first = rest;
                        if !open || !heard {
                            finish(&place, &mark, head.pid.as_deref(), !open).await;
                            return;
                        }
                    }
                }
            }
            Some(Said::Err(piece)) => {
                head.error
                    .extend_from_slice(&piece[..piece.len().min(1024)]);
                head.error.truncate(HEAD_CAP);
                said = Some(sender);
            }
            None => {
                let _ = sender.send(Err(head.ended()));
                return;
            }
        }
        if said.as_ref().is_some_and(oneshot::Sender::is_closed) {
            feed.close().await;
            finish(&place, &mark, head.pid.as_deref(), false).await;
            return;
        }
    }

    let down = async {
        if to_client.write_all(&first).await.is_err() {
            return false;
        }
        while let Some(piece) = pieces.next().await {
            if let Said::Out(bytes) = piece
                && to_client.write_all(&bytes).await.is_err()
            {
                return false;
            }
        }
        let _ = to_client.shutdown().await;
        true
    };
    let up = async {
        let mut buffer = zeroize::Zeroizing::new(vec![0; 16 << 10]);
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            if feed.send(&buffer[..count]).await.is_err() {
                break;
            }
        }
        feed.close().await;
    };
    tokio::pin!(down, up);
    let ended = tokio::select! {
        whole = &mut down => whole,
        () = &mut up => timeout(LEAVE_TIME, &mut down).await.unwrap_or(false),
    };
    drop(keep);
    finish(&place, &mark, head.pid.as_deref(), ended).await;
}

/// Ends what may still run in the node.
async fn finish(place: &Place, mark: &str, pid: Option<&str>, ended: bool) {
    if let (Some(pid), false) = (pid, ended) {
        // Whether or not it works, `timeout` in the node is behind it.
        let _ = timeout(KILL_TIME, exec::kill(&place.reached(), pid, mark)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const MARK: &str = "runproof-0";

    fn head(rest: &str) -> Vec<u8> {
        format!("\n{:<62}\n{rest}", format!("{MARK} 77")).into_bytes()
    }

    #[test]
    fn what_stands_behind_the_verdict_belongs_to_the_stream() {
        for cut in 0..head("runproof-0 +\nabc").len() {
            let whole = head("runproof-0 +\nabc");
            let mut head = Head::default();
            let mut found = head.take(MARK, &whole[..cut]);
            let mut rest = Vec::new();
            if found.is_none() {
                found = head.take(MARK, &whole[cut..]);
            } else {
                rest.extend_from_slice(&whole[cut..]);
            }
            let (verdict, mut first) = found.unwrap();
            first.extend(rest);
            assert!(verdict.is_ok());
            assert_eq!(first, b"abc");
            assert_eq!(head.pid.as_deref(), Some("77"));
        }
    }

    #[rstest]
    #[case(
        "bash: connect: Connection refused\nbash: /dev/tcp/localhost/1: Cannot assign requested address\n",
        "connection refused"
    )]
    #[case(
        "bash: x: Name or service not known\nbash: /dev/tcp/x/1: Invalid argument\n",
        "name or service not known"
    )]
    fn every_line_of_bash_is_looked_through(#[case] text: &str, #[case] why: &str) {
        assert_eq!(refusal(text), NoStream::Closed(why.to_owned()));
    }

    #[test]
    fn a_bash_that_knows_no_ports_proves_nothing() {
        let found = refusal("bash: line 1: /dev/tcp/localhost/1: No such file or directory\n");
        assert!(
            matches!(found, NoStream::Untried(reason) if reason.kind == ReasonKind::Unsupported)
        );
    }

    proptest! {
        #[test]
        fn no_words_before_the_stream_panic(pieces in proptest::collection::vec(".{0,80}", 0..8)) {
            let mut head = Head::default();
            for piece in pieces {
                let _ = head.take(MARK, piece.as_bytes());
            }
        }
    }
}
