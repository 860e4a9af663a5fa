//! `diagnose`: which documented scenarios explain what is red.
//!
//! Every scenario has a signature: what turned red when it was recorded, or, where there is no
//! recording, what its suite declares. Those that fit a red set are ranked so that together they
//! explain as much of it as possible with as little missing: a greedy cover, because two faults at
//! once look like neither of them.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::diagnosis::{
    Candidate, CandidateScenario, FORMAT, FurtherCheck, LabFix, RedMark,
};
use runproof_model::{
    Diagnosis, Evidence, ExitCode, FaultRecording, Finding, Report, Site, Verdict,
};
use runproof_suite::{Library, Plan, Scenario};
use serde_json::Value;

use crate::prove::matrix::Reference;

/// So many checks that tell two candidates apart are worth naming.
const FURTHER: usize = 5;
/// What a scenario has to turn red, and what holds, speaks so much stronger against it than a
/// consequence that was red in a lab.
const REFUTES: usize = 4;

/// What is red under a scenario.
#[derive(Clone, Debug)]
pub struct Signature {
    scenario: CandidateScenario,
    marks: BTreeSet<Mark>,
    /// What its suite says that it turns red; the other marks are consequences.
    own: BTreeSet<String>,
}

/// An invariant that is red under a scenario.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    id: String,
    /// The node, where a recording tells; else any.
    node: Option<String>,
    /// Whether it has to be red; a declared consequence may be.
    must: bool,
}

impl Mark {
    fn is(&self, red: &RedMark) -> bool {
        self.id == red.id && self.node.as_ref().is_none_or(|node| *node == red.node)
    }
}

impl Signature {
    /// The scenario's identifier.
    pub fn scenario(&self) -> &str {
        &self.scenario.id
    }

    fn explains(&self, red: &Red) -> bool {
        self.marks.iter().any(|mark| mark.is(&red.mark))
            || red
                .because_of
                .as_ref()
                .is_some_and(|root| self.marks.iter().any(|mark| mark.id == *root))
    }
}

/// The signature of every scenario: `plan` is that of the site of the `reference`, on which the
/// recordings lie. A stale recording counts as none. Commands of fixes are filled in for `site`.
pub fn signatures(
    library: &Library,
    plan: &Plan,
    reference: &Evidence,
    recordings: &[FaultRecording],
    site: &Site,
) -> Vec<Signature> {
    let reference = Reference::new(plan, reference);
    library
        .scenarios()
        .map(|(_, scenario)| {
            let is_fresh = |one: &FaultRecording| {
                let today = reference.digests.of_recording(scenario, one);
                one.differs(&today).is_none()
            };
            let recording = recordings
                .iter()
                .find(|one| one.scenario == scenario.id.value && is_fresh(one));
            let standin =
                recording.is_some_and(|one| reference.rests_on_standin(one, Some(scenario)));
            Signature {
                scenario: described(library, site, scenario, recording.is_some(), standin),
                marks: match recording {
                    Some(recording) => recorded(&reference, recording, scenario),
                    None => declared(scenario),
                },
                own: scenario
                    .turns_red
                    .iter()
                    .map(|id| id.value.clone())
                    .collect(),
            }
        })
        // The negative control breaks nothing, so it explains nothing.
        .filter(|signature| !signature.marks.is_empty())
        .collect()
}

fn declared(scenario: &Scenario) -> BTreeSet<Mark> {
    let marks = |list: &[_], must| -> Vec<Mark> {
        let ids = list.iter();
        ids.map(|id: &runproof_suite::yaml::Located<String>| Mark {
            id: id.value.clone(),
            node: None,
            must,
        })
        .collect()
    };
    let mut all = marks(&scenario.turns_red, true);
    all.extend(marks(&scenario.cascades, false));
    all.into_iter().collect()
}

/// What turned red, and what its suite declares as a consequence beside that: a recording is of the
/// first minute, and a site may have been broken for hours.
fn recorded(
    reference: &Reference<'_>,
    recording: &FaultRecording,
    scenario: &Scenario,
) -> BTreeSet<Mark> {
    let after = reference.with_fault(recording);
    let mut marks: BTreeSet<Mark> = reference
        .findings
        .iter()
        .zip(after)
        .filter(|(old, _)| old.verdict == Verdict::Pass)
        .filter_map(|(_, new)| {
            let must = match new.verdict {
                Verdict::Fail => true,
                // What could not be established there may fail elsewhere.
                Verdict::Error => false,
                Verdict::Pass | Verdict::Skip | Verdict::Waived => return None,
            };
            Some(Mark {
                id: new.id,
                node: Some(new.node),
                must,
            })
        })
        .collect();
    let seen: BTreeSet<String> = marks.iter().map(|mark| mark.id.clone()).collect();
    let consequences = declared(scenario).into_iter();
    marks.extend(consequences.filter(|mark| !mark.must && !seen.contains(&mark.id)));
    marks
}

fn described(
    library: &Library,
    site: &Site,
    scenario: &Scenario,
    recorded: bool,
    standin: bool,
) -> CandidateScenario {
    let fix = scenario.fix.as_ref().map(|fix| fix.to_json());
    let text = |key: &str| {
        let value = fix.as_ref()?.get(key)?.as_str()?;
        Some(library.fill(site, value))
    };
    let commands = match fix.as_ref().and_then(|fix| fix.get("run")) {
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(line)) => vec![line.as_str()],
        _ => Vec::new(),
    };
    let commands: Vec<String> = commands
        .into_iter()
        .map(|line| library.fill(site, line))
        .collect();
    let (fix, lab_fix) = match text("lab-only") {
        Some(why) => (Vec::new(), Some(LabFix { run: commands, why })),
        None => (commands, None),
    };
    CandidateScenario {
        id: scenario.id.value.clone(),
        title: scenario.title.clone(),
        recorded,
        standin,
        fix,
        document_defect: text("document-defect"),
        lab_fix,
        fix_on: text("on").or_else(|| scenario.on.0.first().map(|on| on.value.clone())),
        no_fix: text("none"),
        sources: scenario
            .sources
            .iter()
            .map(|source| source.value.clone())
            .collect(),
    }
}

/// A finding that fails.
struct Red {
    mark: RedMark,
    because_of: Option<String>,
}

/// What a report says, as far as signatures are held against it.
struct Seen {
    red: Vec<Red>,
    errors: usize,
    waived: usize,
    /// How many passed or failed.
    sure: usize,
    /// Invariant → node → the worst verdict over the items of its loop.
    judged: BTreeMap<String, BTreeMap<String, Verdict>>,
}

impl Seen {
    fn of(report: &Report) -> Self {
        let mut judged: BTreeMap<String, BTreeMap<String, Verdict>> = BTreeMap::new();
        let mut red: BTreeMap<RedMark, Option<String>> = BTreeMap::new();
        let counts = |finding: &&Finding| finding.document_defect.is_none();
        for finding in report.findings.iter().filter(counts) {
            let mark = RedMark {
                id: finding.id.clone(),
                node: finding.node.clone(),
            };
            if finding.verdict == Verdict::Fail {
                red.entry(mark).or_insert(finding.because_of.clone());
            }
            judged
                .entry(finding.id.clone())
                .or_default()
                .entry(finding.node.clone())
                .and_modify(|worst| *worst = worse(*worst, finding.verdict))
                .or_insert(finding.verdict);
        }
        let of = |verdicts: &[Verdict]| {
            let counted = report.findings.iter().filter(counts);
            counted
                .filter(|finding| verdicts.contains(&finding.verdict))
                .count()
        };
        Self {
            red: red
                .into_iter()
                .map(|(mark, because_of)| Red { mark, because_of })
                .collect(),
            errors: of(&[Verdict::Error]),
            waived: of(&[Verdict::Waived]),
            sure: of(&[Verdict::Pass, Verdict::Fail]),
            judged,
        }
    }

    /// What the report says of a mark: red on one node that is meant, holds, or nothing.
    fn says(&self, mark: &Mark) -> Said {
        let Some(nodes) = self.judged.get(&mark.id) else {
            return Said::Nothing;
        };
        let meant = nodes
            .iter()
            .filter(|(node, _)| mark.node.as_ref().is_none_or(|other| other == *node));
        let (mut holds, mut unknown) = (None, false);
        for (node, verdict) in meant {
            match verdict {
                Verdict::Fail => return Said::Red,
                Verdict::Error => unknown = true,
                Verdict::Pass => holds = Some(node.clone()),
                Verdict::Skip | Verdict::Waived => {}
            }
        }
        match holds {
            Some(node) if !unknown => Said::Holds(node),
            _ => Said::Nothing,
        }
    }
}

/// The worse of two verdicts of one invariant on one node.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict| match verdict {
        Verdict::Fail => 4,
        Verdict::Error => 3,
        Verdict::Pass => 2,
        Verdict::Waived => 1,
        Verdict::Skip => 0,
    };
    if rank(other) > rank(one) { other } else { one }
}

enum Said {
    Red,
    Holds(String),
    Nothing,
}

/// Signatures that nothing in the report tells apart, and how they fit it.
struct Class<'s> {
    members: Vec<&'s Signature>,
    explains: BTreeSet<usize>,
    /// Of that, what has to be red under it; the rest may be.
    surely: BTreeSet<usize>,
    missing: Vec<RedMark>,
    /// How much that speaks against it.
    against: usize,
    open: usize,
    marks: usize,
}

impl Class<'_> {
    /// From 0 to 1, against what is left of the red set. What only may be red counts half: it
    /// follows from many things.
    #[allow(clippy::cast_precision_loss)]
    fn score(&self, left: &BTreeSet<usize>) -> f64 {
        let new = self.explains.intersection(left).count();
        let sure = self.surely.intersection(left).count();
        let all = left.len() + self.against;
        if all == 0 {
            0.0
        } else {
            (new + sure) as f64 / (2 * all) as f64
        }
    }

    /// How much of the signature is new: of several that explain as much the plainest.
    #[allow(clippy::cast_precision_loss)]
    fn plainness(&self, left: &BTreeSet<usize>) -> f64 {
        let new = self.explains.intersection(left).count();
        new as f64 / self.marks.max(1) as f64
    }
}

/// Ranks the scenarios whose signatures explain what is red in a report.
///
/// `recorded_in` is the profile of the reference that the signatures lie on. Exit code 0 with a
/// candidate, 2 when something is red and none fits, or nothing is and not all could be established, 3
/// when nothing is red.
pub fn diagnose(signatures: &[Signature], recorded_in: &str, report: &Report) -> Diagnosis {
    let seen = Seen::of(report);
    let all: BTreeSet<usize> = (0..seen.red.len()).collect();
    let mut classes = classes(signatures, &seen);
    let mut left = all.clone();
    let mut candidates = Vec::new();
    let mut ranked: Vec<Class<'_>> = Vec::new();
    while !classes.is_empty() {
        // Once all is explained, or nothing explains the rest: the others by themselves.
        let adds = classes
            .iter()
            .any(|class| !class.explains.is_disjoint(&left));
        let against = if adds { &left } else { &all };
        let best = classes
            .iter()
            .enumerate()
            .max_by(|(i, a), (j, b)| {
                a.score(against)
                    .total_cmp(&b.score(against))
                    .then(a.plainness(against).total_cmp(&b.plainness(against)))
                    .then(j.cmp(i))
            })
            .map(|(at, _)| at);
        let Some(at) = best else { break };
        let class = classes.remove(at);
        candidates.push(candidate(&class, &all, &left, &seen));
        left.retain(|red| !class.explains.contains(red));
        ranked.push(class);
    }
    let code = match (seen.red.is_empty(), candidates.is_empty()) {
        (true, _) if seen.errors == 0 => ExitCode::NothingChecked,
        (true, _) | (false, true) => ExitCode::Unestablished,
        (false, false) => ExitCode::Conforms,
    };
    let mark = |at: &usize| seen.red.get(*at).map(|red| red.mark.clone());
    Diagnosis {
        format: FORMAT.to_owned(),
        site: report.site.clone(),
        profile: report.profile.clone(),
        recorded_in: recorded_in.to_owned(),
        partial: report.exit_code == ExitCode::Interrupted.code(),
        recorded: report.recorded,
        exit_code: code.code(),
        red: all.iter().filter_map(mark).collect(),
        errors: seen.errors,
        judged: seen.sure,
        waived: seen.waived,
        candidates,
        unexplained: left.iter().filter_map(mark).collect(),
        tell_apart: tell_apart(&ranked, &seen),
    }
}

/// The signatures that explain anything, those together that the report cannot tell apart.
fn classes<'s>(signatures: &'s [Signature], seen: &Seen) -> Vec<Class<'s>> {
    // Those that explain something else are told apart, whatever hides the rest of their marks.
    type Key<'s> = (BTreeSet<usize>, BTreeSet<usize>, Vec<&'s Mark>);
    let mut by_key: BTreeMap<Key<'s>, Class<'s>> = BTreeMap::new();
    for signature in signatures {
        let explains: BTreeSet<usize> = seen
            .red
            .iter()
            .enumerate()
            .filter(|(_, red)| signature.explains(red))
            .map(|(at, _)| at)
            .collect();
        if explains.is_empty() {
            continue;
        }
        let surely = |at: &usize| {
            let must = signature.marks.iter().filter(|mark| mark.must);
            let red = seen.red.get(*at);
            red.is_some_and(|red| must.clone().any(|mark| mark.is(&red.mark)))
        };
        let surely: BTreeSet<usize> = explains.iter().copied().filter(surely).collect();
        let mut key = Vec::new();
        let (mut missing, mut against, mut open) = (Vec::new(), 0, 0);
        for mark in &signature.marks {
            match seen.says(mark) {
                Said::Red => {}
                Said::Holds(node) if mark.must => {
                    against += if signature.own.contains(&mark.id) {
                        REFUTES
                    } else {
                        1
                    };
                    missing.push(RedMark {
                        id: mark.id.clone(),
                        node,
                    });
                }
                // What only may be red and is not tells nothing.
                Said::Holds(_) => continue,
                Said::Nothing => {
                    open += usize::from(mark.must);
                    continue;
                }
            }
            key.push(mark);
        }
        let marks = key.len();
        by_key
            .entry((explains.clone(), surely.clone(), key))
            .and_modify(|class| {
                class.members.push(signature);
                class.open = class.open.max(open);
                // Where nothing else tells them apart, the best of them speaks for all.
                class.against = class.against.min(against);
            })
            .or_insert_with(|| Class {
                members: vec![signature],
                explains,
                surely,
                missing,
                against,
                open,
                marks,
            });
    }
    let mut classes: Vec<Class<'s>> = by_key.into_values().collect();
    for class in &mut classes {
        class.members.sort_by_key(|member| &member.scenario.id);
    }
    classes.sort_by_key(|class| class.members.first().map(|member| &member.scenario.id));
    classes
}

fn candidate(
    class: &Class<'_>,
    all: &BTreeSet<usize>,
    left: &BTreeSet<usize>,
    seen: &Seen,
) -> Candidate {
    Candidate {
        scenarios: class
            .members
            .iter()
            .map(|member| member.scenario.clone())
            .collect(),
        score: class.score(all),
        explains: class
            .explains
            .iter()
            .filter_map(|at| seen.red.get(*at).map(|red| red.mark.clone()))
            .collect(),
        adds: class.explains.intersection(left).count(),
        missing: class.missing.clone(),
        open: class.open,
    }
}

/// Invariants that are red under one of two and not under the other, those first that the report
/// says nothing of.
///
/// The two are the first scenario and the next with another signature: it may stand in the same
/// class, where what tells them apart could not be established.
fn tell_apart(ranked: &[Class<'_>], seen: &Seen) -> Vec<FurtherCheck> {
    let must = |signature: &Signature| -> BTreeSet<String> {
        let marks = signature.marks.iter().filter(|mark| mark.must);
        marks.map(|mark| mark.id.clone()).collect()
    };
    let mut members = ranked.iter().flat_map(|class| &class.members);
    let Some(one) = members.next() else {
        return Vec::new();
    };
    let ours = must(one);
    let Some(other) = members.find(|other| must(other) != ours) else {
        return Vec::new();
    };
    let theirs = must(other);
    let judged = |id: &str| {
        let nodes = seen.judged.get(id).into_iter().flatten();
        let mut verdicts = nodes.map(|(_, verdict)| *verdict);
        verdicts.any(|verdict| matches!(verdict, Verdict::Pass | Verdict::Fail))
    };
    let mut checks: Vec<FurtherCheck> = ours
        .symmetric_difference(&theirs)
        .map(|id| FurtherCheck {
            judged: judged(id),
            red_under: if ours.contains(id) { one } else { other }
                .scenario
                .id
                .clone(),
            id: id.clone(),
        })
        .collect();
    checks.sort_by(|a, b| (a.judged, &a.id).cmp(&(b.judged, &b.id)));
    checks.truncate(FURTHER);
    checks
}

#[cfg(test)]
mod tests;
