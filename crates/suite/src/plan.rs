//! A plan: every judgement that a site calls for, and the facts it needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use runproof_facts::{Reads, Wanted};
use runproof_model::{Finding, Level, Verdict};
use serde_json::Value;

use crate::expr::Val;
use crate::invariant::Invariant;

/// Every judgement that a site calls for, in the order of suites. It leaves no
/// choices to those who look and those who judge.
#[derive(Debug)]
pub struct Plan {
    /// The site's name.
    pub site: String,
    /// The profile's name.
    pub profile: String,
    /// Every judgement.
    pub bound: Vec<Bound>,
    /// Selectors that selected nothing, in words; a caller should be loud about them.
    pub unmatched: Vec<String>,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) parameters: Value,
    pub(crate) profile_val: Val,
    pub(crate) site_val: Val,
    /// One a suite, see [`Bound::inputs`].
    pub(crate) input_vals: Vec<Val>,
    /// Parameter → what else is documented: value and source.
    pub(crate) readings: BTreeMap<String, Vec<(Value, String)>>,
}

/// One invariant on one node, for one item of its loop.
#[derive(Debug)]
pub struct Bound {
    /// The invariant.
    pub invariant: Arc<Invariant>,
    /// The suite it stands in.
    pub suite: Arc<str>,
    /// The role of the node; `all` when the site maps none.
    pub role: String,
    /// The item of its loop.
    pub item: Option<Item>,
    /// The verdict that is clear before anybody looks: it does not apply, or cannot be judged.
    pub settled: Option<Settled>,
    /// The documented commands that mend it, templates resolved.
    pub fix: Vec<String>,
    /// Name of the fact → its place in [`Plan::wanted`].
    pub(crate) facts: Vec<(String, usize)>,
    /// The place of its suite's inputs in the plan.
    pub(crate) inputs: usize,
}

/// A verdict that is clear before anybody looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Skip, error or fail.
    pub verdict: Verdict,
    /// Why.
    pub message: String,
}

/// An item of a loop.
#[derive(Clone, Debug)]
pub struct Item {
    /// The loop's variable.
    pub variable: String,
    /// What reports call it.
    pub label: String,
    pub(crate) val: Val,
}

impl Bound {
    /// Demand or recommendation; what cannot be true of the program demands nothing.
    pub fn level(&self) -> Level {
        match self.invariant.document_defect {
            Some(_) => Level::Should,
            None => self.invariant.level,
        }
    }

    /// How long it may take to come true.
    pub fn within(&self) -> Option<Duration> {
        self.invariant.within().and_then(Result::ok)
    }

    /// The facts it reads: name, and place in [`Plan::wanted`].
    pub fn facts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.facts.iter().map(|(name, at)| (name.as_str(), *at))
    }

    /// Whether a finding is the judgement of this.
    pub fn is_of(&self, finding: &Finding) -> bool {
        self.invariant.id.value == finding.id
            && self.role == finding.node
            && self.item.as_ref().map(|item| item.label.as_str()) == finding.item.as_deref()
    }
}

impl Plan {
    /// Every fact that is needed, once, sorted by role, kind and query.
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// The same with every field of every fact looked at, also those that no expectation
    /// reads: for a recording, of which something else may be asked later.
    #[must_use]
    pub fn whole(mut self) -> Self {
        for wanted in &mut self.wanted {
            wanted.reads = Reads::All;
        }
        self
    }

    /// What a name that is no fact stands for in the expectations of a judgement: the profile, the
    /// inputs, the site, or the item of the loop.
    pub fn given<'p>(&'p self, bound: &'p Bound, name: &str) -> Option<&'p Val> {
        match name {
            "profile" => Some(&self.profile_val),
            "input" => self.input_vals.get(bound.inputs),
            "site" => Some(&self.site_val),
            name => {
                let item = bound.item.as_ref();
                let item = item.filter(|item| item.variable == name);
                item.map(|item| &item.val)
            }
        }
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// What has to be looked at again: the facts of what did not pass and still
    /// may, `elapsed` after the first look.
    pub fn unsettled(&self, findings: &[Finding], elapsed: Duration) -> Unsettled {
        let open: std::collections::HashSet<_> = findings
            .iter()
            .filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Error))
            .map(|finding| {
                (
                    finding.id.as_str(),
                    finding.node.as_str(),
                    finding.item.as_deref(),
                )
            })
            .collect();
        let mut places = std::collections::BTreeSet::new();
        let mut left = Duration::ZERO;
        for bound in &self.bound {
            let item = bound.item.as_ref().map(|item| item.label.as_str());
            let Some(within) = bound.within() else {
                continue;
            };
            if bound.settled.is_none()
                && within > elapsed
                && open.contains(&(bound.invariant.id.as_str(), bound.role.as_str(), item))
            {
                places.extend(bound.facts.iter().map(|(_, at)| *at));
                left = left.max(within - elapsed);
            }
        }
        Unsettled {
            wanted: places
                .iter()
                .filter_map(|&at| self.wanted.get(at).cloned())
                .collect(),
            left,
        }
    }
}

/// What has to be looked at again.
#[derive(Debug, Default)]
pub struct Unsettled {
    /// The facts, sorted; empty when everything is settled.
    pub wanted: Vec<Wanted>,
    /// How long the most patient of them may still take.
    pub left: Duration,
}
