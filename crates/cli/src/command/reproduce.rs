//! `runproof reproduce`: a lab with the fault that explains a report.

use std::path::PathBuf;

use clap::Args;
use runproof_lab::LabName;
use runproof_model::ExitCode;

use super::lab::lab_name;
use super::{diagnose, drill, lab};
use crate::load;
use crate::message;
use crate::options::{DisplayOptions, ProofOutputOptions, SuiteOptions};

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Boot a lab and break it as a report says that a site is broken.

The documented scenario that explains the report best is put into the lab and held there, to look
at it: `drill --undo` heals it. The lab is made when it is not there, and follows the profile of the
report. The site of the report is not looked at.

Exit code 0 says that the lab is broken in that way now, 1 that something else turned red or
nothing, 2 that no scenario explains the report or the lab did not come up, 3 that nothing is red
in it.";

const EXAMPLES: &str = "\
Examples:
  runproof check --site prod --output json=report.json
  runproof reproduce report.json                    the best match, held in the lab called lab
  runproof reproduce report.json --lab incident     in a lab of its own
  runproof drill --undo --site incident             heal it";

/// Arguments of `reproduce`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReproduceArgs {
    /// A report that check wrote with --format json
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// The lab, made when it is not there
    #[arg(long, value_name = "NAME", default_value = "lab", value_parser = lab_name)]
    pub lab: LabName,
    /// Take suites and profiles from this folder instead of the built-in ones; what they do runs as root in the lab
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
}

/// Runs `reproduce`.
pub fn run(args: &ReproduceArgs, display: &DisplayOptions) -> ExitCode {
    let documents = SuiteOptions {
        profile: None,
        suites: args.suites.clone(),
    };
    let diagnosed = load::library(&documents)
        .and_then(|library| Ok((diagnose::of_file(&library, &args.report)?, library)));
    let (diagnosis, library) = match diagnosed {
        Ok(diagnosed) => diagnosed,
        Err(error) => return error.report(display),
    };
    if diagnosis.red.is_empty() && diagnosis.errors > 0 {
        message::error(&format!(
            "nothing is known to be red in the report, and {} could not be established: there is nothing to reproduce yet",
            message::count(diagnosis.errors, "finding")
        ));
        return ExitCode::Unestablished;
    }
    if diagnosis.red.is_empty() {
        message::error("nothing is red in the report, so there is nothing to reproduce");
        return ExitCode::NothingChecked;
    }
    let best = diagnosis
        .candidates
        .into_iter()
        .find_map(|candidate| candidate.scenarios.into_iter().next());
    let scenario = match best {
        Some(scenario) => scenario.id,
        None => {
            message::error("no documented scenario explains what is red in the report");
            message::help(&format!(
                "`runproof diagnose {}` shows what was held against it",
                args.report.display()
            ));
            return ExitCode::Unestablished;
        }
    };
    message::note(&format!("the best match is {scenario}"));
    let profile = &diagnosis.profile;
    if matches!(runproof_lab::site_file(args.lab.as_str()), Ok(Some(_))) {
        let follows = match load::lab(args.lab.as_str(), &library) {
            Ok(live) => live.file.site.profile,
            Err(error) => return error.report(display),
        };
        if follows != *profile {
            message::error(&format!(
                "the report follows the profile {profile}, and the lab {} follows {follows}",
                args.lab
            ));
            message::help("name another lab with --lab: it is made when it is not there");
            return ExitCode::Usage;
        }
    } else {
        let code = lab::up_plain(&args.lab, profile, display);
        if code != ExitCode::Conforms {
            return code;
        }
    }
    let held = drill::DrillArgs {
        scenarios: vec![scenario],
        all: false,
        sample: false,
        list: false,
        site: args.lab.clone(),
        suites: args.suites.clone(),
        hold: true,
        undo: false,
        repeat: 1,
        seed: None,
        no_fix: true,
        record: None,
        reference: None,
        output: ProofOutputOptions::default(),
    };
    drill::run(&held, display)
}
