//! `runproof lab logs`: what a node has logged.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::process::{Command, Stdio};

use clap::Args;
use runproof_model::{ExitCode, Role, text};
use tokio::task::spawn_blocking;

use super::WhichLab;
use super::shell::client;
use crate::command::recover;
use crate::live::block_on_saying;
use crate::message;
use crate::options::role;

/// The most bytes of a line that are shown as one.
const PIECE: u64 = 8 << 10;
/// The most characters of it: an escape takes some for one byte.
const LONGEST: usize = 8 * PIECE as usize;
/// The widest indentation that is kept.
const INDENT: usize = 40;

const EXAMPLES: &str = "\
Examples:
  runproof lab logs system                          the last lines of its logs and its journal
  runproof lab logs system --lines 200
  runproof lab logs system --follow                 and what is still to come, until Ctrl-C";

/// Arguments of `lab logs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// The node's role
    #[arg(value_name = "ROLE", value_parser = role)]
    pub role: Role,
    /// How many lines of each
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub lines: u32,
    /// Go on with what is still to come
    #[arg(long, short)]
    pub follow: bool,
    /// Which lab.
    #[command(flatten)]
    pub lab: WhichLab,
}

/// Runs `lab logs`.
pub(super) fn run(args: &LogsArgs) -> ExitCode {
    if let Err(code) = recover::before(&args.lab.name) {
        return code;
    }
    let words = ["sh".to_owned(), "-c".to_owned(), script(args)];
    match client(&args.lab.name, &args.role, &words, false) {
        Err(code) => code,
        Ok(command) => shown(command, args.follow),
    }
}

/// What prints the logs. What follows them ends with its standard input: whatever ends us, Ctrl-C too,
/// nothing of it goes on in the node.
fn script(args: &LogsArgs) -> String {
    let lines = args.lines;
    if args.follow {
        format!(
            "exec 3<&0\n\
             tail -n {lines} -F /opt/gbo/logs/*.log 3<&- & tail=$!\n\
             {{ cat; kill $tail; }} <&3 >/dev/null 2>&1 &\n\
             trap 'kill $tail' HUP INT TERM\n\
             wait $tail"
        )
    } else {
        format!(
            "echo '==> journal <=='; journalctl --no-pager -q -n {lines}; tail -v -n {lines} /opt/gbo/logs/*.log 2>/dev/null; :"
        )
    }
}

/// Runs the client to its end, or until somebody asks to stop. What a node has logged may be anything: on
/// a terminal every line of it is made harmless, as it comes.
fn shown(mut command: Command, follow: bool) -> ExitCode {
    command
        .stdin(if follow {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = command.get_program().to_string_lossy();
            message::error(&format!("{program}: {error}"));
            return ExitCode::Usage;
        }
    };
    // Open as long as we listen.
    let input = child.stdin.take();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let passed = block_on_saying("no longer listening to the node", |cancel| async move {
        let err = spawn_blocking(|| pass_on(err, io::stderr(), io::stderr().is_terminal()));
        let out = spawn_blocking(|| pass_on(out, io::stdout(), io::stdout().is_terminal()));
        let both = async {
            out.await.map_err(io::Error::other).flatten()?;
            // A stderr that nobody reads is no reason to fail.
            let _ = err.await;
            Ok::<_, io::Error>(())
        };
        tokio::select! {
            () = cancel.cancelled() => None,
            passed = both => Some(passed),
        }
    });
    drop(input);
    if !matches!(passed, Ok(Some(Ok(())))) {
        // It may have ended already.
        let _ = child.kill();
    }
    let ended = child.wait().map(|status| status.success());
    match (passed, ended) {
        (Err(error), _) => {
            message::error(&error);
            ExitCode::Defect
        }
        (Ok(None), _) => ExitCode::Interrupted,
        (Ok(Some(Err(error))), _) if error.kind() != io::ErrorKind::BrokenPipe => {
            message::error(&format!("stdout: {error}"));
            ExitCode::CannotWrite
        }
        // A reader that has gone away has read enough.
        (Ok(Some(Err(_))), _) | (Ok(Some(Ok(()))), Ok(true)) => ExitCode::Conforms,
        // It has said why.
        (Ok(Some(Ok(()))), Ok(false)) => ExitCode::Unestablished,
        (Ok(Some(Ok(()))), Err(error)) => {
            message::error(&error.to_string());
            ExitCode::Unestablished
        }
    }
}

/// Passes on what comes, to a terminal nothing that it would do.
fn pass_on(from: Option<impl Read>, mut to: impl Write, terminal: bool) -> io::Result<()> {
    match from {
        None => Ok(()),
        Some(from) if terminal => harmless(from, to),
        Some(mut from) => io::copy(&mut from, &mut to).and_then(|_| to.flush()),
    }
}

/// Passes lines on, each without what could move a cursor, hide or reorder text; an endless one in pieces.
fn harmless(from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while (&mut from).take(PIECE).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let blanks = text.chars().take_while(|c| [' ', '\t'].contains(c));
        let indent: usize = blanks.map(|c| if c == '\t' { 8 } else { 1 }).sum();
        let indent = indent.min(INDENT);
        // It leaves the indentation out.
        match text::one_line(&text, LONGEST).as_str() {
            "" => writeln!(to)?,
            washed => writeln!(to, "{:indent$}{washed}", "")?,
        }
        to.flush()?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use runproof_lab::LabName;

    fn passed_on(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        harmless(bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[rstest]
    #[case::lines(b"one\n  two\n\tthree\n\nfour", "one\n  two\n        three\n\nfour\n")]
    #[case::an_escape(b"\x1b]0;title\x07\x1b[2J", "\\u{1b}]0;title\\u{7}\\u{1b}[2J\n")]
    #[case::back_to_the_beginning(b"bad\rgood\r\n", "bad\\rgood\n")]
    #[case::an_eight_bit_escape("\u{9b}31m".as_bytes(), "\\u{9b}31m\n")]
    #[case::a_reordering("a\u{202e}b".as_bytes(), "a\\u{202e}b\n")]
    #[case::no_text(b"a\xff\xfeb\n", "a\u{fffd}\u{fffd}b\n")]
    fn what_a_node_has_logged_cannot_hurt_a_terminal(#[case] logged: &[u8], #[case] shown: &str) {
        assert_eq!(passed_on(logged), shown);
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory_and_loses_nothing() {
        let endless = "x".repeat(1 << 20);
        let shown = passed_on(endless.as_bytes());
        assert_eq!(shown.replace('\n', ""), endless);
        assert!(shown.lines().all(|line| line.len() as u64 <= PIECE));
    }

    #[test]
    fn a_line_is_shown_before_the_next_one_comes() {
        let (from, mut logged) = io::pipe().unwrap();
        let (mut shown, to) = io::pipe().unwrap();
        let passing = std::thread::spawn(move || harmless(from, to));
        for line in ["one\n", "two\n"] {
            logged.write_all(line.as_bytes()).unwrap();
            let mut read = [0; 4];
            shown.read_exact(&mut read).unwrap();
            assert_eq!(read, line.as_bytes());
        }
        drop(logged);
        passing.join().unwrap().unwrap();
    }

    proptest! {
        #[test]
        fn nothing_but_text_and_ends_of_lines_comes_through(
            logged in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let shown = passed_on(&logged);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn what_follows_ends_with_its_input_and_takes_the_tail_along() {
        let args = |follow| LogsArgs {
            role: Role::new("dns").unwrap(),
            lines: 3,
            follow,
            lab: WhichLab {
                name: LabName::new("lab").unwrap(),
            },
        };
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        std::fs::write(&log, "one\n").unwrap();
        let following = script(&args(true)).replace("/opt/gbo/logs/*.log", log.to_str().unwrap());
        let mut child = Command::new("sh")
            .args(["-c", &following])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "one\n");
        drop(child.stdin.take());
        child.wait().unwrap();
        // Nobody has the other end any more.
        assert_eq!(out.read_to_string(&mut line).unwrap(), 0);
    }
}
