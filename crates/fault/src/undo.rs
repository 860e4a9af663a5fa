//! Putting back by state, not by inverse.
//!
//! Where the state is the one before, there is nothing to do. Where it is one in which the fault or
//! a fix left it, or where one of them may have been under way, it is put back, and the state
//! afterwards decides whether that worked. Anything else, and whatever could not be put back, is made
//! anew with its node.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use runproof_lab::{
    CancellationToken, Events, Kind, LabName, LabNode, LabSite, Unproved, find_our_state,
    find_state, reset,
};

use crate::act::KEPT;
use crate::error::FaultError;
use crate::fault::lines;
use crate::inject::{ACT_TIME, reached, state};
use crate::journal::{Event, Journal, Open, Progress, Undo, UndoAct};
use crate::lease::Lease;
use crate::watchdog;

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
/// When there is something to undo and the lab is another user's, a drill is at work on it, or a node
/// cannot even be made anew.
pub async fn heal(name: &LabName, held: bool) -> Result<Healed, FaultError> {
    let Some(folder) = find_state(name)? else {
        return Ok(Healed::default());
    };
    let open = match Journal::read(&folder) {
        Ok(open) => open,
        Err(_) => return anew_whole(name, &folder).await,
    };
    if open.is_empty() {
        // Who wrote down the last undo may have died before it could put the journal away. Of another
        // user's lab nothing is put away, and who only looks at it is not refused.
        if let Ok(Some(folder)) = find_our_state(name)
            && let Some(_lease) = Lease::take(&folder)?
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
    let lease = leased(name, &folder)?;
    let healed = heal_open(name, &folder, held).await?;
    drop(lease);
    Ok(healed)
}

/// The same for who has the lease.
async fn heal_open(name: &LabName, folder: &Path, held: bool) -> Result<Healed, FaultError> {
    match LabSite::prove(name).await {
        Ok(lab) => undo_all(lab, held).await,
        Err(Unproved::Refused(error)) => Err(error.into()),
        // A node that is gone or stopped has nothing to put back into; all that were touched are made anew.
        Err(Unproved::Lost(_)) => {
            let mut open = Journal::read(folder)?;
            open.retain(|one| held || !one.held);
            let roles = open
                .iter()
                .flat_map(|one| {
                    let touched = one.undo.acts.iter().map(|act| &act.role);
                    touched.chain(&one.undo.anew).cloned()
                })
                .collect();
            made_anew(name, folder, &open, roles).await
        }
    }
}

/// Makes nodes of a lab anew, for what nobody wrote down how to put back. It is a fault that is undone
/// by that: whatever dies in between, the lab is whole in the end.
///
/// # Errors
/// When somebody is at work on the lab, or it does not come up.
pub async fn rebuild(
    name: &LabName,
    program: &Path,
    roles: BTreeSet<String>,
    deadline: Duration,
) -> Result<Healed, FaultError> {
    let Some(folder) = find_state(name)? else {
        return Err(FaultError::Refused(format!("there is no lab {name}")));
    };
    let lease = leased(name, &folder)?;
    let watchdog = watchdog::arm(name, program)?;
    let mut undo = Undo::begun("what was left", deadline)?;
    undo.anew = roles.into_iter().collect();
    Journal::open(&folder)?.write(Event::Begin(Box::new(undo)))?;
    let healed = heal_open(name, &folder, false).await?;
    drop(lease);
    watchdog.leave();
    Ok(healed)
}

/// The lease of a lab's faults; refused while somebody is at work on them, and for a lab that is not
/// ours: its journal would have us make its nodes anew.
fn leased(name: &LabName, folder: &Path) -> Result<Lease, FaultError> {
    find_our_state(name)?;
    Lease::take(folder)?
        .ok_or_else(|| FaultError::Refused(format!("a drill is at work on the lab {name}")))
}

/// Whether somebody is at work on the faults of a lab of ours.
pub fn is_busy(name: &LabName) -> bool {
    let Ok(Some(folder)) = find_our_state(name) else {
        return false;
    };
    matches!(Lease::take(&folder), Ok(None))
}

/// A journal that cannot be believed: what was done is not guessed.
async fn anew_whole(name: &LabName, folder: &Path) -> Result<Healed, FaultError> {
    let lease = leased(name, folder)?;
    // Whoever had it until now may have put everything back.
    if Journal::read(folder).is_ok() {
        let healed = heal_open(name, folder, true).await;
        drop(lease);
        return healed;
    }
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
    made_anew(&name, &folder, &open, anew).await
}

/// Makes nodes anew, and writes down that what was open is no more. Where that does not go node by node,
/// for another one is gone or a kill left the lab half made, all of them are.
async fn made_anew(
    name: &LabName,
    folder: &Path,
    open: &[Open],
    roles: BTreeSet<String>,
) -> Result<Healed, FaultError> {
    for role in &roles {
        if let Err(error) = reset(name, Some(role), &Quiet, &CancellationToken::new()).await {
            // What this machine lacks for one node it lacks for all, and the others still stand.
            if error.kind == Kind::Machine {
                return Err(error.into());
            }
            let record = reset(name, None, &Quiet, &CancellationToken::new()).await?;
            // Who is held is gone with the nodes as well.
            Journal::clear(folder)?;
            return Ok(Healed {
                scenarios: open.iter().map(|one| one.undo.scenario.clone()).collect(),
                anew: record.nodes.into_keys().collect(),
                held: Vec::new(),
            });
        }
    }
    closed(folder, open, &roles)
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

/// Undoes one fault, its last act first; the roles that have to be made anew. A node that does not do
/// what it is told is one of them, and keeps no other from its undo.
async fn undo(lab: &LabSite, open: &Open) -> Result<BTreeSet<String>, FaultError> {
    let mut anew: BTreeSet<String> = open.undo.anew.iter().cloned().collect();
    let nodes = nodes(lab, &open.undo)?;
    let log = lines().words;
    let mut touched = Vec::new();
    let mut to_settle = !open.undo.settle.is_empty();
    for (number, (act, progress)) in open.undo.acts.iter().zip(&open.acts).enumerate().rev() {
        // Programs may complain in the log, which is the last, until they have settled.
        if act.words == log {
            if to_settle && !touched.is_empty() {
                anew.extend(settle(lab, &nodes, &open.undo.settle).await);
            }
            to_settle = false;
        }
        let Some(node) = lab.node(&act.role) else {
            continue;
        };
        // A node that was made since was never broken.
        if node.id() != act.node {
            continue;
        }
        match put_back(lab, node, act, progress, open.settled).await {
            Ok(PutBack::Untouched) => {}
            Ok(PutBack::Restored) => {
                reached("restored", Some(number));
                touched.push((act, node));
            }
            Ok(PutBack::Unknown) | Err(_) => {
                anew.insert(act.role.clone());
            }
        }
    }
    if to_settle && !touched.is_empty() {
        anew.extend(settle(lab, &nodes, &open.undo.settle).await);
    }
    for (act, node) in touched {
        if !is_again(lab, node, act).await {
            anew.insert(act.role.clone());
        }
    }
    for node in nodes {
        // Renamed first: what is there is whole, for whoever has to put back once more.
        let id = &open.undo.id;
        let gone = format!(
            "cd {KEPT} 2>/dev/null || exit 0; if [ -d {id} ]; then mv {id} {id}.gone; fi; rm -rf {id}.gone; cd / && {{ rmdir {KEPT} 2>/dev/null; :; }}"
        );
        if lab.run(node, &gone, ACT_TIME).await.is_err() {
            anew.insert(node.role().to_owned());
        }
    }
    reached("cleared", None);
    Ok(anew)
}

/// Lets what was put back take hold in every node at once; the roles of those that do not answer.
async fn settle(lab: &LabSite, nodes: &[&LabNode], text: &str) -> Vec<String> {
    let settled = nodes.iter().map(|node| async {
        let said = lab.run(node, text, ACT_TIME).await;
        said.is_err().then(|| node.role().to_owned())
    });
    join_all(settled).await.into_iter().flatten().collect()
}

/// What came of putting one act back.
enum PutBack {
    /// It was never done.
    Untouched,
    /// Whether that worked is told by the state.
    Restored,
    /// The state is one that nobody wrote down.
    Unknown,
}

async fn put_back(
    lab: &LabSite,
    node: &LabNode,
    act: &UndoAct,
    progress: &Progress,
    settled: bool,
) -> Result<PutBack, FaultError> {
    let under_way = progress.doing && !settled;
    if under_way && progress.seen.is_empty() && act.engine.is_some() {
        tokio::time::sleep(ON_ITS_WAY).await;
    }
    let now = state(lab, node, act).await?.ok();
    let before = now.as_ref() == Some(&act.before);
    let known = now.as_ref().is_some_and(|now| progress.seen.contains(now));
    if before && !progress.doing {
        return Ok(PutBack::Untouched);
    }
    if !(before || known || under_way) {
        return Ok(PutBack::Unknown);
    }
    if let Some(engine) = &act.engine {
        // What the engine refuses is told by the state afterwards, as for the text.
        let _ = lab.make_stand(node, &engine.before).await;
    }
    lab.run(node, &act.restore, ACT_TIME).await?;
    Ok(PutBack::Restored)
}

/// Whether the state is the old one, now or soon.
async fn is_again(lab: &LabSite, node: &LabNode, act: &UndoAct) -> bool {
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if matches!(state(lab, node, act).await, Ok(Ok(now)) if now == act.before) {
            return true;
        }
    }
    false
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    use std::process::Command;

    /// The place of labs while the test runs itself once more.
    const HOME: &str = "XDG_STATE_HOME";
    /// Set in the one that it runs.
    const INSIDE: &str = "RUNPROOF_TEST_INSIDE";

    #[tokio::test]
    async fn a_journal_in_a_folder_that_others_may_write_has_nothing_undone_or_made_anew() {
        if std::env::var_os(INSIDE).is_some() {
            return refuse_planted().await;
        }
        let home = tempfile::tempdir().unwrap();
        let name = std::thread::current().name().unwrap().to_owned();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(INSIDE, "1")
            .env(HOME, home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    async fn refuse_planted() {
        let name = LabName::new("x").unwrap();
        let folder = Path::new(&std::env::var_os(HOME).unwrap()).join("runproof/labs/x");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder).unwrap();
        let journal = folder.join("faults.jsonl");
        let mut undo = Undo::begun("s", Duration::ZERO).unwrap();
        undo.anew = vec!["system".to_owned()];
        let begin = Event::Begin(Box::new(undo));
        Journal::open(&folder).unwrap().write(begin).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        let believed = fs::read(&journal).unwrap();
        for planted in [believed.as_slice(), b"no journal\n"] {
            fs::write(&journal, planted).unwrap();
            for held in [false, true] {
                refused(heal(&name, held).await);
            }
            let roles = BTreeSet::from(["system".to_owned()]);
            refused(rebuild(&name, Path::new("no-program"), roles, Duration::ZERO).await);
            assert!(!is_busy(&name));
            assert_eq!(fs::read(&journal).unwrap(), planted);
        }
        // Where there is nothing to undo, who looks at it is not refused, and writes nothing.
        fs::remove_file(&journal).unwrap();
        assert_eq!(heal(&name, false).await, Ok(Healed::default()));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    fn refused(healed: Result<Healed, FaultError>) {
        let error = healed.unwrap_err().to_string();
        let words = ["others than its owner may write", "`chmod go-w "];
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}
