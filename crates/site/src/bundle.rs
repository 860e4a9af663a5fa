//! A bundle: evidence saved with enough of its site to judge it again anywhere.
//!
//! A bundle may come from a stranger. It is read with caps on its bytes and on
//! what they would become in memory, its form is checked, and no path in it is ever opened; what it says is cleaned where it
//! is printed, like everything that nodes say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use runproof_facts::registry::Wanted;
use runproof_model::site::{Engine, NodeRef};
use runproof_model::{
    Evidence, FactRecord, Reason, ReasonKind, Role, Site, canonical, evidence, json,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gather::{Gathered, unknown};
use crate::random;

/// The name and version of the recorded form.
pub const FORMAT: &str = "runproof.bundle/1";
/// The largest bundle that is read, in bytes. That of the reference, with 16 nodes, has 600 KB.
const CAP: u64 = 16 << 20;
/// The most JSON values that a bundle may hold: thirty times those of the reference, five times
/// those of a hundred nodes like its.
const VALUES: usize = 500_000;

/// Evidence and the site that it was taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// The site.
    pub site: SiteSummary,
    /// What was seen.
    pub evidence: Evidence,
}

/// What of a site file a bundle keeps: nothing that tells how the site is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSummary {
    /// The site's name.
    pub name: String,
    /// Its profile.
    pub profile: String,
    /// What runs the nodes.
    pub engine: Engine,
    /// Which instance plays which role.
    pub nodes: BTreeMap<Role, NodeRef>,
    /// Values that only the site knows.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Roles that a stand-in plays.
    #[serde(default)]
    pub standins: Vec<Role>,
}

/// Why a bundle could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file could not be opened, read, written or renamed.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is not a bundle that this version can read.
    #[error("{path}: {why}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

impl From<&Site> for SiteSummary {
    fn from(site: &Site) -> Self {
        Self {
            name: site.site.clone(),
            profile: site.profile.clone(),
            engine: site.reach.engine,
            nodes: site.nodes.clone(),
            inputs: site.inputs.clone(),
            standins: site.standins.clone(),
        }
    }
}

impl Bundle {
    /// A bundle of what was seen of a site.
    pub fn new(site: &Site, evidence: Evidence) -> Self {
        Self {
            format: FORMAT.to_owned(),
            site: SiteSummary::from(site),
            evidence,
        }
    }

    /// Reads a bundle's text; `name` stands in messages.
    ///
    /// # Errors
    /// When the text is no bundle of this version, or holds more than any site calls for.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, BundleError> {
        let refuse = |why: String| BundleError::Form {
            path: name.to_owned(),
            why: runproof_model::text::one_line(&why, 300),
        };
        bounded(text).map_err(refuse)?;
        let bundle: Self = serde_json::from_slice(text)
            .map_err(|error| refuse(format!("not a bundle: {error}")))?;
        if bundle.format != FORMAT {
            return Err(refuse(format!(
                "its format is {:?}, not {FORMAT:?}",
                bundle.format
            )));
        }
        if bundle.evidence.format != evidence::FORMAT {
            return Err(refuse(format!(
                "its evidence has the format {:?}, not {:?}",
                bundle.evidence.format,
                evidence::FORMAT
            )));
        }
        if bundle.site.name != bundle.evidence.site {
            return Err(refuse(format!(
                "it is of site {:?}, its evidence of {:?}",
                bundle.site.name, bundle.evidence.site
            )));
        }
        if let Some(what) = twice(&bundle.evidence) {
            return Err(refuse(format!("{what} is in it twice")));
        }
        if bundle.evidence.rounds.is_empty() {
            return Err(refuse("it holds no look at the site".to_owned()));
        }
        Ok(bundle)
    }

    /// Reads a bundle from a regular file of at most 16 MiB.
    ///
    /// # Errors
    /// When the file cannot be read or is no bundle of this version.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let name = path.display().to_string();
        let io = |error| BundleError::Io {
            path: name.clone(),
            error,
        };
        // A pipe would let us wait for ever.
        let meta = fs::metadata(path).map_err(io)?;
        let refuse = |why: &str| BundleError::Form {
            path: name.clone(),
            why: why.to_owned(),
        };
        if !meta.is_file() {
            return Err(refuse("not a regular file"));
        }
        if meta.len() > CAP {
            return Err(refuse(&larger(meta.len())));
        }
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(CAP + 1).read_to_end(&mut text))
            .map_err(io)?;
        Self::parse(&name, &text)
    }

    /// Writes the bundle, readable by its owner only; all of it or nothing.
    ///
    /// # Errors
    /// When the folder cannot be written to, or the bundle is so large that nobody would read it.
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let io = |error| BundleError::Io {
            path: path.display().to_string(),
            error,
        };
        let text = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::from)
            .map_err(io)?;
        bounded(&text).map_err(|why| BundleError::Form {
            path: path.display().to_string(),
            why: format!("{why}: it could not be read again"),
        })?;
        let word = random::word()
            .map_err(|trouble| io(std::io::Error::other(trouble.reason.to_string())))?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        let temporary = folder.join(format!(".{name}.{word}.tmp"));
        let written = write_whole(&temporary, &text)
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| File::open(&folder)?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(io)
    }

    /// The facts by their identity.
    pub fn replay(&self) -> Replay<'_> {
        Replay::new(&self.evidence)
    }
}

/// Refuses a text that is larger than any site calls for, or would be in memory.
fn bounded(text: &[u8]) -> Result<(), String> {
    match text.len() as u64 {
        found if found > CAP => Err(larger(found)),
        _ => json::bounded_values(text, VALUES).map(|_| ()),
    }
}

fn larger(found: u64) -> String {
    format!("{found} bytes, larger than {} MiB", CAP >> 20)
}

/// A node, or a fact of one look, that evidence holds twice: nobody could say which counts.
fn twice(evidence: &Evidence) -> Option<String> {
    let mut roles = HashSet::new();
    let nodes = evidence.nodes.iter().map(|node| &node.role);
    if let Some(role) = nodes.into_iter().find(|role| !roles.insert(*role)) {
        return Some(format!("node {role}"));
    }
    evidence.rounds.iter().find_map(|round| {
        let mut seen = HashSet::new();
        let mut facts = round.facts.iter();
        facts
            .find(|fact| !seen.insert((&fact.role, &fact.kind, canonical::text(&fact.query))))
            .map(|fact| format!("{} of {}", fact.kind, fact.role))
    })
}

fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Recorded facts, looked up by role, kind and query.
#[derive(Debug)]
pub struct Replay<'a> {
    evidence: &'a Evidence,
    rounds: Vec<HashMap<Identity<'a>, &'a FactRecord>>,
}

type Identity<'a> = (&'a Role, &'a str, String);

impl<'a> Replay<'a> {
    /// Of some evidence.
    pub fn new(evidence: &'a Evidence) -> Self {
        let rounds = evidence.rounds.iter().map(|round| {
            let facts = round.facts.iter();
            facts
                .map(|fact| {
                    (
                        (&fact.role, fact.kind.as_str(), canonical::text(&fact.query)),
                        fact,
                    )
                })
                .collect()
        });
        Self {
            evidence,
            rounds: rounds.collect(),
        }
    }

    /// How many rounds were recorded.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// What was known after `round` (counted from 0): of each wanted fact the
    /// latest record up to then; what was never recorded is unknown.
    pub fn gather(&self, wanted: &[Wanted], round: usize) -> Gathered {
        let until = round.saturating_add(1).min(self.rounds.len());
        let facts = wanted
            .iter()
            .map(|one| {
                let identity = (&one.role, one.kind, canonical::text(&one.query));
                let found = self.rounds[..until]
                    .iter()
                    .rev()
                    .find_map(|round| round.get(&identity));
                match found {
                    Some(&record) => record.clone(),
                    None => FactRecord {
                        role: one.role.clone(),
                        kind: one.kind.to_owned(),
                        query: one.query.clone(),
                        fact: unknown(Some(Reason::new(
                            ReasonKind::NotRecorded,
                            format!("{} of {}", one.kind, one.role),
                        ))),
                    },
                }
            })
            .collect();
        Gathered {
            nodes: self.evidence.nodes.clone(),
            facts,
        }
    }
}

#[cfg(test)]
mod tests;
