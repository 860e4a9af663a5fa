//! `check`: evidence to a report, from a live site or from a recording.

use runproof_model::Evidence;
use runproof_model::exit::Gate;
use runproof_model::report::{FORMAT, Report, Summary};
use runproof_model::site::{Identity, Reach, Site, Via};
use runproof_site::{Bundle, CancellationToken, Progress};
use runproof_suite::{Plan, Waivers, evaluate};

use crate::key::SiteKey;
use crate::run::{RunOptions, run};

/// A judged run.
#[derive(Debug)]
pub struct Checked {
    /// What the renderers show.
    pub report: Report,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Looks at a live site and judges it.
#[allow(clippy::too_many_arguments)]
pub async fn check(
    site: &Site,
    plan: &Plan,
    waivers: &Waivers,
    gate: Gate,
    key: &SiteKey,
    options: &RunOptions,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Checked {
    let run = run(site, plan, key, options, progress, cancel).await;
    judge(
        run.evidence,
        plan,
        waivers,
        gate,
        false,
        run.interrupted,
        run.notes,
    )
}

/// Judges a recording.
pub fn replay(bundle: &Bundle, plan: &Plan, waivers: &Waivers, gate: Gate) -> Checked {
    judge(
        bundle.evidence.clone(),
        plan,
        waivers,
        gate,
        true,
        false,
        Vec::new(),
    )
}

fn judge(
    evidence: Evidence,
    plan: &Plan,
    waivers: &Waivers,
    gate: Gate,
    recorded: bool,
    interrupted: bool,
    mut notes: Vec<String>,
) -> Checked {
    let mut findings = evaluate(plan, &evidence);
    notes.extend(
        plan.unmatched
            .iter()
            .map(|selector| format!("{selector} selects nothing")),
    );
    notes.extend(
        waivers.apply(
            &mut findings,
            jiff::Timestamp::now()
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date(),
        ),
    );
    let report = Report {
        format: FORMAT.to_owned(),
        site: evidence.site.clone(),
        // What was followed, which a replay may choose anew.
        profile: plan.profile.clone(),
        recorded,
        started: evidence.started.clone(),
        duration_s: evidence.duration_s,
        exit_code: 0,
        summary: Summary::default(),
        findings,
        nodes: evidence.nodes.clone(),
        notes,
    };
    let report = report
        .settle(gate, interrupted)
        // Who names something that is not there believes it checked.
        .demand(plan.unmatched.is_empty());
    Checked { report, evidence }
}

/// The site of a bundle, as far as binding needs it; it cannot be reached.
pub fn site_of(bundle: &Bundle) -> Site {
    let summary = &bundle.site;
    Site {
        site: summary.name.clone(),
        profile: summary.profile.clone(),
        identity: Identity::default(),
        reach: Reach {
            engine: summary.engine,
            project: None,
            sudo: false,
            ssh: None,
            socket: None,
            via: Via::Auto,
        },
        nodes: summary.nodes.clone(),
        inputs: summary.inputs.clone(),
        content: None,
        standins: summary.standins.clone(),
        waivers: None,
        key_file: None,
        credentials: runproof_model::Credentials::default(),
    }
}
