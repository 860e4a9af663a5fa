//! What is wrong with a proof, and what to do about it: the same words in every format.

use runproof_model::proof::{
    InvariantColumn, MatrixCell, ScenarioRow, ScenarioState, Unmet, Weakness,
};
use runproof_model::{Outcome, Proof};

use super::RECORD;
use runproof_model::text;

/// A list of what is not proved.
pub(super) struct List {
    pub(super) title: &'static str,
    pub(super) advice: &'static str,
    /// What the advice is about, as it is typed.
    pub(super) command: Option<&'static str>,
    /// Whether it is long without being wrong: nobody reads it who did not ask.
    pub(super) long: bool,
    /// Name, and what is to be said of it.
    pub(super) entries: Vec<(String, String)>,
}

/// Every list that is not empty.
pub(super) fn lists(proof: &Proof) -> Vec<List> {
    let rows = |state: ScenarioState| {
        let rows = proof.scenarios.iter().filter(move |row| row.state == state);
        rows.map(|row| (text::one_line(&row.id, 120), why(row)))
            .collect()
    };
    let columns = |said: fn(&InvariantColumn) -> Vec<String>| {
        let columns = proof.invariants.iter();
        let entries = columns.flat_map(|one| said(one).into_iter().map(move |said| (one, said)));
        entries
            .map(|(one, said)| (text::one_line(&one.id, 120), said))
            .collect()
    };
    let list = |title, advice, entries| List {
        title,
        advice,
        command: None,
        long: false,
        entries,
    };
    let all = [
        List {
            command: Some(RECORD),
            ..list(
                "Stale",
                "record it again, on the lab that the reference is of and with the bundle of the reference as FILE; where that lab is gone, `ci/campaign --record` makes both anew",
                rows(ScenarioState::Stale),
            )
        },
        List {
            long: true,
            ..list(
                "Recorded for another profile",
                "they are not old, but say nothing of this reading: leave --profile away to replay them",
                rows(ScenarioState::OtherProfile),
            )
        },
        list(
            "Red on the reference",
            "what is red already cannot be seen to turn red: mend it, or record the reference anew from a lab where it holds",
            columns(|one| one.red.iter().map(unmet).collect()),
        ),
        list(
            "Not established on the reference",
            "what nobody saw hold cannot be seen to turn red: record the reference anew, from a lab that can be asked",
            columns(|one| one.unestablished.iter().map(unmet).collect()),
        ),
        list(
            "Toothless",
            "no other value of anything it reads turns it red: make the expectation narrower, or remove it",
            columns(|one| one.toothless.iter().map(weakness).collect()),
        ),
        list(
            "Green on unknown",
            "it holds where nobody could look: ask for the field without a way round it, or say by `when` where it does not apply",
            columns(|one| one.green_on_unknown.iter().map(weakness).collect()),
        ),
        List {
            command: Some(RECORD),
            ..list(
                "Unproven",
                "nobody has seen it caught: record it, on the lab that the reference is of and with the bundle of the reference as FILE; where that lab is gone, `ci/campaign --record` makes both anew",
                rows(ScenarioState::Unproven),
            )
        },
        List {
            long: true,
            ..list(
                "Caught by no scenario",
                "only mutants show that it can turn red: write a scenario that breaks it, and record that",
                // Where none was replayed that goes without saying.
                if proof.counts.recorded == 0 {
                    Vec::new()
                } else {
                    columns(|one| {
                        one.is_uncaught()
                            .then(|| text::one_line(&one.title, 300))
                            .into_iter()
                            .collect()
                    })
                },
            )
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
        .map_or_else(String::new, |why| text::one_line(why, 300))
}

/// A way in which a broken site could stay green, in words.
pub(super) fn weakness(weak: &Weakness) -> String {
    let node = text::one_line(&weak.node, 120);
    let mut text = format!("on {node}");
    for part in [&weak.place, &weak.expect] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(&text::one_line(part, 1000));
        }
    }
    text
}

/// Where an invariant does not hold on the reference, in words.
pub(super) fn unmet(unmet: &Unmet) -> String {
    let (node, message) = (
        text::one_line(&unmet.node, 120),
        text::one_line(&unmet.message, 400),
    );
    format!("on {node}: {message}")
}

/// Whether a cell is one that should not be.
pub(super) fn is_wrong(cell: &MatrixCell) -> bool {
    !cell.cell.is_proven()
}

/// A cell in words.
pub(super) fn cell(cell: &MatrixCell) -> String {
    let id = text::one_line(&cell.id, 120);
    let detail = text::one_line(&cell.detail, 400);
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
