//! Waivers: failures that somebody accepted until a day.

use jiff::civil::Date;
use runproof_model::{Finding, Verdict, text};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::{Diagnostic, did_you_mean, tidy};
use crate::library::Library;
use crate::yaml::{Fields, Located, Node};

/// A waivers file.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Waivers {
    /// The accepted failures.
    pub waivers: Vec<Waiver>,
    #[schemars(skip)]
    file: String,
}

/// One accepted failure.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The invariant.
    pub id: Located<String>,
    /// The role of the node; every node when left out.
    #[serde(default)]
    pub node: Option<String>,
    /// The last day on which it is accepted: `2026-12-31`, UTC.
    pub until: Located<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who accepted it.
    pub by: String,
    #[serde(skip)]
    #[schemars(skip)]
    last_day: Option<Date>,
}

impl Waivers {
    /// Reads a waivers file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let node = Node::parse(file, text).map_err(|diagnostic| vec![diagnostic])?;
        let fields = Fields::of(file, &node, &["waivers"], &mut diagnostics);
        let mut waivers: Vec<Waiver> = fields
            .map(|fields| fields.each("waivers", &mut diagnostics))
            .unwrap_or_default()
            .into_iter()
            .map(|(_, waiver)| waiver)
            .collect();
        for waiver in &mut waivers {
            let until = &waiver.until;
            match until.parse::<Date>() {
                Ok(day) if until.len() == 10 => waiver.last_day = Some(day),
                Ok(_) | Err(_) => {
                    let message =
                        format!("expected a day such as 2026-12-31, found `{}`", until.value);
                    diagnostics.push(Diagnostic::new(file, until.place, message));
                }
            }
            for (what, words) in [("reason", &waiver.reason), ("by", &waiver.by)] {
                if words.trim().is_empty() {
                    let message = format!("a waiver needs a `{what}`");
                    diagnostics.push(Diagnostic::new(file, waiver.id.place, message));
                }
            }
        }
        if diagnostics.is_empty() {
            Ok(Self {
                waivers,
                file: file.to_owned(),
            })
        } else {
            Err(tidy(diagnostics))
        }
    }

    /// Waivers of invariants that the library does not have.
    pub fn check(&self, library: &Library) -> Vec<Diagnostic> {
        let unknown = self
            .waivers
            .iter()
            .filter(|waiver| library.invariant(&waiver.id).is_none());
        unknown
            .map(|waiver| {
                let message = format!("there is no invariant `{}`", waiver.id.value);
                let known = library
                    .invariants()
                    .map(|(_, invariant)| invariant.id.as_str());
                Diagnostic::new(&self.file, waiver.id.place, message)
                    .help(did_you_mean(&waiver.id, known))
            })
            .collect()
    }

    /// Waives the failures that are accepted today; only a `fail` can be
    /// accepted, never what could not be established. Returns what the reader
    /// of the report should know: waivers that ran out or met no failure.
    pub fn apply(&self, findings: &mut [Finding], today: Date) -> Vec<String> {
        let mut notes = Vec::new();
        for waiver in &self.waivers {
            let place = waiver.node.as_ref().map(|node| format!(" on {node}"));
            let name = format!("{}{}", waiver.id.value, place.unwrap_or_default());
            // A day that could not be read accepts nothing.
            if waiver.last_day.is_none_or(|day| day < today) {
                notes.push(text::one_line(
                    &format!("the waiver of {name} ended on {}", waiver.until.value),
                    300,
                ));
                continue;
            }
            let mut met = false;
            for finding in findings.iter_mut() {
                let here = finding.id == waiver.id.value
                    && waiver
                        .node
                        .as_ref()
                        .is_none_or(|node| *node == finding.node);
                match finding.verdict {
                    Verdict::Fail if here => {
                        finding.verdict = Verdict::Waived;
                        finding.message = text::one_line(
                            &format!(
                                "accepted by {} until {}: {}; {}",
                                waiver.by, waiver.until.value, waiver.reason, finding.message
                            ),
                            600,
                        );
                        met = true;
                    }
                    Verdict::Waived if here => met = true,
                    Verdict::Pass
                    | Verdict::Fail
                    | Verdict::Error
                    | Verdict::Skip
                    | Verdict::Waived => {}
                }
            }
            if !met {
                notes.push(text::one_line(
                    &format!("the waiver of {name} meets no failure: remove it"),
                    300,
                ));
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn finding(node: &str, verdict: Verdict) -> Finding {
        Finding {
            node: node.into(),
            verdict,
            message: "port is 1, expected 2".into(),
            ..Finding::named("port-right", "net")
        }
    }

    const FILE: &str =
        "waivers:\n- {id: port-right, node: system, until: 2026-12-31, reason: moving, by: ops}\n";

    #[rstest]
    #[case::before("2026-12-30", Verdict::Fail, Verdict::Waived)]
    #[case::on_the_last_day("2026-12-31", Verdict::Fail, Verdict::Waived)]
    #[case::after("2027-01-01", Verdict::Fail, Verdict::Fail)]
    #[case::an_error_is_never_accepted("2026-12-30", Verdict::Error, Verdict::Error)]
    fn a_failure_is_accepted_until_its_last_day(
        #[case] today: &str,
        #[case] before: Verdict,
        #[case] after: Verdict,
    ) {
        let mut findings = [finding("system", before), finding("tables", Verdict::Fail)];
        let waivers = Waivers::load("w", FILE).unwrap();
        let notes = waivers.apply(&mut findings, today.parse().unwrap());
        assert_eq!(findings[0].verdict, after);
        assert_eq!(findings[1].verdict, Verdict::Fail);
        assert_eq!(notes.is_empty(), after == Verdict::Waived, "{notes:?}");
    }

    #[rstest]
    #[case("waivers:\n- {id: x, until: 2026-02-30, reason: a, by: b}\n", "w:2:18")]
    #[case("waivers:\n- {id: x, until: soon, reason: a, by: b}\n", "w:2:18")]
    #[case("waivers:\n- {id: x, until: 2026-02-03, reason: '', by: b}\n", "w:2:8")]
    #[case("waivers:\n- {id: x, until: 2026-02-03, by: b}\n", "w:2:3")]
    fn a_waiver_without_a_day_or_a_reason_is_refused(#[case] text: &str, #[case] place: &str) {
        let diagnostics = Waivers::load("w", text).unwrap_err();
        assert!(
            diagnostics[0].to_string().starts_with(place),
            "{}",
            diagnostics[0]
        );
    }
}
