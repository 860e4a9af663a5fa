//! The saved rules beside the loaded ones.

use std::collections::BTreeMap;

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::parse::iptables::{self, Dump, Family, Table, walk};

/// The saved rules, compared with those that are loaded: policies, chains, and the rules of
/// each chain in their order; counters, comments and spelling do not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Whether the file is there.
    pub exists: Observed<bool>,
    /// Whether loading it would give the rules that are loaded.
    pub equal: Observed<bool>,
    /// What is loaded but not saved: rules, and policies as `-P CHAIN POLICY`; outside of the
    /// filter table with `-t TABLE` in front.
    pub missing: Observed<Vec<String>>,
    /// What is saved but not loaded, in the same form.
    pub extra: Observed<Vec<String>>,
    /// Chains whose rules are the same but stand in another order.
    pub reordered: Observed<Vec<String>>,
    /// Whether the saved rules accept everything on `lo` before any that could drop it.
    pub loopback_accept: Observed<bool>,
    /// Lines of the file that cannot be read.
    pub errors: Observed<Vec<SaveError>>,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveError {
    /// Counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub message: String,
}

/// Everything that counts of a rule set: per chain its policy and the keys of its rules.
type Shape = BTreeMap<(String, String), Vec<(String, String)>>;

/// Compares the file with the loaded rules.
pub(super) fn read(file: Observed<String>, loaded: &Observed<Vec<Dump>>) -> Observed<Saved> {
    let text = match file {
        Observed::Known(text) => text,
        Observed::Absent => {
            return Observed::Known(Saved {
                exists: Observed::Known(false),
                equal: Observed::Absent,
                missing: Observed::Absent,
                extra: Observed::Absent,
                reordered: Observed::Absent,
                loopback_accept: Observed::Absent,
                errors: Observed::Absent,
            });
        }
        Observed::Unknown(reason) => return Observed::Unknown(reason),
    };
    let mut saved = iptables::parse(Family::V4, &text);
    let cut: Vec<String> = saved
        .tables
        .iter()
        .filter(|table| !table.complete)
        .map(|table| format!("table {} has no COMMIT, so it is not loaded", table.name))
        .collect();
    let mut errors: Vec<SaveError> = saved
        .errors
        .iter()
        .map(|error| SaveError {
            line: error.line,
            message: error.message.clone(),
        })
        .collect();
    let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    errors.extend(cut.into_iter().map(|message| SaveError {
        line: last,
        message,
    }));
    saved.tables.retain(|table| table.complete);
    // A file need not name the built-in chains; they keep the policy that they begin with.
    for chain in saved.tables.iter_mut().flat_map(|table| &mut table.chains) {
        let built_in = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"];
        if chain.policy.is_none() && built_in.contains(&chain.name.as_str()) {
            chain.policy = Some("ACCEPT".to_owned());
        }
    }
    // A file with a bad line is not loaded at all, so it accepts nothing.
    let loopback_accept = if errors.is_empty() {
        walk::loopback_accepted_first(&saved)
    } else {
        Observed::Known(false)
    };
    let differences = loaded
        .as_ref()
        .map(|loaded| compare(&shape(loaded), &shape(std::slice::from_ref(&saved))));
    let broken = !errors.is_empty();
    Observed::Known(Saved {
        exists: Observed::Known(true),
        equal: differences.as_ref().map(|d| d.is_none() && !broken),
        missing: differences.as_ref().map(|d| d.missing.clone()),
        extra: differences.as_ref().map(|d| d.extra.clone()),
        reordered: differences.map(|d| d.reordered),
        loopback_accept,
        errors: Observed::Known(errors),
    })
}

fn shape(dumps: &[Dump]) -> Shape {
    let mut shape = Shape::new();
    let active = |table: &&Table| !table.is_idle();
    for table in dumps.iter().flat_map(|dump| &dump.tables).filter(active) {
        for chain in &table.chains {
            // An empty chain with the usual policy is there whether it is named or not.
            if chain.rules.is_empty() && chain.policy.as_deref() == Some("ACCEPT") {
                continue;
            }
            let prefix = if table.name == "filter" {
                String::new()
            } else {
                format!("-t {} ", table.name)
            };
            let place = shape
                .entry((table.name.clone(), chain.name.clone()))
                .or_default();
            match chain.policy.as_deref() {
                Some("ACCEPT") => {}
                Some(policy) => {
                    let text = format!("{prefix}-P {} {policy}", chain.name);
                    place.push((text.clone(), text));
                }
                None => {
                    let text = format!("{prefix}-N {}", chain.name);
                    place.push((text.clone(), text));
                }
            }
            place.extend(chain.rules.iter().map(|rule| {
                (
                    format!("{prefix}{}", rule.key),
                    format!("{prefix}{}", rule.text),
                )
            }));
        }
    }
    shape
}

#[derive(Default)]
struct Differences {
    missing: Vec<String>,
    extra: Vec<String>,
    reordered: Vec<String>,
}

impl Differences {
    fn is_none(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.reordered.is_empty()
    }
}

fn compare(loaded: &Shape, saved: &Shape) -> Differences {
    let mut differences = Differences::default();
    let empty = Vec::new();
    let mut places: Vec<_> = loaded.keys().chain(saved.keys()).collect();
    places.sort();
    places.dedup();
    for place in places {
        let here = loaded.get(place).unwrap_or(&empty);
        let there = saved.get(place).unwrap_or(&empty);
        let missing = without(here, there);
        let extra = without(there, here);
        let same_order = here
            .iter()
            .map(|(key, _)| key)
            .eq(there.iter().map(|(key, _)| key));
        if missing.is_empty() && extra.is_empty() && !same_order {
            differences.reordered.push(place.1.clone());
        }
        differences.missing.extend(missing);
        differences.extra.extend(extra);
    }
    differences
}

/// The rules of `these` that are not in `those`, each as often as it is in surplus.
fn without(these: &[(String, String)], those: &[(String, String)]) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, _) in those {
        *count.entry(key).or_default() += 1;
    }
    these
        .iter()
        .filter(|(key, _)| match count.get_mut(key.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        })
        .map(|(_, text)| text.clone())
        .collect()
}
