//! `runproof drill`: breaks a lab in the documented ways.

mod campaign;
mod rows;

use std::path::PathBuf;

use clap::Args;
use runproof_lab::LabName;
use runproof_model::ExitCode;
use runproof_model::text::one_line;
use runproof_suite::BoundScenario;

use super::lab::lab_name;
use super::recover;
use crate::cli::UsageError;
use crate::load;
use crate::options::{DisplayOptions, ProofOutputOptions, SuiteOptions};
use crate::{message, scenarios, write};

/// The longest title that is listed, in characters.
const TITLE: usize = 160;

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Break a lab in the documented ways, and see whether that is noticed and the documented fix mends it.

A drill looks at the lab (it has to be green), puts the fault of a scenario in, verifies that it is
there, waits until the invariants that the scenario names are red and no other is, runs the
documented fix, waits until everything is green, runs the fix once more, and undoes what is left.
A watchdog stands by: whatever dies, the lab is whole again afterwards. Only a lab that runproof
made can be broken; nothing turns another site into one.

Several scenarios are a campaign; it begins with a fault that does nothing.

What comes of a scenario:
  caught        what had to turn red did, and nothing else; its fix, where it has one, is proven
                or known not to mend (defect)
  true-green    of the fault that does nothing: everything stayed green
  missed        something that had to turn red did not
  collateral    something turned red that nobody declared
  error         something could not be established
  fix-failed    the documented fix does not mend, or not all of it could be run
  fix-unneeded  time mended it as well
  not-restored  a fact of the lab is not as it was before
  no-baseline   the lab was not green before: nothing was done
  refused       a precondition of the fault is missing: nothing was done
  unviable      the fault was put in, and nothing of it is to be seen
  unreadable    the suite is wrong
  flaky         with --repeat it came out in two ways
  interrupted   somebody asked to stop

Exit code 0 says that everything that was asked for is proven, 1 that a scenario is not, 2 that
not all could be run or the lab could not be made whole, 3 that nothing was run, 64 that the
command line or a suite is wrong, or that the lab is in use or broken on purpose, 130 that
somebody asked to stop.";

const EXAMPLES: &str = "\
Examples:
  runproof drill --list                             the scenarios that the lab can have
  runproof drill vault-sealed-after-restart         one of them
  runproof drill --sample                           one of each primitive: some minutes
  runproof drill --all --site second                all of them, in the lab called second
  runproof drill caddy-partial-config --hold        leave it broken, to look at it
  runproof drill --undo                             heal it
  runproof drill --all --repeat 3 --seed 7          three times each, in another order
  runproof drill --all --output html=drill.html     the matrix on one page too";

/// Arguments of `drill`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DrillArgs {
    /// The scenarios; `*` and `?` are allowed
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Every scenario that the lab can have
    #[arg(long)]
    pub all: bool,
    /// One scenario of each primitive: a short campaign that breaks the lab in every way
    #[arg(long)]
    pub sample: bool,
    /// Only print the scenarios that the lab can have; with names or --sample those
    #[arg(
        long,
        conflicts_with_all = ["hold", "undo", "repeat", "seed", "no_fix", "record", "reference", "format", "files"]
    )]
    pub list: bool,
    /// The lab: its NAME, as of `lab up --name`
    #[arg(long, value_name = "LAB", default_value = "lab", value_parser = lab_of)]
    pub site: LabName,
    /// Take suites and profiles from this folder instead of the built-in ones; what they do runs as root in the lab
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
    /// Leave the fault in, for somebody to look at
    #[arg(long)]
    pub hold: bool,
    /// Heal what --hold left, or what died
    #[arg(
        long,
        conflicts_with_all = ["suites", "repeat", "seed", "no_fix", "record", "reference", "format", "files"]
    )]
    pub undo: bool,
    /// How often each scenario is run; another outcome makes it flaky
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub repeat: u8,
    /// Shuffle the scenarios; the same number gives the same order
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Do not try the documented fixes
    #[arg(long)]
    pub no_fix: bool,
    /// Write what each caught fault changed to DIR/SCENARIO.json, for `prove`; needs --reference
    #[arg(long, value_name = "DIR", requires = "reference")]
    pub record: Option<PathBuf>,
    /// The bundle that `record` made of this lab, which the recordings are laid over
    #[arg(long, value_name = "FILE", requires = "record")]
    pub reference: Option<PathBuf>,
    /// What goes where.
    #[command(flatten)]
    pub output: ProofOutputOptions,
}

/// A lab's name, and nothing that looks like another site.
fn lab_of(text: &str) -> Result<LabName, String> {
    if text.contains('/') || text.ends_with(".yaml") || text.starts_with("bundle:") {
        return Err(
            "only a lab that runproof made may be broken: name one of `runproof lab list`"
                .to_owned(),
        );
    }
    lab_name(text)
}

impl DrillArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When the arguments contradict each other or name nothing.
    pub fn check(&self) -> Result<(), UsageError> {
        let named = !self.scenarios.is_empty() || self.all || self.sample;
        let wrong = |what: &str, help: &str| Err(UsageError::new(what.to_owned(), help.to_owned()));
        let ways = [!self.scenarios.is_empty(), self.all, self.sample];
        if self.undo && (named || self.hold) {
            return wrong("--undo heals, it runs no scenario", "leave the rest away");
        }
        if !self.undo && !self.list && !named {
            return wrong(
                "no scenario is named",
                "name one of `runproof drill --list`, or say --all or --sample",
            );
        }
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return wrong(
                "names, --all and --sample exclude each other",
                "say one of them",
            );
        }
        if self.hold && (self.scenarios.len() != 1 || self.repeat > 1) {
            return wrong(
                "--hold leaves one fault in",
                "name one scenario, without --repeat",
            );
        }
        self.output.check()
    }
}

/// Runs `drill`.
pub fn run(args: &DrillArgs, display: &DisplayOptions) -> ExitCode {
    if args.undo {
        return recover::undo(&args.site);
    }
    // A campaign takes long, and may not end in a folder that is not there.
    let recordings = args
        .record
        .iter()
        .map(|folder| folder.join("SCENARIO.json"));
    let recordings: Vec<PathBuf> = recordings.collect();
    let places = args
        .output
        .paths()
        .chain(recordings.iter().map(PathBuf::as_path));
    if let Err(error) = write::check_places(places) {
        message::error(&error.to_string());
        return error.exit_code();
    }
    let documents = SuiteOptions {
        profile: None,
        suites: args.suites.clone(),
    };
    let loaded = load::library(&documents)
        .and_then(|library| Ok((load::lab(args.site.as_str(), &library)?, library)));
    let (live, library) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return error.report(display),
    };
    // A test has read the built-in ones.
    if args.suites.is_some() {
        let mistakes = scenarios::mistakes(&library);
        if !mistakes.is_empty() {
            return load::LoadError::from(mistakes).report(display);
        }
    }
    let (known, unreadable) = runproof_suite::scenarios(&library, &live.file.site);
    for (id, why) in &unreadable {
        message::error(&format!("the scenario {id} cannot be bound: {why}"));
    }
    if !unreadable.is_empty() {
        return ExitCode::Usage;
    }
    let engine = live.file.site.reach.engine;
    let possible = |one: &BoundScenario| {
        // What cannot be read stays in, so that its row says so.
        !runproof_fault::Fault::read(&one.fault).is_ok_and(|fault| !fault.can_be_on(engine))
    };
    let known: Vec<BoundScenario> = known.into_iter().filter(possible).collect();
    let known = if args.sample {
        scenarios::sample(&known)
    } else {
        known
    };
    let wanted: Vec<BoundScenario> = known
        .iter()
        .filter(|one| {
            args.all
                || args.sample
                || args.scenarios.is_empty()
                || args
                    .scenarios
                    .iter()
                    .any(|name| runproof_suite::matches(name, &one.id))
        })
        .cloned()
        .collect();
    let missing = args.scenarios.iter().find(|name| {
        !known
            .iter()
            .any(|one| runproof_suite::matches(name, &one.id))
    });
    if let Some(name) = missing {
        message::error(&format!(
            "the lab {} can have no scenario {name}",
            args.site
        ));
        if let Some(like) = load::alike(name, known.iter().map(|one| one.id.as_str())) {
            message::help(&format!("did you mean {like}?"));
        }
        return ExitCode::NothingChecked;
    }
    if args.list {
        return write::print(&list(&wanted), ExitCode::Conforms);
    }
    if args.hold && wanted.len() != 1 {
        let ids: Vec<&str> = wanted.iter().map(|one| one.id.as_str()).collect();
        message::error(&format!(
            "--hold leaves one fault in, and these are {}: {}",
            ids.len(),
            ids.join(", ")
        ));
        message::help("name one of them");
        return ExitCode::Usage;
    }
    match recover::first(&args.site) {
        Err(code) => return code,
        // What is held has been named, and how to heal it; no baseline is green beside it.
        Ok(healed) if !healed.held.is_empty() => {
            message::error("no other fault is put into a lab that is broken on purpose");
            return ExitCode::Usage;
        }
        Ok(_) => {}
    }
    campaign::run(args, &live, &library, wanted, display)
}

/// The scenarios that a lab can have: name and title.
fn list(scenarios: &[BoundScenario]) -> String {
    let width = scenarios.iter().map(|one| one.id.len()).max().unwrap_or(0);
    scenarios
        .iter()
        .map(|one| format!("{:width$}  {}\n", one.id, one_line(&one.title, TITLE)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};
    use rstest::rstest;

    fn drill(words: &[&str]) -> Result<DrillArgs, clap::Error> {
        let words: Vec<&str> = std::iter::once("drill")
            .chain(words.iter().copied())
            .collect();
        let Command::Drill(args) = parse(&words)?.command else {
            panic!("not drill");
        };
        Ok(args)
    }

    #[rstest]
    #[case::nothing_named(&[])]
    #[case::all_and_one(&["--all", "a"])]
    #[case::all_and_sample(&["--all", "--sample"])]
    #[case::sample_and_one(&["--sample", "a"])]
    #[case::a_sample_held(&["--sample", "--hold"])]
    #[case::two_held(&["a", "b", "--hold"])]
    #[case::all_held(&["--all", "--hold"])]
    #[case::undo_and_one(&["--undo", "a"])]
    fn what_contradicts_itself_is_refused(#[case] words: &[&str]) {
        assert!(drill(words).unwrap().check().is_err());
    }

    #[rstest]
    #[case::an_undo_of_other_suites(&["--undo", "--suites", "x"])]
    #[case::an_undo_that_is_printed(&["--undo", "--format", "json"])]
    #[case::an_undo_that_is_written(&["--undo", "--output", "html=x.html"])]
    #[case::an_undo_that_lists(&["--undo", "--list"])]
    #[case::a_list_that_is_held(&["--list", "--hold"])]
    #[case::a_list_that_is_written(&["--list", "--output", "json=x.json"])]
    #[case::a_reference_of_no_recording(&["a", "--reference", "x.json"])]
    #[case::a_recording_on_no_reference(&["a", "--record", "x"])]
    fn what_would_be_passed_over_in_silence_is_refused(#[case] words: &[&str]) {
        assert!(drill(words).is_err());
    }

    #[rstest]
    #[case("sites/prod.yaml")]
    #[case("prod.yaml")]
    #[case("bundle:x.json")]
    fn what_is_no_lab_cannot_be_named(#[case] site: &str) {
        assert!(drill(&["--all", "--site", site]).is_err());
    }
}
