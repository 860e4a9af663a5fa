//! Which findings are shown, in which order, and which stand under another.
//!
//! One cause at night is one alarm: what follows from a root cause stands
//! under it, and the invariants of a node that nobody could look at stand
//! under that node. Nothing is hidden by folding: each is named.

use std::collections::{BTreeMap, HashMap};

use runproof_model::{Finding, Level, NodeRecord, Report, Verdict};

/// A node that could not be looked at, with what could therefore not be established.
pub(super) struct DarkNode<'a> {
    pub(super) node: &'a NodeRecord,
    pub(super) trouble: &'a str,
    pub(super) findings: Vec<&'a Finding>,
}

/// The findings of a report, sorted into the sections of the page.
pub(super) struct Folded<'a> {
    pub(super) fails: Vec<&'a Finding>,
    pub(super) errors: Vec<&'a Finding>,
    pub(super) dark_nodes: Vec<DarkNode<'a>>,
    pub(super) waived: Vec<&'a Finding>,
    pub(super) defects: Vec<&'a Finding>,
    /// By the address of the root finding in the report.
    followers: HashMap<*const Finding, Vec<&'a Finding>>,
}

/// Whether a finding speaks of a defect of the documents and not of the site.
///
/// A failure that gates stays a failure, whatever the documents say.
pub(super) fn is_document_defect(finding: &Finding) -> bool {
    finding.document_defect.is_some()
        && match finding.verdict {
            Verdict::Fail => finding.level == Level::Should,
            Verdict::Skip | Verdict::Pass => true,
            Verdict::Error | Verdict::Waived => false,
        }
}

/// Worst first, then demands before recommendations, then by name.
fn sort(findings: &mut [&Finding]) {
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(a.level.cmp(&b.level))
            .then_with(|| a.sort_key().cmp(&b.sort_key()))
    });
}

impl<'a> Folded<'a> {
    pub(super) fn of(report: &'a Report, verbose: bool) -> Self {
        let mut defects = Vec::new();
        let mut waived = Vec::new();
        let mut wrong = Vec::new();
        for finding in &report.findings {
            if is_document_defect(finding) {
                defects.push(finding);
                continue;
            }
            match finding.verdict {
                Verdict::Fail | Verdict::Error => wrong.push(finding),
                Verdict::Waived => waived.push(finding),
                Verdict::Pass | Verdict::Skip => {}
            }
        }
        for findings in [&mut defects, &mut waived, &mut wrong] {
            sort(findings);
        }
        let (mut shown, followers) = fold_causes(wrong);
        let dark_nodes = if verbose {
            Vec::new()
        } else {
            fold_dark_nodes(report, &mut shown, &followers)
        };
        let (fails, errors) = shown
            .into_iter()
            .partition(|finding| finding.verdict == Verdict::Fail);
        Self {
            fails,
            errors,
            dark_nodes,
            waived,
            defects,
            followers,
        }
    }

    /// What is folded under a finding.
    pub(super) fn followers(&self, root: &Finding) -> &[&'a Finding] {
        self.followers
            .get(&std::ptr::from_ref(root))
            .map_or(&[], Vec::as_slice)
    }
}

type Followers<'a> = HashMap<*const Finding, Vec<&'a Finding>>;

/// Takes out what follows from another finding that is itself shown.
///
/// A finding whose cause is not shown (it is waived, holds, or was not
/// selected) stays where it is and names the cause in a line of its own.
fn fold_causes(wrong: Vec<&Finding>) -> (Vec<&Finding>, Followers<'_>) {
    // The root on the same node when there is one, else the worst of that name.
    let mut by_id: HashMap<&str, &Finding> = HashMap::new();
    let mut by_place: HashMap<(&str, &str), &Finding> = HashMap::new();
    for finding in wrong.iter().filter(|f| f.because_of.is_none()) {
        by_id.entry(&finding.id).or_insert(finding);
        by_place
            .entry((&finding.id, &finding.node))
            .or_insert(finding);
    }
    let mut shown = Vec::new();
    let mut followers: Followers<'_> = HashMap::new();
    for finding in wrong {
        let root = finding.because_of.as_deref().and_then(|id| {
            by_place
                .get(&(id, finding.node.as_str()))
                .or_else(|| by_id.get(id))
        });
        match root {
            Some(root) => followers
                .entry(std::ptr::from_ref(*root))
                .or_default()
                .push(finding),
            None => shown.push(finding),
        }
    }
    (shown, followers)
}

/// Takes out the errors of nodes that could not be looked at at all.
fn fold_dark_nodes<'a>(
    report: &'a Report,
    shown: &mut Vec<&'a Finding>,
    followers: &Followers<'a>,
) -> Vec<DarkNode<'a>> {
    let mut dark: BTreeMap<&str, DarkNode<'a>> = BTreeMap::new();
    for node in &report.nodes {
        if let Some(trouble) = node.trouble.as_deref() {
            let findings = Vec::new();
            let entry = DarkNode {
                node,
                trouble,
                findings,
            };
            dark.insert(node.role.as_str(), entry);
        }
    }
    shown.retain(|finding| {
        if finding.verdict != Verdict::Error
            || followers.contains_key(&std::ptr::from_ref(*finding))
        {
            return true;
        }
        match dark.get_mut(finding.node.as_str()) {
            Some(node) => {
                node.findings.push(finding);
                false
            }
            None => true,
        }
    });
    dark.into_values()
        .filter(|node| !node.findings.is_empty())
        .collect()
}
