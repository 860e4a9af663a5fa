//! `drill --format junit`: one case a scenario, by the ways of [`crate::junit`].
//!
//! What is not proven is a failure, a refused or unviable fault too: nobody has seen it noticed, and
//! a skip is green to most who read this. What was not run is an error.

use runproof_model::drill::Row;
use runproof_model::{Campaign, Verdict};

use super::notes::{NAME, exit_of, fix, not_run, notes, standins, stopped};
use crate::junit::{Case, JunitError, document, own};
use runproof_model::text;

/// Renders a campaign; ends with a newline.
///
/// # Errors
///
/// When the XML writer fails, which nothing in a campaign should be able to cause.
pub fn render(campaign: &Campaign) -> Result<String, JunitError> {
    let lab = text::one_line(&campaign.lab, 80);
    document(&format!("drill-{lab}"), cases(campaign), campaign.exit_code)
}

fn cases(campaign: &Campaign) -> Vec<Case> {
    let why = stopped(campaign);
    let mut cases: Vec<Case> = campaign.scenarios.iter().map(of_row).collect();
    for name in not_run(campaign) {
        let why = why.as_deref().unwrap_or_else(|| exit_of(campaign));
        let message = format!("not run: {why}");
        cases.push(case("none", name, 0.0, Verdict::Error, message, &[]));
    }
    if let Some(why) = why {
        // It may have stopped between two runs of one scenario, which has a row then.
        cases.push(own("stopped", format!("stopped: {why}")));
    }
    cases
}

fn of_row(row: &Row) -> Case {
    let role = match text::one_line(&row.role, NAME) {
        role if role.is_empty() => "none".to_owned(),
        role => role,
    };
    let name = text::one_line(&row.scenario, NAME);
    let seconds = row.times.whole_s;
    if row.outcome.is_proven() {
        return case(&role, name, seconds, Verdict::Pass, String::new(), &[]);
    }
    let message = match row.why.as_deref().or(row.fix.why()) {
        Some(why) => format!("{}: {}", row.outcome, text::one_line(why, 250)),
        None => row.outcome.to_string(),
    };
    let mut lines = vec![text::one_line(&row.title, 300)];
    let notes = notes(row, true).into_iter();
    lines.extend(notes.map(|note| format!("{}: {}", note.label, note.text)));
    lines.push(format!("fix {}", fix(&row.fix)));
    lines.push(standins(row));
    case(&role, name, seconds, Verdict::Fail, message, &lines)
}

fn case(
    role: &str,
    name: String,
    seconds: f64,
    verdict: Verdict,
    message: String,
    lines: &[String],
) -> Case {
    let mut text = message.clone();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        text.push('\n');
        text.push_str(line);
    }
    Case {
        role: String::new(),
        node: "scenarios".to_owned(),
        classname: format!("runproof.drill.{role}"),
        name,
        verdict,
        message: text::one_line(&message, 300),
        text,
        seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::sample;
    use crate::junit::accepted;
    use runproof_model::{ExitCode, Outcome};

    #[test]
    fn a_campaign_with_every_outcome_looks_like_this() {
        let xml = render(&sample::campaign()).unwrap();
        accepted(&xml);
        // One line a tag, so that a change can be read.
        insta::assert_snapshot!(xml.replace("><", ">\n<"));
    }

    #[test]
    fn every_outcome_but_a_proven_one_is_a_failure() {
        for outcome in Outcome::ALL {
            let mut campaign = sample::campaign();
            campaign.scenarios.truncate(1);
            campaign.wanted.truncate(1);
            campaign.scenarios[0].outcome = outcome;
            let xml = render(&campaign.settle(None)).unwrap();
            let document = accepted(&xml);
            let failed = document
                .descendants()
                .any(|node| node.has_tag_name("failure"));
            let skipped = document
                .descendants()
                .any(|node| node.has_tag_name("skipped"));
            assert_eq!(
                (failed, skipped),
                (!outcome.is_proven(), false),
                "{outcome}"
            );
        }
    }

    #[test]
    fn a_campaign_that_was_stopped_is_not_green_though_each_of_its_rows_is() {
        let mut campaign = sample::campaign();
        campaign.scenarios.truncate(1);
        campaign.wanted.truncate(1);
        let lost = (ExitCode::Unestablished, "the lab was lost".to_owned());
        let xml = render(&campaign.settle(Some(lost))).unwrap();
        let document = accepted(&xml);
        let error = document
            .descendants()
            .find(|node| node.has_tag_name("error"))
            .unwrap();
        assert_eq!(
            error.attribute("message"),
            Some("stopped: the lab was lost")
        );
    }

    #[test]
    fn a_campaign_of_nothing_is_not_green() {
        let xml = render(&sample::nothing()).unwrap();
        let document = accepted(&xml);
        let errors = document
            .descendants()
            .filter(|node| node.has_tag_name("error"));
        assert_eq!(errors.count(), 2, "what was not run, and that nothing was");
    }
}
