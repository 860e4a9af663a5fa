//! Suites: what must be true, written in YAML, checked and judged.
//!
//! The way through: [`Library::load`] or [`Library::builtin`] reads the files,
//! [`Library::lint`] tells whether they fit each other, [`bind`] makes the
//! [`Plan`] of a site, whose [`Plan::wanted`] somebody gathers, and
//! [`evaluate`] judges the evidence. Nothing here does any I/O.

mod bind;
mod bound_scenario;
mod builtin;
mod cause;
pub mod conflicts;
mod constants;
mod diagnostic;
mod evaluate;
pub mod expr;
mod expression;
mod facts;
pub mod input;
pub mod invariant;
mod library;
mod lint;
mod plan;
pub mod profile;
mod query;
mod scenario;
mod schema;
mod selection;
mod site_file;
pub mod sources;
mod suite;
mod template;
mod typed;
mod waivers;
mod words;
pub mod yaml;

pub use bind::bind;
pub use bound_scenario::{BoundScenario, scenarios};
pub use constants::Constants;
pub use diagnostic::{Diagnostic, Place};
pub use evaluate::{evaluate, evaluate_facts, judge, verdict};
pub use expression::Expression;
pub use facts::Facts;
pub use invariant::Invariant;
pub use library::{Library, LoadedProfile, LoadedSuite, SourceFile};
pub use lint::{TriedScenario, tried};
pub use plan::{Bound, Item, Plan, Settled, Unsettled};
pub use query::Query;
pub use scenario::Scenario;
pub use schema::{schema, schemas};
pub use selection::Selection;
pub use site_file::SiteFile;
pub use suite::Suite;
pub use typed::TypedQuery;
pub use waivers::{Waiver, Waivers};
pub use words::{matches, slug};
