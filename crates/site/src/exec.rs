//! One script on one node: started, bounded, and ended when it must end.
//!
//! Whatever ends an exec early (its time, the cap, an interruption) also ends
//! what it started ON THE NODE: the script says its process number first, and
//! a second exec kills that process and all its descendants, after making sure
//! by a random mark in its arguments that it is ours. Should we die ourselves,
//! `timeout` inside the node does the same a little later.

use std::time::{Duration, SystemTime};

use runproof_model::ReasonKind;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::backend::Reached;
use crate::random;
use crate::sink::{Output, Sink};
use crate::trouble::Trouble;

/// `$1`: seconds, `$2`: mark. At a low priority, and with `timeout` as the net under us;
/// a node without one of the two still works. Every step replaces the one before it, and a
/// shell comes first: one that hangs has no child yet that would outlive it.
const WRAPPER: &str = r#"n=; command -v nice >/dev/null 2>&1 && n='nice -n 10'
command -v timeout >/dev/null 2>&1 && exec $n timeout -k 2 "$1" sh -s "$2"
exec $n sh -s "$2""#;
/// How much later than we the node's own `timeout` strikes.
const GRACE: u64 = 5;
/// How long the killing may take.
const KILL_TIME: Duration = Duration::from_secs(4);
/// How often a script is run again at most, and how long we wait before it.
const RETRIES: usize = 2;
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// What every script says first: the mark, which is the only argument of the
/// `sh` that reads it, and its process number, in a line of exactly [`PID_LINE`] bytes.
const SAY_PID: &str = "printf '\\n%-62s\\n' \"$1 $$\"\n";
/// The length of that line with the empty one before it.
pub(crate) const PID_LINE: usize = 64;
/// How long an exec whose script was killed may take to hand over what was under way.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Kills process `$1` and its descendants, when `$2` stands in its arguments.
const KILLER: &str = r#"LC_ALL=C; p=$1; m=$2
case "$(tr '\0' ' ' </proc/$p/cmdline 2>/dev/null)" in *"$m"*) ;; *) exit 0;; esac
t=" $p "; grew=1
while [ -n "$grew" ]; do grew=
for d in /proc/[0-9]*; do q=${d#/proc/}
case "$t" in *" $q "*) continue;; esac
read -r s 2>/dev/null <"$d/stat" || continue
s=${s##*) }; set -f; set -- $s; set +f
case "$t" in *" ${2:-x} "*) t="$t$q "; grew=1;; esac
done; done
kill -KILL $t 2>/dev/null
exit 0
"#;

/// The bounds of an exec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// It is ended after so long.
    pub time: Duration,
    /// It is ended after so long when it has not said a word; at least `time`.
    pub silent: Duration,
    /// It is ended after so many bytes.
    pub bytes: u64,
}

/// What came of an exec.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it said, up to where it ended.
    pub output: Output,
    /// The exit code, or why there is none.
    pub how: Result<i32, Trouble>,
    /// When it was started.
    pub started: SystemTime,
    /// Whether a script of ours began: it said its process number.
    pub began: bool,
}

impl Ended {
    /// Whether the answer was lost on its way: a script of ours says its process number
    /// before anything else, and an engine's command line told of a good end without a
    /// word. The one of Incus 6.0 does that when a script ends within milliseconds on a
    /// busy machine: the script ran, and its whole output is gone.
    fn is_lost(&self) -> bool {
        self.how == Ok(0) && self.output.out.is_empty()
    }
}

/// The script as it is sent: it says its process number first.
pub(crate) fn script(text: &str) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(SAY_PID.len() + text.len()));
    whole.push_str(SAY_PID);
    whole.push_str(text);
    whole
}

/// The words of a command on the machine itself.
pub(crate) fn on_machine(words: &[String], sudo: bool) -> Vec<String> {
    let prefix = if sudo { ["sudo", "-n"].as_slice() } else { &[] };
    prefix
        .iter()
        .map(|&word| word.to_owned())
        .chain(words.iter().cloned())
        .collect()
}

/// The words of an exec's command: what [`run`] starts on the node.
pub(crate) fn command(time: Duration, mark: &str) -> Vec<String> {
    let seconds = time.as_secs().saturating_add(1 + GRACE);
    ["sh", "-c", WRAPPER, "sh", &seconds.to_string(), mark]
        .map(str::to_owned)
        .to_vec()
}

/// Runs `script` there, again when the trouble may pass: once after what a second try may
/// mend, twice after an answer that was lost. One that says `last_words` at the end has
/// ended well.
pub(crate) async fn run(
    there: &Reached<'_>,
    script: &str,
    last_words: &str,
    limits: Limits,
    cancel: &CancellationToken,
) -> Ended {
    let mut ended = attempt(there, script, last_words, limits, cancel).await;
    for retry in 0..RETRIES {
        let transient = matches!(&ended.how, Err(trouble) if trouble.transient);
        if !(ended.is_lost() || transient && retry == 0) {
            break;
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
        ended = attempt(there, script, last_words, limits, cancel).await;
    }
    ended
}

async fn attempt(
    there: &Reached<'_>,
    script: &str,
    last_words: &str,
    limits: Limits,
    cancel: &CancellationToken,
) -> Ended {
    let started = SystemTime::now();
    let sink = Sink::until(limits.bytes, last_words.to_owned());
    let mark = match random::word() {
        Ok(word) => format!("runproof-{word}"),
        Err(trouble) => {
            return Ended {
                output: sink.into_output(),
                how: Err(trouble),
                started,
                began: false,
            };
        }
    };
    let words = command(limits.silent, &mark);
    let text = self::script(script);

    let how = watch(there, &words, &text, &sink, limits, cancel, &mark).await;
    let began = pid_of(&sink.head(PID_LINE), &mark).is_some();
    Ended {
        output: sink.into_output(),
        how,
        started,
        began,
    }
}

/// Runs a script, and ends it on the node when it must end early.
async fn watch(
    there: &Reached<'_>,
    words: &[String],
    text: &str,
    sink: &Sink,
    limits: Limits,
    cancel: &CancellationToken,
    mark: &str,
) -> Result<i32, Trouble> {
    let exec = there.exec(words, text.as_bytes(), sink);
    tokio::pin!(exec);
    let late = async {
        tokio::time::sleep(limits.time).await;
        if limits.silent > limits.time && sink.head(1).is_empty() {
            tokio::time::sleep(limits.silent - limits.time).await;
            limits.silent
        } else {
            limits.time
        }
    };
    let early = tokio::select! {
        biased;
        () = cancel.cancelled() => Trouble::new(ReasonKind::Interrupted, "the run was stopped"),
        how = &mut exec => match how {
            Err(trouble) if trouble.reason.kind == ReasonKind::CapReached => trouble,
            Ok(_) | Err(_) => return how,
        },
        time = late => Trouble::new(
            ReasonKind::Timeout, format!("no end after {} s", time.as_secs_f64())),
    };
    if let Some(pid) = pid_of(&sink.head(PID_LINE), mark) {
        // The outcome stands whether or not the killing works; `timeout` is behind it.
        let _ = timeout(KILL_TIME, kill(there, &pid, mark)).await;
        if early.reason.kind != ReasonKind::CapReached {
            // With its writers dead the exec ends by itself, and hands over what was under way.
            let _ = timeout(DRAIN_TIME, &mut exec).await;
        }
    }
    Err(early)
}

/// Kills process `pid` there and its descendants, when `mark` stands in its arguments.
pub(crate) async fn kill(there: &Reached<'_>, pid: &str, mark: &str) {
    let words = ["sh", "-s", pid, mark].map(str::to_owned);
    let sink = Sink::new(4096);
    let _ = there.exec(&words, KILLER.as_bytes(), &sink).await;
}

/// The process number that the script said, when it did.
pub(crate) fn pid_of(head: &[u8], mark: &str) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.strip_prefix('\n')?.lines().next()?;
    let pid: u32 = line.strip_prefix(mark)?.trim().parse().ok()?;
    (pid > 1).then(|| pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_process_number_is_believed_only_beside_the_mark() {
        assert_eq!(pid_of(b"\nruny-1 77\n", "runy-1"), Some("77".into()));
        assert_eq!(pid_of(b"\nruny-2 77\n", "runy-1"), None);
        assert_eq!(pid_of(b"\nruny-1 1\n", "runy-1"), None);
        assert_eq!(pid_of(b"\nruny-1 -9\n", "runy-1"), None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_process_number(output in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(pid_of(&output, "runproof-x"), None);
        }
    }
}
