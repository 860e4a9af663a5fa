//! Many commands over one remote shell.
//!
//! The remote side is one `sh -s` whose standard input stays open. Each
//! command is sent as one line of shell that runs in the background, so they
//! all run at once; what they say comes back over the one standard output.
//!
//! Writers that share a pipe must not tear each other's lines. POSIX promises
//! that a write of at most `PIPE_BUF` (4096 on Linux) bytes is never torn; so
//! each command's output goes through `base64 -w 3000`, whose lines `awk`
//! prefixes with a random boundary and the command's number, each line flushed
//! by itself: one write of some 3050 bytes. (`sed -u` would do too, but reads
//! its input byte by byte.) Everything passes one `cat`, so that it is a pipe
//! that is shared, whatever sshd gives us. No file is written on the host, and
//! no script stands in anybody's arguments: `printf` is the shell's own.
//!
//! The end of standard input (we left, or died) ends the shell, and its last
//! act is to end its process group.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use runproof_model::ReasonKind;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::sink::Sink;
use crate::trouble::Trouble;

/// What sshd starts. The account's own shell may be any; this is plain enough for all.
pub(super) const LAUNCHER: &str = "exec sh -c 'sh -s | cat'";

/// The longest line that is taken; ours have some 3050 bytes.
const LINE_CAP: usize = 16 << 10;
/// How many pieces of one command may wait.
const WAITING: usize = 64;

/// How many bytes a line of `base64 -w 3000` holds.
const LINE_BYTES: u64 = 2250;

/// What the remote shell is given first. `f` frames at most `$2` lines of standard
/// input as output of command `$1`; `g` first sends the process number that a
/// script of ours says, so that it does not wait in the buffer of `base64`; `c`
/// closes a command.
const PRELUDE: &str = r#"
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"; export PATH
exec 4>&1
trap 'trap "" TERM; kill -TERM 0' EXIT
f() { base64 -w 3000 | awk -v p="$B $1 o" -v n="$2" '{ print p, $0; fflush() } NR >= n { exit }' >&4; }
g() { i=$1; n=$2; set -f; { set -- $(dd bs=64 count=1 iflag=fullblock 2>/dev/null); } 2>/dev/null
printf '%s %s p %s %s\n' "$B" "$i" "$1" "$2" >&4; f "$i" "$n"; }
c() { n='
'; r=${2##*"$n"}; e=${2%"$n"*}; [ -z "$e" ] || e=$(printf %s "$e" | base64 -w 0)
printf '%s %s x %s %s\n' "$B" "$1" "$r" "$e" >&4; }
for t in base64 awk dd tail; do command -v $t >/dev/null || m="$m $t"; done
printf '%s hello %s\n' "$B" "$m" >&4
"#;

/// A piece of what a command says.
enum Piece {
    Output(Zeroizing<Vec<u8>>),
    End { code: Option<i32>, error: Vec<u8> },
    Garbled,
}

type Commands = Arc<Mutex<HashMap<u64, mpsc::Sender<Piece>>>>;

/// The near end of a remote shell.
#[derive(Debug)]
pub(super) struct Mux {
    lines: mpsc::Sender<Zeroizing<String>>,
    commands: Commands,
    alive: Arc<AtomicBool>,
    next: AtomicU64,
    reader: JoinHandle<()>,
}

impl Drop for Mux {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Mux {
    /// Greets the shell behind a pair of streams and waits for its answer.
    pub async fn greet(
        boundary: String,
        mut input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Self, Trouble> {
        let gone = || Trouble::new(ReasonKind::Unreachable, "the remote shell ended").passing();
        let hello = format!("B={boundary}{PRELUDE}");
        input
            .write_all(hello.as_bytes())
            .await
            .map_err(|_| gone())?;
        input.flush().await.map_err(|_| gone())?;
        let mut output = BufReader::with_capacity(64 << 10, output);
        let expected = format!("{boundary} hello");
        loop {
            let line = line(&mut output).await.ok_or_else(gone)?;
            // Whatever the account's start files print comes before it.
            if let Some(missing) = std::str::from_utf8(&line)
                .ok()
                .and_then(|line| line.strip_prefix(&expected))
            {
                if !missing.trim().is_empty() {
                    return Err(Trouble::new(
                        ReasonKind::MissingTool,
                        format!("{} on the ssh host", missing.trim()),
                    ));
                }
                break;
            }
        }
        let commands: Commands = Arc::default();
        let alive = Arc::new(AtomicBool::new(true));
        let (lines, mut queue) = mpsc::channel::<Zeroizing<String>>(64);
        // One task writes whole lines, so that a caller that goes away in the
        // middle cannot leave half of one behind.
        tokio::spawn(async move {
            while let Some(line) = queue.recv().await {
                let sent = input.write_all(line.as_bytes()).await;
                if sent.is_err() || input.flush().await.is_err() {
                    break;
                }
            }
        });
        let reader = tokio::spawn(read(
            boundary,
            output,
            Arc::clone(&commands),
            Arc::clone(&alive),
        ));
        Ok(Self {
            lines,
            commands,
            alive,
            next: AtomicU64::new(0),
            reader,
        })
    }

    /// Whether the shell is still there.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Runs a command and takes what it says. A `script` says its process number
    /// first, and that comes at once; everything else may wait in pipes until
    /// the command ends.
    pub async fn run(
        &self,
        words: &[String],
        stdin: &[u8],
        sink: &Sink,
        script: bool,
    ) -> Result<i32, Trouble> {
        let gone =
            || Trouble::new(ReasonKind::Unreachable, "the ssh connection was lost").passing();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (pieces, mut inbox) = mpsc::channel(WAITING);
        if let Ok(mut commands) = self.commands.lock() {
            commands.insert(id, pieces);
        }
        let _guard = Leave {
            commands: Arc::clone(&self.commands),
            id,
        };
        if !self.is_alive() {
            return Err(gone());
        }
        let text = shell_line(id, words, stdin, sink.cap(), script)?;
        self.lines.send(text).await.map_err(|_| gone())?;
        loop {
            match inbox.recv().await {
                Some(Piece::Output(bytes)) => sink.out(&bytes)?,
                Some(Piece::End { code, error }) => {
                    sink.err(&error);
                    return code.ok_or_else(|| {
                        Trouble::new(ReasonKind::Failed, "the script's end was not seen")
                    });
                }
                Some(Piece::Garbled) => {
                    return Err(Trouble::new(ReasonKind::Garbled, "the ssh launcher"));
                }
                None => return Err(gone()),
            }
        }
    }
}

/// Forgets a command when its caller goes away.
struct Leave {
    commands: Commands,
    id: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Ok(mut commands) = self.commands.lock() {
            commands.remove(&self.id);
        }
    }
}

/// The line that runs a command in the background. Its standard error, and
/// behind it its exit code, are few and go into a variable; its output is framed.
fn shell_line(
    id: u64,
    words: &[String],
    stdin: &[u8],
    cap: u64,
    script: bool,
) -> Result<Zeroizing<String>, Trouble> {
    let stdin = std::str::from_utf8(stdin)
        .map_err(|_| Trouble::new(ReasonKind::Defect, "a script that is no text"))?;
    let text = Zeroizing::new(sh(stdin));
    let frame = if script { 'g' } else { 'f' };
    let words: Vec<String> = words.iter().map(|word| sh(word)).collect();
    // One byte more than is taken shows that there is more.
    let lines = (cap / LINE_BYTES).saturating_add(1);
    let mut line = Zeroizing::new(String::with_capacity(text.len() + 512));
    line.push_str("{ e=$( { { printf %s ");
    line.push_str(&text);
    line.push_str(" | ");
    line.push_str(&words.join(" "));
    line.push_str(&format!(
        " 4>&-; printf '\\n%s' $? >&2; }} | {frame} {id} {lines}; }} 2>&1 | tail -c 2000 ); c {id} \"$e\"; }} &\n"
    ));
    Ok(line)
}

/// Hands every line to the command that it belongs to, until the shell ends.
async fn read(
    boundary: String,
    mut output: impl AsyncBufRead + Unpin,
    commands: Commands,
    alive: Arc<AtomicBool>,
) {
    while let Some(line) = line(&mut output).await {
        let Some((id, piece)) = parse(&boundary, &line) else {
            continue;
        };
        let inbox = commands
            .lock()
            .ok()
            .and_then(|commands| commands.get(&id).cloned());
        if let Some(inbox) = inbox {
            // Nobody waits any more: its caller went away.
            let _ = inbox.send(piece).await;
        }
    }
    alive.store(false, Ordering::Release);
    if let Ok(mut commands) = commands.lock() {
        commands.clear();
    }
}

/// What a script says of itself, in the form in which it said it.
fn pid_line(mark: &str, pid: &str) -> String {
    format!("\n{:<62}\n", format!("{mark} {pid}"))
}

/// One line of the launcher: `BOUNDARY ID p MARK PID`, `BOUNDARY ID o BASE64` or `BOUNDARY ID x CODE [BASE64]`.
fn parse(boundary: &str, line: &[u8]) -> Option<(u64, Piece)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.strip_prefix(boundary)?.split_ascii_whitespace();
    let id = words.next()?.parse().ok()?;
    let piece = match words.next()? {
        "o" => match STANDARD.decode(words.next().unwrap_or_default()) {
            Ok(bytes) => Piece::Output(Zeroizing::new(bytes)),
            Err(_) => Piece::Garbled,
        },
        "p" => match (words.next(), words.next()) {
            (Some(mark), Some(pid)) => {
                Piece::Output(Zeroizing::new(pid_line(mark, pid).into_bytes()))
            }
            // Whatever it was, no script of ours said it; that it was is kept.
            (Some(_), None) => Piece::Output(Zeroizing::new(b"?".to_vec())),
            (None, _) => Piece::Output(Zeroizing::new(Vec::new())),
        },
        "x" => Piece::End {
            code: words.next().and_then(|code| code.parse().ok()),
            error: words
                .next()
                .and_then(|text| STANDARD.decode(text).ok())
                .unwrap_or_default(),
        },
        _ => Piece::Garbled,
    };
    Some((id, piece))
}

/// One line without its end; a line that is too long is cut. None at the end.
async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffer = from.fill_buf().await.ok()?;
        if buffer.is_empty() {
            return None;
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE_CAP.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    use tokio::process::{Child, Command};

    async fn shell() -> (Mux, Child) {
        let mut child = Command::new("sh")
            .args(["-c", LAUNCHER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mux = Mux::greet("0123456789abcdef".into(), input, output)
            .await
            .unwrap();
        (mux, child)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[tokio::test]
    async fn output_error_and_exit_code_come_back_apart() {
        let (mux, _child) = shell().await;
        let sink = Sink::new(1000);
        let script = b"cat; printf 'a\\000b\\377'; echo 'it'\\''s bad' >&2; exit 7";
        let code = mux.run(&words(&["sh", "-s"]), script, &sink, false).await;
        assert_eq!(code, Ok(7));
        assert_eq!(sink.head(99), b"a\0b\xff");
        assert_eq!(sink.error_text(), "it's bad");
    }

    #[tokio::test]
    async fn twelve_commands_with_five_mebibytes_each_do_not_tear_each_other() {
        let (mux, _child) = shell().await;
        let size = 5 << 20;
        let runs = (0..12).map(|n| {
            let mux = &mux;
            async move {
                let sink = Sink::new(6 << 20);
                let script = format!(
                    "head -c {size} /dev/zero | tr '\\000' '{}'",
                    (b'a' + n) as char
                );
                let code = mux
                    .run(&words(&["sh", "-s"]), script.as_bytes(), &sink, false)
                    .await;
                assert_eq!(code, Ok(0));
                let output = sink.into_output().out;
                assert_eq!(output.len(), size);
                assert!(output.iter().all(|&byte| byte == b'a' + n));
            }
        });
        futures_util::future::join_all(runs).await;
    }

    #[tokio::test]
    async fn a_flood_ends_at_the_cap_and_the_others_go_on() {
        let (mux, _child) = shell().await;
        let sink = Sink::new(1 << 20);
        let flood = mux.run(&words(&["sh", "-s"]), b"yes", &sink, false).await;
        assert_eq!(flood.unwrap_err().reason.kind, ReasonKind::CapReached);
        let sink = Sink::new(100);
        assert_eq!(
            mux.run(&words(&["echo", "hi"]), b"", &sink, false).await,
            Ok(0)
        );
        assert_eq!(sink.head(99), b"hi\n");
    }

    #[tokio::test]
    async fn a_script_says_its_process_number_long_before_it_ends() {
        let (mux, _child) = shell().await;
        let sink = Sink::new(1000);
        let script = b"printf '\\n%-62s\\n' \"$1 $$\"; printf 'rest'; sleep 0.7";
        let line = words(&["sh", "-s", "runproof-0"]);
        let run = mux.run(&line, script, &sink, true);
        tokio::pin!(run);
        assert!(
            tokio::time::timeout(Duration::from_millis(400), &mut run)
                .await
                .is_err()
        );
        let head = String::from_utf8(sink.head(99)).unwrap();
        assert!(
            head.starts_with("\nrunproof-0 ") && head.len() == 64,
            "{head:?}"
        );
        assert_eq!(run.await, Ok(0));
        assert!(sink.head(99).ends_with(b"\nrest"));
    }

    #[tokio::test]
    async fn a_command_that_says_nothing_or_garbage_instead_of_a_process_number_ends_too() {
        let (mux, _child) = shell().await;
        let sink = Sink::new(1000);
        assert_eq!(mux.run(&words(&["false"]), b"", &sink, true).await, Ok(1));
        assert!(sink.is_empty());
        let garbage = words(&["head", "-c", "500", "/dev/zero"]);
        assert_eq!(mux.run(&garbage, b"", &sink, true).await, Ok(0));
    }

    #[tokio::test]
    async fn commands_run_at_once() {
        let (mux, _child) = shell().await;
        let start = Instant::now();
        let runs = (0..8).map(|_| async {
            let sink = Sink::new(100);
            mux.run(&words(&["sleep", "0.5"]), b"", &sink, false).await
        });
        let codes = futures_util::future::join_all(runs).await;
        assert!(codes.iter().all(|code| *code == Ok(0)));
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test]
    async fn what_runs_ends_when_we_leave() {
        let (mux, mut child) = shell().await;
        let sleep = format!("3600.{}", std::process::id());
        let sink = Sink::new(100);
        let line = words(&["sleep", &sleep]);
        let run = mux.run(&line, b"", &sink, false);
        assert!(
            tokio::time::timeout(Duration::from_millis(500), run)
                .await
                .is_err()
        );
        assert!(running(&sleep));
        drop(mux);
        tokio::time::timeout(Duration::from_secs(5), child.wait())
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!running(&sleep));
    }

    fn running(argument: &str) -> bool {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line == format!("sleep\0{argument}\0").as_bytes())
        })
    }

    #[tokio::test]
    async fn a_shell_that_dies_is_trouble_that_may_pass() {
        let (mux, child) = shell().await;
        let sink = Sink::new(100);
        let long = words(&["sleep", "30"]);
        let (run, ()) = tokio::join!(mux.run(&long, b"", &sink, false), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            // The shell behind it too, as the end of a connection would.
            let group = format!("-{}", child.id().unwrap());
            let mut kill = Command::new("sh");
            kill.args(["-c", "kill -KILL $1", "sh", &group]);
            assert!(kill.status().await.unwrap().success());
        });
        let trouble = run.unwrap_err();
        assert!(trouble.transient, "{trouble:?}");
        assert!(!mux.is_alive());
    }

    proptest! {
        #[test]
        fn no_line_of_a_hostile_host_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse("b0", &line);
            let mut framed = b"b0 ".to_vec();
            framed.extend_from_slice(&line);
            let _ = parse("b0", &framed);
        }
    }
}
