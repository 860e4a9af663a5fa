//! `drill`: a documented trouble is put into a lab, must be noticed by what should notice it and by
//! nothing else, must be mended by the documented fix, and is undone.

mod fix;
mod judge;
mod sight;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use runproof_fault::{Fault, FaultError, Held, inject};
use runproof_lab::{LabName, LabSite};
use runproof_model::drill::{FixProof, Row};
use runproof_model::{Evidence, Outcome};
use runproof_suite::BoundScenario;

pub use fix::Fix;
pub use sight::Sight;

/// How long a lab may take to be green before a drill, and after it: there, what looks at the last
/// minute of a log still sees the fault.
const BASELINE_TIME: Duration = Duration::from_secs(60);
const RESTORED_TIME: Duration = Duration::from_secs(120);
/// How long what must turn red may take, and what must turn green again.
const RED_TIME: Duration = Duration::from_secs(45);
const GREEN_TIME: Duration = Duration::from_secs(60);
/// The same for a fix of which its suite knows that it does not mend.
const DEFECT_TIME: Duration = Duration::from_secs(20);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(700);
/// How long a fault is watched to see whether it mends by itself.
const STAYS: Duration = Duration::from_secs(3);
/// For how long at least what a fix mended has to stay green: longer than systemd waits before it starts
/// anew what does not stay up.
const MENDED: Duration = Duration::from_secs(3);
/// How long it may be green for moments afterwards and still count as broken.
const FLAPS: Duration = Duration::from_secs(8);
/// When the watchdog undoes a fault, whoever is still at work.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// What a drill is asked for.
#[derive(Clone, Copy, Debug)]
pub struct DrillOptions<'a> {
    /// The program that stands as watchdog.
    pub program: &'a Path,
    /// Whether the documented fix is tried.
    pub fix: bool,
    /// Whether the fault is left in, for somebody to look at.
    pub hold: bool,
}

/// Who wants to hear how a drill goes.
pub trait Told: Sync {
    /// A phase of a scenario begins.
    fn phase(&self, scenario: &str, words: &str);
}

/// What came of a drill.
#[derive(Debug)]
pub struct Drilled {
    /// The row of the matrix.
    pub row: Row,
    /// What was seen before the fault and while it was in, when it was caught.
    pub seen: Option<(Evidence, Evidence)>,
}

impl Drilled {
    /// What came of a drill in which nothing was seen.
    fn unseen(row: Row) -> Self {
        Self { row, seen: None }
    }
}

/// Runs one scenario. The lab is healed first, and whole afterwards unless the fault is held.
///
/// # Errors
/// When the lab cannot be entered or healed; what goes wrong in the scenario itself is in the row.
pub async fn drill(
    lab: &LabName,
    scenario: &BoundScenario,
    sight: &Sight<'_>,
    options: DrillOptions<'_>,
    told: &dyn Told,
) -> Result<Drilled, FaultError> {
    let begun = Instant::now();
    let mut row = judge::blank(scenario, sight.standins(scenario));
    let read = Fault::read(&scenario.fault)
        .map_err(|error| error.to_string())
        .and_then(|fault| Ok((fault, Fix::read(scenario)?)));
    let (fault, fix) = match read {
        Ok(read) => read,
        Err(why) => return Ok(Drilled::unseen(row.end(Outcome::Unreadable, why))),
    };
    // What is no lab of ours, or not the nodes that were made, is refused before anything else.
    LabSite::open(lab).await?.is_described_by(sight.site())?;
    told.phase(&scenario.id, "baseline");
    let (before, baseline) = sight.green(BASELINE_TIME).await;
    if !baseline.is_empty() && sight.is_cancelled() {
        let why = "somebody asked to stop before the fault was put in";
        return Ok(Drilled::unseen(row.end(Outcome::Interrupted, why)));
    }
    if !baseline.is_empty() {
        let why = format!("the baseline is not green: {}", baseline.join(", "));
        return Ok(Drilled::unseen(row.end(Outcome::NoBaseline, why)));
    }
    told.phase(&scenario.id, "injecting");
    let order = runproof_fault::inject::Order {
        scenario: &scenario.id,
        role: &scenario.role,
        fault: &fault,
        program: options.program,
        deadline: DEADLINE,
    };
    let started = Instant::now();
    let held = match inject(LabSite::open(lab).await?, order).await {
        Ok(held) => held,
        Err(error) => {
            let Some(outcome) = not_in(&error) else {
                return Err(error);
            };
            return Ok(Drilled::unseen(row.end(outcome, error.to_string())));
        }
    };
    row.times.inject_s = started.elapsed().as_secs_f64();
    row.acts = held
        .words()
        .map(|(role, words)| format!("{role}: {words}"))
        .collect();
    let (red, held) = phases(held, scenario, sight, options, &fix, &mut row, told).await?;
    let Some(held) = held else {
        return Ok(Drilled {
            seen: Some((before, red)),
            row,
        });
    };
    told.phase(&scenario.id, "undoing");
    let started = Instant::now();
    let mut after = put_back(lab, held, &fix, sight, options, &mut row, told).await?;
    row.times.restore_s = started.elapsed().as_secs_f64();
    let proven = row.outcome == Outcome::Caught && row.fix == FixProof::Proven;
    if proven && row.times.may_have_healed() {
        told.phase(&scenario.id, "watching it without its fix");
        match inject(LabSite::open(lab).await?, order).await {
            Ok(held) => {
                still_needed(scenario, sight, &mut row).await;
                after = put_back(lab, held, &fix, sight, options, &mut row, told).await?;
            }
            // Nothing is known of a fix that was not watched against time.
            Err(error) => {
                let Some(outcome) = not_in(&error) else {
                    return Err(error);
                };
                row.fix = FixProof::Untried;
                row = row.end(outcome, format!("put in once more: {error}"));
            }
        }
    }
    row.residue = sight.remains(&before, after).await;
    if row.outcome.is_proven() && !row.residue.is_empty() {
        let why = match row.residue.len() {
            1 => "a fact is not as it was before".to_owned(),
            more => format!("{more} facts are not as they were before"),
        };
        row = row.end(Outcome::NotRestored, why);
    }
    row.times.whole_s = begun.elapsed().as_secs_f64();
    Ok(Drilled {
        seen: Some((before, red)),
        row,
    })
}

/// What becomes of a scenario whose fault could not be put in, where that says nothing of the lab.
fn not_in(error: &FaultError) -> Option<Outcome> {
    match error {
        FaultError::Refused(_) | FaultError::Unreadable(_) => Some(Outcome::Refused),
        FaultError::Unviable(_) => Some(Outcome::Unviable),
        FaultError::NotRestored(_) | FaultError::Journal(_) | FaultError::Lab(_) => None,
    }
}

/// Undoes a fault, and looks until the lab is green; makes anew what is not then.
async fn put_back(
    lab: &LabName,
    held: Held,
    fix: &Fix,
    sight: &Sight<'_>,
    options: DrillOptions<'_>,
    row: &mut Row,
    told: &dyn Told,
) -> Result<Evidence, FaultError> {
    let mut roles = held.roles();
    row.anew.extend(held.undo().await?.anew);
    let (after, left) = sight.green_again(RESTORED_TIME).await;
    if left.is_empty() {
        return Ok(after);
    }
    row.outcome = Outcome::NotRestored;
    row.why = Some(format!("still red after the undo: {}", left.join(", ")));
    // What a fix did elsewhere is nobody's act; the next scenario needs a whole lab all the same.
    told.phase(&row.scenario, "making anew");
    roles.extend(fix.on.clone());
    let healed = runproof_fault::rebuild(lab, options.program, roles, DEADLINE).await?;
    row.anew.extend(healed.anew);
    Ok(sight.green_again(RESTORED_TIME).await.0)
}

/// Watches a fault that is in once more without its fix, for as long as the fix took: what time mends
/// needs none.
async fn still_needed(scenario: &BoundScenario, sight: &Sight<'_>, row: &mut Row) {
    let took = Duration::from_secs_f64(row.times.green_s.unwrap_or_default());
    let red = |bad: &BTreeMap<String, bool>| judge::all_red(&scenario.turns_red, bad);
    let ids = &scenario.turns_red;
    let is_red = sight.until(ids, RED_TIME, PAUSE, red).await;
    if is_red && sight.stays_red(ids, took).await {
        return;
    }
    if sight.is_cancelled() {
        row.fix = FixProof::Untried;
        row.outcome = Outcome::Interrupted;
        return;
    }
    row.outcome = Outcome::FixUnneeded;
    row.fix = FixProof::Unneeded(if is_red {
        format!(
            "it turned green by itself within {:.0} s",
            took.as_secs_f64()
        )
    } else {
        "put in once more, it was not red".to_owned()
    });
}

/// Red, and green again by the fix; the fault is still to be undone unless it is held.
async fn phases(
    mut held: Held,
    scenario: &BoundScenario,
    sight: &Sight<'_>,
    options: DrillOptions<'_>,
    fix: &Fix,
    row: &mut Row,
    told: &dyn Told,
) -> Result<(Evidence, Option<Held>), FaultError> {
    told.phase(&scenario.id, "waiting for red");
    let started = Instant::now();
    let all_red = |bad: &BTreeMap<String, bool>| judge::all_red(&scenario.turns_red, bad);
    let red = sight
        .until(&scenario.turns_red, RED_TIME, PAUSE, all_red)
        .await;
    let since = Instant::now();
    if red {
        row.times.red_s = Some(started.elapsed().as_secs_f64());
    }
    let (evidence, findings) = sight.look().await;
    judge::judge(row, scenario, &findings);
    if sight.is_cancelled() {
        row.outcome = Outcome::Interrupted;
        return Ok((evidence, Some(held)));
    }
    if options.hold {
        held.hold()?;
        row.held = true;
        return Ok((evidence, None));
    }
    // What is red for a moment, as a unit that is started anew, proves nothing of a check.
    if row.outcome == Outcome::Caught && !sight.stays_red(&scenario.turns_red, STAYS).await {
        if sight.is_cancelled() {
            row.outcome = Outcome::Interrupted;
            return Ok((evidence, Some(held)));
        }
        row.fix = FixProof::Unneeded("it turned green by itself".to_owned());
        row.outcome = Outcome::FixUnneeded;
    }
    if row.outcome == Outcome::Caught && options.fix {
        row.times.stood_s = Some(since.elapsed().as_secs_f64());
        told.phase(&scenario.id, "fixing");
        row.fix = fix.prove(&mut held, scenario, sight, row).await?;
        if sight.is_cancelled() {
            // A fix that nobody waited for has not failed.
            row.fix = FixProof::Untried;
            row.outcome = Outcome::Interrupted;
            return Ok((evidence, Some(held)));
        }
        match &row.fix {
            FixProof::Failed(_) | FixProof::CannotRun(_) => row.outcome = Outcome::FixFailed,
            FixProof::Unneeded(_) => row.outcome = Outcome::FixUnneeded,
            FixProof::Untried
            | FixProof::None(_)
            | FixProof::Proven
            | FixProof::DocumentDefect(_) => {}
        }
    }
    Ok((evidence, Some(held)))
}
