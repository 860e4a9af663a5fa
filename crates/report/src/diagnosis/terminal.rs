//! `diagnose --format terminal`: the likeliest cause first, each with its documented fix.

use runproof_model::Diagnosis;
use runproof_model::diagnosis::{Candidate, CandidateScenario, RedMark};

use crate::paint::{Paint, Role};
use crate::terminal::Style;
use crate::terminal::page::{NARROWEST, Page, WIDEST};
use crate::words::{count, source};
use runproof_model::text;

/// So many candidates are shown, unless all are asked for.
const SHOWN: usize = 5;

/// Renders a diagnosis; ends with a newline. `named` is the site as a command names it.
pub fn render(diagnosis: &Diagnosis, named: &str, style: &Style) -> String {
    let paint = Paint { color: style.color };
    let width = style.width.clamp(NARROWEST, WIDEST);
    let mut page = Page::new(paint, width, style.verbose);
    let site = text::one_line(&diagnosis.site, 80);
    let mut words = format!(
        "site {site}: {} red, {} not established",
        diagnosis.red.len(),
        diagnosis.errors
    );
    if diagnosis.recorded {
        words.push_str("; a recording, which says nothing of a live site");
    }
    page.line(0, Role::Strong, &words);
    if diagnosis.partial {
        let words = "the run was interrupted: what it did not come to may be red too";
        page.line(0, Role::Error, words);
    }
    if diagnosis.profile != diagnosis.recorded_in && !diagnosis.candidates.is_empty() {
        let words = format!(
            "the site follows the profile {}; faults were recorded in a lab of the profile {}",
            text::one_line(&diagnosis.profile, 80),
            text::one_line(&diagnosis.recorded_in, 80)
        );
        page.line(0, Role::Error, &words);
    }
    let shown = if style.verbose {
        diagnosis.candidates.len()
    } else {
        SHOWN
    };
    for (index, candidate) in diagnosis.candidates.iter().take(shown).enumerate() {
        one(&mut page, index + 1, candidate);
    }
    let more = diagnosis.candidates.len().saturating_sub(shown);
    if more > 0 {
        page.blank();
        let words = count(more, "more explains a part: -v", "more explain a part: -v");
        page.line(0, Role::Dim, &words);
    }
    if !diagnosis.tell_apart.is_empty() {
        page.blank();
        page.line(0, Role::Strong, "What would tell the first two apart");
        for check in &diagnosis.tell_apart {
            let id = text::one_line(&check.id, 120);
            let again = if check.judged { "" } else { "; not judged yet" };
            let under = text::one_line(&check.red_under, 120);
            page.line(2, Role::Plain, &format!("{id}: red under {under}{again}"));
            page.verbatim(
                2,
                &format!("runproof check --id {id} --site {}", site_word(named)),
            );
        }
    }
    if !diagnosis.unexplained.is_empty() {
        page.blank();
        page.line(0, Role::Fail, "Red, and no documented scenario explains it");
        page.line(2, Role::Plain, &marks(&diagnosis.unexplained));
    }
    page.blank();
    let nothing = diagnosis.red.is_empty();
    let (role, last) = if nothing && diagnosis.errors > 0 {
        (
            Role::Error,
            "nothing is known to be red, but not all could be established",
        )
    } else if nothing && diagnosis.judged == 0 {
        (Role::Error, "nothing was judged, so nothing is known")
    } else if nothing && diagnosis.waived > 0 {
        (
            Role::Plain,
            "nothing is red but what is waived, and that is not looked at",
        )
    } else if nothing {
        (Role::Pass, "nothing is red: there is nothing to diagnose")
    } else {
        match diagnosis.candidates.first() {
            None => (Role::Fail, "no documented scenario fits what is red"),
            Some(first) if first.scenarios.iter().any(CandidateScenario::has_fix) => {
                (Role::Plain, "try the first fix, then check again")
            }
            Some(_) => (
                Role::Plain,
                "the likeliest cause has no documented commands to run as they stand: read its source",
            ),
        }
    };
    page.line(0, role, &format!("{last} - exit {}", diagnosis.exit_code));
    page.finish()
}

/// A name that stands in a command which is copied.
fn site_word(site: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    if !site.is_empty() && site.chars().all(plain) {
        site
    } else {
        "SITE"
    }
}

fn one(page: &mut Page, number: usize, candidate: &Candidate) {
    page.blank();
    let head = format!("{number}. ");
    for (index, scenario) in candidate.scenarios.iter().enumerate() {
        let how = match (scenario.recorded, scenario.standin) {
            (true, false) => "",
            (true, true) => " (recorded on a STAND-IN)",
            (false, _) => " (as declared, never recorded)",
        };
        let text = format!(
            "{}: {}{how}",
            text::one_line(&scenario.id, 120),
            text::one_line(&scenario.title, 200)
        );
        let head = if index == 0 { head.as_str() } else { "or " };
        page.hanging(0, head, Role::Strong, Role::Strong, &text);
    }
    let fits = format!(
        "{:.0} %: explains {}{}{}",
        candidate.score * 100.0,
        candidate.explains.len(),
        match candidate.missing.len() {
            0 => String::new(),
            holds => format!(", though {holds} that should be red under it hold"),
        },
        match candidate.open {
            0 => String::new(),
            open => format!(", {open} not established"),
        },
    );
    page.field(3, "fits", Role::Plain, &fits);
    if page.verbose {
        page.field(3, "explains", Role::Plain, &marks(&candidate.explains));
    }
    if !candidate.missing.is_empty() {
        page.field(3, "holds", Role::Plain, &marks(&candidate.missing));
    }
    for scenario in &candidate.scenarios {
        let of = match candidate.scenarios.len() {
            1 => String::new(),
            _ => format!(" of {}", text::one_line(&scenario.id, 120)),
        };
        fix(page, scenario, &of);
        let sources: Vec<String> = scenario.sources.iter().map(|one| source(one)).collect();
        if !sources.is_empty() {
            page.field(3, "source", Role::Dim, &sources.join("; "));
        }
    }
}

/// The documented commands; as comments those that nobody should run as they stand.
fn fix(page: &mut Page, scenario: &CandidateScenario, of: &str) {
    let on = scenario
        .fix_on
        .as_deref()
        .map_or_else(String::new, |on| format!(", on {}", text::one_line(on, 80)));
    let why = |text: &String| text::one_line(text, 300);
    let defect = scenario
        .document_defect
        .as_ref()
        .map_or_else(String::new, |text| {
            format!("; known not to mend: {}", why(text))
        });
    let (head, lines) = match (&scenario.lab_fix, scenario.fix.is_empty()) {
        (Some(lab), _) => {
            let why = why(&lab.why);
            let head = format!("documented{of}{on}, as an example of a lab ({why}){defect}:");
            (head, &lab.run)
        }
        (None, false) => (format!("documented{of}{on}{defect}:"), &scenario.fix),
        (None, true) => {
            let none = scenario.no_fix.as_deref().unwrap_or("none is documented");
            (
                format!("none{of}: {}", text::one_line(none, 300)),
                &scenario.fix,
            )
        }
    };
    page.field(3, "fix", Role::Plain, &head);
    let mark = if scenario.has_fix() { "" } else { "# " };
    for line in lines.iter().flat_map(|text| text::lines(text, 4000)) {
        page.verbatim(5, &format!("{mark}{line}"));
    }
}

fn marks(marks: &[RedMark]) -> String {
    let words = marks.iter().map(|mark| {
        format!(
            "{} on {}",
            text::one_line(&mark.id, 120),
            text::one_line(&mark.node, 80)
        )
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runproof_model::diagnosis::{FORMAT, FurtherCheck, LabFix};

    fn mark(id: &str, node: &str) -> RedMark {
        RedMark {
            id: id.to_owned(),
            node: node.to_owned(),
        }
    }

    fn scenario(id: &str, fix: &[&str], no_fix: Option<&str>) -> CandidateScenario {
        CandidateScenario {
            id: id.to_owned(),
            title: format!("the title of {id}"),
            recorded: no_fix.is_none(),
            standin: id == "sealed",
            fix: fix.iter().map(|line| (*line).to_owned()).collect(),
            document_defect: None,
            lab_fix: None,
            fix_on: Some("vault".to_owned()),
            no_fix: no_fix.map(str::to_owned),
            sources: vec!["infra-ops/vault-troubleshooting".to_owned()],
        }
    }

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            format: FORMAT.to_owned(),
            site: "prod".to_owned(),
            profile: "incus".to_owned(),
            recorded_in: "incus".to_owned(),
            partial: false,
            recorded: false,
            exit_code: 0,
            red: vec![mark("a", "vault"), mark("b", "system"), mark("c", "proxy")],
            errors: 2,
            judged: 40,
            waived: 0,
            candidates: vec![
                Candidate {
                    scenarios: vec![
                        scenario(
                            "sealed",
                            &[
                                "vault operator unseal",
                                "for u in a b; do\n  systemctl restart $u\ndone",
                            ],
                            None,
                        ),
                        scenario(
                            "sealed-again",
                            &[],
                            Some("the documents \u{1b}[31mhave none"),
                        ),
                    ],
                    score: 0.5,
                    explains: vec![mark("a", "vault"), mark("b", "system")],
                    adds: 2,
                    missing: vec![mark("d", "vault")],
                    open: 1,
                },
                Candidate {
                    scenarios: vec![scenario("lost", &["reboot"], None)],
                    score: 1.0 / 3.0,
                    explains: vec![mark("b", "system")],
                    adds: 0,
                    missing: Vec::new(),
                    open: 0,
                },
            ],
            unexplained: vec![mark("c", "proxy")],
            tell_apart: vec![FurtherCheck {
                id: "a".to_owned(),
                red_under: "sealed".to_owned(),
                judged: false,
            }],
        }
    }

    #[test]
    fn a_diagnosis_looks_like_this() {
        insta::assert_snapshot!(render(&diagnosis(), "prod", &Style::default()));
    }

    #[test]
    fn a_verbose_diagnosis_says_what_is_explained() {
        let style = Style {
            verbose: true,
            ..Style::default()
        };
        let text = render(&diagnosis(), "prod", &style);
        assert!(text.contains("explains  a on vault, b on system"), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && text::is_hostile(c)));
    }

    #[test]
    fn what_nobody_should_run_as_it_stands_is_a_comment_and_the_end_does_not_ask_for_it() {
        let mut diagnosis = diagnosis();
        let known = &mut diagnosis.candidates[0].scenarios;
        known[0].document_defect = Some("the seal has\nanother key".to_owned());
        known[1].no_fix = None;
        known[1].lab_fix = Some(LabFix {
            run: vec!["mc cp /tmp/config.csv local/demo.gbai/".to_owned()],
            why: "its bot is the lab's".to_owned(),
        });
        insta::assert_snapshot!(render(&diagnosis, "prod", &Style::default()));
    }

    #[test]
    fn a_name_that_is_no_word_stands_in_no_command() {
        assert_eq!(site_word("prod"), "prod");
        assert_eq!(site_word("./sites/prod.yaml"), "./sites/prod.yaml");
        assert_eq!(site_word("a b; reboot"), "SITE");
    }

    #[test]
    fn what_a_report_cannot_say_stands_above_all_candidates() {
        let mut diagnosis = diagnosis();
        diagnosis.partial = true;
        diagnosis.profile = "lxd".to_owned();
        let text = render(&diagnosis, "prod", &Style::default());
        let (head, _) = text.split_once("1. sealed").unwrap();
        assert!(head.contains("the run was interrupted"), "{text}");
        assert!(
            head.contains("the profile lxd; faults were recorded in a lab of the profile incus"),
            "{text}"
        );
    }

    #[test]
    fn nothing_red_says_so() {
        let mut nothing = diagnosis();
        nothing.red.clear();
        nothing.candidates.clear();
        nothing.unexplained.clear();
        nothing.tell_apart.clear();
        nothing.exit_code = 3;
        let text = render(&nothing, "prod", &Style::default());
        assert!(
            text.contains("not all could be established"),
            "what nobody could look at is not green: {text}"
        );
        nothing.errors = 0;
        nothing.waived = 1;
        let text = render(&nothing, "prod", &Style::default());
        assert!(text.contains("nothing is red but what is waived"), "{text}");
        nothing.waived = 0;
        nothing.judged = 0;
        let text = render(&nothing, "prod", &Style::default());
        assert!(text.contains("nothing was judged"), "{text}");
        nothing.judged = 40;
        let text = render(&nothing, "prod", &Style::default());
        assert!(
            text.ends_with("nothing is red: there is nothing to diagnose - exit 3\n"),
            "{text}"
        );
    }
}
