//! A diagnosis: which documented scenarios explain what is red.

use serde::{Deserialize, Serialize};

/// The name and version of the contract.
pub const FORMAT: &str = "runproof.diagnose/1";

/// Everything that a renderer of `diagnose` may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// [`FORMAT`].
    pub format: String,
    /// The site's name.
    pub site: String,
    /// The reading of the documents that the site follows.
    #[serde(default)]
    pub profile: String,
    /// The reading that the lab followed in which faults were recorded.
    #[serde(default)]
    pub recorded_in: String,
    /// The run of the report was interrupted: what it did not come to may be red too.
    #[serde(default)]
    pub partial: bool,
    /// True when the red set is that of the recorded reference or of another recording.
    pub recorded: bool,
    /// The exit code of the run.
    pub exit_code: u8,
    /// What fails, sorted; defects of the documents are none of it.
    pub red: Vec<RedMark>,
    /// How many findings could not be established: they neither confirm nor refute.
    pub errors: usize,
    /// How many findings were judged at all: passed or failed.
    #[serde(default)]
    pub judged: usize,
    /// How many are waived: they are not held against anything.
    #[serde(default)]
    pub waived: usize,
    /// What explains it, likeliest first; none that explains nothing.
    pub candidates: Vec<Candidate>,
    /// What fails and no scenario explains.
    pub unexplained: Vec<RedMark>,
    /// What would tell the first two candidates apart.
    pub tell_apart: Vec<FurtherCheck>,
}

/// An invariant that fails on a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RedMark {
    /// The invariant's identifier.
    pub id: String,
    /// The role of the node.
    pub node: String,
}

/// Scenarios that nothing on the site tells apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The scenarios, sorted.
    pub scenarios: Vec<CandidateScenario>,
    /// From 0 to 1: what it explains of the red set, less what should be red and holds.
    pub score: f64,
    /// What it explains.
    pub explains: Vec<RedMark>,
    /// Of that, what no candidate before it does.
    pub adds: usize,
    /// What should be red under it and holds.
    pub missing: Vec<RedMark>,
    /// What should be red under it and could not be established, or was not judged.
    pub open: usize,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateScenario {
    /// The scenario's identifier.
    pub id: String,
    /// What is broken, in a few words.
    pub title: String,
    /// Whether its signature was seen in a lab; else it is the one that the suite declares.
    pub recorded: bool,
    /// Whether a stand-in played a service when it was seen.
    pub standin: bool,
    /// The documented commands that mend it, in order; none that only a lab may run.
    pub fix: Vec<String>,
    /// Why those commands cannot mend: the document is wrong.
    #[serde(default)]
    pub document_defect: Option<String>,
    /// What mends it in a lab and would put a lab's content into a site.
    #[serde(default)]
    pub lab_fix: Option<LabFix>,
    /// The role of the node where they run.
    pub fix_on: Option<String>,
    /// Why there are none, when the documents have none.
    pub no_fix: Option<String>,
    /// Where it is documented.
    pub sources: Vec<String>,
}

impl CandidateScenario {
    /// Whether the documents have commands that mend it and can be run as they stand.
    pub fn has_fix(&self) -> bool {
        !self.fix.is_empty() && self.document_defect.is_none()
    }
}

/// Commands with the content of a lab in them: an example of the documented way, to be read and not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabFix {
    /// The commands, in order.
    pub run: Vec<String>,
    /// What in them is the lab's.
    pub why: String,
}

/// An invariant that is red under one of two candidates and holds under the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherCheck {
    /// The invariant's identifier.
    pub id: String,
    /// The first scenario of the candidate under which it is red.
    pub red_under: String,
    /// Whether the report has judged it: then look again, else look for the first time.
    pub judged: bool,
}
