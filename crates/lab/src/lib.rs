//! Creating and destroying labs: sites that runproof itself made and may break.
//!
//! A lab is one container with systemd per role, on Docker or Incus, made of
//! `testenv/roles`. What is created is written down before it is created, so
//! that whatever kills the process, the next command on that lab finds and
//! removes what is left. A [`LabSite`] is the proof that a site is such a lab;
//! nobody but this crate can make one.

mod boot;
mod engine;
mod error;
mod images;
mod journal;
mod lab_site;
mod labs;
mod launch;
mod name;
mod network;
mod part;
mod parts;
mod preflight;
mod profile;
mod proof;
mod reap;
mod record;
mod reset;
mod role;
mod secrets;
mod setting;
mod setup;
mod site_file;
mod standin;
mod state;
mod upstream;
mod wait;

pub use boot::{Servers, UpOptions, up};
pub use engine::{EngineChoice, install_lines};
pub use error::{Kind, LabError, Unproved};
pub use lab_site::{Authority, LabNode, LabSite, Said};
pub use labs::{Entry, NodeState, NodeStatus, State, Status, list, status};
pub use name::LabName;
pub use part::{CardKey, Change, Part, Setting, Stands};
pub use reap::down;
pub use record::{NodeRecord, Record};
pub use reset::reset;
pub use role::{Played, RoleSpec, Roles};
pub use runproof_site::CancellationToken;
pub use site_file::foreseen as foreseen_site_file;
pub use state::{find as find_state, find_ours as find_our_state, site_file};

/// What happens while a lab is made, for whoever shows it.
pub trait Events: Sync {
    /// A step begins, over these nodes.
    fn step(&self, words: &str, nodes: &[String]);
    /// A node of the step is done.
    fn done(&self, node: &str);
    /// Something worth knowing.
    fn note(&self, words: &str);
}
