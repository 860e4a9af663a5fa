//! Putting back by state, not by inverse.
//!
//! Where the state is the one before, there is nothing to do. Where it is one in which the fault or
//! a fix left it, or where one of them may have been under way, it is put back, and the state
//! afterwards decides whether that worked. Anything else, and whatever could not be put back, is made
//! anew with its node.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use runproof_lab::{CancellationToken, Events, LabName, LabNode, LabSite, find_state, reset};

use crate::act::KEPT;
use crate::error::FaultError;
use crate::inject::{ACT_TIME, reached, state};
use crate::journal::{Event, Journal, Open, Progress, Undo, UndoAct};
use crate::lease::Lease;

/// How long a state may take to be the old one again after it was put back.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);
/// How long a request of a killed process may still be on its way into the engine.
const ON_ITS_WAY: Duration = Duration::from_millis(700);

/// What came of an undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// The scenarios that were undone.
    pub scenarios: Vec<String>,
    /// The roles whose nodes had to be made anew.
    pub anew: Vec<String>,
    /// The scenarios that stay, because somebody holds them.
    pub held: Vec<String>,
}

/// Undoes whatever a drill left in a lab. Every command that touches a lab does it first.
///
/// With `held`, faults that somebody wants to look at are undone too.
///
/// # Errors
/// When a drill is at work on the lab, or a node cannot even be made anew.
pub async fn heal(name: &LabName, held: bool) -> Result<Healed, FaultError> {
    let Some(folder) = find_state(name)? else {
        return Ok(Healed::default());
    };
    let open = match Journal::read(&folder) {
        Ok(open) => open,
        Err(_) => return anew_whole(name, &folder).await,
    };
    if open.is_empty() {
        // Who wrote down the last undo may have died before it could put the journal away.
        if let Some(_lease) = Lease::take(&folder)?
            && Journal::read(&folder)?.is_empty()
        {
            Journal::clear(&folder)?;
        }
        return Ok(Healed::default());
    }
    if open.iter().all(|one| one.held && !held) {
        return Ok(Healed {
            held: open.into_iter().map(|one| one.undo.scenario).collect(),
            ..Healed::default()
        });
    }
    let Some(lease) = Lease::take(&folder)? else {
        return Err(FaultError::Refused(format!(
            "a drill is at work on the lab {name}"
        )));
    };
    let healed = match LabSite::open(name).await {
        Ok(lab) => undo_all(lab, held).await?,
        // A node that is gone or stopped has nothing to put back into; all that were touched are made anew.
        Err(_) => {
            let roles = open
                .iter()
                .flat_map(|one| one.undo.acts.iter().map(|act| act.role.clone()))
                .collect();
            make_anew(name, &roles).await?;
            closed(&folder, &open, &roles)?
        }
    };
    drop(lease);
    Ok(healed)
}

/// Whether somebody is at work on the faults of a lab.
pub fn is_busy(name: &LabName) -> bool {
    let Ok(Some(folder)) = find_state(name) else {
        return false;
    };
    matches!(Lease::take(&folder), Ok(None))
}

/// A journal that cannot be believed: what was done is not guessed.
async fn anew_whole(name: &LabName, folder: &Path) -> Result<Healed, FaultError> {
    let Some(lease) = Lease::take(folder)? else {
        return Err(FaultError::Refused(format!(
            "a drill is at work on the lab {name}"
        )));
    };
    let record = reset(name, None, &Quiet, &CancellationToken::new()).await?;
    Journal::clear(folder)?;
    drop(lease);
    Ok(Healed {
        scenarios: vec!["what the journal cannot tell".to_owned()],
        anew: record.nodes.into_keys().collect(),
        held: Vec::new(),
    })
}

/// Undoes every open fault of a lab whose lease the caller has, the last one first.
pub(crate) async fn undo_all(lab: LabSite, held: bool) -> Result<Healed, FaultError> {
    let folder = lab.folder().to_owned();
    let name = lab.name().clone();
    let mut open = Journal::read(&folder)?;
    open.retain(|one| held || !one.held);
    open.reverse();
    let mut anew = BTreeSet::new();
    for one in &open {
        for role in undo(&lab, one).await? {
            anew.insert(role);
        }
    }
    // A node is made anew by who may change the lab, and nobody may while somebody relies on it.
    drop(lab);
    make_anew(&name, &anew).await?;
    closed(&folder, &open, &anew)
}

/// Makes nodes of a lab anew, for what nobody can put back.
///
/// # Errors
/// When one does not come up.
pub async fn make_anew(name: &LabName, roles: &BTreeSet<String>) -> Result<(), FaultError> {
    for role in roles {
        reset(name, Some(role), &Quiet, &CancellationToken::new()).await?;
    }
    Ok(())
}

/// Writes down that faults are no more.
fn closed(folder: &Path, open: &[Open], anew: &BTreeSet<String>) -> Result<Healed, FaultError> {
    let mut journal = Journal::open(folder)?;
    let anew: Vec<String> = anew.iter().cloned().collect();
    let mut healed = Healed {
        anew: anew.clone(),
        ..Healed::default()
    };
    for one in open {
        journal.write(Event::Undone {
            id: one.undo.id.clone(),
            anew: anew.clone(),
        })?;
        healed.scenarios.push(one.undo.scenario.clone());
    }
    drop(journal);
    let left = Journal::read(folder)?;
    if left.is_empty() {
        Journal::clear(folder)?;
    }
    healed.held = left.into_iter().map(|one| one.undo.scenario).collect();
    Ok(healed)
}

/// Undoes one fault, its last act first; the roles that have to be made anew.
async fn undo(lab: &LabSite, open: &Open) -> Result<BTreeSet<String>, FaultError> {
    let mut anew = BTreeSet::new();
    let acts: Vec<(&UndoAct, &Progress)> = open.undo.acts.iter().zip(&open.acts).collect();
    let mut touched = Vec::new();
    for (number, (act, progress)) in acts.iter().enumerate().rev() {
        let Some(node) = lab.node(&act.role) else {
            continue;
        };
        // A node that was made since was never broken.
        if node.id() != act.node {
            continue;
        }
        let under_way = progress.doing && !open.settled;
        if under_way && progress.seen.is_empty() && act.engine.is_some() {
            tokio::time::sleep(ON_ITS_WAY).await;
        }
        let now = state(lab, node, act).await?.ok();
        let before = now.as_ref() == Some(&act.before);
        let known = now.as_ref().is_some_and(|now| progress.seen.contains(now));
        if before && !progress.doing {
            continue;
        }
        if !(before || known || under_way) {
            anew.insert(act.role.clone());
            continue;
        }
        if let Some(engine) = &act.engine {
            // What the engine refuses is told by the state afterwards, as for the text.
            let _ = lab.make_stand(node, &engine.before).await;
        }
        lab.run(node, &act.restore, ACT_TIME).await?;
        reached("restored", Some(number));
        touched.push((*act, node));
    }
    if !touched.is_empty() && !open.undo.settle.is_empty() {
        let nodes = nodes(lab, &open.undo)?;
        let settled = nodes
            .iter()
            .map(|node| lab.run(node, &open.undo.settle, ACT_TIME));
        try_join_all(settled).await?;
    }
    for (act, node) in touched {
        if !is_again(lab, node, act).await? {
            anew.insert(act.role.clone());
        }
    }
    for node in nodes(lab, &open.undo)? {
        let kept = format!(
            "rm -rf {KEPT}/{} && {{ rmdir {KEPT} 2>/dev/null; :; }}",
            open.undo.id
        );
        lab.run(node, &kept, ACT_TIME).await?;
    }
    Ok(anew)
}

/// Whether the state is the old one, now or soon.
async fn is_again(lab: &LabSite, node: &LabNode, act: &UndoAct) -> Result<bool, FaultError> {
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if state(lab, node, act).await?.as_ref() == Ok(&act.before) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The nodes that a fault touches, each once, as far as they are still the same.
pub(crate) fn nodes<'a>(lab: &'a LabSite, undo: &Undo) -> Result<Vec<&'a LabNode>, FaultError> {
    let mut found: Vec<&LabNode> = Vec::new();
    for act in &undo.acts {
        if let Some(node) = lab.node(&act.role)
            && node.id() == act.node
            && !found.iter().any(|one| one.role() == node.role())
        {
            found.push(node);
        }
    }
    Ok(found)
}

/// Nobody is told how a node is made anew.
struct Quiet;

impl Events for Quiet {
    fn step(&self, _words: &str, _nodes: &[String]) {}
    fn done(&self, _node: &str) {}
    fn note(&self, _words: &str) {}
}
