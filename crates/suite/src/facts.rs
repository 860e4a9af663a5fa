//! The facts of a run as expressions see them: each decoded once.

use std::collections::{BTreeMap, HashMap};

use runproof_facts::registry::kind;
use runproof_model::{Evidence, FactRecord, NodeRecord, ReasonKind};

use crate::expr::Val;
use crate::plan::Plan;

/// The facts that a plan wants, decoded once and by their place in it.
#[derive(Clone, Debug)]
pub struct Facts {
    vals: Vec<Val>,
    clocks: BTreeMap<String, Val>,
}

impl Facts {
    /// What the evidence says: of each fact the latest look, and where nobody
    /// looked the reason for that.
    pub fn of(plan: &Plan, evidence: &Evidence) -> Self {
        let mut by_name: HashMap<(&str, &str), Vec<&FactRecord>> = HashMap::new();
        for record in evidence
            .rounds
            .iter()
            .rev()
            .flat_map(|round| round.facts.iter().rev())
        {
            by_name
                .entry((record.role.as_str(), &record.kind))
                .or_default()
                .push(record);
        }
        let vals = plan
            .wanted()
            .iter()
            .map(|wanted| {
                by_name
                    .get(&(wanted.role.as_str(), wanted.kind))
                    .and_then(|records| records.iter().find(|record| record.query == wanted.query))
                    .map_or_else(
                        || nobody_looked(evidence, wanted.role.as_str(), wanted.kind),
                        |record| decoded(record),
                    )
            })
            .collect();
        let clocks = clocks(&evidence.nodes).collect();
        Self { vals, clocks }
    }

    /// The same with other facts and clocks laid over it: those of a recorded fault. What the
    /// plan does not want is left out.
    #[must_use]
    pub fn overlaid(&self, plan: &Plan, nodes: &[NodeRecord], facts: &[FactRecord]) -> Self {
        let mut laid = self.clone();
        laid.clocks.extend(clocks(nodes));
        for record in facts {
            let wanted = plan.wanted().iter().position(|wanted| {
                wanted.role == record.role
                    && wanted.kind == record.kind
                    && wanted.query == record.query
            });
            if let Some(at) = wanted {
                laid.set(at, decoded(record));
            }
        }
        laid
    }

    /// The fact at a place of [`Plan::wanted`].
    pub fn get(&self, at: usize) -> Option<&Val> {
        self.vals.get(at)
    }

    /// Puts another fact in its place, as mutants do.
    pub fn set(&mut self, at: usize, val: Val) {
        if let Some(place) = self.vals.get_mut(at) {
            *place = val;
        }
    }

    /// The clock of a node when it was looked at.
    pub(crate) fn now(&self, role: &str) -> Val {
        self.clocks.get(role).cloned().unwrap_or_else(|| {
            Val::unknown(ReasonKind::NotRecorded, format!("the clock of {role}"))
        })
    }
}

/// A recorded fact as far as it can be believed.
fn decoded(record: &FactRecord) -> Val {
    match kind(&record.kind) {
        Some(kind) => Val::from_recorded(&kind.believed(&record.fact)),
        None => Val::from_recorded(&record.fact),
    }
}

/// The clocks of nodes, by role.
fn clocks(nodes: &[NodeRecord]) -> impl Iterator<Item = (String, Val)> {
    nodes
        .iter()
        .filter_map(|node| Some((node.role.to_string(), Val::from(node.now?))))
}

fn nobody_looked(evidence: &Evidence, role: &str, kind: &str) -> Val {
    let trouble = evidence
        .nodes
        .iter()
        .find(|node| node.role.as_str() == role)
        .and_then(|node| node.trouble.as_deref());
    match trouble {
        Some(trouble) => Val::unknown(ReasonKind::Unreachable, trouble),
        None => Val::unknown(ReasonKind::NotRecorded, format!("{kind} on {role}")),
    }
}
