//! The options that several commands share; each means the same in all of them.

mod display;
mod duration;
mod gate;
mod look;
mod names;
mod output;
mod proof_output;
mod select;
mod severity;
mod target;

pub use display::DisplayOptions;
pub use gate::{GateOptions, Phase};
pub use look::LookOptions;
pub use output::{Format, OutputFile, OutputOptions, TextFormat, no_file_twice};
pub use proof_output::{ProofFile, ProofFormat, ProofOutputOptions};
pub use select::SelectOptions;
pub use target::{SiteChoice, SuiteOptions, TargetOptions};

pub(crate) use names::{name, role};
