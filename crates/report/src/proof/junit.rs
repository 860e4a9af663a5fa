//! `prove --format junit`: one case a scenario, one an invariant, by the ways of
//! [`crate::junit`].

use runproof_model::proof::{InvariantColumn, ScenarioState, Standing};
use runproof_model::{Proof, Verdict};

use super::weak::{cell, is_wrong, unmet, weakness, why};
use crate::junit::{Case, JunitError, document};
use runproof_model::text;

/// Renders a proof; ends with a newline.
///
/// # Errors
///
/// When the XML writer fails, which nothing in a proof should be able to cause.
pub fn render(proof: &Proof) -> Result<String, JunitError> {
    let site = text::one_line(&proof.site, 80);
    document(&format!("prove-{site}"), cases(proof), proof.exit_code)
}

fn cases(proof: &Proof) -> Vec<Case> {
    let mut cases = Vec::new();
    for row in &proof.scenarios {
        let wrong: Vec<String> = row
            .cells
            .iter()
            .filter(|one| is_wrong(one))
            .map(|one| format!("{}: {}", one.cell.as_str(), cell(one)))
            .collect();
        let (verdict, message) = match (row.state, wrong.first()) {
            (ScenarioState::Recorded, None) => (Verdict::Pass, String::new()),
            (ScenarioState::Recorded, Some(first)) => (Verdict::Fail, first.clone()),
            (ScenarioState::Stale, _) => (Verdict::Fail, format!("stale: {}", why(row))),
            (ScenarioState::Unproven | ScenarioState::OtherProfile, _) => {
                // What makes the command fail is a failure here too.
                let verdict = if proof.strict {
                    Verdict::Fail
                } else {
                    Verdict::Skip
                };
                (verdict, format!("unproven: {}", why(row)))
            }
        };
        let mut text = message.clone();
        for line in wrong.iter().skip(1) {
            text.push('\n');
            text.push_str(line);
        }
        if row.standin && verdict != Verdict::Pass {
            text.push_str("\nrests on a stand-in");
        }
        cases.push(case(
            "scenarios",
            &row.suite,
            &row.id,
            verdict,
            message,
            text,
        ));
    }
    for column in &proof.invariants {
        let (verdict, lines) = judged(column);
        let message = lines.first().cloned().unwrap_or_default();
        let text = lines.join("\n");
        cases.push(case(
            "invariants",
            &column.suite,
            &column.id,
            verdict,
            message,
            text,
        ));
    }
    cases
}

/// How an invariant stands in the document, and why. What does not hold on the reference is an
/// error: nobody saw it turn red, and a skip is green to most who read it.
fn judged(column: &InvariantColumn) -> (Verdict, Vec<String>) {
    let labelled = |label: &str, said: Vec<String>| -> Vec<String> {
        let said = said.into_iter();
        said.map(|said| format!("{label}: {said}")).collect()
    };
    let weak = [
        labelled("toothless", column.toothless.iter().map(weakness).collect()),
        labelled(
            "green on unknown",
            column.green_on_unknown.iter().map(weakness).collect(),
        ),
    ]
    .concat();
    let open = [
        labelled(
            "red on the reference",
            column.red.iter().map(unmet).collect(),
        ),
        labelled(
            "not established on the reference",
            column.unestablished.iter().map(unmet).collect(),
        ),
    ]
    .concat();
    match (weak.is_empty(), open.is_empty(), column.standing) {
        (false, _, _) => (Verdict::Fail, [weak, open].concat()),
        (true, false, _) => (Verdict::Error, open),
        (true, true, Standing::Holds) => (Verdict::Pass, Vec::new()),
        (true, true, Standing::Defect) => {
            (Verdict::Skip, vec!["a defect of the documents".to_owned()])
        }
        (true, true, Standing::Skipped) => (
            Verdict::Skip,
            vec!["does not apply to the reference".to_owned()],
        ),
        (true, true, Standing::Red | Standing::Unestablished) => (
            Verdict::Error,
            vec!["does not hold on the reference".to_owned()],
        ),
    }
}

fn case(
    part: &str,
    suite: &str,
    id: &str,
    verdict: Verdict,
    message: String,
    text: String,
) -> Case {
    let suite = match text::one_line(suite, 120) {
        suite if suite.is_empty() => "none".to_owned(),
        suite => suite,
    };
    Case {
        role: String::new(),
        node: part.to_owned(),
        classname: format!("runproof.prove.{part}.{suite}"),
        name: text::one_line(id, 120),
        verdict,
        message: text::one_line(&message, 300),
        text,
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::junit::accepted;
    use crate::proof::sample;
    use rstest::rstest;

    #[test]
    fn a_proof_with_every_cell_looks_like_this() {
        let xml = render(&sample::proof()).unwrap();
        accepted(&xml);
        // One line a tag, so that a change can be read.
        insta::assert_snapshot!(xml.replace("><", ">\n<"));
    }

    #[rstest]
    #[case::lax(false, 0)]
    #[case::strict(true, 1)]
    fn what_makes_the_command_fail_is_a_failure(#[case] strict: bool, #[case] red: usize) {
        let proof = sample::unproven().settle(strict);
        assert_eq!(usize::from(proof.exit_code), red);
        let xml = render(&proof).unwrap();
        let document = accepted(&xml);
        let failures = document
            .descendants()
            .filter(|node| node.has_tag_name("failure"));
        assert_eq!(failures.count(), red);
    }

    #[rstest]
    #[case::red_everywhere("net-red", "red on the reference: on system: nat.rules is []")]
    #[case::never_seen(
        "net-unseen",
        "not established on the reference: on system [demo]: timed out"
    )]
    #[case::it_holds_elsewhere(
        "caddy-tls",
        "red on the reference: on drive: tls.verified is false"
    )]
    fn what_does_not_hold_on_the_reference_is_an_error(#[case] id: &str, #[case] said: &str) {
        let xml = render(&sample::proof()).unwrap();
        let document = accepted(&xml);
        let mut cases = document.descendants();
        let case = cases
            .find(|node| node.attribute("name") == Some(id))
            .unwrap();
        let error = case
            .children()
            .find(|node| node.has_tag_name("error"))
            .unwrap();
        assert!(
            error.attribute("message").unwrap().starts_with(said),
            "{error:?}"
        );
    }

    #[test]
    fn a_proof_of_nothing_is_not_green() {
        let mut proof = sample::unproven();
        proof.invariants.clear();
        let xml = render(&proof.settle(false)).unwrap();
        let document = accepted(&xml);
        assert!(
            document
                .descendants()
                .any(|node| node.has_tag_name("error"))
        );
    }
}
