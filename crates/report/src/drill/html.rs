//! `drill --format html`: the matrix of scenarios and phases on one page, for people.

use runproof_model::Campaign;
use runproof_model::drill::Row;

use super::notes::{
    NAME, SAID, exit_of, fix, not_run, notes, proven, seconds, standins, stopped, tally,
};
use crate::html::{exit, facts, page, text};

const STYLE: &str = "\
.d td.n{text-align:right;font-variant-numeric:tabular-nums}.d td.o{text-align:center}\
.d tbody th{font-weight:normal;white-space:nowrap}.d a{color:inherit}\
@media screen{.d thead{position:sticky;top:0;background:Canvas}}\
.d tfoot th,.d tfoot td{font-weight:bold;background:#8882}\
li{margin:.1rem 0}";

/// Renders a campaign; ends with a newline.
pub fn render(campaign: &Campaign) -> String {
    let title = format!("runproof drill: the lab {}", text(&campaign.lab, 80));
    let mut out = facts([
        ("proven", proven(campaign)),
        ("outcomes", tally(campaign)),
        ("exit code", exit(campaign.exit_code, exit_of(campaign))),
    ]);
    not_all(&mut out, campaign);
    if !campaign.scenarios.is_empty() {
        matrix(&mut out, campaign);
        details(&mut out, campaign);
    }
    page(&title, STYLE, &out)
}

/// What was asked for and not run.
fn not_all(out: &mut String, campaign: &Campaign) {
    if let Some(why) = stopped(campaign) {
        let why = text(&why, SAID);
        out.push_str(&format!("<p class=\"bad\">stopped: {why}</p>\n"));
    }
    let left = not_run(campaign);
    if left.is_empty() {
        return;
    }
    out.push_str(&format!("<h2>Not run ({})</h2>\n<ul>\n", left.len()));
    for name in left {
        let name = text(&name, NAME);
        out.push_str(&format!(
            "<li><span class=\"not-run\">not run</span> {name}</li>\n"
        ));
    }
    out.push_str("</ul>\n");
}

/// Scenarios down, phases across.
fn matrix(out: &mut String, campaign: &Campaign) {
    out.push_str(
        "<h2>Matrix</h2>\n<p>Seconds: <b>inject</b> until the effect was seen, <b>red</b> from there \
         until everything was red that had to be, <b>green</b> from the fix until all of that was green, \
         <b>undo</b> until the lab was as before, <b>whole</b> the drill. A dash is a phase that was not \
         come to.</p>\n\
         <table class=\"d\">\n<thead><tr><th>scenario</th><th>node</th><th>outcome</th><th>inject</th>\
         <th>red</th><th>green</th><th>undo</th><th>whole</th><th>fix</th><th>rests on</th></tr></thead>\n<tbody>\n",
    );
    for (at, row) in campaign.scenarios.iter().enumerate() {
        line(out, at, row);
    }
    let whole: f64 = campaign.scenarios.iter().map(|row| row.times.whole_s).sum();
    out.push_str(&format!(
        "</tbody>\n<tfoot><tr><th colspan=\"7\">{}</th><td class=\"n\">{}</td><td colspan=\"2\"></td></tr></tfoot>\n</table>\n",
        proven(campaign),
        seconds(Some(whole))
    ));
}

fn line(out: &mut String, at: usize, row: &Row) {
    let outcome = row.outcome;
    out.push_str(&format!(
        "<tr><th title=\"{}\"><a href=\"#s{at}\">{}</a></th><td>{}</td><td class=\"o {outcome}\">{outcome}</td>",
        text(&row.title, 200),
        text(&row.scenario, NAME),
        text(&row.role, NAME),
    ));
    let whole = (row.times.whole_s > 0.0).then_some(row.times.whole_s);
    for time in row
        .times
        .phases()
        .map(|(_, time)| time)
        .into_iter()
        .chain([whole])
    {
        out.push_str(&format!("<td class=\"n\">{}</td>", seconds(time)));
    }
    out.push_str(&format!(
        "<td>{}</td><td>{}</td></tr>\n",
        fix(&row.fix),
        text(&standins(row), NAME)
    ));
}

/// What was done, and what each invariant said.
fn details(out: &mut String, campaign: &Campaign) {
    out.push_str("<h2>Scenarios</h2>\n<ul>\n");
    for (at, row) in campaign.scenarios.iter().enumerate() {
        let outcome = row.outcome;
        out.push_str(&format!(
            "<li id=\"s{at}\"><b>{}</b> <span class=\"{outcome}\">{outcome}</span> {}<ul>",
            text(&row.scenario, NAME),
            text(&row.title, 200),
        ));
        for note in notes(row, true) {
            let said = text(&note.text, SAID);
            out.push_str(&match note.outcome {
                Some(outcome) => {
                    format!("<li><span class=\"{outcome}\">{outcome}</span> {said}</li>")
                }
                None => format!("<li>{}: <code>{said}</code></li>", note.label),
            });
        }
        out.push_str("</ul></li>\n");
    }
    out.push_str("</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::sample;
    use proptest::prelude::*;
    use runproof_model::text;

    #[test]
    fn a_campaign_with_every_outcome_looks_like_this() {
        insta::assert_snapshot!(render(&sample::campaign()));
    }

    #[test]
    fn the_page_asks_for_nothing_and_runs_nothing() {
        let html = render(&sample::campaign());
        for asks in ["<script", "src=", "http:", "https:", "url(", "@import"] {
            assert!(!html.contains(asks), "{asks}");
        }
    }

    #[test]
    fn a_campaign_of_nothing_says_so() {
        let html = render(&sample::nothing());
        assert!(html.contains("3: nothing was checked"), "{html}");
        assert!(!html.contains("<tbody>"), "{html}");
    }

    proptest! {
        #[test]
        fn no_markup_gets_into_the_page(
            hostile in proptest::collection::vec(any::<char>(), 0..60)
        ) {
            let hostile: String = hostile.into_iter().collect();
            let plain = render(&sample::filled("x")).matches('<').count();
            let html = render(&sample::filled(&hostile));
            prop_assert_eq!(html.matches('<').count(), plain);
            prop_assert!(!html.chars().any(|c| c != '\n' && text::is_hostile(c)));
        }
    }
}
