//! `prove --format html`: the whole matrix on one page, for people.

use runproof_model::proof::{InvariantColumn, MatrixCell, ScenarioRow, ScenarioState, Standing};
use runproof_model::{Outcome, Proof};

use super::ending::exit_meaning;
use super::weak::{cell, lists, percent, why};
use crate::html::{exit, facts, page, text};

const STYLE: &str = "\
.m td{text-align:center;min-width:1.2rem;cursor:default}.m thead th{vertical-align:bottom}\
.m thead th span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;font-weight:normal}\
.m tbody th{font-weight:normal;white-space:nowrap}\
@media screen{.m thead{position:sticky;top:0;background:Canvas}}\
.m tr.s th{font-weight:bold;background:#8882}";

/// Renders a proof; ends with a newline.
pub fn render(proof: &Proof) -> String {
    let title = format!(
        "runproof prove: {}, profile {}",
        text(&proof.site, 80),
        text(&proof.profile, 80)
    );
    let mut out = String::new();
    summary(&mut out, proof);
    matrix(&mut out, proof);
    for list in lists(proof) {
        out.push_str(&format!(
            "<h2>{} ({})</h2>\n",
            list.title,
            list.entries.len()
        ));
        out.push_str(&format!("<p>{}</p>\n", text(list.advice, 400)));
        if let Some(command) = list.command {
            out.push_str(&format!("<p><code>{}</code></p>\n", text(command, 120)));
        }
        out.push_str("<ul>\n");
        for (name, said) in &list.entries {
            let (name, said) = (text(name, 120), text(said, 1200));
            out.push_str(&format!("<li><b>{name}</b> <code>{said}</code></li>\n"));
        }
        out.push_str("</ul>\n");
    }
    details(&mut out, proof);
    page(&title, STYLE, &out)
}

fn summary(out: &mut String, proof: &Proof) {
    let counts = &proof.counts;
    let rows = [
        ("recall", percent(proof.recall)),
        ("precision", percent(proof.precision)),
        ("scenarios replayed", counts.recorded.to_string()),
        ("unproven", counts.unproven.to_string()),
        (
            "recorded for another profile",
            counts.other_profile.to_string(),
        ),
        ("stale", counts.stale.to_string()),
        ("missed", counts.missed.to_string()),
        ("collateral", counts.collateral.to_string()),
        ("errors", counts.error.to_string()),
        ("invariants that hold", counts.invariants.to_string()),
        (
            "of those, caught by no scenario",
            counts.uncaught.to_string(),
        ),
        (
            "of those, caught on stand-ins only",
            counts.standin_only.to_string(),
        ),
        ("not selected, left out", counts.unselected.to_string()),
        (
            "defects of the documents, left out",
            counts.defects.to_string(),
        ),
        (
            "that do not apply here, left out",
            counts.skipped.to_string(),
        ),
        ("red on the reference", counts.red.to_string()),
        (
            "not established on the reference",
            counts.unestablished.to_string(),
        ),
        ("mutants", counts.mutants.to_string()),
        (
            "mutants that turned something red",
            counts.mutants_red.to_string(),
        ),
        ("toothless", counts.toothless.to_string()),
        ("green on unknown", counts.green_on_unknown.to_string()),
        ("exit code", exit(proof.exit_code, &exit_meaning(proof))),
    ];
    out.push_str(&facts(rows));
}

/// Invariants down, scenarios across: there are more of the former, and a page is long.
fn matrix(out: &mut String, proof: &Proof) {
    let recorded = |row: &&ScenarioRow| row.state == ScenarioState::Recorded;
    let rows: Vec<&ScenarioRow> = proof.scenarios.iter().filter(recorded).collect();
    if rows.is_empty() {
        return;
    }
    out.push_str("<h2>Matrix</h2>\n<p>");
    for (cell, about) in [
        (Outcome::Caught, "had to turn red and did"),
        (Outcome::Missed, "had to turn red and did not"),
        (Outcome::Collateral, "turned red undeclared"),
        (Outcome::Error, "could not be established"),
        (Outcome::Cascade, "turned red as a consequence"),
        (Outcome::TrueGreen, "stayed green, and had to"),
    ] {
        let (sign, class) = (sign(cell), cell.as_str());
        out.push_str(&format!(
            "<span class=\"{class}\">&nbsp;{sign}&nbsp;</span> {class}: {about}. "
        ));
    }
    out.push_str("A star is a stand-in.</p>\n<table class=\"m\">\n<thead><tr><th>invariant</th>");
    for row in &rows {
        let star = if row.standin { " *" } else { "" };
        out.push_str(&format!(
            "<th title=\"{}\"><span>{}{star}</span></th>",
            text(&row.title, 200),
            text(&row.id, 120)
        ));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let mut suite = None;
    for column in proof
        .invariants
        .iter()
        .filter(|one| one.standing == Standing::Holds)
    {
        if suite != Some(&column.suite) {
            suite = Some(&column.suite);
            let (wide, name) = (rows.len() + 1, text(&column.suite, 120));
            out.push_str(&format!(
                "<tr class=\"s\"><th colspan=\"{wide}\">{name}</th></tr>\n"
            ));
        }
        line(out, column, &rows);
    }
    out.push_str("</tbody>\n</table>\n");
}

fn line(out: &mut String, column: &InvariantColumn, rows: &[&ScenarioRow]) {
    out.push_str(&format!(
        "<tr><th title=\"{}\">{}</th>",
        text(&column.title, 200),
        text(&column.id, 120)
    ));
    for row in rows {
        let found = row.cells.iter().find(|one| one.id == column.id);
        let cell = found.map_or(Outcome::TrueGreen, |one| one.cell);
        let said = found.map_or_else(String::new, |one| format!(": {}", text(&one.detail, 400)));
        out.push_str(&format!(
            "<td class=\"{}\" title=\"{} / {}{said}\">{}</td>",
            cell.as_str(),
            text(&column.id, 120),
            text(&row.id, 120),
            sign(cell)
        ));
    }
    out.push_str("</tr>\n");
}

/// What each cell says, for who has no pointer to hold over the table.
fn details(out: &mut String, proof: &Proof) {
    out.push_str("<h2>Scenarios</h2>\n<ul>\n");
    for row in &proof.scenarios {
        let mark = if row.standin { ", on a stand-in" } else { "" };
        out.push_str(&format!(
            "<li><b>{}</b> ({}{mark}) {} {}",
            text(&row.id, 120),
            row.state.as_str(),
            text(&row.title, 200),
            text(&why(row), 300)
        ));
        if !row.cells.is_empty() {
            out.push_str("<ul>");
            for one in &row.cells {
                out.push_str(&detail(one));
            }
            out.push_str("</ul>");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

fn detail(one: &MatrixCell) -> String {
    let class = one.cell.as_str();
    format!(
        "<li><span class=\"{class}\">{class}</span> {}</li>",
        text(&cell(one), 600)
    )
}

fn sign(cell: Outcome) -> &'static str {
    match cell {
        Outcome::Caught => "&#10003;",
        Outcome::Missed => "&#10007;",
        Outcome::Collateral => "!",
        Outcome::Error => "?",
        Outcome::Cascade => "&#8627;",
        Outcome::TrueGreen => "&#183;",
        // Of whole scenarios; no invariant of a proof comes to these.
        Outcome::Refused
        | Outcome::Unviable
        | Outcome::FixFailed
        | Outcome::FixUnneeded
        | Outcome::NotRestored
        | Outcome::NoBaseline
        | Outcome::Unreadable
        | Outcome::Flaky
        | Outcome::Interrupted => "&#8264;",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::sample;
    use proptest::prelude::*;
    use runproof_model::text;

    #[test]
    fn a_proof_with_every_cell_looks_like_this() {
        insta::assert_snapshot!(render(&sample::proof()));
    }

    #[test]
    fn every_invariant_that_holds_meets_every_scenario_that_was_replayed() {
        let html = render(&sample::proof());
        assert_eq!(html.matches("<td class=").count(), 6 * 2);
        assert!(
            !html.contains("<script"),
            "no script is needed, and none comes in"
        );
    }

    #[test]
    fn who_is_caught_by_no_scenario_is_named() {
        let html = render(&sample::proof());
        assert!(html.contains("<h2>Caught by no scenario (5)</h2>"));
        assert!(html.contains("<li><b>botui-url</b> <code>the title of botui-url</code></li>"));
    }

    proptest! {
        #[test]
        fn no_markup_gets_into_the_page(
            hostile in proptest::collection::vec(any::<char>(), 0..60)
        ) {
            let hostile: String = hostile.into_iter().collect();
            let mut proof = sample::proof();
            let plain = render(&proof).matches('<').count();
            proof.site = hostile.clone();
            for row in &mut proof.scenarios {
                row.title = hostile.clone();
                row.cells.iter_mut().for_each(|one| one.detail = hostile.clone());
            }
            let html = render(&proof);
            prop_assert_eq!(html.matches('<').count(), plain);
            prop_assert!(!html.chars().any(|c| c != '\n' && text::is_hostile(c)));
        }
    }
}
