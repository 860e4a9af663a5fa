//! What happens while a site is looked at, on stderr.
//!
//! On a terminal a spinner with the count and the nodes that are still awaited;
//! elsewhere a line at the start of each step, so that a pipeline's log shows
//! what took long.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use runproof_model::text;

use crate::message;

/// More names than this are counted.
const NAMES: usize = 8;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Silent,
    /// A line for each step.
    Plain,
    /// A spinner that is redrawn.
    Spinner,
}

impl Mode {
    /// A spinner on a terminal, lines elsewhere, nothing when nothing is wanted.
    pub fn choose(no_progress: bool, terminal: bool) -> Self {
        match (no_progress, terminal) {
            (true, _) => Self::Silent,
            (false, true) => Self::Spinner,
            (false, false) => Self::Plain,
        }
    }
}

/// The progress of a run; may be shared between threads.
#[derive(Debug)]
pub struct Progress {
    mode: Mode,
    bar: ProgressBar,
    awaited: Mutex<BTreeSet<String>>,
}

impl Progress {
    /// A display that shows nothing yet.
    pub fn new(mode: Mode) -> Self {
        let bar = ProgressBar::hidden();
        let awaited = Mutex::default();
        Self { mode, bar, awaited }.with_bar()
    }

    fn with_bar(mut self) -> Self {
        if self.mode == Mode::Spinner {
            self.bar = ProgressBar::new(0);
            // The template is a constant; were it wrong, the default would do.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix} {pos}/{len} {wide_msg}")
            {
                self.bar.set_style(style);
            }
        }
        self
    }

    /// Begins a step over some nodes, as "looking at" or "round 2".
    pub fn begin<S: AsRef<str>>(&self, step: &str, nodes: impl IntoIterator<Item = S>) {
        let nodes: BTreeSet<String> = nodes
            .into_iter()
            .map(|node| text::one_line(node.as_ref(), 64))
            .collect();
        match self.mode {
            Mode::Silent => {}
            Mode::Plain => message::note(&format!("{step} {}", list(&nodes))),
            Mode::Spinner => {
                self.bar.set_length(nodes.len() as u64);
                self.bar.set_position(0);
                self.bar.set_prefix(text::one_line(step, 40));
                self.bar.set_message(list(&nodes));
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
        }
        *self.awaited() = nodes;
    }

    /// A node of the step is done.
    pub fn done(&self, node: &str) {
        let mut awaited = self.awaited();
        if awaited.remove(&text::one_line(node, 64)) {
            self.bar.inc(1);
            self.bar.set_message(list(&awaited));
        }
    }

    /// Says something without tearing the spinner.
    pub fn note(&self, words: &str) {
        if self.mode != Mode::Silent {
            self.aside(|| message::note(words));
        }
    }

    /// Lets somebody write to the terminal without tearing the spinner.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.mode {
            Mode::Silent | Mode::Plain => write(),
            Mode::Spinner => self.bar.suspend(write),
        }
    }

    /// Takes the display away, so that the report stands alone.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// A set of names is whole whatever a thread did that held it.
    fn awaited(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn list(nodes: &BTreeSet<String>) -> String {
    let mut names: Vec<&str> = nodes.iter().take(NAMES).map(String::as_str).collect();
    let more = format!("{} more", nodes.len().saturating_sub(NAMES));
    if nodes.len() > NAMES {
        names.push(&more);
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_done_are_no_longer_awaited() {
        for mode in [Mode::Silent, Mode::Spinner] {
            let progress = Progress::new(mode);
            progress.begin("looking at", ["system", "drive"]);
            progress.done("system");
            progress.done("system");
            progress.done("nobody");
            assert_eq!(list(&progress.awaited()), "drive");
            progress.finish();
        }
    }

    #[test]
    fn a_long_list_is_counted() {
        let nodes = (0..12).map(|n| format!("node-{n:02}")).collect();
        assert!(list(&nodes).ends_with("node-07, 4 more"));
    }

    #[test]
    fn a_spinner_needs_a_terminal() {
        assert_eq!(Mode::choose(false, true), Mode::Spinner);
        assert_eq!(Mode::choose(false, false), Mode::Plain);
        assert_eq!(Mode::choose(true, true), Mode::Silent);
    }
}
