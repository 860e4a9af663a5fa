//! What can be observed of a node: one file per kind, without doing any I/O.
//!
//! A kind says what it wants to look at ([`Ask`]), is given what was seen
//! ([`Answers`]), and turns it into a typed fact whose every field is known,
//! proven absent, or unknown with a reason. Who looks, and how, is the
//! business of `runproof-site`; so each kind can be tested with plain text.

pub mod access;
pub mod answer;
pub mod ask;
pub mod content;
pub mod environ;
pub mod fact;
pub mod kind;
pub mod link;
pub mod look;
mod meaning;
pub(crate) mod net;
pub mod open_map;
pub mod parse;
pub mod proc_table;
pub mod quote;
pub mod reads;
#[cfg(test)]
mod reference;
pub mod registry;
pub mod script;
pub mod scrub;
pub mod secret;
pub mod service;
#[cfg(test)]
mod testing;

pub use answer::{Answer, Answers, Ran};
pub use ask::{Ask, Batch, Command, End};
pub use content::ContentPolicy;
pub use fact::{Context, Fact, Reading};
pub use meaning::meaning;
pub use open_map::OpenMap;
pub use reads::Reads;
pub use registry::{Kind, Probe, QueryError, Wanted, kinds};
pub use secret::{Fingerprint, Key, Secret};
