//! `prove --format junit`: one case a scenario, one an invariant, by the ways of
//! [`crate::junit`].

use runproof_model::proof::{ScenarioState, Standing};
use runproof_model::{Proof, Verdict};

use super::weak::{cell, is_wrong, lists, why};
use crate::clean;
use crate::junit::{Case, JunitError, document};

/// Renders a proof; ends with a newline.
///
/// # Errors
///
/// When the XML writer fails, which nothing in a proof should be able to cause.
pub fn render(proof: &Proof) -> Result<String, JunitError> {
    let site = clean::line(&proof.site, 80);
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
            (ScenarioState::Unproven, _) => (Verdict::Skip, format!("unproven: {}", why(row))),
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
    let weak = lists(proof);
    for column in &proof.invariants {
        let lines: Vec<String> = weak
            .iter()
            .filter(|list| matches!(list.title, "Toothless" | "Green on unknown"))
            .flat_map(|list| {
                let of = list.entries.iter().filter(|(name, _)| *name == column.id);
                of.map(|(_, text)| format!("{}: {text}", list.title.to_lowercase()))
            })
            .collect();
        let (verdict, message) = match (column.standing, lines.first()) {
            (Standing::Holds, None) => (Verdict::Pass, String::new()),
            (Standing::Holds, Some(first)) => (Verdict::Fail, first.clone()),
            (Standing::Defect, _) => (Verdict::Skip, "a defect of the documents".to_owned()),
            (Standing::Skipped, _) => (Verdict::Skip, "does not apply to the reference".to_owned()),
            (Standing::Red, _) => (Verdict::Skip, "red on the reference".to_owned()),
        };
        let text = match verdict {
            Verdict::Fail => lines.join("\n"),
            Verdict::Pass | Verdict::Error | Verdict::Skip | Verdict::Waived => message.clone(),
        };
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

fn case(
    part: &str,
    suite: &str,
    id: &str,
    verdict: Verdict,
    message: String,
    text: String,
) -> Case {
    let suite = match clean::line(suite, 120) {
        suite if suite.is_empty() => "none".to_owned(),
        suite => suite,
    };
    Case {
        role: String::new(),
        node: part.to_owned(),
        classname: format!("runproof.prove.{part}.{suite}"),
        name: clean::line(id, 120),
        verdict,
        message: clean::line(&message, 300),
        text,
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::junit::accepted;
    use crate::proof::sample;

    #[test]
    fn a_proof_with_every_cell_looks_like_this() {
        let xml = render(&sample::proof()).unwrap();
        accepted(&xml);
        // One line a tag, so that a change can be read.
        insta::assert_snapshot!(xml.replace("><", ">\n<"));
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
