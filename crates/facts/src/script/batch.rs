//! Looks that share a process: every process on a node costs, so looks of one
//! sort are done together.
//!
//! Sharing never mixes answers up: each has an opening and a closing line of
//! its own. What shares a process also shares its time, so a look that hangs
//! leaves those behind it without an answer, and a reason that says so.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::answer::NOT_REGULAR;
use crate::ask::{Ask, Batch, Command, End};
use crate::link;
use crate::quote::sh;

use super::STAT;

/// The kernel takes 128 KiB in one argument; what `sh -c` is given stays well below.
const MAX_TEXT: usize = 96 << 10;
/// Seconds for all small files of a node together.
const FILES_SECONDS: u16 = 20;

/// Looks that are done by one process, as places in the list of looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    /// By itself.
    Alone(usize),
    /// Metadata and contents of files and directories.
    Files(Vec<usize>),
    /// One text, run for each look in turn.
    Each(Vec<usize>),
    /// One text, run once for all looks, with one piece of output for each.
    Pieces(Pieces, Vec<usize>),
}

/// How the output of one run for several looks is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    /// By empty lines, see [`blocks`].
    Blocks,
    /// By lines.
    Lines,
}

impl Pieces {
    /// The pieces of an output.
    pub(super) fn of(self, output: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Blocks => blocks(output),
            Self::Lines => output
                .strip_suffix(b"\n")
                .unwrap_or(output)
                .split(|&b| b == b'\n')
                .collect(),
        }
    }
}

impl Shared {
    /// The looks.
    pub(super) fn members(&self) -> &[usize] {
        match self {
            Self::Alone(index) => std::slice::from_ref(index),
            Self::Files(members) | Self::Each(members) | Self::Pieces(_, members) => members,
        }
    }

    /// The name of the line that closes the whole; none for a look by itself.
    pub(super) fn name(&self) -> Option<String> {
        let first = self.members().first()?;
        match self {
            Self::Alone(_) => None,
            Self::Files(_) | Self::Each(_) | Self::Pieces(..) => Some(format!("all-{first}")),
        }
    }

    /// The name of the section that holds what one process said of several looks.
    pub(super) fn common(&self) -> Option<String> {
        let first = self.members().first()?;
        match self {
            Self::Alone(_) | Self::Each(_) => None,
            Self::Files(_) | Self::Pieces(..) => Some(format!("common-{first}")),
        }
    }
}

/// What must be equal for looks to share a process.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Sort {
    Files,
    Command(&'static str, &'static str, Batch, u16, u32),
}

fn sort(ask: &Ask) -> Option<Sort> {
    match ask {
        Ask::Stat { .. } | Ask::Read { .. } | Ask::List { .. } => Some(Sort::Files),
        Ask::Run(Command {
            batch: Batch::Alone | Batch::InPlace,
            ..
        })
        | Ask::Slice { .. }
        | Ask::Digest { .. }
        | Ask::Instance
        | Ask::Service(_) => None,
        Ask::Run(command) => Some(Sort::Command(
            command.name,
            command.text,
            command.batch,
            command.seconds,
            command.cap,
        )),
    }
}

/// The most bytes that a look adds to the text of its batch.
fn weight(ask: &Ask) -> usize {
    let words = match ask {
        Ask::Stat { path }
        | Ask::Read { path, .. }
        | Ask::Slice { path, .. }
        | Ask::List { path }
        | Ask::Digest { path } => sh(path).len(),
        // Twice: once for all together, once for each.
        Ask::Run(command) => {
            2 * command
                .args
                .iter()
                .map(|arg| sh(arg).len() + 1)
                .sum::<usize>()
        }
        Ask::Instance | Ask::Service(_) => 0,
    };
    words + 160
}

/// Which looks share a process, in the order of the first of each.
pub(super) fn shared(asks: &[Ask]) -> Vec<Shared> {
    let mut found: Vec<(Option<Sort>, Vec<usize>)> = Vec::new();
    // Where looks of a sort are being gathered, and how much text they have.
    let mut open: HashMap<Sort, (usize, usize)> = HashMap::new();
    for (index, ask) in asks.iter().enumerate() {
        if matches!(ask, Ask::Instance | Ask::Service(_)) {
            continue;
        }
        let Some(sort) = sort(ask) else {
            found.push((None, vec![index]));
            continue;
        };
        let weight = weight(ask);
        match open.get_mut(&sort) {
            Some((at, text)) if *text + weight <= MAX_TEXT => {
                *text += weight;
                if let Some((_, members)) = found.get_mut(*at) {
                    members.push(index);
                }
            }
            Some(_) | None => {
                let base = match &sort {
                    Sort::Files => 1024,
                    Sort::Command(_, text, ..) => text.len() + 1024,
                };
                open.insert(sort.clone(), (found.len(), base + weight));
                found.push((Some(sort), vec![index]));
            }
        }
    }
    found
        .into_iter()
        .map(|(sort, members)| match (sort, members.as_slice()) {
            (Some(Sort::Files), _) => Shared::Files(members),
            (Some(Sort::Command(_, _, Batch::Each, ..)), [_, _, ..]) => Shared::Each(members),
            (Some(Sort::Command(_, _, Batch::Blocks, ..)), [_, _, ..]) => {
                Shared::Pieces(Pieces::Blocks, members)
            }
            (Some(Sort::Command(_, _, Batch::Lines, ..)), [_, _, ..]) => {
                Shared::Pieces(Pieces::Lines, members)
            }
            (_, members) => Shared::Alone(members.first().copied().unwrap_or_default()),
        })
        .collect()
}

/// The functions of a shared text: `o` opens a look, `c` closes it.
const MARKS: &str = r#"o() { printf '\n%s %s\n' "$B" "$1"; }
c() { printf '\n%s %s %s\n' "$B" "$1" "$2"; }
"#;

/// Metadata of a link that leads nowhere, or the word that there is nothing.
const STAT_ONE: &str = r#"s() { o "$1"; stat -c "$F" -- "$2" 2>&1; r=$?; [ $r != 0 ] || [ ! -L "$2" ] || stat -L -c "$F" -- "$2" 2>&1; c "$1" $r; }
"#;

/// The entries of a directory. `find` is findutils; the glob is what POSIX leaves us,
/// and `stat` takes many at once. Only GNU's can end a record with a NUL, which only a
/// name with a newline needs. Exit codes: 1, the directory cannot be looked into; 3, some
/// entry could not; 4, there are too many.
const LIST: &str = r#"L='
'
d() {
  o "$1"
  (
    cd -- "$2" 2>/dev/null || { stat -c x -- "$2" 2>&1 >/dev/null; [ -e "$2" ] && echo 'cd: Permission denied'; exit 1; }
    [ -r . ] || { echo 'list: Permission denied'; exit 1; }
    set -- * .[!.]* ..?*
    case "$*" in *"$L"*) p=--printf e='\0' ;; *) p=-c e= ;; esac
    n=0 w=0 k=0
    for f do
      [ $n = 1 ] || set --
      n=1
      [ -e "$f" ] || [ -L "$f" ] || continue
      set -- "$@" "$f"
      [ $# -lt 500 ] || { k=$((k + 1)); [ $k -le 40 ] || exit 4; stat $p "$F/%n$e" -- "$@" || w=3; n=0; }
    done
    [ $n = 0 ] || [ $# = 0 ] || stat $p "$F/%n$e" -- "$@" || w=3
    exit $w
  ) 2>&1
  c "$1" $?
}
"#;

/// What the shell that does the looks runs.
fn inner(shared: &Shared, asks: &[Ask]) -> String {
    let members = members(shared, asks);
    match shared {
        Shared::Alone(_) => String::new(),
        Shared::Files(_) => files(members, &shared.common().unwrap_or_default()),
        Shared::Each(_) | Shared::Pieces(..) => commands(members, shared.common().as_deref()),
    }
}

fn members<'a>(
    shared: &'a Shared,
    asks: &'a [Ask],
) -> impl Iterator<Item = (usize, &'a Ask)> + Clone {
    shared
        .members()
        .iter()
        .filter_map(|&index| asks.get(index).map(|ask| (index, ask)))
}

/// The looks in the shell that runs the script: one more would cost as much as a look. They
/// leave no variable behind for the next.
pub(super) fn whole(shared: &Shared, asks: &[Ask]) -> String {
    let name = shared.name().unwrap_or_default();
    let inner = inner(shared, asks);
    format!("F='{STAT}'\n{inner}b {name}; e {name} 0\nset --; unset F J L a i r x\n")
}

/// The looks in a shell of their own under one time limit and cap; it leaves no variable behind.
pub(super) fn guarded(shared: &Shared, asks: &[Ask]) -> String {
    let name = shared.name().unwrap_or_default();
    let inner = sh(&inner(shared, asks));
    let members = members(shared, asks);
    let run = match members.clone().next() {
        Some((_, Ask::Run(command))) => {
            let cap: u64 = members.map(|(_, ask)| ask.cap() + 256).sum();
            format!(
                "{{ r=$( {{ {{ B=$B timeout -k 1 {} sh -c {inner} {} </dev/null 2>&1 3>&- 4>&-; echo $? >&3; }} | $H head -c {cap} >&4; }} 3>&1 ) 4>&1; }} 4>&1",
                command.seconds, command.name,
            )
        }
        _ => format!(
            "B=$B F='{STAT}' timeout -k 1 {FILES_SECONDS} sh -c {inner} files </dev/null 2>&1; r=$?"
        ),
    };
    format!("H=; [ -z \"$Z\" ] || H=\"timeout {FILES_SECONDS}\"\n{run}\nb {name}\ne {name} $r\n")
}

fn files<'a>(members: impl Iterator<Item = (usize, &'a Ask)> + Clone, common: &str) -> String {
    let opened: HashMap<&str, usize> = members
        .clone()
        .filter_map(|(index, ask)| Some((link::opened(ask)?, index)))
        .collect();
    let mut text = String::from(MARKS);
    text.push_str(STAT_ONE);
    text.push_str(LIST);
    let _ = writeln!(
        text,
        "h() {{ o \"$1\"; if [ -e \"$4\" ] && [ ! -f \"$4\" ]; then r={NOT_REGULAR}; else \"$2\" -c \"$3\" -- \"$4\" 2>&1; r=$?; fi; c \"$1\" $r; }}\nset --; J=$L"
    );
    for (index, ask) in members {
        match ask {
            // What is there is looked at in one go with all others, and once more where links
            // lead; where somebody asked already where that is, in the same go.
            Ask::Stat { path } => {
                let end = opened.get(path.as_str()).map(|index| {
                    let end = link::end_of(*index);
                    format!("; [ -z \"${end}\" ] || [ ! -L \"$x\" ] || {{ set -- \"$@\" \"${end}\"; J=\"$J$x$L\"; }}; unset {end}")
                });
                let _ = writeln!(
                    text,
                    "x={}; if [ -e \"$x\" ]; then set -- \"$@\" \"$x\"{}; else s {index} \"$x\"; fi",
                    sh(path),
                    end.unwrap_or_default()
                );
            }
            Ask::Read { path, cap, end } => {
                let (tool, count) = match end {
                    End::Head => ("head", u64::from(*cap) + 1),
                    End::Tail => ("tail", u64::from(*cap)),
                };
                let _ = writeln!(text, "h {index} {tool} {count} {}", sh(path));
            }
            Ask::List { path } => {
                let _ = writeln!(text, "d {index} {}", sh(path));
            }
            Ask::Slice { .. }
            | Ask::Digest { .. }
            | Ask::Run(_)
            | Ask::Instance
            | Ask::Service(_) => {}
        }
    }
    let _ = writeln!(
        text,
        "[ $# = 0 ] || {{ o {common}; stat -c \"$F%n\" -- \"$@\" 2>&1; c {common} $?; }}\n\
         for x do shift; [ ! -L \"$x\" ] || case $J in *\"$L$x$L\"*) ;; *) set -- \"$@\" \"$x\" ;; esac; done\n\
         [ $# = 0 ] || {{ o led-{common}; stat -L -c \"$F%n\" -- \"$@\" 2>&1; c led-{common} $?; }}"
    );
    text
}

fn commands<'a>(
    members: impl Iterator<Item = (usize, &'a Ask)> + Clone,
    common: Option<&str>,
) -> String {
    let mut text = String::from(MARKS);
    let each: Vec<(usize, &Command)> = members
        .filter_map(|(index, ask)| match ask {
            Ask::Run(command) => Some((index, command)),
            Ask::Stat { .. }
            | Ask::Read { .. }
            | Ask::Slice { .. }
            | Ask::List { .. }
            | Ask::Digest { .. }
            | Ask::Instance
            | Ask::Service(_) => None,
        })
        .collect();
    let words = |command: &Command| -> String {
        let words: Vec<String> = command.args.iter().map(|arg| sh(arg)).collect();
        words.join(" ")
    };
    if let Some((_, first)) = each.first() {
        let _ = writeln!(text, "f() {{\n{}\n}}", first.text);
    }
    text.push_str("g() { i=$1; shift; o \"$i\"; ( f \"$@\" ); c \"$i\" $?; }\n");
    if let Some(common) = common {
        let all: Vec<String> = each.iter().map(|(_, command)| words(command)).collect();
        let _ = writeln!(
            text,
            "a=$( f {} 2>&1 ); r=$?\nif [ $r = 0 ]; then o {common}; printf '%s\\n' \"$a\"; c {common} 0; else",
            all.join(" ")
        );
    }
    for (index, command) in &each {
        let _ = writeln!(text, "g {index} {}", words(command));
    }
    if common.is_some() {
        text.push_str("fi\n");
    }
    text
}

/// The blocks of an output that has an empty line before each but the first.
/// A block begins with `Name=`, so an empty line inside a value ends none.
pub(super) fn blocks(output: &[u8]) -> Vec<&[u8]> {
    let begins = |text: &[u8]| {
        let name = text
            .iter()
            .position(|b| !b.is_ascii_alphanumeric())
            .unwrap_or(0);
        name > 0 && text.get(name) == Some(&b'=')
    };
    let mut blocks = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = output.get(at..).and_then(|rest| super::find(rest, b"\n\n")) {
        let next = at + found + 2;
        if output.get(next..).is_some_and(begins) {
            blocks.push(&output[start..next - 1]);
            start = next;
        }
        at = next - 1;
    }
    blocks.push(&output[start..]);
    blocks
}

/// Lines of metadata by the path behind it.
pub(super) fn by_path(output: &[u8]) -> HashMap<&[u8], &[u8]> {
    output
        .split(|&b| b == b'\n')
        .filter_map(|line| {
            let slash = line.iter().position(|&b| b == b'/')?;
            let (meta, path) = line.split_at(slash);
            Some((path, meta))
        })
        .collect()
}
