//! Reaching nodes: the only crate that opens sockets and starts programs.
//!
//! A [`Session`] enters a site by one door (the engine's own socket when it
//! answers, else its command line; over ssh through one connection), proves
//! that it stands before the right one, and gathers facts: one script per node
//! over one exec, all nodes at once, and a second where the first answers make
//! more possible. What cannot be looked at becomes an unknown with its reason;
//! no node's trouble stops the others.

mod backend;
pub mod bundle;
mod dial;
mod door;
pub mod engine;
mod exec;
mod gather;
mod host;
mod identity;
mod plan;
mod random;
mod service;
mod session;
mod sink;
mod trouble;

pub use bundle::{Bundle, BundleError, Replay, SiteSummary};
pub use gather::{Gathered, Progress, Silent, Stage};
pub use plan::{Planned, plan};
pub use session::{Discovered, OpenError, Options, Session};
pub use tokio_util::sync::CancellationToken;
