//! The words of runproof as types: what is observed, judged and reported.
//!
//! No I/O, no async, no sockets; a test of the workspace refuses them.

pub mod canonical;
pub mod credentials;
pub mod diagnosis;
pub mod drill;
pub mod evidence;
pub mod exit;
pub mod fault_recording;
pub mod finding;
pub mod json;
pub mod names;
pub mod observed;
pub mod outcome;
pub mod proof;
pub mod report;
pub mod site;
pub mod text;
pub mod verdict;

pub use credentials::Credentials;
pub use diagnosis::Diagnosis;
pub use drill::Campaign;
pub use evidence::{Evidence, FactRecord, NodeRecord, Round};
pub use exit::ExitCode;
pub use fault_recording::{FaultDigests, FaultRecording};
pub use finding::{ExpectationOutcome, Finding};
pub use names::{NameError, Role};
pub use observed::{Observed, Reason, ReasonKind};
pub use outcome::Outcome;
pub use proof::Proof;
pub use report::Report;
pub use site::Site;
pub use verdict::{Level, Severity, Verdict};
