//! Renderers: a report in, text out. Pure; nothing here decides a verdict or an exit code.
//!
//! Everything that a node, a site or a suite said passes through [`runproof_model::text`]
//! before it stands in an output.

pub mod diagnosis;
pub mod diagnostics;
pub mod drill;
mod html;
pub mod json;
pub mod junit;
mod paint;
pub mod proof;
pub mod terminal;
pub mod words;
mod wrap;

#[cfg(test)]
mod sample;

pub use diagnostics::{Diagnostic, DiagnosticLevel};
pub use junit::JunitError;
pub use terminal::Style;
