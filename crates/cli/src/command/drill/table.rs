//! The matrix of a campaign as a person reads it.

use runproof_engine::drill::{CellKind, FixProof, Row};
use runproof_model::text::one_line;
use runproof_suite::BoundScenario;

use crate::message;

/// The longest message of a cell.
const MESSAGE: usize = 160;

/// The scenarios that a lab can have: name and title.
pub(super) fn list(scenarios: &[BoundScenario]) -> String {
    let width = scenarios.iter().map(|one| one.id.len()).max().unwrap_or(0);
    scenarios
        .iter()
        .map(|one| format!("{:width$}  {}\n", one.id, one_line(&one.title, MESSAGE)))
        .collect()
}

/// A line for each scenario, what explains it below, and the count.
pub(super) fn rows(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.scenario.len()).max().unwrap_or(0);
    let width = width.max("scenario".len());
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
    let mut text = format!(
        "{:width$}  {:12}  {:>7}  {:>7}  {:>7}  {:>7}  fix\n",
        "scenario", "outcome", "inject", "red", "green", "undo"
    );
    for row in rows {
        text.push_str(&format!(
            "{:width$}  {:12}  {:>7}  {:>7}  {:>7}  {:>7}  {}{}\n",
            row.scenario,
            row.outcome.as_str(),
            seconds(Some(row.times.inject_s)),
            seconds(row.times.red_s),
            seconds(row.times.green_s),
            seconds(Some(row.times.restore_s)),
            fix(&row.fix),
            if row.standins.is_empty() {
                String::new()
            } else {
                format!(" (stand-in: {})", row.standins.join(", "))
            }
        ));
        let mut below = |words: &str| {
            text.push_str(&format!("    {}\n", one_line(words, MESSAGE * 2)));
        };
        if !row.outcome.is_proven() {
            for act in &row.acts {
                below(act);
            }
            if let Some(why) = &row.why {
                below(why);
            }
        }
        if let FixProof::Failed(why) | FixProof::Unneeded(why) = &row.fix {
            below(why);
        }
        for cell in &row.cells {
            let word = match cell.kind {
                CellKind::Caught | CellKind::Cascade => continue,
                CellKind::Missed => "missed",
                CellKind::Collateral => "collateral",
                CellKind::Error => "error",
            };
            below(&format!(
                "{word}: {} on {}: {}",
                cell.invariant, cell.node, cell.message
            ));
        }
        if !row.left.is_empty() {
            below(&format!(
                "not green yet after the fix: {}",
                row.left.join(", ")
            ));
        }
        if !row.anew.is_empty() {
            below(&format!("made anew to undo it: {}", row.anew.join(", ")));
        }
        for leaf in row.residue.iter().take(5) {
            below(&format!("differs from before: {leaf}"));
        }
    }
    let proven = rows.iter().filter(|row| row.outcome.is_proven()).count();
    text.push_str(&format!(
        "\n{proven} of {} proven\n",
        message::count(rows.len(), "scenario")
    ));
    text
}

/// What came of one scenario, in a line, as soon as it is known.
pub(super) fn said(row: &Row) -> String {
    let why = row.why.as_deref().map(|why| format!(": {why}"));
    format!(
        "{}: {}{}; fix {}",
        row.scenario,
        row.outcome.as_str(),
        why.unwrap_or_default(),
        fix(&row.fix)
    )
}

fn fix(proof: &FixProof) -> &'static str {
    match proof {
        FixProof::Untried => "not tried",
        FixProof::None(_) => "none",
        FixProof::Proven => "proven",
        FixProof::Failed(_) => "does not mend",
        FixProof::Unneeded(_) => "not needed",
    }
}
