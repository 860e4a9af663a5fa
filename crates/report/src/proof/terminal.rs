//! `prove --format terminal`: what is not proved first, each with what to do; the sum last.

use runproof_model::proof::{ScenarioRow, ScenarioState};
use runproof_model::{Outcome, Proof};

use super::ending::exit_meaning;
use super::weak::{cell, is_wrong, lists, percent};
use crate::paint::{Paint, Role, role_of};
use crate::terminal::Style;
use crate::terminal::page::{NARROWEST, Page, WIDEST};
use crate::words::count;
use runproof_model::text;

/// Renders a proof; ends with a newline. Only cells that say something are shown.
pub fn render(proof: &Proof, style: &Style) -> String {
    let paint = Paint { color: style.color };
    let width = style.width.clamp(NARROWEST, WIDEST);
    let mut page = Page::new(paint, width, style.verbose);
    opening(&mut page, proof);
    matrix(&mut page, proof);
    for list in lists(proof) {
        page.blank();
        let title = format!("{} ({})", list.title, list.entries.len());
        page.line(0, Role::Strong, &title);
        if list.long && !page.verbose {
            let first = list.entries.first().map_or("", |(_, said)| said.as_str());
            // A reason that all have is no reason to read them all.
            let words = if list.entries.iter().all(|(_, said)| said == first) {
                format!("{first}; -v names them")
            } else {
                "-v names them".to_owned()
            };
            page.line(2, Role::Dim, &words);
        } else {
            for (name, text) in &list.entries {
                let text = if text.is_empty() {
                    name.clone()
                } else {
                    format!("{name}: {text}")
                };
                page.line(2, Role::Plain, &text);
            }
        }
        page.field(2, "do", Role::Plain, list.advice);
        if let Some(command) = list.command {
            page.verbatim(12, command);
        }
    }
    sum(&mut page, proof);
    page.finish()
}

fn opening(page: &mut Page, proof: &Proof) {
    let unselected = match proof.counts.unselected {
        0 => String::new(),
        some => format!(" ({some} not selected)"),
    };
    let words = format!(
        "site {}, profile {}: {}{unselected}, {}, {}",
        text::one_line(&proof.site, 80),
        text::one_line(&proof.profile, 80),
        count(
            proof.counts.invariants,
            "invariant that holds",
            "invariants that hold"
        ),
        count(proof.scenarios.len(), "scenario", "scenarios"),
        count(proof.counts.mutants, "mutant", "mutants"),
    );
    page.line(0, Role::Strong, &words);
}

fn matrix(page: &mut Page, proof: &Proof) {
    let recorded = |row: &&ScenarioRow| row.state == ScenarioState::Recorded;
    let rows: Vec<&ScenarioRow> = proof.scenarios.iter().filter(recorded).collect();
    if rows.is_empty() {
        return;
    }
    page.blank();
    page.line(0, Role::Strong, &format!("Replayed ({})", rows.len()));
    for row in rows {
        let standin = if row.standin { " (STAND-IN)" } else { "" };
        let wrong = row.cells.iter().any(is_wrong);
        let role = if wrong { Role::Fail } else { Role::Pass };
        let mark = if wrong { "FAIL   " } else { "proved " };
        let head = format!("{}{standin}", text::one_line(&row.id, 120));
        page.hanging(0, mark, role, Role::Strong, &head);
        let shown = [
            (Outcome::Missed, "missed"),
            (Outcome::Error, "error"),
            (Outcome::Collateral, "collateral"),
            (Outcome::Caught, "caught"),
            (Outcome::Cascade, "cascade"),
        ];
        for (which, label) in shown {
            let label = format!("{label:<11}");
            let cells = || row.cells.iter().filter(|one| one.cell == which);
            if cells().next().is_some_and(is_wrong) || page.verbose {
                for one in cells() {
                    page.hanging(2, &label, Role::Dim, role_of(one.cell), &cell(one));
                }
            } else if cells().next().is_some() {
                let ids: Vec<String> = cells().map(|one| text::one_line(&one.id, 120)).collect();
                page.hanging(2, &label, Role::Dim, Role::Plain, &ids.join(", "));
            }
        }
    }
}

fn sum(page: &mut Page, proof: &Proof) {
    let counts = &proof.counts;
    page.blank();
    let caught = format!(
        "invariants: {} caught by a scenario, {} of them on stand-ins only; {} by none; on the reference {} red, {} not established",
        counts.invariants.saturating_sub(counts.uncaught),
        counts.standin_only,
        counts.uncaught,
        counts.red,
        counts.unestablished,
    );
    page.line(0, Role::Dim, &caught);
    let left_out = format!(
        "left out: {}, {} not apply here",
        count(
            counts.defects,
            "defect of the documents",
            "defects of the documents"
        ),
        count(counts.skipped, "that does", "that do"),
    );
    page.line(0, Role::Dim, &left_out);
    let mutants = format!(
        "mutants: {} of {} turned something red, {} were refused by the types; {} made absent, {} made unknown",
        counts.mutants_red, counts.mutants, counts.type_errors, counts.absent, counts.unknown,
    );
    page.line(0, Role::Dim, &mutants);
    let cells = format!(
        "cells: {} caught, {} missed, {} collateral, {} error, {} cascade, {} true-green",
        counts.caught,
        counts.missed,
        counts.collateral,
        counts.error,
        counts.cascade,
        counts.true_green,
    );
    page.line(0, Role::Dim, &cells);
    let role = if proof.exit_code == 0 {
        Role::Pass
    } else {
        Role::Fail
    };
    let last = format!(
        "recall {}, precision {}, {} unproven, {} stale, {} toothless, {} green on unknown - exit {}: {}",
        percent(proof.recall),
        percent(proof.precision),
        counts.unproven,
        counts.stale,
        counts.toothless,
        counts.green_on_unknown,
        proof.exit_code,
        exit_meaning(proof),
    );
    page.line(0, role, &last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::sample;

    #[test]
    fn a_proof_with_every_cell_looks_like_this() {
        insta::assert_snapshot!(render(&sample::proof(), &Style::default()));
    }

    #[test]
    fn a_verbose_proof_says_what_each_invariant_said() {
        let style = Style {
            verbose: true,
            ..Style::default()
        };
        insta::assert_snapshot!(render(&sample::proof(), &style));
    }

    #[test]
    fn a_proof_without_recordings_says_so() {
        let text = render(&sample::unproven(), &Style::default());
        assert!(text.contains("Unproven (1)"), "{text}");
        assert!(text.ends_with("replayed\n"), "{text}");
    }

    #[test]
    fn a_strict_proof_says_that_it_is_why_it_fails() {
        let text = render(&sample::unproven().settle(true), &Style::default());
        let words: Vec<&str> = text.split_whitespace().collect();
        let last = words.join(" ");
        assert!(last.ends_with("exit 1: by --strict: 1 unproven"), "{text}");
    }

    #[test]
    fn who_is_caught_by_no_scenario_is_named_when_asked() {
        let named = |verbose: bool| {
            let style = Style {
                verbose,
                ..Style::default()
            };
            let text = render(&sample::proof(), &style);
            assert!(text.contains("Caught by no scenario (5)"), "{text}");
            text.contains("botui-url: the title of botui-url")
        };
        assert!(named(true) && !named(false));
    }

    #[test]
    fn a_command_stands_on_one_line() {
        let style = Style {
            width: 40,
            ..Style::default()
        };
        let text = render(&sample::proof(), &style);
        assert!(text.lines().any(|line| line.trim() == crate::proof::RECORD));
    }

    #[test]
    fn no_escape_reaches_the_terminal() {
        let text = render(&sample::proof(), &Style::default());
        assert!(!text.chars().any(|c| c != '\n' && text::is_hostile(c)));
    }
}
