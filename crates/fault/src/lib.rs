//! Breaking a lab on purpose, and making it whole again whatever dies in between.
//!
//! Everything here takes a [`runproof_lab::LabSite`], which only a lab that runproof made can be.
//! The way of a fault: what was there is written down ([`journal`]), a [`watchdog`] is armed, the
//! act is done and its effect verified ([`inject()`]); [`undo`] puts back by state, not by inverse.

pub mod act;
mod error;
pub mod fault;
pub mod inject;
pub mod journal;
mod lease;
mod machine;
pub mod primitive;
pub mod settle;
pub mod undo;
pub mod watchdog;

pub use error::FaultError;
pub use fault::Fault;
pub use inject::{Held, inject};
pub use undo::{Healed, heal, is_busy, rebuild};
