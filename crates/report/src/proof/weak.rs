//! What is wrong with a proof, and what to do about it: the same words in every format.

use runproof_model::proof::{InvariantColumn, MatrixCell, ScenarioRow, ScenarioState, Weakness};
use runproof_model::{Outcome, Proof};

use crate::clean;

/// A list of what is not proved.
pub(super) struct List {
    pub(super) title: &'static str,
    pub(super) advice: &'static str,
    /// Name, and what is to be said of it.
    pub(super) entries: Vec<(String, String)>,
}

/// Every list that is not empty.
pub(super) fn lists(proof: &Proof) -> Vec<List> {
    let rows = |state: ScenarioState| {
        let rows = proof.scenarios.iter().filter(move |row| row.state == state);
        rows.map(|row| (clean::line(&row.id, 120), why(row)))
            .collect()
    };
    let weak = |of: fn(&InvariantColumn) -> &[Weakness]| {
        let columns = proof.invariants.iter();
        let entries = columns.flat_map(|one| of(one).iter().map(move |weak| (one, weak)));
        entries
            .map(|(one, weak)| (clean::line(&one.id, 120), weakness(weak)))
            .collect()
    };
    let all = [
        List {
            title: "Stale",
            advice: "record it again on the lab that the reference is of: runproof drill ID --record",
            entries: rows(ScenarioState::Stale),
        },
        List {
            title: "Toothless",
            advice: "no other value of anything it reads turns it red: make the expectation narrower, or remove it",
            entries: weak(|one| &one.toothless),
        },
        List {
            title: "Green on unknown",
            advice: "it holds where nobody could look: ask for the field without a way round it, or say by `when` where it does not apply",
            entries: weak(|one| &one.green_on_unknown),
        },
        List {
            title: "Unproven",
            advice: "nobody has seen it caught: runproof drill ID --record",
            entries: rows(ScenarioState::Unproven),
        },
    ];
    all.into_iter()
        .filter(|list| !list.entries.is_empty())
        .collect()
}

/// Why a scenario was not replayed.
pub(super) fn why(row: &ScenarioRow) -> String {
    row.why
        .as_deref()
        .map_or_else(String::new, |why| clean::line(why, 300))
}

fn weakness(weak: &Weakness) -> String {
    let node = clean::line(&weak.node, 120);
    let mut text = format!("on {node}");
    for part in [&weak.place, &weak.expect] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(&clean::line(part, 1000));
        }
    }
    text
}

/// Whether a cell is one that should not be.
pub(super) fn is_wrong(cell: &MatrixCell) -> bool {
    !cell.cell.is_proven()
}

/// A cell in words.
pub(super) fn cell(cell: &MatrixCell) -> String {
    let id = clean::line(&cell.id, 120);
    let detail = clean::line(&cell.detail, 400);
    let had = if cell.expected && cell.cell == Outcome::Error {
        " (had to turn red)"
    } else {
        ""
    };
    format!("{id}{had}: {detail}")
}

/// A part of a whole in percent; a dash where there is none.
pub(super) fn percent(part: Option<f64>) -> String {
    match part {
        // Nearly all is not all.
        Some(part) if part < 1.0 => format!("{:.1} %", (part * 1000.0).floor() / 10.0),
        Some(_) => "100 %".to_owned(),
        None => "-".to_owned(),
    }
}

/// What the exit code of a proof means, in a few words.
pub(super) fn exit_meaning(proof: &Proof) -> &'static str {
    match proof.exit_code {
        0 if proof.counts.recorded == 0 => "every invariant has teeth; no scenario was replayed",
        0 if proof.counts.unproven > 0 => {
            "what was replayed is proved; unproven is what nobody recorded"
        }
        0 => "every check is proved",
        1 => "a check is not worth what it says",
        3 => "nothing was checked",
        _ => "not a code of a proof",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, "-")]
    #[case(Some(1.0), "100 %")]
    #[case(Some(0.99999), "99.9 %")]
    #[case(Some(0.5), "50.0 %")]
    fn nearly_all_is_not_all(#[case] part: Option<f64>, #[case] shown: &str) {
        assert_eq!(percent(part), shown);
    }
}
