//! `runproof diagnose`: which documented scenario explains what is red.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use runproof_model::exit::Gate;
use runproof_model::{Diagnosis, ExitCode, Report, Site, report};
use runproof_suite::{Library, Selection, Waivers, bind};

use super::recover;
use crate::cli::UsageError;
use crate::live::run_options;
use crate::load::{self, LoadError, Target};
use crate::options::{DisplayOptions, LookOptions, TargetOptions, TextFormat};
use crate::{advice, faults, message, write};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Say which documented scenario explains what is red, and how it is mended.

What fails in a report, or in a fresh look at a site, is held against the
signature of every scenario: what turned red when the fault was recorded in a
lab, or, where nobody recorded it, what its suite declares. Scenarios that
nothing tells apart stand together. Several faults at once are found as a
cover: who adds most to what is explained already comes next. What could not
be established neither confirms nor refutes.

Nothing on the site is changed. Exit code 0 says that a scenario fits, 2 that
none does or that what is red is not known, 3 that nothing is red.";

const EXAMPLES: &str = "\
Examples:
  runproof diagnose report.json                     a report of check --format json
  runproof diagnose --site prod                     look now, read-only
  runproof diagnose --site prod -v --format json    everything, for a program";

/// The largest report that is read, in bytes.
const CAP: u64 = 64 << 20;

/// Arguments of `diagnose`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiagnoseArgs {
    /// A report that check wrote with --format json; it knows its profile, and nothing is looked at
    #[arg(
        value_name = "REPORT.json",
        conflicts_with_all = ["site", "profile", "jobs", "timeout", "deadline", "plan"]
    )]
    pub report: Option<PathBuf>,
    /// What is looked at.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Take recordings of faults from this folder instead of the built-in ones
    #[arg(long, help_heading = "What to look at", value_name = "DIR")]
    pub faults: Option<PathBuf>,
    /// How the site is looked at.
    #[command(flatten)]
    pub look: LookOptions,
    /// Print as terminal or json
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: TextFormat,
}

impl DiagnoseArgs {
    /// What the parser cannot know.
    ///
    /// # Errors
    ///
    /// When there is nothing to diagnose.
    pub fn check(&self) -> Result<(), UsageError> {
        if self.report.is_none() && self.target.site.is_none() {
            return Err(UsageError::new(
                "diagnose needs a report or a site",
                "runproof diagnose REPORT.json, or runproof diagnose --site NAME",
            ));
        }
        Ok(())
    }
}

/// Runs `diagnose`.
pub fn run(args: &DiagnoseArgs, display: &DisplayOptions) -> ExitCode {
    let library = match load::library(&args.target.documents) {
        Ok(library) => library,
        Err(error) => return error.report(display),
    };
    match args.report.as_deref() {
        Some(path) => match read(path) {
            Ok(report) => conclude(&library, &report, None, args, display),
            Err(error) => error.report(display),
        },
        None => look(&library, args, display),
    }
}

/// A fresh report of a site.
fn look(library: &Library, args: &DiagnoseArgs, display: &DisplayOptions) -> ExitCode {
    if let Err(code) = recover::before_looking(args.target.site.as_ref(), args.look.plan) {
        return code;
    }
    let target = match load::target(&args.target, library) {
        Ok(target) => target,
        Err(error) => return error.report(display),
    };
    let site = target.site();
    let plan = bind(library, &site, &Selection::all());
    if args.look.plan {
        return super::check::print_plan(&target, &plan, &args.look);
    }
    let gate = Gate::default();
    let checked = match &target {
        Target::Recorded(bundle) => Ok(runproof_engine::replay(
            bundle,
            &plan,
            &Waivers::default(),
            gate,
        )),
        Target::Live(live) => {
            super::check::look_at(live, &plan, gate, &run_options(&args.look, None), display)
        }
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(message) => {
            message::error(&message);
            return ExitCode::Defect;
        }
    };
    if !checked.report.recorded {
        advice::say(&checked.report.nodes);
    }
    conclude(library, &checked.report, Some(site), args, display)
}

/// The diagnosis of a report. Its site is known when it was looked at just now; else the commands
/// of fixes are filled in by its profile and the inputs of the reference.
fn conclude(
    library: &Library,
    report: &Report,
    site: Option<Site>,
    args: &DiagnoseArgs,
    display: &DisplayOptions,
) -> ExitCode {
    let fresh = site.is_some();
    match diagnosis(library, report, site, args.faults.as_deref()) {
        Ok(mut diagnosis) => {
            // What was not looked at any more may be what is red.
            if fresh && report.exit_code == ExitCode::Interrupted.code() {
                diagnosis.exit_code = report.exit_code;
            }
            show(&diagnosis, args, display)
        }
        Err(error) => error.report(display),
    }
}

/// The diagnosis of a report that somebody kept, by the built-in recordings.
pub(super) fn of_file(library: &Library, report: &Path) -> Result<Diagnosis, LoadError> {
    diagnosis(library, &read(report)?, None, None)
}

fn diagnosis(
    library: &Library,
    report: &Report,
    site: Option<Site>,
    recorded: Option<&Path>,
) -> Result<Diagnosis, LoadError> {
    load::known_profile(&report.profile, library)?;
    let reference = load::reference(library, None)?;
    let recordings = faults::recordings(recorded)?;
    let of_reference = runproof_engine::site_of(&reference);
    let plan = bind(library, &of_reference, &Selection::all());
    let site = site.unwrap_or_else(|| {
        let mut site = of_reference.clone();
        site.profile.clone_from(&report.profile);
        site
    });
    let signatures =
        runproof_engine::signatures(library, &plan, &reference.evidence, &recordings, &site);
    let recorded_in = &of_reference.profile;
    Ok(runproof_engine::diagnose(&signatures, recorded_in, report))
}

/// The site as it stands in a command that looks at it again: as it was named, else as the report
/// names it.
fn named(diagnosis: &Diagnosis, target: &TargetOptions) -> String {
    match &target.site {
        Some(choice) => choice.to_string(),
        None => diagnosis.site.clone(),
    }
}

fn show(diagnosis: &Diagnosis, args: &DiagnoseArgs, display: &DisplayOptions) -> ExitCode {
    let text = match args.format {
        TextFormat::Terminal => Ok(runproof_report::diagnosis::terminal::render(
            diagnosis,
            &named(diagnosis, &args.target),
            &display.style(),
        )),
        TextFormat::Json => runproof_report::json::to_string(diagnosis),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            message::error(&error.to_string());
            return ExitCode::Defect;
        }
    };
    write::print(&text, write::exit_code(diagnosis.exit_code))
}

/// A report that somebody kept.
fn read(path: &Path) -> Result<Report, LoadError> {
    let failed = |why: String| {
        let why = runproof_model::text::one_line(&why, 300);
        LoadError::Message(format!("{}: {why}", path.display()), None)
    };
    let io = |error: std::io::Error| failed(error.to_string());
    // A pipe would let us wait for ever.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(failed("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(CAP + 1).read_to_end(&mut bytes))
        .map_err(io)?;
    if bytes.len() as u64 > CAP {
        return Err(failed("larger than 64 MiB".to_owned()));
    }
    faults::of_format(&bytes, report::FORMAT, "a report").map_err(|why| {
        LoadError::Message(
            failed(why).to_string(),
            Some("make one: runproof check --site NAME --output json=report.json".to_owned()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};
    use rstest::rstest;

    fn diagnose(words: &[&str]) -> Result<DiagnoseArgs, clap::Error> {
        let words: Vec<&str> = std::iter::once("diagnose")
            .chain(words.iter().copied())
            .collect();
        let Command::Diagnose(args) = parse(&words)?.command else {
            panic!("not diagnose");
        };
        Ok(args)
    }

    #[test]
    fn a_report_or_a_site_and_not_both() {
        assert!(diagnose(&[]).unwrap().check().is_err());
        assert!(diagnose(&["a.json"]).unwrap().check().is_ok());
        assert!(diagnose(&["--site", "prod"]).unwrap().check().is_ok());
        assert!(diagnose(&["a.json", "--site", "prod"]).is_err());
    }

    #[rstest]
    #[case("[]", "not a report")]
    #[case(
        r#"{"format":"runproof.report/9","site":{},"new":[]}"#,
        "its format is \"runproof.report/9\""
    )]
    #[case(r#"{"format":["runproof.report/1"]}"#, "not a report")]
    fn what_is_no_report_is_refused(#[case] text: &str, #[case] said: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
