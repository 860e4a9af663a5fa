//! The options that several commands share; each means the same in all of them.

mod display;
mod duration;
mod gate;
mod look;
mod names;
mod output;
mod select;
mod severity;
mod target;

pub use display::DisplayOptions;
pub use gate::{GateOptions, Phase};
pub use look::LookOptions;
pub use output::{Format, OutputFile, OutputOptions, TextFormat};
pub use select::SelectOptions;
pub use target::{SiteChoice, SuiteOptions, TargetOptions};

pub(crate) use names::{name, role};
