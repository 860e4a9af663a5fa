//! `--verbose`, `--no-progress`, `--color`: how to show things.

use std::io::IsTerminal as _;

use clap::Args;
use runproof_report::Style;

use crate::color::{self, ColorChoice, Surroundings};
use crate::progress::{Mode, Progress};

/// How to show things.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Display")]
pub struct DisplayOptions {
    /// Show what holds and what is folded one by one, and longer values
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Show no progress on stderr
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Colour the report; NO_COLOR is obeyed unless this says otherwise
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        long_help = "Colour the report: auto, always or never. auto colours a terminal unless NO_COLOR is set"
    )]
    pub color: ColorChoice,
}

impl DisplayOptions {
    /// The style of a report on stdout.
    pub fn style(&self) -> Style {
        Style {
            color: color::wanted(self.color, Surroundings::of_stdout()),
            width: color::columns(),
            verbose: self.verbose,
        }
    }

    /// Whether to colour messages on stderr.
    pub fn color_of_stderr(&self) -> bool {
        color::wanted(self.color, Surroundings::of_stderr())
    }

    /// The progress display.
    pub fn progress(&self) -> Progress {
        Progress::new(Mode::choose(
            self.no_progress,
            std::io::stderr().is_terminal(),
        ))
    }
}
