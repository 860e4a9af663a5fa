//! The page as it looks, and what it may never do.

use super::*;
use crate::{sample, wrap};
use proptest::prelude::*;
use rstest::rstest;
use runproof_model::exit::Gate;

fn plain(width: usize, verbose: bool) -> Style {
    Style {
        color: false,
        width,
        verbose,
    }
}

#[test]
fn a_report_with_every_verdict_looks_like_this() {
    insta::assert_snapshot!(render(&sample::report(), &Style::default()));
}

#[test]
fn a_narrow_terminal_gets_a_narrow_page() {
    insta::assert_snapshot!(render(&sample::report(), &plain(60, false)));
}

#[test]
fn verbose_shows_what_holds_and_what_is_folded() {
    let mut report = sample::report();
    report.findings.retain(|finding| finding.suite != "log");
    insta::assert_snapshot!(render(&report, &plain(100, true)));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let report = sample::report();
    let coloured = render(
        &report,
        &Style {
            color: true,
            ..Style::default()
        },
    );
    assert!(coloured.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, render(&report, &Style::default()));
}

#[test]
fn a_recording_says_so_first() {
    let mut report = sample::report();
    report.recorded = true;
    let text = render(&report, &Style::default());
    assert!(
        text.starts_with("recorded reference, not your site"),
        "{text}"
    );
}

#[test]
fn a_report_of_nothing_is_short_and_says_it() {
    let report = sample::empty().settle(Gate::default(), false);
    insta::assert_snapshot!(render(&report, &Style::default()), @r"
    site lab, profile incus, looked at 2024-02-03T04:05:06Z, took 0.41 s

    0 fail, 0 error, 0 pass - exit 3: nothing was checked
    ");
}

#[rstest]
#[case(100, false)]
#[case(100, true)]
#[case(72, false)]
#[case(40, false)]
fn only_commands_are_wider_than_the_page(#[case] columns: usize, #[case] verbose: bool) {
    let text = render(&sample::report(), &plain(columns, verbose));
    for line in text.lines().filter(|line| !line.starts_with("      ")) {
        assert!(wrap::width(line) <= columns, "{line}");
    }
    assert!(text.lines().count() < 250, "no wall of text");
}

#[test]
fn every_finding_that_is_wrong_is_named() {
    let report = sample::report();
    let text = render(&report, &Style::default());
    for finding in &report.findings {
        match finding.verdict {
            Verdict::Fail | Verdict::Error | Verdict::Waived => {
                assert!(text.contains(&finding.id), "{}", finding.id);
            }
            Verdict::Pass | Verdict::Skip => {}
        }
    }
}

#[test]
fn a_circle_of_causes_hides_nothing() {
    let mut report = sample::empty();
    for (id, cause) in [("a-id", "b-id"), ("b-id", "a-id"), ("c-id", "c-id")] {
        report.findings.push(Finding {
            verdict: Verdict::Fail,
            because_of: Some(cause.to_owned()),
            ..Finding::named(id, "suite")
        });
    }
    let text = render(&report.settle(Gate::default(), false), &Style::default());
    assert!(text.contains("Does not hold (3)"), "{text}");
}

#[test]
fn a_document_defect_that_gates_is_still_a_failure() {
    let mut report = sample::empty();
    report.findings.push(Finding {
        verdict: Verdict::Fail,
        document_defect: Some("it cannot be".to_owned()),
        ..Finding::named("an-id", "suite")
    });
    let text = render(&report.settle(Gate::default(), false), &Style::default());
    assert!(text.contains("Does not hold (1)"), "{text}");
    assert!(text.contains("document  it cannot be"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_of_a_node_reaches_the_terminal_unwashed(
        text in proptest::collection::vec(any::<char>(), 0..60), columns in 0usize..200, verbose: bool
    ) {
        let text: String = text.into_iter().collect();
        let page = render(&sample::with_text_everywhere(&text), &plain(columns, verbose));
        prop_assert!(!page.chars().any(|c| c != '\n' && text::is_hostile(c)));
    }
}
