//! Putting a fault in: written down, watched, done, and its effect verified.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use runproof_lab::{LabNode, LabSite, Said};

use crate::act::Act;
use crate::error::FaultError;
use crate::fault::{Fault, lines};
use crate::journal::{EngineAct, Event, Journal, Undo, UndoAct};
use crate::lease::Lease;
use crate::machine;
use crate::undo::{self, Healed};
use crate::watchdog::{self, Watchdog};

/// How long a text of an act may take.
pub(crate) const ACT_TIME: Duration = Duration::from_secs(90);
/// How long an effect may take to show.
const EFFECT_TRIES: u32 = 40;
const EFFECT_PAUSE: Duration = Duration::from_millis(250);

/// A fault that is in. It ends by [`Held::undo`] or [`Held::hold`]; when it is dropped, or its
/// process dies, the watchdog undoes it.
#[derive(Debug)]
pub struct Held {
    lab: LabSite,
    journal: Journal,
    undo: Undo,
    watchdog: Watchdog,
    lease: Lease,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The role of the node, where the fault names none itself.
    pub role: &'a str,
    /// The fault.
    pub fault: &'a Fault,
    /// The program that stands as watchdog when it is called with `watchdog LAB`.
    pub program: &'a Path,
    /// When the watchdog undoes it, whoever is still at work.
    pub deadline: Duration,
}

/// Puts a fault into a lab, and into nothing else: a site file is no lab, whatever it says.
///
/// ```compile_fail
/// # async fn broken(site: runproof_model::Site, order: runproof_fault::inject::Order<'_>) {
/// runproof_fault::inject(site, order).await;
/// # }
/// ```
///
/// The same with a lab:
///
/// ```
/// # async fn fine(lab: runproof_lab::LabSite, order: runproof_fault::inject::Order<'_>) {
/// let _ = runproof_fault::inject(lab, order).await;
/// # }
/// ```
///
/// # Errors
/// [`FaultError::Refused`] before anything was changed; every other error after what was done was undone.
pub async fn inject(lab: LabSite, order: Order<'_>) -> Result<Held, FaultError> {
    let folder = lab.folder().to_owned();
    let Some(lease) = Lease::take(&folder)? else {
        return Err(FaultError::Refused(format!(
            "another drill is at work on the lab {}",
            lab.name()
        )));
    };
    if !Journal::read(&folder)?.is_empty() {
        return Err(FaultError::Refused(format!(
            "the lab {} has a fault in it already; `runproof recover {}` undoes it",
            lab.name(),
            lab.name()
        )));
    }
    let (acts, settle, undo_settle) = order.fault.acts(&lab)?;
    let mut undo = Undo::begun(order.scenario, order.deadline)?;
    undo.settle = alone(&undo_settle);
    let id = undo.id.clone();
    for (number, act) in acts.iter().enumerate() {
        let role = act
            .on
            .as_deref()
            .or(order.fault.on.as_deref())
            .unwrap_or(order.role);
        let node = lab.node(role).ok_or_else(|| {
            FaultError::Refused(format!("the lab {} has no node {role}", lab.name()))
        })?;
        let needs = lab
            .run(node, &text(&id, number, &act.needs), ACT_TIME)
            .await?;
        if needs.code != 0 {
            return Err(FaultError::Refused(why(&act.words, &needs)));
        }
        let mut undo_act = UndoAct {
            role: role.to_owned(),
            node: node.id().to_owned(),
            words: act.words.clone(),
            state: text(&id, number, &act.state),
            before: String::new(),
            // Who was killed after the originals were thrown away had put everything back.
            restore: text(
                &id,
                number,
                &format!("[ -d \"$KEPT\" ] || exit 0\n{}", act.restore),
            ),
            engine: engine_act(&lab, node, act).await?,
        };
        undo_act.before = state(&lab, node, &undo_act)
            .await?
            .map_err(FaultError::Refused)?;
        undo.acts.push(undo_act);
    }
    // It waits for as long as the lease is taken, so it may stand before there is anything to undo.
    let watchdog = watchdog::arm(lab.name(), order.program)?;
    let mut journal = Journal::open(&folder)?;
    journal.write(Event::Begin(Box::new(undo.clone())))?;
    let mut held = Held {
        lab,
        journal,
        undo,
        watchdog,
        lease,
    };
    match held.act(&acts, &alone(&settle)).await {
        Ok(()) => Ok(held),
        Err(error) => {
            held.undo().await?;
            Err(error)
        }
    }
}

impl Held {
    /// Keeps, does and verifies, act after act; then lets all of it take hold.
    async fn act(&mut self, acts: &[Act], settle: &str) -> Result<(), FaultError> {
        let id = self.undo.id.clone();
        for (number, act) in acts.iter().enumerate() {
            let node = self.node(number)?;
            let keep = format!("mkdir -p -m 700 \"$KEPT\" && {{ {}\n}} && sync", act.keep);
            self.must(&node, &text(&id, number, &keep), &act.words)
                .await?;
            self.journal.write(Event::Doing {
                id: id.clone(),
                act: number,
            })?;
            if let Some(engine) = self.engine_act(number) {
                let changed = self.lab.make_stand(&node, &engine.after).await;
                changed.map_err(|e| FaultError::Unviable(format!("{}: {e}", act.words)))?;
            }
            self.must(&node, &text(&id, number, &act.inject), &act.words)
                .await?;
            reached("injected", Some(number));
            let state = self.state(number).await?;
            self.journal.write(Event::Done {
                id: id.clone(),
                act: number,
                state,
            })?;
        }
        self.settle(settle).await?;
        for (number, act) in acts.iter().enumerate() {
            let node = self.node(number)?;
            let effect = text(&id, number, &act.effect);
            if let Some(engine) = self.engine_act(number) {
                let stands = self.lab.stands(&node, &engine.after.part()).await?;
                if stands != engine.after {
                    return Err(FaultError::Unviable(act.words.clone()));
                }
            }
            let mut tries = 0;
            while self.lab.run(&node, &effect, ACT_TIME).await?.code != 0 {
                tries += 1;
                if tries == EFFECT_TRIES {
                    return Err(FaultError::Unviable(act.words.clone()));
                }
                tokio::time::sleep(EFFECT_PAUSE).await;
            }
        }
        // What settled it may have changed it once more, as a program that writes its file again.
        self.seen().await
    }

    /// The lab.
    pub fn lab(&self) -> &LabSite {
        &self.lab
    }

    /// What was done, in words, with the role of each node.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.undo
            .acts
            .iter()
            .map(|act| (act.role.as_str(), act.words.as_str()))
    }

    /// The roles of the nodes that the fault itself changes; the log that it fills is beside that.
    pub fn roles(&self) -> BTreeSet<String> {
        let log = lines().words;
        let acts = self.undo.acts.iter().filter(|act| act.words != log);
        acts.map(|act| act.role.clone()).collect()
    }

    /// Runs the documented commands of a fix in a node, each as written by a shell of its own.
    ///
    /// # Errors
    /// When the node is another one by now. A command that fails is an answer, not an error.
    pub async fn fix(&mut self, role: &str, commands: &[String]) -> Result<Vec<Said>, FaultError> {
        let node = self.lab.node(role).cloned().ok_or_else(|| {
            FaultError::Refused(format!("the lab {} has no node {role}", self.lab.name()))
        })?;
        self.journal.write(Event::Fixing {
            id: self.undo.id.clone(),
        })?;
        let mut said = Vec::new();
        for command in commands {
            said.push(self.lab.run(&node, &alone(command), ACT_TIME).await?);
        }
        reached("mended", None);
        self.seen().await?;
        Ok(said)
    }

    /// Writes down the states in which everything is now: all of them may be put back.
    async fn seen(&mut self) -> Result<(), FaultError> {
        let mut states = Vec::new();
        for number in 0..self.undo.acts.len() {
            states.push(self.state(number).await?);
        }
        self.journal.write(Event::Fixed {
            id: self.undo.id.clone(),
            states,
        })
    }

    async fn settle(&self, text: &str) -> Result<(), FaultError> {
        if text.is_empty() {
            return Ok(());
        }
        let nodes = undo::nodes(&self.lab, &self.undo)?;
        let settled = nodes.iter().map(|node| self.must(node, text, "settling"));
        try_join_all(settled).await.map(drop)
    }

    fn node(&self, number: usize) -> Result<LabNode, FaultError> {
        let role = self.undo.acts.get(number).map_or("", |act| &act.role);
        self.lab
            .node(role)
            .cloned()
            .ok_or_else(|| FaultError::Refused(format!("no node {role}")))
    }

    fn engine_act(&self, number: usize) -> Option<&EngineAct> {
        self.undo.acts.get(number)?.engine.as_ref()
    }

    async fn state(&self, number: usize) -> Result<String, FaultError> {
        let node = self.node(number)?;
        let act = self.undo.acts.get(number);
        let act = act.ok_or_else(|| FaultError::Journal(format!("no act {number}")))?;
        state(&self.lab, &node, act)
            .await?
            .map_err(FaultError::NotRestored)
    }

    async fn must(&self, node: &LabNode, text: &str, words: &str) -> Result<(), FaultError> {
        let said = self.lab.run(node, text, ACT_TIME).await?;
        if said.code == 0 {
            Ok(())
        } else {
            Err(FaultError::Unviable(why(words, &said)))
        }
    }

    /// Leaves the fault in, in the open: no watchdog undoes it, `drill --undo` and `recover` do.
    ///
    /// # Errors
    /// When it cannot be written down; the watchdog undoes it then.
    pub fn hold(mut self) -> Result<(), FaultError> {
        self.journal.write(Event::Hold {
            id: self.undo.id.clone(),
        })?;
        drop(self.lease);
        self.watchdog.leave();
        Ok(())
    }

    /// Puts everything back by its state; a node where that cannot be done is made anew.
    ///
    /// # Errors
    /// When a node cannot even be made anew.
    pub async fn undo(self) -> Result<Healed, FaultError> {
        let Self {
            lab,
            journal,
            watchdog,
            lease,
            ..
        } = self;
        drop(journal);
        let healed = undo::undo_all(lab, true).await?;
        drop(lease);
        watchdog.leave();
        Ok(healed)
    }
}

/// A text that is run while no other is: an undo waits for a fix whose caller was killed in the middle.
fn alone(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        Act::alone(text)
    }
}

/// A text of act `number` of fault `id`, with its folder.
fn text(id: &str, number: usize, text: &str) -> String {
    Act::in_folder(&format!("{id}/{number}"), text)
}

/// What the engine has to change for an act, and back.
async fn engine_act(
    lab: &LabSite,
    node: &LabNode,
    act: &Act,
) -> Result<Option<EngineAct>, FaultError> {
    let Some(change) = &act.engine else {
        return Ok(None);
    };
    let refused = |why: &dyn Display| FaultError::Refused(format!("{}: {why}", act.words));
    let before = lab.stands(node, &change.part()).await;
    let before = before.map_err(|error| refused(&error))?;
    let after = change.of(&before).map_err(|why| refused(&why))?;
    Ok(Some(EngineAct { before, after }))
}

/// The digest of the state that an act tells, by its text and by the engine; or why it tells none.
pub(crate) async fn state(
    lab: &LabSite,
    node: &LabNode,
    act: &UndoAct,
) -> Result<Result<String, String>, FaultError> {
    let said = lab.run(node, &act.state, ACT_TIME).await?;
    if said.code != 0 {
        return Ok(Err(why("looking at the state", &said)));
    }
    let mut told = said.out;
    if let Some(engine) = &act.engine {
        let stands = lab.stands(node, &engine.before.part()).await?;
        let stands = serde_json::to_string(&stands);
        told.push_str(&stands.map_err(|e| FaultError::Journal(e.to_string()))?);
    }
    Ok(Ok(Act::digest(&told)))
}

fn why(words: &str, said: &Said) -> String {
    let error = said.error.lines().last().unwrap_or_default();
    format!("{words}: exit {}: {error}", said.code)
}

/// A place at which a test may end the process, as a kill would: at the first such step, or, as
/// `STEP:ACT`, at that of one act.
pub(crate) fn reached(step: &str, act: Option<usize>) {
    #[cfg(debug_assertions)]
    if let Some(at) = std::env::var("RUNPROOF_TEST_DIE_AT").ok()
        && (at == step || act.is_some_and(|act| at == format!("{step}:{act}")))
    {
        machine::die();
    }
    #[cfg(not(debug_assertions))]
    let _ = (step, act);
}
