//! Which test cases a document has, under which names, and how much each may say.

use std::collections::{BTreeMap, HashMap, HashSet};

use runproof_model::text::one_line;
use runproof_model::{NodeRecord, Report, Verdict};

use super::text;
use crate::words::{self, count};

/// The most that one text says, in bytes; less when the document grows too big.
const TEXT_LIMITS: [usize; 3] = [8 << 10, 2 << 10, 0];
/// The longest message; it stands in an attribute and again in the text.
const MESSAGE: usize = 300;
/// The exit code of a run that checked nothing.
pub(super) const NOTHING: u8 = runproof_model::ExitCode::NothingChecked as u8;
/// What the writer puts around a case, generously.
const CASE_MARKUP: usize = 200;
/// What a suite needs besides its cases: tags and its output.
const SUITE: usize = 12 << 10;

/// A test case, its texts washed and cut.
pub(crate) struct Case {
    /// The node's role as the report has it.
    pub(crate) role: String,
    /// The same as it is printed.
    pub(crate) node: String,
    pub(crate) classname: String,
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) message: String,
    /// Begins with the message; empty for a pass.
    pub(crate) text: String,
    /// How long it took, where it has a time of its own.
    pub(crate) seconds: f64,
}

/// The cases of a document, and what its reader must know about cuts.
pub(super) struct Plan {
    pub(super) cases: Vec<Case>,
    pub(super) notes: Vec<String>,
}

pub(super) fn plan(report: &Report, nodes: &BTreeMap<&str, &NodeRecord>, limit: usize) -> Plan {
    let mut cases: Vec<Case> = report
        .findings
        .iter()
        .map(|finding| {
            let message = message(finding);
            let text = match finding.verdict {
                Verdict::Pass => String::new(),
                Verdict::Fail | Verdict::Error | Verdict::Skip | Verdict::Waived => {
                    let node = nodes.get(finding.node.as_str()).copied();
                    text::body(report, finding, node, &message, TEXT_LIMITS[0])
                }
            };
            let node = node_name(&finding.node);
            Case {
                role: finding.node.clone(),
                classname: format!("runproof.{}.{node}", one_line(&finding.suite, 120)),
                node,
                name: words::name(finding),
                verdict: finding.verdict,
                message,
                text,
                seconds: 0.0,
            }
        })
        .collect();
    if report.exit_code == NOTHING {
        cases.push(nothing_checked(words::exit_of(report)));
    }
    fit(cases, limit)
}

/// A document without a red case reads as success where nobody looks at exit codes.
pub(super) fn nothing_checked(words: &str) -> Case {
    own("nothing-checked", words.to_owned())
}

/// The cases as a document may hold them: within its limit, no two of one name.
pub(super) fn fit(mut cases: Vec<Case>, limit: usize) -> Plan {
    let mut notes = Vec::new();
    for case in &mut cases {
        if case.text.len() > TEXT_LIMITS[0] {
            case.text = text::cut(&case.text, TEXT_LIMITS[0]);
        }
    }
    shrink(&mut cases, limit, &mut notes);
    make_unique(&mut cases);
    Plan { cases, notes }
}

/// A case that speaks of the run and not of a node.
pub(crate) fn own(name: &str, message: String) -> Case {
    Case {
        role: String::new(),
        node: "run".to_owned(),
        classname: "runproof.run".to_owned(),
        name: name.to_owned(),
        verdict: Verdict::Error,
        text: message.clone(),
        message,
        seconds: 0.0,
    }
}

fn node_name(role: &str) -> String {
    let name = one_line(role, 80);
    if name.is_empty() {
        "no-node".to_owned()
    } else {
        name
    }
}

fn message(finding: &runproof_model::Finding) -> String {
    let message = one_line(&finding.message, MESSAGE);
    if message.is_empty() {
        // A result without a message is shown as nothing at all.
        format!("{} (no message)", finding.verdict.as_str())
    } else {
        message
    }
}

/// Cuts texts until the document fits; when even that does not do, leaves out
/// cases, those that hold first, and adds an error that says so.
fn shrink(cases: &mut Vec<Case>, limit: usize, notes: &mut Vec<String>) {
    let suites: HashSet<&str> = cases.iter().map(|case| case.node.as_str()).collect();
    let fixed = suites.len().saturating_mul(SUITE);
    let room = limit.saturating_sub(fixed);
    for (index, text_limit) in TEXT_LIMITS.into_iter().enumerate() {
        if index > 0 {
            for case in cases.iter_mut() {
                case.text = text::cut(&case.text, text_limit.max(case.message.len()));
            }
        }
        if cases.iter().map(size).sum::<usize>() <= room {
            if index > 0 {
                notes.push(
                    "texts are cut to keep this document small; the JSON report has them whole"
                        .to_owned(),
                );
            }
            return;
        }
    }
    leave_out(cases, room, notes);
}

fn leave_out(cases: &mut Vec<Case>, room: usize, notes: &mut Vec<String>) {
    let all = cases.len();
    let rank = |case: &Case| match case.verdict {
        Verdict::Fail => 0,
        Verdict::Error => 1,
        Verdict::Waived => 2,
        Verdict::Skip => 3,
        Verdict::Pass => 4,
    };
    cases.sort_by_key(rank);
    // Room for the error itself.
    let mut used = SUITE.saturating_mul(2);
    let fits = cases
        .iter()
        .take_while(|case| {
            used = used.saturating_add(size(case));
            used <= room
        })
        .count();
    cases.truncate(fits);
    let words = format!(
        "{} left out to keep this document small; the JSON report has all {all}",
        count(all - fits, "result is", "results are")
    );
    notes.push(words.clone());
    cases.push(own("report-cut", words));
}

/// The bytes of a case in the document, at most.
fn size(case: &Case) -> usize {
    let attribute = |text: &str| -> usize {
        text.chars()
            .map(|c| {
                if matches!(c, '<' | '>' | '&' | '"' | '\'') {
                    6
                } else {
                    c.len_utf8()
                }
            })
            .sum()
    };
    CASE_MARKUP
        + attribute(&case.classname)
        + attribute(&case.name)
        + attribute(&case.message)
        + case.text.len()
        + 12 * case.text.matches("]]>").count()
}

/// Two cases of one classname and name would be counted as one.
fn make_unique(cases: &mut [Case]) {
    let mut taken: HashSet<(String, String)> = HashSet::new();
    let mut next: HashMap<(String, String), usize> = HashMap::new();
    for case in cases {
        let key = (case.classname.clone(), case.name.clone());
        if taken.insert(key.clone()) {
            continue;
        }
        let number = next.entry(key).or_insert(2);
        loop {
            let name = format!("{} ({number})", case.name);
            *number += 1;
            if taken.insert((case.classname.clone(), name.clone())) {
                case.name = name;
                break;
            }
        }
    }
}
