//! What is about to be done to a lab, on disk before it is done: `faults.jsonl` in the lab's folder.
//!
//! Each line is one event with its number and a checksum. A torn last line is what a kill left of an
//! event that was not acted on yet. Any other line that cannot be believed is an error: what was
//! done is never guessed, and the nodes are made anew.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runproof_lab::Stands;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::FaultError;
use crate::machine;

/// The file's name in the lab's folder.
const FILE: &str = "faults.jsonl";

/// Something that happened to a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A fault will be put in; nothing was changed yet.
    Begin(Box<Undo>),
    /// The act of this number is about to be done; the original is kept.
    Doing {
        /// The fault.
        id: String,
        /// The act.
        act: usize,
    },
    /// It was done.
    Done {
        /// The fault.
        id: String,
        /// The act.
        act: usize,
        /// The digest of the state then.
        state: String,
    },
    /// The documented commands are about to be run; they may change whatever the fault did.
    Fixing {
        /// The fault.
        id: String,
    },
    /// What was under way, a fault's acts or a fix, has settled; the states may be others.
    Fixed {
        /// The fault.
        id: String,
        /// The digests of the states then, one an act.
        states: Vec<String>,
    },
    /// Somebody wants to look at it: no watchdog undoes it.
    Hold {
        /// The fault.
        id: String,
    },
    /// It is no more.
    Undone {
        /// The fault.
        id: String,
        /// Roles whose nodes had to be made anew.
        anew: Vec<String>,
    },
}

/// What undoes a fault, whatever became of who put it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The fault's own name, random.
    pub id: String,
    /// The scenario.
    pub scenario: String,
    /// The process that puts it in.
    pub pid: u32,
    /// When that process started, in the kernel's ticks: a number may be another process's later.
    pub pid_started: u64,
    /// Which start of this machine it was.
    pub boot: String,
    /// When the watchdog undoes it, in seconds since 1970.
    pub deadline: i64,
    /// The acts, in their order.
    pub acts: Vec<UndoAct>,
    /// What lets a change take hold, run again after the undo.
    pub settle: String,
    /// Roles whose nodes are made anew, whatever their state is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anew: Vec<String>,
}

impl Undo {
    /// Of a fault of this process, without an act yet.
    ///
    /// # Errors
    /// When the machine gives no random name.
    pub fn begun(scenario: &str, deadline: Duration) -> Result<Self, FaultError> {
        Ok(Self {
            id: machine::random()?,
            scenario: scenario.to_owned(),
            pid: std::process::id(),
            pid_started: machine::started(std::process::id()).unwrap_or_default(),
            boot: machine::boot(),
            deadline: machine::now() + i64::try_from(deadline.as_secs()).unwrap_or(i64::MAX / 2),
            acts: Vec::new(),
            settle: String::new(),
            anew: Vec::new(),
        })
    }
}

/// What undoes one act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoAct {
    /// The role of the node.
    pub role: String,
    /// The engine's own identifier of the node.
    pub node: String,
    /// What the act does.
    pub words: String,
    /// The text that tells the state.
    pub state: String,
    /// The digest of the state before.
    pub before: String,
    /// The text that puts it back.
    pub restore: String,
    /// What the engine puts back before the text does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineAct>,
}

/// A part of the node's instance that the engine changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineAct {
    /// How it stood before.
    pub before: Stands,
    /// How it stands while the fault is in.
    pub after: Stands,
}

/// A fault that is not undone, as far as the journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What undoes it.
    pub undo: Undo,
    /// How far each act came.
    pub acts: Vec<Progress>,
    /// Whether nothing was under way: the states are among those that were seen, unless somebody else
    /// changed them.
    pub settled: bool,
    /// Whether somebody wants to look at it.
    pub held: bool,
}

/// How far an act came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// It may have been begun.
    pub doing: bool,
    /// The digests of the states in which it was seen since.
    pub seen: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    seq: u64,
    sum: String,
    #[serde(flatten)]
    event: Event,
}

/// The journal of a lab.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: File,
    next: u64,
}

impl Journal {
    /// Goes on with the journal in a lab's folder, or begins it. What a kill left of a last line is cut off.
    ///
    /// # Errors
    /// When it cannot be read, written or believed.
    pub fn open(folder: &Path) -> Result<Self, FaultError> {
        let path = folder.join(FILE);
        let text = text_of(&path)?;
        let (events, whole) = events(&text)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| io(&path, &e))?;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(|e| io(&path, &e))?;
            file.sync_all().map_err(|e| io(&path, &e))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            file,
            next: events.last().map_or(0, |(seq, _)| seq + 1),
        })
    }

    /// Writes an event down; when this returns, no kill loses it.
    ///
    /// # Errors
    /// When it does not reach the disk.
    pub fn write(&mut self, event: Event) -> Result<(), FaultError> {
        let (step, act) = event.step();
        let sum = sum(self.next, &event)?;
        let line = Line {
            seq: self.next,
            sum,
            event,
        };
        let mut bytes =
            serde_json::to_vec(&line).map_err(|e| FaultError::Journal(e.to_string()))?;
        bytes.push(b'\n');
        let mut write = || {
            self.file.write_all(&bytes)?;
            self.file.sync_all()?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|e| io(&self.folder.join(FILE), &e))?;
        self.next += 1;
        crate::inject::reached(step, act);
        Ok(())
    }

    /// Every fault that is not undone, the oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read or believed.
    pub fn read(folder: &Path) -> Result<Vec<Open>, FaultError> {
        let text = text_of(&folder.join(FILE))?;
        let mut open: Vec<Open> = Vec::new();
        for (_, event) in events(&text)?.0 {
            apply(&mut open, event)?;
        }
        Ok(open)
    }

    /// Removes a journal in which nothing is open any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(folder: &Path) -> Result<(), FaultError> {
        let path = folder.join(FILE);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(io(&path, &e)),
        }
    }
}

impl Event {
    /// Its name and its act, for tests that end the process there.
    fn step(&self) -> (&'static str, Option<usize>) {
        match self {
            Self::Begin(_) => ("begin", None),
            Self::Doing { act, .. } => ("doing", Some(*act)),
            Self::Done { act, .. } => ("done", Some(*act)),
            Self::Fixing { .. } => ("fixing", None),
            Self::Fixed { .. } => ("fixed", None),
            Self::Hold { .. } => ("hold", None),
            Self::Undone { .. } => ("undone", None),
        }
    }
}

fn apply(open: &mut Vec<Open>, event: Event) -> Result<(), FaultError> {
    let odd = |what: &str| FaultError::Journal(format!("{what} of a fault that it does not know"));
    let find = |open: &mut Vec<Open>, id: &str| open.iter().position(|one| one.undo.id == id);
    match event {
        Event::Begin(undo) => {
            let acts = undo.acts.iter().map(|_| Progress::default()).collect();
            open.push(Open {
                undo: *undo,
                acts,
                settled: true,
                held: false,
            });
        }
        Event::Doing { id, act } => {
            let at = find(open, &id).ok_or_else(|| odd("an act"))?;
            let progress = open[at].acts.get_mut(act).ok_or_else(|| odd("an act"))?;
            progress.doing = true;
            open[at].settled = false;
        }
        Event::Done { id, act, state } => {
            let at = find(open, &id).ok_or_else(|| odd("an act"))?;
            let progress = open[at].acts.get_mut(act).ok_or_else(|| odd("an act"))?;
            progress.seen.push(state);
        }
        Event::Fixing { id } => {
            let at = find(open, &id).ok_or_else(|| odd("a fix"))?;
            open[at].settled = false;
        }
        Event::Fixed { id, states } => {
            let at = find(open, &id).ok_or_else(|| odd("a fix"))?;
            open[at].settled = true;
            for (progress, state) in open[at].acts.iter_mut().zip(states) {
                progress.seen.push(state);
            }
        }
        Event::Hold { id } => {
            let at = find(open, &id).ok_or_else(|| odd("a hold"))?;
            open[at].held = true;
        }
        Event::Undone { id, .. } => {
            let at = find(open, &id).ok_or_else(|| odd("an end"))?;
            open.remove(at);
        }
    }
    Ok(())
}

/// The events of a text, and how many of its bytes are whole lines. A line that comes twice in a
/// row, byte for byte, is one event: who wrote it was not sure that it had arrived.
fn events(text: &str) -> Result<(Vec<(u64, Event)>, usize), FaultError> {
    let mut events: Vec<(u64, Event)> = Vec::new();
    let mut whole = 0;
    let mut before = "";
    for piece in text.split_inclusive('\n') {
        let Some(line) = piece.strip_suffix('\n') else {
            // Without its end it is torn, whatever it says.
            break;
        };
        if line == before {
            whole += piece.len();
            continue;
        }
        let parsed: Line = serde_json::from_str(line)
            .map_err(|e| FaultError::Journal(format!("line {}: {e}", events.len() + 1)))?;
        let expected = events.last().map_or(0, |(seq, _)| seq + 1);
        if parsed.seq != expected {
            return Err(FaultError::Journal(format!(
                "event {expected} is expected, {} stands there",
                parsed.seq
            )));
        }
        if parsed.sum != sum(parsed.seq, &parsed.event)? {
            return Err(FaultError::Journal(format!(
                "event {expected} is not what was written"
            )));
        }
        events.push((parsed.seq, parsed.event));
        whole += piece.len();
        before = line;
    }
    Ok((events, whole))
}

fn sum(seq: u64, event: &Event) -> Result<String, FaultError> {
    let text = serde_json::to_string(event).map_err(|e| FaultError::Journal(e.to_string()))?;
    let digest = Sha256::digest(format!("{seq} {text}"));
    Ok(runproof_model::text::hex(&digest[..8]))
}

fn text_of(path: &Path) -> Result<String, FaultError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(io(path, &e)),
    }
}

fn io(path: &Path, error: &std::io::Error) -> FaultError {
    FaultError::Journal(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
