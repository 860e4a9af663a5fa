//! `runproof record`: look at a site and save what was seen.

use std::path::PathBuf;

use clap::Args;
use runproof_model::ExitCode;
use runproof_suite::bind;

use super::check::{print_plan, roles};
use super::recover;
use crate::cli::UsageError;
use crate::live::{Shown, block_on, run_options};
use crate::load::{self, Target};
use crate::options::{DisplayOptions, LookOptions, SelectOptions, SiteChoice, TargetOptions};
use crate::{advice, message};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Look at a site and save what was seen as a bundle.

A bundle holds typed facts and no secrets: secret values are keyed fingerprints.
`check --site bundle:FILE` judges it again, here or anywhere, and comes to the
same verdicts.";

const EXAMPLES: &str = "\
Examples:
  runproof record --site prod prod.json             everything the suites ask for
  runproof record --site prod --suite firewall fw.json
  runproof check --site bundle:prod.json            judge it again";

/// Arguments of `record`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RecordArgs {
    /// Where the bundle is written; a file that is there is replaced
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What is looked at.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Which invariants' facts.
    #[command(flatten)]
    pub select: SelectOptions,
    /// How the site is looked at.
    #[command(flatten)]
    pub look: LookOptions,
}

impl RecordArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When there is no live site to record.
    pub fn check(&self) -> Result<(), UsageError> {
        match &self.target.site {
            Some(SiteChoice::Name(_) | SiteChoice::File(_) | SiteChoice::Lab(_)) => Ok(()),
            Some(SiteChoice::Bundle(_)) => Err(UsageError::new(
                "record looks at a live site, and a bundle is a recording already",
                "name the site: --site NAME or --site FILE.yaml",
            )),
            None => Err(UsageError::new(
                "record needs --site",
                "name the site: --site NAME or --site FILE.yaml; `runproof init` writes a first one",
            )),
        }
    }
}

/// Runs `record`.
pub fn run(args: &RecordArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(code) = recover::before_looking(args.target.site.as_ref(), args.look.plan) {
        return code;
    }
    let loaded = load::library(&args.target.documents)
        .and_then(|library| Ok((load::target(&args.target, &library)?, library)));
    let (target, library) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return error.report(display),
    };
    let Target::Live(live) = &target else {
        return ExitCode::Usage;
    };
    let plan = bind(&library, &live.file.site, &load::selection(&args.select)).whole();
    if plan.wanted().is_empty() {
        message::error("there is nothing to record: no selected invariant looks at a node");
        return ExitCode::NothingChecked;
    }
    if args.look.plan {
        return print_plan(&target, &plan, &args.look);
    }
    let options = run_options(&args.look, None);
    let progress = display.progress();
    progress.begin("looking at", roles(&plan));
    let result = block_on(|cancel| {
        let (progress, options, plan) = (&progress, &options, &plan);
        async move {
            let shown = Shown(progress);
            runproof_engine::record(&live.file.site, plan, &live.key, options, &shown, &cancel)
                .await
        }
    });
    progress.finish();
    let (bundle, run) = match result {
        Ok(recorded) => recorded,
        Err(message) => {
            message::error(&message);
            return ExitCode::Defect;
        }
    };
    for note in &run.notes {
        message::note(note);
    }
    if let Err(error) = bundle.write(&args.file) {
        message::error(&error.to_string());
        return ExitCode::CannotWrite;
    }
    let last = bundle.evidence.rounds.last();
    message::note(&format!(
        "{} of {} in {}",
        message::count(last.map_or(0, |round| round.facts.len()), "fact"),
        message::count(bundle.evidence.nodes.len(), "node"),
        args.file.display()
    ));
    advice::say(&bundle.evidence.nodes);
    let dark = bundle
        .evidence
        .nodes
        .iter()
        .filter(|node| node.trouble.is_some())
        .count();
    match (run.interrupted, dark) {
        (true, _) => ExitCode::Interrupted,
        (false, 0) => ExitCode::Conforms,
        (false, _) => ExitCode::Unestablished,
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{Command, parse};
    use rstest::rstest;

    #[rstest]
    #[case(&["record", "a.json", "--site", "prod"], true)]
    #[case(&["record", "a.json"], false)]
    #[case(&["record", "a.json", "--site", "bundle:b.json"], false)]
    fn only_a_live_site_is_recorded(#[case] words: &[&str], #[case] fine: bool) {
        let Command::Record(args) = parse(words).unwrap().command else {
            panic!("not record");
        };
        assert_eq!(args.check().is_ok(), fine);
    }
}
