//! One script per node and round: composing it, and taking its output apart.
//!
//! The text goes to the standard input of one `sh`. Each look stands between
//! two lines with a random boundary that the node's files cannot know, and runs
//! with its input closed. A look whose closing line is missing has no answer: a
//! node that dies in the middle leaves unknowns, not absences.
//!
//! Processes on the node are what a check costs, and guarding a look costs as many
//! as the look itself. So there are two ways ([`Guard`]): first all looks in one
//! shell, bounded as a whole by who runs the script; and, when that did not come to
//! its end, what is missing once more with every look under a `timeout` and a cap of
//! its own, so that one that hangs or floods takes no other with it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use runproof_model::{Reason, ReasonKind};
use zeroize::Zeroizing;

use crate::answer::{Answer, Answers, NOT_REGULAR, TIMED_OUT};
use crate::ask::{Ask, Batch, End};
use crate::link;
use crate::quote::sh;

mod batch;

use batch::Shared;

const STAT: &str = "%f:%u:%g:%s:%Y:%h:%d:%i:%U:%G";

/// What every script begins with: a known locale, zone and search path, the clock, and
/// the functions of the looks: `b` opens one, `e` closes it with its exit code. `N` is the
/// clock at the start of process `P`: who knows when that process started in the kernel's
/// count can date all others.
const PRELUDE: &str = r#"LC_ALL=C TZ=UTC
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL TZ PATH
unset ENV BASH_ENV CDPATH
umask 077
b() { printf '\n%s %s\n' "$B" "$1"; }
e() { printf '\n%s %s %s\n' "$B" "$1" "$2"; }
N=$(date +%s.%N 2>&1 </dev/null); r=$? P=$$
export N P
b now; printf '%s\n' "$N"; e now $r
"#;

/// `Z` is set when `timeout` is busybox's, which kills one process and not those that it
/// started: then a reader that waits for the end of a pipe has a time of its own.
const BUSYBOX: &str = r#"Z=; [ /bin/busybox -ef "$(command -v timeout)" ] 2>/dev/null && Z=1
"#;

/// How looks are kept from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// One shell for all, and no bound but that of the whole script.
    Whole,
    /// Every look under its own time limit and cap.
    Each,
}

/// The script for `asks`, with a boundary of at least 32 random hexadecimal digits.
/// `Ask::Instance` is answered by the engine and `Ask::Service` by a client; both are left out.
pub fn compose(asks: &[Ask], boundary: &str, guard: Guard) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024 + asks.len() * 160));
    text.push_str("B=");
    text.push_str(boundary);
    text.push('\n');
    text.push_str(PRELUDE);
    let limit = match guard {
        Guard::Whole => "",
        Guard::Each => {
            text.push_str(BUSYBOX);
            "timeout -k 1 5 "
        }
    };
    text.push_str(&link::text(asks, limit));
    let shared = batch::shared(asks);
    // The shell knows no empty block.
    let block = guard == Guard::Whole && !shared.is_empty();
    if block {
        text.push_str("{\n");
    }
    for shared in shared {
        match (&shared, guard) {
            (Shared::Alone(index), _) => {
                if let Some(ask) = asks.get(*index) {
                    let _ = writeln!(text, "b {index}\n{}\ne {index} $r", look(ask, guard));
                }
            }
            (Shared::Files(_) | Shared::Each(_) | Shared::Pieces(..), Guard::Whole) => {
                text.push_str(&batch::whole(&shared, asks));
            }
            (Shared::Files(_) | Shared::Each(_) | Shared::Pieces(..), Guard::Each) => {
                text.push_str(&batch::guarded(&shared, asks));
            }
        }
    }
    if block {
        text.push_str("} </dev/null 2>&1\n");
    }
    text.push_str("b end; e end 0\nexit 0\n");
    text
}

/// What the output of a script that came to its end ends with; the exit code is 0 then.
pub fn last_words(boundary: &str) -> String {
    format!("\n{boundary} end\n\n{boundary} end 0\n")
}

/// The shell text of one look; it leaves its exit code in `r`.
fn look(ask: &Ask, guard: Guard) -> String {
    let limit = |seconds: u16| match guard {
        Guard::Whole => String::new(),
        Guard::Each => format!("timeout -k 1 {seconds} "),
    };
    match ask {
        // Always shared, see `batch`.
        Ask::Stat { .. }
        | Ask::Read { .. }
        | Ask::List { .. }
        | Ask::Instance
        | Ask::Service(_) => String::new(),
        Ask::Slice { path, offset, len } => {
            let path = sh(path);
            let first = offset + 1;
            let limit = limit(10);
            format!(
                "if [ -e {path} ] && [ ! -f {path} ]; then r={NOT_REGULAR}; \
                 elif [ -r {path} ]; then {limit}tail -c +{first} -- {path} </dev/null 2>/dev/null | head -c {len}; r=$?; \
                 else head -c 1 -- {path} </dev/null 2>&1; r=$?; [ $r = 0 ] && r=1; fi"
            )
        }
        Ask::Digest { path } => {
            let path = sh(path);
            let limit = limit(30);
            format!(
                "if [ -e {path} ] && [ ! -f {path} ]; then r={NOT_REGULAR}; \
                 else {limit}sha256sum -- {path} </dev/null 2>&1; r=$?; fi"
            )
        }
        Ask::Run(command) => {
            let mut words = String::new();
            for arg in &command.args {
                words.push(' ');
                words.push_str(&sh(arg));
            }
            if guard == Guard::Whole && command.batch == Batch::InPlace {
                return format!("{}\nr=0", command.text);
            }
            if guard == Guard::Whole {
                return format!("( set --{words}\n{}\n)\nr=$?", command.text);
            }
            // The substitution's own standard output is the exit code; the look's goes to 4.
            format!(
                "H=; [ -z \"$Z\" ] || H=\"timeout {}\"\n\
                 {{ r=$( {{ {{ timeout -k 1 {} sh -c {} {}{words} </dev/null 2>&1 3>&- 4>&-; echo $? >&3; }} | $H head -c {} >&4; }} 3>&1 ) 4>&1; }} 4>&1",
                u32::from(command.seconds) + 1,
                command.seconds,
                sh(command.text),
                command.name,
                u64::from(command.cap) + 1
            )
        }
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
    let found = sections(boundary, output);
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
    let mut by_name: HashMap<&str, Section<'_>> = HashMap::with_capacity(found.len());
    for (name, code, body) in found {
        by_name
            .entry(name)
            .and_modify(|section| section.twice = true)
            .or_insert(Section {
                code,
                body,
                twice: false,
            });
    }
    for shared in batch::shared(asks) {
        let answers = of_shared(&shared, asks, &by_name, &result.led, why_missing);
        for (&index, answer) in shared.members().iter().zip(answers) {
            if let Some(ask) = asks.get(index) {
                result.answers.insert(ask.clone(), answer);
            }
        }
    }
    result
}

/// What stands between an opening and a closing line.
#[derive(Clone, Copy)]
struct Section<'a> {
    code: u8,
    body: &'a [u8],
    /// The same look has another one.
    twice: bool,
}

impl Section<'_> {
    fn answer(self, ask: &Ask) -> Answer {
        if self.twice {
            return Answer::Missing(twice());
        }
        let cap = usize::try_from(ask.cap()).unwrap_or(usize::MAX);
        let tail = matches!(ask, Ask::Read { end: End::Tail, .. });
        let truncated = self.body.len() > cap;
        let body = if truncated && !tail {
            &self.body[..cap]
        } else {
            self.body
        };
        done(self.code, body, truncated)
    }
}

fn done(code: u8, body: &[u8], truncated: bool) -> Answer {
    Answer::Done {
        code,
        out: Arc::new(Zeroizing::new(body.to_vec())),
        truncated,
    }
}

fn twice() -> Reason {
    Reason::new(ReasonKind::Garbled, "the answer came twice")
}

/// The answers to looks that shared a process, in their order.
fn of_shared(
    shared: &Shared,
    asks: &[Ask],
    sections: &HashMap<&str, Section<'_>>,
    led: &[link::Led],
    why_missing: &Reason,
) -> Vec<Answer> {
    let whole = shared.name().and_then(|name| sections.get(name.as_str()));
    // A closing line that is missing behind one that is there has its reason on the node.
    let why = match whole {
        Some(section) if TIMED_OUT.contains(&section.code) => Reason::new(
            ReasonKind::Timeout,
            "this look, or one before it in the same process",
        ),
        Some(section) if section.code == 127 => {
            Reason::new(ReasonKind::MissingTool, said(section.body, "timeout"))
        }
        Some(section) if section.code == 126 => {
            Reason::new(ReasonKind::Permission, said(section.body, "timeout"))
        }
        // The writer's end when the reader has taken as much as it may.
        Some(section) if section.code == 141 => Reason::new(
            ReasonKind::CapReached,
            "the looks in this process said more than is taken",
        ),
        Some(_) | None => why_missing.clone(),
    };
    let name = shared.common();
    let section = |name: &str| sections.get(name).copied();
    let common = name.as_deref().and_then(section);
    let pieces = match (shared, common) {
        (Shared::Pieces(how, members), Some(section)) => {
            let pieces = how.of(section.body);
            Some(if section.twice {
                Err(twice())
            } else if pieces.len() == members.len() {
                Ok(pieces)
            } else {
                Err(Reason::new(
                    ReasonKind::Garbled,
                    "the answer for several at once cannot be told apart",
                ))
            })
        }
        _ => None,
    };
    let lines = by_path(shared, common);
    let targets = by_path(
        shared,
        name.and_then(|name| section(&format!("led-{name}"))),
    );
    // Where somebody asked where a link leads, the end was looked at with the links themselves.
    let ends: HashMap<&str, &str> = led
        .iter()
        .filter_map(|(ask, end)| Some((link::opened(ask)?, end.as_deref()?)))
        .collect();
    // The first digit of a mode is the type; of what is no link itself, one line is told.
    let at_end = |path: &str, meta: &[u8]| match meta.first() {
        Some(b'a') => lines.get(ends.get(path)?.as_bytes()),
        Some(_) | None => None,
    };
    let members = shared.members().iter().enumerate();
    members
        .map(|(place, index)| {
            let Some(ask) = asks.get(*index) else {
                return Answer::Missing(why.clone());
            };
            if let Some(section) = sections.get(index.to_string().as_str()) {
                return section.answer(ask);
            }
            match (&pieces, ask) {
                (Some(Ok(pieces)), _) => match pieces.get(place) {
                    Some(piece) => Section {
                        code: 0,
                        body: piece,
                        twice: false,
                    }
                    .answer(ask),
                    None => Answer::Missing(why.clone()),
                },
                (Some(Err(reason)), _) => Answer::Missing(reason.clone()),
                (None, Ask::Stat { path }) => match (lines.get(path.as_bytes()), common) {
                    (Some(meta), _) => {
                        match targets.get(path.as_bytes()).or_else(|| at_end(path, meta)) {
                            Some(target) => {
                                done(0, &[meta, target].map(|meta| *meta).join(&b'\n'), false)
                            }
                            // Of a link without a target, nobody said where it leads.
                            None => done(0, meta, false),
                        }
                    }
                    (None, Some(_)) => Answer::Missing(Reason::new(
                        ReasonKind::Failed,
                        "it changed while it was looked at",
                    )),
                    (None, None) => Answer::Missing(why.clone()),
                },
                (None, _) => Answer::Missing(why.clone()),
            }
        })
        .collect()
}

/// Metadata by path, of a section that came once.
fn by_path<'a>(shared: &Shared, section: Option<Section<'a>>) -> HashMap<&'a [u8], &'a [u8]> {
    match (shared, section) {
        (Shared::Files(_), Some(section)) if !section.twice => batch::by_path(section.body),
        _ => HashMap::new(),
    }
}

/// What a tool said in one line, or its name.
fn said(body: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        name.to_owned()
    } else {
        runproof_model::text::one_line(text, 200)
    }
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
mod tests;
