//! `drill --format terminal`: a line for each scenario, what explains it below, the count last.
//!
//! Header, rows and summary are made one by one, so that each row can be printed as soon as it is
//! known; together they are what [`render`] makes. That is why no column depends on other rows: the
//! name, which may be long, stands last, and on a line of its own where the terminal is narrow.

use runproof_model::Campaign;
use runproof_model::drill::Row;

use super::notes::{NAME, exit_of, fix, not_run, notes, proven, seconds, standins, stopped, tally};
use crate::paint::{Paint, Role, role_of};
use crate::terminal::Style;
use crate::terminal::page::{NARROWEST, Page, WIDEST};
use crate::wrap::{pad, width};
use runproof_model::text;

pub use super::notes::line;

/// The columns of an outcome, of a time, of a fix and of a note's label, each with its gap.
const OUTCOME: usize = 14;
const TIME: usize = 7;
const FIX: usize = 10;
const LABEL: usize = 11;

/// Renders a campaign; ends with a newline.
pub fn render(campaign: &Campaign, style: &Style) -> String {
    let rows = campaign.scenarios.iter().map(|one| row(one, style));
    header(style) + &rows.collect::<String>() + &summary(campaign, style)
}

/// The heads of the columns.
pub fn header(style: &Style) -> String {
    let mut page = page(style);
    let times = ["inject", "red", "green", "undo"].map(|name| format!("{name:>6} "));
    let heads = format!(
        "{}{} {}scenario (times in seconds)",
        pad("outcome", OUTCOME),
        times.concat(),
        pad("fix", FIX)
    );
    page.line(0, Role::Dim, &heads);
    page.finish()
}

/// One scenario.
pub fn row(row: &Row, style: &Style) -> String {
    let mut page = page(style);
    let role = if row.outcome.is_proven() {
        Role::Pass
    } else {
        role_of(row.outcome)
    };
    let times = row.times.phases().map(|(_, time)| {
        let time = seconds(time);
        format!("{time:>width$} ", width = TIME - 1)
    });
    let columns = format!("{} {}", times.concat(), pad(fix(&row.fix), FIX));
    let name = text::one_line(&row.scenario, NAME);
    let mark = match standins(row) {
        mark if mark.is_empty() => mark,
        mark => format!(" ({mark})"),
    };
    let taken = OUTCOME + width(&columns);
    let mut pieces = vec![
        (role, pad(row.outcome.as_str(), OUTCOME)),
        (Role::Plain, columns),
    ];
    if taken + width(&name) + width(&mark) <= style.width.clamp(NARROWEST, WIDEST) {
        pieces.extend([(Role::Strong, name), (Role::Plain, mark)]);
        page.pieces(&pieces);
    } else {
        page.pieces(&pieces);
        page.line(2, Role::Strong, &format!("{name}{mark}"));
    }
    for note in notes(row, style.verbose) {
        let role = note.outcome.map_or(Role::Plain, role_of);
        page.hanging(4, &pad(note.label, LABEL), Role::Dim, role, &note.text);
    }
    page.finish()
}

/// What comes of all of them.
pub fn summary(campaign: &Campaign, style: &Style) -> String {
    let mut page = page(style);
    page.line(0, Role::Plain, "");
    if let Some(why) = stopped(campaign) {
        page.line(0, Role::Error, &format!("stopped: {why}"));
    }
    let left = not_run(campaign);
    if !left.is_empty() {
        let text = format!("not run ({}): {}", left.len(), left.join(", "));
        page.line(0, Role::Error, &text);
    }
    let tally = match tally(campaign) {
        tally if tally.is_empty() => tally,
        tally => format!(": {tally}"),
    };
    let last = format!(
        "{}{tally} - exit {}: {}",
        proven(campaign),
        campaign.exit_code,
        exit_of(campaign)
    );
    let role = if campaign.exit_code == 0 {
        Role::Pass
    } else {
        Role::Fail
    };
    page.line(0, role, &last);
    page.finish()
}

fn page(style: &Style) -> Page {
    let paint = Paint { color: style.color };
    let width = style.width.clamp(NARROWEST, WIDEST);
    Page::new(paint, width, style.verbose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::sample;

    #[test]
    fn a_campaign_with_every_outcome_looks_like_this() {
        insta::assert_snapshot!(render(&sample::campaign(), &Style::default()));
    }

    #[test]
    fn a_verbose_one_says_what_was_done_and_what_each_invariant_said() {
        let style = Style {
            verbose: true,
            ..Style::default()
        };
        insta::assert_snapshot!(render(&sample::campaign(), &style));
    }

    #[test]
    fn a_narrow_terminal_gets_the_names_whole() {
        let style = Style {
            width: 60,
            ..Style::default()
        };
        let text = render(&sample::campaign(), &style);
        for row in &sample::campaign().scenarios {
            assert!(text.contains(&row.scenario), "{}\n{text}", row.scenario);
        }
        assert!(text.lines().all(|line| width(line) <= 60), "{text}");
    }

    #[test]
    fn rows_that_are_shown_one_by_one_make_the_same_text() {
        let style = Style {
            color: true,
            width: 72,
            verbose: false,
        };
        let whole = sample::campaign();
        // What is known while it runs: the rows so far, and nothing of those that follow.
        let mut shown = header(&style);
        for one in &whole.scenarios {
            shown.push_str(&row(one, &style));
        }
        shown.push_str(&summary(&whole, &style));
        assert_eq!(shown, render(&whole, &style));
    }

    #[test]
    fn no_escape_reaches_the_terminal() {
        for verbose in [false, true] {
            let style = Style {
                verbose,
                ..Style::default()
            };
            let text = render(&sample::campaign(), &style);
            assert!(!text.chars().any(|c| c != '\n' && text::is_hostile(c)));
        }
    }

    #[test]
    fn a_campaign_of_nothing_is_not_green() {
        let text = render(&sample::nothing(), &Style::default());
        assert!(text.contains("not run (1): a-scenario"), "{text}");
        assert!(text.ends_with("exit 3: nothing was checked\n"), "{text}");
    }
}
