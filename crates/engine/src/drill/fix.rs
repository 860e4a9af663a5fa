//! The documented fix: is it needed, does it mend, is it harmless when it is run twice.

use std::time::{Duration, Instant};

use runproof_fault::{FaultError, Held};
use runproof_lab::Said;
use runproof_model::drill::{FixProof, Row};
use runproof_suite::BoundScenario;
use serde::Deserialize;

use super::sight::{NotGreen, Sight};
use super::{DEFECT_TIME, GREEN_TIME, MENDED};

/// What a shell ends with when there is no such program, or it may not be run. That says nothing of a
/// fix: neither that it mends, nor that its document is wrong.
const NOT_RUN: [i32; 2] = [126, 127];

/// A fix as a suite writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fix {
    /// The documented commands, run as written.
    #[serde(default)]
    pub run: Vec<String>,
    /// The role of the node in which they are run, when it is not the broken one.
    pub on: Option<String>,
    /// Why there is none that could be run.
    pub none: Option<String>,
    /// For how many seconds it has to stay green afterwards, where that shows only then: a program that
    /// is started anew has said nothing of its trouble yet.
    #[serde(default)]
    pub stays_s: u16,
    /// Why the commands cannot mend, whoever runs them: the document is wrong, and a drill that
    /// finds them to fail has found what is known.
    pub document_defect: Option<String>,
    /// What in the commands is the lab's, as the name of its bot or the content of a file: whoever mends
    /// a site is shown them as an example, and has to put in what is theirs.
    pub lab_only: Option<String>,
}

impl Fix {
    /// The fix of a scenario.
    ///
    /// # Errors
    /// When it cannot be read, or says neither how it mends nor why nothing does.
    pub fn read(scenario: &BoundScenario) -> Result<Self, String> {
        let Some(written) = &scenario.fix else {
            return Ok(Self {
                none: Some("nothing is documented".to_owned()),
                ..Self::default()
            });
        };
        let fix: Self = serde_json::from_value(written.clone())
            .map_err(|error| format!("the fix cannot be read: {error}"))?;
        let blank = |text: &String| text.trim().is_empty();
        let wrong = match (&fix.none, fix.run.is_empty()) {
            (None, true) => "it has neither `run`, the documented commands, nor `none`, the reason",
            (Some(_), false) => "it has both `run` and `none`",
            (Some(none), true) if blank(none) => "`none` is empty: it is the reason",
            (None, false) if fix.run.iter().any(blank) => "a command of `run` is empty",
            (None, false) if fix.document_defect.as_ref().is_some_and(blank) => {
                "`document-defect` is empty: it is the reason"
            }
            (Some(_), true) if fix.document_defect.is_some() => {
                "`document-defect` is said of commands, and it has none"
            }
            (None, false) if fix.lab_only.as_ref().is_some_and(blank) => {
                "`lab-only` is empty: it is the reason"
            }
            (Some(_), true) if fix.lab_only.is_some() => {
                "`lab-only` is said of commands, and it has none"
            }
            (Some(_), true) | (None, false) => return Ok(fix),
        };
        Err(format!("the fix cannot be read: {wrong}"))
    }

    /// Runs it, and tells what that proves. A defect of the document has to show itself, and only that
    /// way is it one: a command that mends by now asks for a revision.
    pub(super) async fn prove(
        &self,
        held: &mut Held,
        scenario: &BoundScenario,
        sight: &Sight<'_>,
        row: &mut Row,
    ) -> Result<FixProof, FaultError> {
        let (proof, red) = self.run(held, scenario, sight, row).await?;
        Ok(match (&self.document_defect, proof) {
            (Some(why), FixProof::Failed(seen)) if red => {
                FixProof::DocumentDefect(format!("{why} ({seen})"))
            }
            (Some(why), FixProof::Proven) => FixProof::Failed(format!(
                "it mends, and its suite says that it cannot, for {why}: revise the suite"
            )),
            (_, proof) => proof,
        })
    }

    /// What it proves, and whether something was known to be red in the end.
    async fn run(
        &self,
        held: &mut Held,
        scenario: &BoundScenario,
        sight: &Sight<'_>,
        row: &mut Row,
    ) -> Result<(FixProof, bool), FaultError> {
        if let Some(why) = &self.none {
            return Ok((FixProof::None(why.clone()), true));
        }
        let role = self.on.as_deref().unwrap_or(&scenario.role);
        let started = Instant::now();
        let mut last = String::new();
        for turn in 1..=2 {
            let said = held.fix(role, &self.run).await?;
            let ended = |(command, said): (&String, &Said)| {
                let error = said.error.lines().last().unwrap_or_default();
                format!("`{command}` ended with {}: {error}", said.code)
            };
            let all = self.run.iter().zip(&said);
            if let Some(one) = all.clone().find(|(_, said)| NOT_RUN.contains(&said.code)) {
                return Ok((FixProof::CannotRun(ended(one)), false));
            }
            let nothing_worked = said.iter().all(|said| said.code != 0);
            let failed: Vec<String> = all.filter(|(_, said)| said.code != 0).map(ended).collect();
            if let Some(one) = failed.first() {
                last.clone_from(one);
            }
            if turn == 1 {
                row.failed_commands = failed;
            }
            // What is known not to mend is not waited for as long.
            let time = match self.document_defect {
                Some(_) => DEFECT_TIME,
                None => GREEN_TIME,
            };
            let stays = Duration::from_secs(self.stays_s.into()).max(MENDED);
            let green = sight.stays_green(&scenario.turns_red, time, stays).await;
            let took = started.elapsed().saturating_sub(stays);
            if let Err(left) = green {
                let red = left.bad.values().any(|red| *red);
                let words = format!("{}. {last}", words(&left, red, turn));
                return Ok((FixProof::Failed(words.trim_end().to_owned()), red));
            }
            // Then it was something else that mended.
            if turn == 1 && nothing_worked {
                let words = format!("it is green again, but no command succeeded: {last}");
                return Ok((FixProof::Failed(words), false));
            }
            if turn == 1 {
                row.times.green_s = Some(took.as_secs_f64());
            }
        }
        // A consequence may outlive its cause, as a line in a log does: that is told, and no failure.
        let left = sight.bad(&scenario.cascades).await;
        row.left = left.into_keys().collect();
        Ok((FixProof::Proven, false))
    }
}

/// What is left after a turn of the fix, in words.
fn words(left: &NotGreen, red: bool, turn: u8) -> String {
    let how = if red { "red" } else { "not established" };
    let when = match (left.comes_and_goes, turn) {
        (true, 1) => format!("green for moments, and then {how} again"),
        (true, _) => format!("green for moments, and then {how}, after it was run a second time"),
        (false, 1) => format!("still {how}"),
        (false, _) => format!("{how} after it was run a second time"),
    };
    let ids: Vec<&str> = left.bad.keys().map(String::as_str).collect();
    format!("{when}: {}", ids.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn read(fix: Option<Value>) -> Result<Fix, String> {
        Fix::read(&BoundScenario {
            id: "a-scenario".to_owned(),
            title: String::new(),
            suite: String::new(),
            role: "system".to_owned(),
            fault: json!({ "nothing": {} }),
            turns_red: Vec::new(),
            cascades: Vec::new(),
            fix,
            sources: Vec::new(),
        })
    }

    #[rstest]
    #[case::commands(json!({ "run": ["systemctl restart ui"], "on": "system" }))]
    #[case::a_reason(json!({ "none": "no document says how" }))]
    #[case::a_defect(json!({ "run": ["systemctl restart ui"], "document-defect": "it is masked", "stays-s": 20 }))]
    fn a_fix_says_how_it_mends_or_why_nothing_does(#[case] fix: Value) {
        assert!(read(Some(fix)).is_ok());
    }

    #[rstest]
    #[case::never(false, true, 1, "still red: a, b")]
    #[case::nobody_knows(false, false, 1, "still not established: a, b")]
    #[case::not_idempotent(false, true, 2, "red after it was run a second time: a, b")]
    #[case::flaps(true, true, 1, "green for moments, and then red again: a, b")]
    #[case::flaps_later(
        true,
        false,
        2,
        "green for moments, and then not established, after it was run a second time: a, b"
    )]
    fn what_a_fix_leaves_is_said_in_words(
        #[case] comes_and_goes: bool,
        #[case] red: bool,
        #[case] turn: u8,
        #[case] said: &str,
    ) {
        let bad = [("b".to_owned(), false), ("a".to_owned(), red)].into();
        let left = NotGreen {
            bad,
            comes_and_goes,
        };
        assert_eq!(words(&left, red, turn), said);
    }

    #[test]
    fn a_scenario_without_a_fix_has_nothing_documented() {
        assert_eq!(
            read(None).unwrap().none.as_deref(),
            Some("nothing is documented")
        );
    }

    #[rstest]
    #[case::nothing(json!({}), "neither `run`")]
    #[case::no_commands(json!({ "run": [] }), "neither `run`")]
    #[case::only_a_role(json!({ "on": "system" }), "neither `run`")]
    #[case::both(json!({ "run": ["true"], "none": "why" }), "both `run` and `none`")]
    #[case::no_reason(json!({ "none": " " }), "`none` is empty")]
    #[case::no_command(json!({ "run": ["true", ""] }), "a command of `run` is empty")]
    #[case::a_defect_of_nothing(json!({ "none": "why", "document-defect": "why" }), "is said of commands")]
    #[case::a_defect_without_a_reason(json!({ "run": ["true"], "document-defect": " " }), "`document-defect` is empty")]
    #[case::unknown(json!({ "runs": ["true"] }), "unknown field `runs`")]
    #[case::no_list(json!({ "run": "true" }), "invalid type")]
    fn what_is_no_fix_is_not_read(#[case] fix: Value, #[case] said: &str) {
        let error = read(Some(fix)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
