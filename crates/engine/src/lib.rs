//! Orchestration: what is done in which order. It decides nothing about the
//! platform and renders nothing.

mod check;
pub mod drill;
mod key;
mod record;
mod run;

pub use check::{Checked, check, replay, site_of};
pub use key::{KeyError, SiteKey};
pub use record::record;
pub use run::{Run, RunOptions};
