//! What is to be said of a drill: the same words in every format.

use runproof_model::drill::{Campaign, FixProof, Row};
use runproof_model::{ExitCode, Outcome};

use crate::words::{count, exit_meaning};
use runproof_model::text;

/// The longest name, and the longest thing that is said, in characters.
pub(super) const NAME: usize = 120;
pub(super) const SAID: usize = 320;
/// More facts that differ than this are counted.
const RESIDUE: usize = 5;

/// Something that is to be said of a row.
pub(super) struct Note {
    /// What it is, in a word.
    pub(super) label: &'static str,
    /// What an invariant came to, where it is about one.
    pub(super) outcome: Option<Outcome>,
    /// Washed.
    pub(super) text: String,
}

/// What explains a row; `all` says also what was as it should be.
pub(super) fn notes(row: &Row, all: bool) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut say = |label: &'static str, outcome: Option<Outcome>, text: &str| {
        notes.push(Note {
            label,
            outcome,
            text: text::one_line(text, SAID),
        });
    };
    if all || !row.outcome.is_proven() {
        for act in &row.acts {
            say("did", None, act);
        }
        if let Some(why) = &row.why {
            say("why", None, why);
        }
    }
    match &row.fix {
        FixProof::Failed(why)
        | FixProof::CannotRun(why)
        | FixProof::Unneeded(why)
        | FixProof::DocumentDefect(why) => say("fix", None, why),
        FixProof::None(why) if all => say("fix", None, why),
        FixProof::None(_) | FixProof::Untried | FixProof::Proven => {}
    }
    // Where it does not mend, that has been said.
    if let FixProof::Proven | FixProof::Unneeded(_) = row.fix {
        for failed in &row.failed_commands {
            say(
                "fix",
                None,
                &format!("not every command succeeded: {failed}"),
            );
        }
    }
    for cell in &row.cells {
        if all || !cell.kind.is_proven() {
            let text = format!("{} on {}: {}", cell.invariant, cell.node, cell.message);
            say(cell.kind.as_str(), Some(cell.kind), &text);
        }
    }
    if !row.left.is_empty() {
        let text = format!("not green yet after the fix: {}", row.left.join(", "));
        say("left", None, &text);
    }
    if !row.anew.is_empty() {
        let text = format!("made anew to undo it: {}", row.anew.join(", "));
        say("anew", None, &text);
    }
    for leaf in row.residue.iter().take(RESIDUE) {
        say("differs", None, &format!("from before: {leaf}"));
    }
    if row.residue.len() > RESIDUE {
        let more = row.residue.len() - RESIDUE;
        say("differs", None, &format!("{more} more"));
    }
    notes
}

/// A fix in a word.
pub(super) fn fix(proof: &FixProof) -> &'static str {
    match proof {
        FixProof::Untried => "untried",
        FixProof::None(_) => "none",
        FixProof::Proven => "proven",
        FixProof::DocumentDefect(_) => "defect",
        FixProof::Failed(_) => "failed",
        FixProof::CannotRun(_) => "not run",
        FixProof::Unneeded(_) => "unneeded",
    }
}

/// A time in seconds with one decimal; a dash for a phase that was not come to.
pub(super) fn seconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"))
}

/// The stand-ins that a row rests on; empty when there are none.
pub(super) fn standins(row: &Row) -> String {
    match row.standins.as_slice() {
        [] => String::new(),
        roles => format!("stand-in: {}", text::one_line(&roles.join(", "), NAME)),
    }
}

/// How many scenarios came to each outcome, as `2 caught, 1 missed`.
pub(super) fn tally(campaign: &Campaign) -> String {
    let tally = Outcome::ALL.iter().filter_map(|outcome| {
        let rows = campaign.scenarios.iter();
        let number = rows.filter(|row| row.outcome == *outcome).count();
        (number > 0).then(|| format!("{number} {outcome}"))
    });
    tally.collect::<Vec<_>>().join(", ")
}

/// How many are proven, of how many: `1 of 2 scenarios proven`.
pub(super) fn proven(campaign: &Campaign) -> String {
    format!(
        "{} of {} proven",
        campaign.proven(),
        count(campaign.scenarios.len(), "scenario", "scenarios")
    )
}

/// The scenarios that were not run, washed; empty when all were.
pub(super) fn not_run(campaign: &Campaign) -> Vec<String> {
    let ids = campaign.not_run();
    ids.map(|id| text::one_line(id, NAME)).collect()
}

/// Why the campaign did not come to its end; washed.
pub(super) fn stopped(campaign: &Campaign) -> Option<String> {
    let why = campaign.stopped.as_deref();
    why.map(|why| text::one_line(why, SAID))
}

/// What the exit code of a campaign means, in a few words.
pub(super) fn exit_of(campaign: &Campaign) -> &'static str {
    const CONFORMS: u8 = ExitCode::Conforms as u8;
    const FAILS: u8 = ExitCode::Fails as u8;
    const UNESTABLISHED: u8 = ExitCode::Unestablished as u8;
    const INTERRUPTED: u8 = ExitCode::Interrupted as u8;
    match campaign.exit_code {
        CONFORMS => "every scenario is proven",
        FAILS => "a scenario is not proven",
        UNESTABLISHED => "the campaign did not come to its end",
        INTERRUPTED => "interrupted, this matrix is partial",
        code => exit_meaning(code),
    }
}

/// What came of one scenario, in a line.
pub fn line(row: &Row) -> String {
    let why = row.why.as_deref().map(|why| format!(": {why}"));
    let (scenario, outcome, fix) = (&row.scenario, row.outcome, fix(&row.fix));
    let line = format!(
        "{scenario}: {outcome}{}; fix {fix}",
        why.unwrap_or_default()
    );
    text::one_line(&line, SAID)
}
