//! Which tests there are, without looking at any site.

use runproof_model::{Site, Verdict, text};
use runproof_suite::{Library, Selection, bind};

/// The longest reason that stands beside a name.
const REASON: usize = 160;

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The invariant's identifier.
    pub(crate) id: String,
    /// What a reader of the name should know: why it does not apply, or what is expected of it.
    pub(crate) kind: String,
    /// Whether it does not apply to the site.
    pub(crate) ignored: bool,
}

impl Listed {
    /// The whole name, as it is listed.
    pub(crate) fn name(&self) -> String {
        match self.kind.as_str() {
            "" => self.id.clone(),
            kind => format!("[{kind}] {}", self.id),
        }
    }
}

/// Every invariant of the library as a test. What does not apply to the site is ignored, and its
/// name says why; of a site that is not known, everything has to be judged.
pub(crate) fn of(library: &Library, site: Option<Site>) -> Vec<Listed> {
    let plan = site.map(|site| bind(library, &site, &Selection::all()));
    let mut listed: Vec<Listed> = library
        .invariants()
        .map(|(_, invariant)| {
            let id = invariant.id.value.clone();
            let bound: Vec<_> = plan
                .iter()
                .flat_map(|plan| &plan.bound)
                .filter(|bound| bound.invariant.id.value == id)
                .collect();
            let skipped = bound.iter().map(|bound| {
                let settled = bound.settled.as_ref();
                settled.filter(|settled| settled.verdict == Verdict::Skip)
            });
            let ignored = match (&plan, skipped.collect::<Option<Vec<_>>>()) {
                (Some(plan), Some(skips)) => Some(skips.first().map_or_else(
                    || format!("the profile {} does not state it", plan.profile),
                    |skip| skip.message.clone(),
                )),
                (_, None) | (None, _) => None,
            };
            let expected = invariant
                .document_defect
                .as_ref()
                .map(|_| "document defect, expected to fail".to_owned());
            Listed {
                id,
                kind: ignored
                    .as_ref()
                    .map(|reason| text::one_line(reason, REASON))
                    .or(expected)
                    .unwrap_or_default(),
                ignored: ignored.is_some(),
            }
        })
        .collect();
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    listed
}
