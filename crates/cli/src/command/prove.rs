//! `runproof prove`: are the checks worth anything?

use std::path::PathBuf;

use clap::Args;
use runproof_model::ExitCode;
use runproof_suite::{Selection, bind};

use crate::cli::UsageError;
use crate::options::{DisplayOptions, ProofOutputOptions, SelectOptions, SuiteOptions};
use crate::{faults, load, message, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Prove the checks: show that each turns red when it should, and only then.

Recorded faults are laid over the recorded reference, and every invariant is
judged over each: those that the scenario names must turn red (recall), and no
others but its declared consequences (precision). Then every field that an
expectation reads is changed within its type, made absent and made unknown. An
expectation that no change turns red is toothless; an invariant that holds
though a field that matters is unknown is green on unknown.

Nothing is looked at and nothing is broken: it takes a second, no engine, no
root and no network. Exit code 1 says that a scenario is missed, or an
invariant is red without reason, toothless or green on unknown, or that a
recording is stale. With --strict it also says that a scenario has no recording
of this profile, or that an invariant is red or not established on the
reference, where nothing can prove it. Invariants that no scenario catches are
counted, named with -v, and fail nothing, with --strict neither: mutants alone
show that they can turn red.";

const EXAMPLES: &str = "\
Examples:
  runproof prove                                    what is built in
  runproof prove --strict                           a scenario without a recording fails too
  runproof prove --suite vault -v                   one suite and its scenarios
  runproof prove --output html=proof.html           the whole matrix on one page
  runproof prove --suites suites --faults fixtures/faults --format junit";

/// Arguments of `prove`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProveArgs {
    /// Which documents.
    #[command(flatten)]
    pub documents: SuiteOptions,
    /// Which invariants.
    #[command(flatten)]
    pub select: SelectOptions,
    /// Take recordings of faults from this folder instead of the built-in ones
    #[arg(long, help_heading = "What to look at", value_name = "DIR")]
    pub faults: Option<PathBuf>,
    /// Fail too on scenarios without a recording and on what does not hold on the reference
    #[arg(long, help_heading = "What decides the exit code")]
    pub strict: bool,
    /// What goes where.
    #[command(flatten)]
    pub output: ProofOutputOptions,
}

impl ProveArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When a file is named twice.
    pub fn check(&self) -> Result<(), UsageError> {
        self.output.check()
    }
}

/// Runs `prove`.
pub fn run(args: &ProveArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(error) = write::check_places(args.output.paths()) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    let loaded = load::library(&args.documents).and_then(|library| {
        let reference = load::reference(&library, args.documents.profile.as_deref())?;
        // What was recorded for one profile is no older because another one is asked for.
        let own = match args.documents.profile {
            Some(_) => Some(runproof_engine::site_of(&load::built_in()?)),
            None => None,
        };
        let own = own.filter(|own| own.profile != reference.site.profile);
        let recordings = faults::recordings(args.faults.as_deref())?;
        Ok((library, reference, own, recordings))
    });
    let (library, reference, own, recordings) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return error.report(display),
    };
    let site = runproof_engine::site_of(&reference);
    let plan = bind(&library, &site, &Selection::all());
    let recorded_for = own.map(|own| bind(&library, &own, &Selection::all()));
    let proof = runproof_engine::prove(
        &library,
        &plan,
        recorded_for.as_ref(),
        &reference.evidence,
        &recordings,
        &load::selection(&args.select),
        args.strict,
    );
    if proof.invariants.is_empty() {
        message::error("nothing is selected");
        if let Some(help) = load::nearest(&library, &args.select, Some(&site.profile)) {
            message::help(&help);
        }
        return ExitCode::NothingChecked;
    }
    write::deliver_proof(&proof, &args.output, &display.style())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};
    use crate::options::ProofFormat;

    #[test]
    fn every_option_arrives() {
        let words = [
            "prove",
            "--profile",
            "lxd",
            "--suites",
            "s",
            "--faults",
            "f",
            "--strict",
            "--format",
            "html",
            "--output",
            "junit=a.xml",
        ];
        let Command::Prove(args) = parse(&words).unwrap().command else {
            panic!("not prove");
        };
        assert_eq!(args.documents.profile.as_deref(), Some("lxd"));
        assert_eq!(args.faults, Some(PathBuf::from("f")));
        assert!(args.strict && args.output.format == ProofFormat::Html);
        assert_eq!(args.output.files.len(), 1);
    }

    #[test]
    fn the_command_that_a_proof_advises_is_one() {
        let words: Vec<&str> = runproof_report::proof::RECORD
            .split(' ')
            .skip(1)
            .map(|word| if word == "LAB" { "lab" } else { word })
            .collect();
        let Command::Drill(args) = parse(&words).unwrap().command else {
            panic!("not drill");
        };
        args.check().unwrap();
        assert!(args.record.is_some() && args.reference.is_some());
    }
}
