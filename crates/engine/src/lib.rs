//! Orchestration: what is done in which order. It decides nothing about the
//! platform and renders nothing.

mod check;
mod diagnose;
pub mod drill;
mod fault_recording;
mod key;
#[cfg(test)]
mod kit;
mod prove;
mod record;
mod run;

pub use check::{Checked, check, replay, site_of};
pub use diagnose::{Signature, diagnose, signatures};
pub use fault_recording::{fault_digests, record_fault};
pub use key::{KeyError, SiteKey};
pub use prove::prove;
pub use record::record;
pub use run::{Run, RunOptions};
