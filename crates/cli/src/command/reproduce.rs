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
at it: `drill --undo` heals it. The lab is made when it is not there. The site of the report is not
looked at.";

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
    /// Which documents.
    #[command(flatten)]
    pub documents: SuiteOptions,
}

/// Runs `reproduce`.
pub fn run(args: &ReproduceArgs, display: &DisplayOptions) -> ExitCode {
    let diagnosis = load::library(&args.documents)
        .and_then(|library| diagnose::of_file(&library, &args.report));
    let diagnosis = match diagnosis {
        Ok(diagnosis) => diagnosis,
        Err(error) => return error.report(display),
    };
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
    if !matches!(runproof_lab::site_file(args.lab.as_str()), Ok(Some(_))) {
        let code = lab::up_plain(&args.lab, display);
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
        suites: args.documents.suites.clone(),
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
