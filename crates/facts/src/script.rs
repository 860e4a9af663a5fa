//! One script per node and round: composing it, and taking its output apart.
//!
//! The text goes to the standard input of one `sh`. Each look stands between
//! two lines with a random boundary that the node's files cannot know, runs
//! with its input closed and under its own `timeout`, and is cut at its cap.
//! A look whose closing line is missing has no answer: a node that dies in the
//! middle leaves unknowns, not absences.

use std::fmt::Write as _;
use std::sync::Arc;

use runproof_model::{Reason, ReasonKind};
use zeroize::Zeroizing;

use crate::answer::{Answer, Answers, NOT_REGULAR};
use crate::ask::{Ask, End};
use crate::link;
use crate::quote::sh;

const STAT: &str = "%f:%u:%g:%s:%Y:%h:%d:%i:%U:%G";

/// What every script begins with: a known locale, zone and search path, low
/// priority, and the functions of the looks.
/// `b` opens a look, `e` closes it with its exit code.
const PRELUDE: &str = r#"LC_ALL=C TZ=UTC
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL TZ PATH
unset ENV BASH_ENV CDPATH
umask 077
renice -n 10 -p $$ >/dev/null 2>&1
b() { printf '\n%s %s\n' "$B" "$1"; }
e() { printf '\n%s %s %s\n' "$B" "$1" "$2"; }
"#;

/// The script for `asks`, with a boundary of at least 32 random hexadecimal digits.
/// `Ask::Instance` is answered by the engine and is left out.
pub fn compose(asks: &[Ask], boundary: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024 + asks.len() * 160));
    text.push_str("B=");
    text.push_str(boundary);
    text.push('\n');
    text.push_str(PRELUDE);
    text.push_str("b now; date +%s.%N 2>&1 </dev/null; e now $?\n");
    text.push_str(&link::text(asks));
    for (index, ask) in asks.iter().enumerate() {
        if matches!(ask, Ask::Instance) {
            continue;
        }
        let _ = writeln!(text, "b {index}");
        let _ = writeln!(text, "{}", look(ask));
        let _ = writeln!(text, "e {index} $r");
    }
    text.push_str("b end; e end 0\nexit 0\n");
    text
}

/// The shell text of one look; it leaves its exit code in `r`.
fn look(ask: &Ask) -> String {
    match ask {
        Ask::Stat { path } => {
            let path = sh(path);
            format!(
                "timeout -k 1 5 stat -c '{STAT}' -- {path} </dev/null 2>&1; r=$?; \
                 [ $r = 0 ] && timeout -k 1 5 stat -L -c '{STAT}' -- {path} </dev/null 2>&1"
            )
        }
        Ask::Read { path, cap, end } => {
            let path = sh(path);
            let (tool, count) = match end {
                End::Head => ("head", u64::from(*cap) + 1),
                End::Tail => ("tail", u64::from(*cap)),
            };
            format!(
                "if [ -e {path} ] && [ ! -f {path} ]; then r={NOT_REGULAR}; \
                 else timeout -k 1 10 {tool} -c {count} -- {path} </dev/null 2>&1; r=$?; fi"
            )
        }
        Ask::Slice { path, offset, len } => {
            let path = sh(path);
            let first = offset + 1;
            format!(
                "if [ -e {path} ] && [ ! -f {path} ]; then r={NOT_REGULAR}; \
                 elif [ -r {path} ]; then timeout -k 1 10 tail -c +{first} -- {path} </dev/null 2>/dev/null | head -c {len}; r=$?; \
                 else head -c 1 -- {path} </dev/null 2>&1; r=$?; [ $r = 0 ] && r=1; fi"
            )
        }
        Ask::List { path } => {
            let path = sh(path);
            // `find` is findutils; the glob loop is what POSIX leaves us, and stat takes them all at once.
            format!(
                "( cd -- {path} 2>/dev/null || {{ stat -c x -- {path} 2>&1 >/dev/null; [ -e {path} ] && echo 'cd: Permission denied'; exit 1; }}; \
                 [ -r . ] || {{ echo 'list: Permission denied'; exit 1; }}; \
                 set --; for f in * .[!.]* ..?*; do [ -e \"$f\" ] || [ -L \"$f\" ] || continue; set -- \"$@\" \"$f\"; [ $# -ge 500 ] && {{ timeout -k 1 10 stat --printf '{STAT}/%n\\0' -- \"$@\" || exit 3; set --; }}; done; \
                 [ $# = 0 ] || timeout -k 1 10 stat --printf '{STAT}/%n\\0' -- \"$@\" ) </dev/null 2>&1; r=$?"
            )
        }
        Ask::Digest { path } => {
            let path = sh(path);
            format!(
                "if [ -e {path} ] && [ ! -f {path} ]; then r={NOT_REGULAR}; \
                 else timeout -k 1 30 sha256sum -- {path} </dev/null 2>&1; r=$?; fi"
            )
        }
        Ask::Run(command) => {
            let mut line = format!(
                "r=$( {{ {{ timeout -k 1 {} sh -c {} {}",
                command.seconds,
                sh(command.text),
                command.name
            );
            for arg in &command.args {
                let _ = write!(line, " {}", sh(arg));
            }
            let _ = write!(
                line,
                " </dev/null 2>&1 3>&- 4>&-; echo $? >&3; }} | head -c {} >&4; }} 3>&1 ) 4>&1",
                u64::from(command.cap) + 1
            );
            // The substitution's own standard output is the exit code; the look's goes to 4.
            format!("{{ {line}; }} 4>&1")
        }
        Ask::Instance => String::new(),
    }
}

/// What the output of a script says.
#[derive(Debug, Default)]
pub struct Output {
    /// The answers, one for every look that the script held.
    pub answers: Answers,
    /// The node's clock in seconds since 1970, when it said so.
    pub now: Option<f64>,
    /// Whether the script ran to its end.
    pub complete: bool,
    /// The looks that went through a link, and where it led: give them to
    /// [`link::take_back`] before anybody reads the answers.
    pub led: Vec<link::Led>,
}

/// Takes the output of [`compose`]'s script apart. `why_missing` is the reason
/// for looks without an answer: the transport's error, when there was one.
pub fn take_apart(asks: &[Ask], boundary: &str, output: &[u8], why_missing: &Reason) -> Output {
    let mut result = Output::default();
    let mut found = sections(boundary, output);
    result.complete = found.iter().any(|(name, ..)| *name == "end");
    for (name, code, body) in &found {
        if *name == "now" && *code == 0 {
            result.now = std::str::from_utf8(body)
                .ok()
                .and_then(|t| t.trim().trim_end_matches(".%N").parse().ok());
        }
    }
    let mut links = found.iter().filter(|(name, ..)| *name == link::SECTION);
    let links = match (links.next(), links.next()) {
        (Some((_, 0, body)), None) => Some(*body),
        _ => None,
    };
    result.led = link::read(asks, links);
    found.retain(|(name, ..)| name.bytes().all(|b| b.is_ascii_digit()));
    for (index, ask) in asks.iter().enumerate() {
        if matches!(ask, Ask::Instance) {
            continue;
        }
        let name = index.to_string();
        let mut of_this = found.iter().filter(|(n, ..)| *n == name);
        let answer = match (of_this.next(), of_this.next()) {
            (Some((_, code, body)), None) => {
                let cap = usize::try_from(ask.cap()).unwrap_or(usize::MAX);
                let tail = matches!(ask, Ask::Read { end: End::Tail, .. });
                let truncated = body.len() > cap;
                let body = if truncated && !tail {
                    &body[..cap]
                } else {
                    body
                };
                Answer::Done {
                    code: *code,
                    out: Arc::new(Zeroizing::new(body.to_vec())),
                    truncated,
                }
            }
            (None, _) => Answer::Missing(why_missing.clone()),
            (Some(_), Some(_)) => {
                Answer::Missing(Reason::new(ReasonKind::Garbled, "the answer came twice"))
            }
        };
        result.answers.insert(ask.clone(), answer);
    }
    result
}

/// Every section with an opening and a closing line: name, exit code, body.
fn sections<'a>(boundary: &str, output: &'a [u8]) -> Vec<(&'a str, u8, &'a [u8])> {
    let mut sections = Vec::new();
    let marker = format!("\n{boundary} ");
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    while let Some(found) = find(&output[at..], marker.as_bytes()) {
        let line_start = at + found;
        let head = line_start + marker.len();
        let Some(line_len) = find(&output[head..], b"\n") else {
            break;
        };
        let line_end = head + line_len;
        at = line_end;
        let Ok(line) = std::str::from_utf8(&output[head..line_end]) else {
            continue;
        };
        match line.split_once(' ') {
            None => open = Some((line, line_end + 1)),
            Some((name, code)) => {
                if let Some((opened, start)) = open.take()
                    && opened == name
                    && let Ok(code) = code.trim().parse::<u8>()
                {
                    sections.push((name, code, &output[start.min(line_start)..line_start]));
                }
            }
        }
    }
    sections
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(offset) = haystack.get(at..)?.iter().position(|&b| b == first) {
        let start = at + offset;
        if haystack[start..].starts_with(needle) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use runproof_model::Observed;
    use std::io::Write as _;
    use std::process::{Command as Process, Stdio};

    const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";

    fn missing() -> Reason {
        Reason::new(ReasonKind::Unreachable, "gone")
    }

    fn run(asks: &[Ask]) -> Output {
        let script = compose(asks, BOUNDARY);
        let mut child = Process::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        take_apart(asks, BOUNDARY, &output.stdout, &missing())
    }

    #[test]
    fn a_real_shell_answers_every_kind_of_look() {
        let dir = std::env::temp_dir().join(format!("runproof-script-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("a file's name");
        std::fs::write(&file, b"one\ntwo\0three").unwrap();
        let path = file.to_str().unwrap().to_owned();
        let asks = [
            Ask::stat(&path),
            Ask::read(&path),
            Ask::Read {
                path: path.clone(),
                cap: 5,
                end: End::Tail,
            },
            Ask::Read {
                path: path.clone(),
                cap: 3,
                end: End::Head,
            },
            Ask::Slice {
                path: path.clone(),
                offset: 4,
                len: 3,
            },
            Ask::List {
                path: dir.to_str().unwrap().to_owned(),
            },
            Ask::Digest { path: path.clone() },
            Ask::Run(
                crate::Command::new("echo", "printf '%s|' \"$@\"; exit 3").args(["a b", "c'd", ""]),
            ),
            Ask::read("/nonexistent/file"),
            Ask::read("/dev/null"),
            Ask::stat("/nonexistent/file"),
            Ask::List {
                path: "/nonexistent".into(),
            },
            Ask::Run(crate::Command {
                seconds: 1,
                ..crate::Command::new("hang", "sleep 60")
            }),
            Ask::Run(crate::Command {
                cap: 1000,
                ..crate::Command::new("flood", "yes")
            }),
            Ask::Run(crate::Command::new("none", "no-such-program-here")),
        ];
        let Output {
            answers,
            now,
            complete,
            ..
        } = run(&asks);
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(complete && now.unwrap() > 1e9);
        let Observed::Known(seen) = answers.stat(&asks[0]) else {
            panic!("stat")
        };
        assert_eq!((seen.itself.size, seen.itself.file_type()), (13, "file"));
        assert_eq!(answers.bytes(&asks[1]).known().unwrap(), b"one\ntwo\0three");
        assert_eq!(answers.bytes(&asks[2]).known().unwrap(), b"three");
        assert!(
            matches!(answers.bytes(&asks[3]), Observed::Unknown(r) if r.kind == ReasonKind::CapReached)
        );
        assert_eq!(answers.bytes(&asks[4]).known().unwrap(), b"two");
        let listed = answers.list(&asks[5]);
        assert_eq!(listed.known().unwrap()[0].0, "a file's name");
        assert_eq!(answers.digest(&asks[6]).known().unwrap().len(), 64);
        let ran = answers.run(&asks[7]).unwrap();
        assert_eq!((ran.code, ran.out.as_str()), (3, "a b|c'd||"));
        assert_eq!(answers.text(&asks[8]), Observed::Absent);
        assert!(
            matches!(answers.text(&asks[9]), Observed::Unknown(r) if r.kind == ReasonKind::Unsupported)
        );
        assert_eq!(answers.stat(&asks[10]), Observed::Absent);
        assert_eq!(answers.list(&asks[11]), Observed::Absent);
        assert_eq!(
            answers.run(&asks[12]).unwrap_err().kind,
            ReasonKind::Timeout
        );
        assert_eq!(
            answers.run(&asks[13]).unwrap_err().kind,
            ReasonKind::CapReached
        );
        assert_eq!(
            answers.run(&asks[14]).unwrap_err().kind,
            ReasonKind::MissingTool
        );
    }

    #[test]
    fn a_node_that_dies_in_the_middle_leaves_unknowns() {
        let asks = [Ask::read("/a"), Ask::read("/b")];
        let output = format!("\n{BOUNDARY} 0\nhello\n{BOUNDARY} 0 0\n\n{BOUNDARY} 1\nhal");
        let output = take_apart(&asks, BOUNDARY, output.as_bytes(), &missing());
        assert!(!output.complete);
        assert_eq!(
            output.answers.text(&asks[0]),
            Observed::Known("hello".into())
        );
        assert_eq!(output.answers.text(&asks[1]), Observed::Unknown(missing()));
    }

    #[test]
    fn an_answer_that_comes_twice_is_no_answer() {
        let asks = [Ask::read("/a")];
        let one = format!("\n{BOUNDARY} 0\nx\n{BOUNDARY} 0 0\n");
        let output = take_apart(&asks, BOUNDARY, one.repeat(2).as_bytes(), &missing());
        assert!(
            matches!(output.answers.text(&asks[0]), Observed::Unknown(r) if r.kind == ReasonKind::Garbled)
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_never_answers(garbage in proptest::collection::vec(any::<u8>(), 0..400)) {
            let asks = [Ask::read("/a")];
            let output = take_apart(&asks, BOUNDARY, &garbage, &missing());
            prop_assert!(matches!(output.answers.text(&asks[0]), Observed::Unknown(_)));
        }

        #[test]
        fn any_content_comes_back_as_it_was(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let asks = [Ask::read("/a")];
            let mut output = format!("\n{BOUNDARY} 0\n").into_bytes();
            output.extend_from_slice(&content);
            output.extend_from_slice(format!("\n{BOUNDARY} 0 0\n").as_bytes());
            let output = take_apart(&asks, BOUNDARY, &output, &missing());
            let seen = output.answers.bytes(&asks[0]);
            prop_assert_eq!(*seen.known().unwrap(), content.as_slice());
        }
    }
}
