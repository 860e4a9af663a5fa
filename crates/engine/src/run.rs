//! Gathering the evidence of a plan from a live site, in rounds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use runproof_facts::{Context, Wanted};
use runproof_model::evidence::FORMAT;
use runproof_model::site::NodeRef;
use runproof_model::{
    Evidence, FactRecord, NodeRecord, Observed, Reason, ReasonKind, Role, Round, Site,
};
use runproof_site::{CancellationToken, OpenError, Options, Progress, Session};
use runproof_suite::{Plan, evaluate};
use serde_json::Value;

use crate::key::SiteKey;

/// How long to wait before looking again at what has not come true yet.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// How a run looks at a site.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How long one script on one node may take.
    pub probe_timeout: Duration,
    /// How many nodes are looked at at once.
    pub jobs: usize,
    /// How long the whole run may take.
    pub deadline: Option<Duration>,
    /// Whether what has time to come true is waited for.
    pub wait: bool,
}

/// The evidence of a run, and what a reader must know of it.
#[derive(Debug)]
pub struct Run {
    /// What was seen.
    pub evidence: Evidence,
    /// Whether somebody stopped it; a passed deadline is not that.
    pub interrupted: bool,
    /// What a report has to say beside the findings.
    pub notes: Vec<String>,
}

/// Looks at everything that a plan wants, and again at what has time to come true.
///
/// A site that cannot be entered gives evidence in which everything is unknown for that reason.
pub async fn run(
    site: &Site,
    plan: &Plan,
    key: &SiteKey,
    options: &RunOptions,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Run {
    let begun = Instant::now();
    let deadline = options.deadline.map(|limit| begun + limit);
    let mut evidence = Evidence {
        format: FORMAT.to_owned(),
        site: site.site.clone(),
        profile: site.profile.clone(),
        started: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        duration_s: 0.0,
        key_id: key.id(),
        inputs: site.inputs.clone(),
        absent_roles: site
            .nodes
            .iter()
            .filter_map(|(role, node)| match node {
                NodeRef::Absent(absent) => Some((role.clone(), absent.absent.clone())),
                NodeRef::Instance(_) | NodeRef::Hypervisor(_) => None,
            })
            .collect(),
        nodes: Vec::new(),
        rounds: Vec::new(),
    };
    let mut notes = Vec::new();
    let mut session_options = Options::new(Context {
        key: key.key.clone(),
    });
    session_options.probe_timeout = options.probe_timeout;
    session_options.jobs = options.jobs.max(1);
    session_options.deadline = deadline;
    let passed = async {
        match deadline {
            Some(end) => tokio::time::sleep_until(end.into()).await,
            None => std::future::pending().await,
        }
    };
    let opened = tokio::select! {
        opened = Session::open(site, session_options) => opened,
        () = passed => Err(OpenError::Unreachable(Reason::new(ReasonKind::Interrupted, "the deadline passed before the site was entered"))),
        () = cancel.cancelled() => Err(OpenError::Unreachable(Reason::new(ReasonKind::Interrupted, "before the site was entered"))),
    };
    match opened {
        Err(error) => {
            let wanted = plan.wanted();
            notes.push(error.to_string());
            let (nodes, facts) = unseen(site, wanted, &error);
            evidence.nodes = nodes;
            evidence.rounds.push(Round { at_s: 0.0, facts });
        }
        Ok(session) => {
            let mut wanted = plan.wanted().to_vec();
            let mut clocks = BTreeMap::new();
            loop {
                let at_s = begun.elapsed().as_secs_f64();
                let gathered = session.gather(&wanted, progress, cancel).await;
                merge_nodes(&mut evidence.nodes, gathered.nodes, at_s, &mut clocks);
                evidence.rounds.push(Round {
                    at_s,
                    facts: gathered.facts,
                });
                wanted = still_unsettled(plan, &evidence, begun.elapsed());
                let late = deadline.is_some_and(|end| Instant::now() + BETWEEN_ROUNDS >= end);
                if !options.wait || wanted.is_empty() || cancel.is_cancelled() || late {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(BETWEEN_ROUNDS) => {}
                    () = cancel.cancelled() => break,
                }
            }
            session.close().await;
        }
    }
    if key.id().is_none() {
        notes.push(
            "a throw-away key was used: fingerprints do not compare with those of another run"
                .to_owned(),
        );
    }
    for node in &evidence.nodes {
        if let Some(skew) = node.skew_s.filter(|skew| skew.abs() > 5.0) {
            notes.push(format!(
                "the clock of {} is {skew:+.0} s off ours",
                node.role
            ));
        }
    }
    evidence.duration_s = begun.elapsed().as_secs_f64();
    Run {
        evidence,
        interrupted: cancel.is_cancelled(),
        notes,
    }
}

/// What is wanted again: facts of expectations that do not hold yet and still have time.
fn still_unsettled(plan: &Plan, evidence: &Evidence, elapsed: Duration) -> Vec<Wanted> {
    let findings = evaluate(plan, evidence);
    plan.unsettled(&findings, elapsed).wanted
}

/// Nodes of a later round replace those of an earlier one. A round that asked nobody but the engine
/// has not seen a node's clock, which has gone on since it was seen.
fn merge_nodes(
    nodes: &mut Vec<NodeRecord>,
    later: Vec<NodeRecord>,
    at_s: f64,
    seen: &mut BTreeMap<Role, f64>,
) {
    let mut by_role: BTreeMap<_, _> = nodes
        .drain(..)
        .map(|node| (node.role.clone(), node))
        .collect();
    for mut node in later {
        let earlier = by_role.get(&node.role).filter(|_| node.trouble.is_none());
        if let (None, Some(earlier), Some(since)) = (node.now, earlier, seen.get(&node.role)) {
            node.now = earlier.now.map(|now| now + (at_s - since));
            node.skew_s = earlier.skew_s;
        }
        seen.insert(node.role.clone(), at_s);
        by_role.insert(node.role.clone(), node);
    }
    nodes.extend(by_role.into_values());
}

/// Everything unknown, because the site was not entered.
fn unseen(site: &Site, wanted: &[Wanted], error: &OpenError) -> (Vec<NodeRecord>, Vec<FactRecord>) {
    let reason = match error {
        OpenError::Unreachable(reason) => reason.clone(),
        OpenError::WrongSite { .. } | OpenError::BadSite(_) => {
            Reason::new(ReasonKind::Unreachable, error.to_string())
        }
    };
    let unknown: Observed<()> = Observed::Unknown(reason.clone());
    let fact = serde_json::to_value(&unknown).unwrap_or(Value::Null);
    let facts = wanted
        .iter()
        .map(|wanted| FactRecord {
            role: wanted.role.clone(),
            kind: wanted.kind.to_owned(),
            query: wanted.query.clone(),
            fact: fact.clone(),
        })
        .collect();
    let mut roles: Vec<_> = wanted.iter().map(|wanted| wanted.role.clone()).collect();
    roles.sort();
    roles.dedup();
    let nodes = roles
        .into_iter()
        .map(|role| NodeRecord {
            instance: match site.nodes.get(&role) {
                Some(NodeRef::Instance(name)) => name.clone(),
                Some(NodeRef::Absent(_) | NodeRef::Hypervisor(_)) | None => String::new(),
            },
            standin: site.standins.contains(&role),
            role,
            image: None,
            now: None,
            skew_s: None,
            trouble: Some(reason.to_string()),
        })
        .collect();
    (nodes, facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(now: Option<f64>, trouble: Option<&str>) -> NodeRecord {
        NodeRecord {
            role: Role::new("tables").unwrap(),
            instance: "tables".to_owned(),
            image: None,
            standin: false,
            now,
            skew_s: now.map(|_| 2.0),
            trouble: trouble.map(str::to_owned),
        }
    }

    #[test]
    fn a_clock_goes_on_while_nobody_but_the_engine_is_asked() {
        let (mut nodes, mut clocks) = (Vec::new(), BTreeMap::new());
        merge_nodes(&mut nodes, vec![node(Some(1000.0), None)], 0.5, &mut clocks);
        for (at_s, now) in [(3.5, 1003.0), (10.5, 1010.0)] {
            merge_nodes(&mut nodes, vec![node(None, None)], at_s, &mut clocks);
            assert_eq!((nodes[0].now, nodes[0].skew_s), (Some(now), Some(2.0)));
        }
        // Of a node that could not be entered nothing is known any more.
        merge_nodes(
            &mut nodes,
            vec![node(None, Some("gone"))],
            20.0,
            &mut clocks,
        );
        assert_eq!(nodes[0].now, None);
    }
}
