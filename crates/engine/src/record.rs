//! `record`: the evidence of a live site as a bundle.

use runproof_model::Site;
use runproof_site::{Bundle, CancellationToken, Progress};
use runproof_suite::Plan;

use crate::key::SiteKey;
use crate::run::{Run, RunOptions, run};

/// Looks at a live site and keeps what was seen.
pub async fn record(
    site: &Site,
    plan: &Plan,
    key: &SiteKey,
    options: &RunOptions,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> (Bundle, Run) {
    let run = run(site, plan, key, options, progress, cancel).await;
    (Bundle::new(site, run.evidence.clone()), run)
}
