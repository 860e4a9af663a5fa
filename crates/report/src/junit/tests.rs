//! The safe subset, held against two strict parsers.

use std::collections::HashSet;

use proptest::prelude::*;
use roxmltree::{Document, Node};
use runproof_model::exit::Gate;
use runproof_model::text::is_hostile;
use runproof_model::{Finding, Severity};

use super::*;
use crate::sample;

/// Reads a document with both parsers; checks what every consumer needs.
pub(crate) fn accepted(xml: &str) -> Document<'_> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    loop {
        if matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {
            break;
        }
    }
    let document = Document::parse(xml).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    assert_eq!(
        root.attributes().count(),
        0,
        "no `skipped`, no counts that somebody rejects"
    );
    let mut names = HashSet::new();
    for suite in root.children().filter(Node::is_element) {
        assert_eq!(suite.tag_name().name(), "testsuite");
        assert!(decimal(suite.attribute("time").unwrap()));
        let cases: Vec<_> = suite
            .children()
            .filter(|node| node.has_tag_name("testcase"))
            .collect();
        let with = |tag| {
            let has = |case: &&Node<'_, '_>| case.children().any(|c| c.has_tag_name(tag));
            cases.iter().filter(has).count().to_string()
        };
        assert_eq!(suite.attribute("tests").unwrap(), cases.len().to_string());
        assert_eq!(suite.attribute("failures").unwrap(), with("failure"));
        assert_eq!(suite.attribute("errors").unwrap(), with("error"));
        for case in cases {
            let name = (
                case.attribute("classname").unwrap().to_owned(),
                case.attribute("name").unwrap().to_owned(),
            );
            assert!(!name.1.is_empty());
            assert!(decimal(case.attribute("time").unwrap()));
            let results: Vec<_> = case.children().filter(Node::is_element).collect();
            assert!(results.len() <= 1);
            for result in results {
                assert!(["failure", "error", "skipped"].contains(&result.tag_name().name()));
                let message = result.attribute("message").unwrap();
                let text: String = result.children().filter_map(|child| child.text()).collect();
                assert!(
                    !message.is_empty() && text.starts_with(message),
                    "{message}: {text}"
                );
                assert!(text.len() <= 8 << 10);
            }
            assert!(names.insert(name), "classname and name are unique");
        }
    }
    assert!(!xml.chars().any(|c| c != '\n' && is_hostile(c)));
    document
}

fn decimal(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

#[test]
fn a_report_with_every_verdict_looks_like_this() {
    let xml = render(&sample::report()).unwrap();
    accepted(&xml);
    // One line a tag, so that a change can be read.
    insta::assert_snapshot!(xml.replace("><", ">\n<"));
}

#[test]
fn each_verdict_becomes_its_result() {
    let xml = render(&sample::report()).unwrap();
    let document = accepted(&xml);
    let result = |id: &str| {
        let case = document
            .descendants()
            .find(|node| node.has_tag_name("testcase") && node.attribute("name") == Some(id))
            .unwrap();
        case.children()
            .find(Node::is_element)
            .map(|node| node.tag_name().name().to_owned())
    };
    assert_eq!(result("botui-port"), None);
    assert_eq!(result("vault-unsealed").as_deref(), Some("failure"));
    assert_eq!(result("fw-loopback-accept-first").as_deref(), Some("error"));
    assert_eq!(result("meet-listens").as_deref(), Some("skipped"));
    assert_eq!(result("glibc-new-enough").as_deref(), Some("skipped"));
}

#[test]
fn markup_in_a_message_stays_text() {
    let xml = render(&sample::report()).unwrap();
    let document = accepted(&xml);
    let text: String = document
        .descendants()
        .filter(|node| node.has_tag_name("failure"))
        .flat_map(|node| node.children().filter_map(|child| child.text()))
        .collect();
    assert!(
        text.contains("]]><failure>"),
        "nothing of it is lost: {text}"
    );
}

#[test]
fn the_same_name_twice_is_told_apart() {
    let mut report = sample::empty();
    for id in ["a", "a (2)", "a", "a"] {
        report.findings.push(Finding {
            node: "system".to_owned(),
            ..Finding::named(id, "s")
        });
    }
    let xml = render(&report.settle(Gate::default(), false)).unwrap();
    accepted(&xml);
}

#[test]
fn a_run_that_checked_nothing_is_not_green() {
    let xml = render(&sample::empty().settle(Gate::default(), false)).unwrap();
    let document = accepted(&xml);
    assert!(
        document
            .descendants()
            .any(|node| node.has_tag_name("error"))
    );
}

#[test]
fn a_start_that_is_no_time_is_said() {
    for started in [
        "yesterday",
        "-000001-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
    ] {
        let mut report = sample::report();
        report.started = started.to_owned();
        let xml = render(&report).unwrap();
        accepted(&xml);
        assert!(xml.contains("is not a time"), "{started}");
    }
}

fn many(number: usize) -> Report {
    let mut report = sample::empty();
    for index in 0..number {
        let verdict = Verdict::ALL[index % Verdict::ALL.len()];
        report.findings.push(Finding {
            node: format!("node-{}", index % 3),
            verdict,
            severity: Severity::High,
            message: "&<>]]>\"".repeat(50),
            fix: vec!["]]>".repeat(1000); 4],
            ..Finding::named(format!("id-{index}"), "suite")
        });
    }
    report.settle(Gate::default(), false)
}

#[test]
fn a_big_document_is_cut_to_its_limit_and_says_so() {
    let report = many(200);
    let whole = render(&report).unwrap();
    accepted(&whole);
    assert!(whole.contains("cut here"), "one text has its own limit");
    for limit in [1_000_000, 450_000, 120_000, 90_000, 65_000] {
        let xml = render_within(&report, limit).unwrap();
        let document = accepted(&xml);
        assert!(xml.len() <= limit, "{} > {limit}", xml.len());
        let cases = document
            .descendants()
            .filter(|node| node.has_tag_name("testcase"))
            .count();
        if cases < 200 {
            assert!(
                xml.contains("report-cut"),
                "{limit}: what is left out is an error"
            );
            assert!(xml.contains("left out to keep this document small"));
        } else if xml.len() < whole.len() {
            assert!(xml.contains("texts are cut"), "{limit}");
        }
    }
}

#[test]
#[ignore = "slow without optimisation: run it with --release -- --ignored"]
fn a_huge_run_stays_below_what_consumers_take() {
    let xml = render(&many(12_000)).unwrap();
    assert!(xml.len() <= DOCUMENT_LIMIT, "{}", xml.len());
    accepted(&xml);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_gives_an_accepted_document(text in proptest::collection::vec(any::<char>(), 0..60)) {
        let text: String = text.into_iter().collect();
        let xml = render(&sample::with_text_everywhere(&text)).unwrap();
        accepted(&xml);
    }

    #[test]
    fn marks_of_markup_give_an_accepted_document(text in "[\\]>\\[<&\"'!CDAT \n\r\t\u{1b}\u{0}]{0,60}") {
        let xml = render(&sample::with_text_everywhere(&text)).unwrap();
        accepted(&xml);
    }

    #[test]
    fn a_cut_is_in_bounds_and_keeps_whole_characters(text in "\\PC{0,100}", limit in 0usize..200) {
        prop_assert!(super::text::cut(&text, limit).len() <= limit);
    }
}
