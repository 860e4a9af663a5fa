//! One scenario after the other.

use std::path::Path;

use runproof_engine::drill::{DrillOptions, Sight, Told, drill};
use runproof_fault::FaultError;
use runproof_model::drill::Row;
use runproof_model::{Campaign, Evidence, ExitCode, Outcome};
use runproof_site::{Bundle, CancellationToken};
use runproof_suite::{BoundScenario, Library};
use serde_json::json;

use super::DrillArgs;
use super::rows::Rows;
use crate::command::recover;
use crate::live::block_on_saying;
use crate::load::LiveSite;
use crate::message;
use crate::options::DisplayOptions;
use crate::progress::Progress;
use crate::write;

/// Runs the scenarios and shows their rows.
pub(super) fn run(
    args: &DrillArgs,
    live: &LiveSite,
    library: &Library,
    mut wanted: Vec<BoundScenario>,
    display: &DisplayOptions,
) -> ExitCode {
    if let Some(seed) = args.seed {
        shuffle(&mut wanted, seed);
    }
    if wanted.len() > 1 {
        wanted.insert(0, nothing(&wanted));
    }
    let ids = wanted.iter().map(|one| one.id.clone()).collect();
    let mut campaign = Campaign::new(args.site.as_str(), ids);
    let progress = display.progress();
    let mut rows = Rows::new(args.output.format, display.style(), &progress);
    rows.begin();
    let stopped = block_on_saying(
        "stopping: the fault is undone first; once more to leave that to the watchdog",
        |cancel| {
            let shown = |row: Row| {
                rows.row(&row);
                campaign.scenarios.push(row);
            };
            each(args, live, library, &wanted, &progress, cancel, shown)
        },
    );
    progress.finish();
    let stopped = match stopped {
        Err(error) => {
            message::error(&error);
            Some((ExitCode::Defect, error))
        }
        Ok(Ok(())) => None,
        Ok(Err(Stopped::Asked)) => {
            Some((ExitCode::Interrupted, "somebody asked to stop".to_owned()))
        }
        Ok(Err(Stopped::Failed(error))) => Some((recover::failed(&error), error.to_string())),
    };
    let campaign = campaign.settle(stopped);
    let code = write::deliver_campaign(&campaign, &args.output, &display.style(), || {
        rows.end(&campaign)
    });
    if campaign.scenarios.iter().any(|row| row.held) {
        message::note(&format!(
            "the fault is left in the lab {0}: `runproof check --site {0}` shows it, `runproof drill --undo --site {0}` heals it",
            args.site
        ));
    }
    code
}

/// Why not every scenario was run, or not as often as it should be.
enum Stopped {
    Asked,
    Failed(FaultError),
}

impl From<FaultError> for Stopped {
    fn from(error: FaultError) -> Self {
        Self::Failed(error)
    }
}

async fn each(
    args: &DrillArgs,
    live: &LiveSite,
    library: &Library,
    wanted: &[BoundScenario],
    progress: &Progress,
    cancel: CancellationToken,
    mut shown: impl FnMut(Row),
) -> Result<(), Stopped> {
    let program = std::env::current_exe().map_err(|error| {
        FaultError::Refused(format!("our own program is not to be found: {error}"))
    })?;
    let mut sight = Sight::new(library, &live.file.site, &live.key, 64, cancel.clone());
    let options = DrillOptions {
        program: &program,
        fix: !args.no_fix,
        hold: args.hold,
    };
    let recorder = Recorder::of(args, live).map_err(FaultError::Refused)?;
    if wanted.len() > 1 || recorder.is_some() {
        progress.begin("learning what changes by itself", [args.site.as_str()]);
        sight.learn().await;
    }
    for scenario in wanted {
        let mut row: Option<Row> = None;
        let mut seen = None;
        for _ in 0..args.repeat {
            if cancel.is_cancelled() {
                row.into_iter().for_each(shown);
                return Err(Stopped::Asked);
            }
            let drilled = match drill(&args.site, scenario, &sight, options, &Shown(progress)).await
            {
                Ok(drilled) => drilled,
                Err(error) => {
                    row.into_iter().for_each(shown);
                    return Err(error.into());
                }
            };
            seen = drilled.seen;
            row = Some(again(row, drilled.row));
        }
        // What was no catch in the end is no recording of one.
        if let (Some(recorder), Some((before, red))) = (&recorder, &seen)
            && let Some(caught) = row.take_if(|row| row.outcome == Outcome::Caught)
        {
            row = Some(
                match recorder.record(library, &sight, scenario, before, red) {
                    Ok(()) => caught,
                    Err(why) => {
                        caught.end(Outcome::Error, format!("it could not be recorded: {why}"))
                    }
                },
            );
        }
        row.into_iter().for_each(&mut shown);
    }
    Ok(())
}

/// What a run more makes of a row. One that was stopped says nothing against those before it.
fn again(before: Option<Row>, now: Row) -> Row {
    match before {
        Some(before) if before.outcome != now.outcome && now.outcome != Outcome::Interrupted => {
            let why = if before.outcome == Outcome::Flaky {
                before.why.unwrap_or_default()
            } else {
                format!("{} and {}", before.outcome, now.outcome)
            };
            now.end(Outcome::Flaky, why)
        }
        _ => now,
    }
}

/// Who writes down what faults change.
struct Recorder<'a> {
    folder: &'a Path,
    reference: Bundle,
}

impl<'a> Recorder<'a> {
    /// None where nobody wants recordings.
    fn of(args: &'a DrillArgs, live: &LiveSite) -> Result<Option<Self>, String> {
        let (Some(folder), Some(file)) = (&args.record, &args.reference) else {
            return Ok(None);
        };
        let reference = Bundle::read(file).map_err(|e| e.to_string())?;
        // Fingerprints of another key, and facts of another lab, mean nothing beside these.
        if reference.evidence.site != live.file.site.site
            || reference.evidence.key_id.is_none()
            || reference.evidence.key_id != live.key.id()
        {
            return Err(format!(
                "{} was not recorded from the lab {}",
                file.display(),
                args.site
            ));
        }
        Ok(Some(Self { folder, reference }))
    }

    fn record(
        &self,
        library: &Library,
        sight: &Sight<'_>,
        scenario: &BoundScenario,
        before: &Evidence,
        red: &Evidence,
    ) -> Result<(), String> {
        let Some((_, written)) = library
            .scenarios()
            .find(|(_, written)| written.id.value == scenario.id)
        else {
            return Ok(());
        };
        let recording = runproof_engine::record_fault(
            written,
            &self.reference.evidence,
            before,
            red,
            sight.plan(),
            &|one, other| sight.differs(one, other),
        );
        let path = self.folder.join(format!("{}.json", scenario.id));
        let text = serde_json::to_string(&recording).map_err(|e| e.to_string())? + "\n";
        write::replace_file(&path, text.as_bytes()).map_err(|e| e.to_string())
    }
}

/// The negative control, on a node that some scenario names.
fn nothing(wanted: &[BoundScenario]) -> BoundScenario {
    BoundScenario {
        id: "nothing".to_owned(),
        title: "the negative control: nothing is done".to_owned(),
        suite: String::new(),
        role: wanted
            .first()
            .map_or_else(String::new, |one| one.role.clone()),
        fault: json!({ "nothing": {} }),
        turns_red: Vec::new(),
        cascades: Vec::new(),
        fix: None,
        sources: Vec::new(),
    }
}

/// Fisher and Yates, by a xorshift of the seed: the same seed gives the same order everywhere.
fn shuffle(scenarios: &mut [BoundScenario], seed: u64) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for at in (1..scenarios.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (at as u64 + 1)).unwrap_or_default();
        scenarios.swap(at, other);
    }
}

struct Shown<'a>(&'a Progress);

impl Told for Shown<'_> {
    fn phase(&self, scenario: &str, words: &str) {
        self.0
            .begin(&format!("{scenario}: {words}"), [] as [&str; 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn row(outcome: Outcome) -> Row {
        Row {
            outcome,
            ..Row::blank("a-scenario", "", "system")
        }
    }

    #[rstest]
    #[case::once(&[Outcome::Caught], Outcome::Caught, None)]
    #[case::the_same(&[Outcome::Caught, Outcome::Caught], Outcome::Caught, None)]
    #[case::another(&[Outcome::Caught, Outcome::Missed, Outcome::Caught], Outcome::Flaky, Some("caught and missed"))]
    #[case::stopped(&[Outcome::Caught, Outcome::Interrupted], Outcome::Interrupted, None)]
    fn a_scenario_that_comes_out_in_two_ways_is_flaky(
        #[case] outcomes: &[Outcome],
        #[case] outcome: Outcome,
        #[case] why: Option<&str>,
    ) {
        let all = outcomes
            .iter()
            .fold(None, |before, one| Some(again(before, row(*one))));
        let all = all.unwrap();
        assert_eq!((all.outcome, all.why.as_deref()), (outcome, why));
    }
}
