//! One scenario after the other.

use std::time::Duration;

use std::path::Path;

use runproof_engine::drill::{DrillOptions, Outcome, Row, Sight, Told, drill};
use runproof_fault::FaultError;
use runproof_model::{Evidence, ExitCode};
use runproof_site::{Bundle, CancellationToken};
use runproof_suite::{BoundScenario, Library};
use serde_json::json;

use super::{DrillArgs, table};
use crate::command::recover;
use crate::live::block_on_saying;
use crate::load::LiveSite;
use crate::message;
use crate::options::{DisplayOptions, TextFormat};
use crate::progress::Progress;
use crate::write;

/// How long nothing is done, to learn what changes by itself.
const STILL: Duration = Duration::from_secs(4);

/// Runs the scenarios and prints their rows.
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
    let control = (wanted.len() > 1).then(|| nothing(&wanted));
    let progress = display.progress();
    let result = block_on_saying(
        "stopping: the fault is undone first; once more to leave that to the watchdog",
        |cancel| {
            rows(
                args,
                live,
                library,
                control.into_iter().chain(wanted).collect(),
                &progress,
                cancel,
            )
        },
    );
    progress.finish();
    let (rows, failed) = match result {
        Err(error) => {
            message::error(&error);
            return ExitCode::Defect;
        }
        Ok(done) => done,
    };
    let shown = match args.format {
        TextFormat::Terminal => table::rows(&rows),
        TextFormat::Json => {
            json!({ "format": "runproof.drill/1", "lab": args.site.as_str(), "scenarios": rows })
                .to_string()
                + "\n"
        }
    };
    if let Err(error) = write::stdout(&shown) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    if let Some(error) = failed {
        return recover::failed(&error);
    }
    let bad = |outcome: Outcome| !outcome.is_proven();
    if rows.iter().any(|row| row.outcome == Outcome::Interrupted) {
        ExitCode::Interrupted
    } else if rows.iter().any(|row| bad(row.outcome)) {
        ExitCode::Fails
    } else {
        ExitCode::Conforms
    }
}

async fn rows(
    args: &DrillArgs,
    live: &LiveSite,
    library: &Library,
    wanted: Vec<BoundScenario>,
    progress: &Progress,
    cancel: CancellationToken,
) -> (Vec<Row>, Option<FaultError>) {
    let mut rows = Vec::new();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            return (
                rows,
                Some(FaultError::Refused(format!(
                    "our own program is not to be found: {error}"
                ))),
            );
        }
    };
    let mut sight = Sight::new(library, &live.file.site, &live.key, 64, cancel.clone());
    let options = DrillOptions {
        program: &program,
        fix: !args.no_fix,
        hold: args.hold,
    };
    if wanted.len() > 1 || args.record.is_some() {
        progress.begin("learning what changes by itself", [args.site.as_str()]);
        let (one, _) = sight.look().await;
        tokio::time::sleep(STILL).await;
        let (other, _) = sight.look().await;
        sight.learn(&one, &other);
    }
    let recorder = match Recorder::of(args, live) {
        Ok(recorder) => recorder,
        Err(why) => return (rows, Some(FaultError::Refused(why))),
    };
    for scenario in &wanted {
        let mut row: Option<Row> = None;
        for _ in 0..args.repeat {
            if cancel.is_cancelled() {
                break;
            }
            let drilled = match drill(&args.site, scenario, &sight, options, &Shown(progress)).await
            {
                Ok(drilled) => drilled,
                Err(error) => {
                    rows.extend(row);
                    return (rows, Some(error));
                }
            };
            if let (Some(recorder), Some((before, red))) = (&recorder, &drilled.seen)
                && drilled.row.saw_it()
                && let Err(why) = recorder.record(library, &sight, scenario, before, red)
            {
                message::error(&why);
            }
            row = Some(match row {
                Some(before) if before.outcome != drilled.row.outcome => Row {
                    why: Some(format!(
                        "{} and {}",
                        before.outcome.as_str(),
                        drilled.row.outcome.as_str()
                    )),
                    outcome: Outcome::Flaky,
                    ..drilled.row
                },
                _ => drilled.row,
            });
        }
        if let Some(row) = row {
            progress.note(&table::said(&row));
            rows.push(row);
        }
    }
    (rows, None)
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
