//! Watching what runs on this machine and in its containers, which are processes of it too.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks, until it is stopped, for words in the arguments and the environment of every process that
/// began after it, and in the files below a folder.
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What a watch has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Where a word was, with the word.
    pub found: BTreeSet<String>,
    /// The programs that were looked at, by the name of their file.
    pub programs: BTreeSet<String>,
}

impl Watch {
    pub fn begin(words: Vec<String>, folder: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let before: HashSet<u32> = pids().collect();
        let thread = std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                let mut seen = Seen::default();
                while !over.load(Ordering::SeqCst) {
                    for pid in pids().filter(|pid| !before.contains(pid)) {
                        look_at(pid, &before, &words, &mut seen);
                    }
                    look_below(&folder, &words, &mut seen);
                    std::thread::sleep(Duration::from_millis(4));
                }
                seen
            }
        });
        Self { over, thread }
    }

    pub fn end(self) -> Seen {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn look_at(pid: u32, before: &HashSet<u32>, words: &[String], seen: &mut Seen) {
    let read = |what: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (arguments, environment) = (read("cmdline"), read("environ"));
    let name = arguments.split('\0').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    for (what, text) in [("arguments", &arguments), ("environment", &environment)] {
        for word in words.iter().filter(|word| text.contains(word.as_str())) {
            // A service that its own systemd starts has its secrets as it always had.
            if !of_a_service(pid, before) {
                seen.found
                    .insert(format!("{word} in the {what} of {name} ({arguments})"));
            }
        }
    }
    seen.programs.insert(name);
}

/// Whether the process descends from a container's own systemd.
fn of_a_service(mut pid: u32, before: &HashSet<u32>) -> bool {
    while !before.contains(&pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        match parent.and_then(|parent| parent.trim().parse().ok()) {
            Some(parent) => pid = parent,
            None => return false,
        }
    }
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pid != 1 && comm.trim() == "systemd"
}

fn look_below(folder: &Path, words: &[String], seen: &mut Seen) {
    for file in files(folder) {
        let bytes = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for word in words.iter().filter(|word| text.contains(word.as_str())) {
            seen.found.insert(format!("{word} in {}", file.display()));
        }
    }
}

/// Every file below a folder, links not followed.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}
