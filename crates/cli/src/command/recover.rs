//! `runproof recover`: undoes what a drill left in a lab.

use clap::Args;
use runproof_fault::{FaultError, Healed};
use runproof_lab::LabName;
use runproof_model::ExitCode;

use super::lab::lab_name;
use crate::live::block_on_saying;
use crate::message;
use crate::options::SiteChoice;

/// Said by `--help`, not by `-h`.
pub(super) const ABOUT: &str = "\
Undo what a drill left in a lab.

What a fault will do is on disk before it is done, so that whatever died in between, this finds it
and puts it back by its state. A node where that cannot be done is made anew. Commands that touch a
lab do the same first; this one also undoes a fault that `drill --hold` left in.

Exit code 0 says that the lab is whole, 2 that it could not be made whole, 64 that there is no such
lab or that a drill is at work on it.";

const EXAMPLES: &str = "\
Examples:
  runproof recover                                  the lab called lab
  runproof recover second                           another one";

/// Arguments of `recover`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RecoverArgs {
    /// The lab
    #[arg(value_name = "LAB", default_value = "lab", value_parser = lab_name)]
    pub lab: LabName,
}

/// Runs `recover`.
pub fn run(args: &RecoverArgs) -> ExitCode {
    undo(&args.lab)
}

/// Undoes everything, held or not, and says what that was.
pub(super) fn undo(lab: &LabName) -> ExitCode {
    // A name that is misspelt is not a lab that is whole.
    if let Ok(None) = runproof_lab::find_state(lab) {
        message::error(&format!("there is no lab {lab}"));
        message::help("`runproof lab list` shows those that are");
        return ExitCode::Usage;
    }
    let healed = block_on_saying("it goes on to the end: half undone is worse", |_| {
        runproof_fault::heal(lab, true)
    });
    match healed {
        Err(error) => {
            message::error(&error);
            ExitCode::Defect
        }
        Ok(Err(error)) => failed(&error),
        Ok(Ok(healed)) if healed.scenarios.is_empty() => {
            message::note(&format!("there is nothing to undo in the lab {lab}"));
            ExitCode::Conforms
        }
        Ok(Ok(healed)) => {
            say(lab, &healed);
            ExitCode::Conforms
        }
    }
}

/// Heals the lab that a command looks at, when it is one: whoever looks wants the lab, not what a
/// drill left when it died. While one is at work its fault is what there is to see. A plan runs
/// nothing, and heals nothing.
pub(super) fn before_looking(choice: Option<&SiteChoice>, plan: bool) -> Result<(), ExitCode> {
    if plan {
        return Ok(());
    }
    let name = match choice {
        Some(SiteChoice::Lab(name)) => name,
        Some(choice @ SiteChoice::Name(name)) if !choice.path().exists() => name,
        Some(SiteChoice::Name(_) | SiteChoice::File(_) | SiteChoice::Bundle(_)) | None => {
            return Ok(());
        }
    };
    // A name that no lab can have names none.
    LabName::new(name).map_or(Ok(()), |lab| before(&lab))
}

/// Heals a lab on which nobody is at work.
pub(in crate::command) fn before(lab: &LabName) -> Result<(), ExitCode> {
    if runproof_fault::is_busy(lab) {
        message::note(&format!(
            "a drill is at work on the lab {lab}: what is seen may be its fault"
        ));
        return Ok(());
    }
    first(lab).map(drop)
}

/// Heals a lab before a command touches it. A fault that somebody holds stays, and is named; what was
/// undone, and what stays.
pub(in crate::command) fn first(lab: &LabName) -> Result<Healed, ExitCode> {
    let healed = block_on_saying("it goes on to the end: half undone is worse", |_| {
        runproof_fault::heal(lab, false)
    });
    match healed {
        Err(error) => {
            message::error(&error);
            Err(ExitCode::Defect)
        }
        Ok(Err(error)) => Err(failed(&error)),
        Ok(Ok(healed)) => {
            say(lab, &healed);
            Ok(healed)
        }
    }
}

fn say(lab: &LabName, healed: &Healed) {
    for scenario in &healed.scenarios {
        message::note(&format!("undone in the lab {lab}: {scenario}"));
    }
    for role in &healed.anew {
        message::note(&format!(
            "the node {role} of the lab {lab} was made anew for that"
        ));
    }
    for scenario in &healed.held {
        message::note(&format!(
            "the lab {lab} is broken on purpose: {scenario}; `runproof drill --undo --site {lab}` heals it"
        ));
    }
}

/// Says a failure; the exit code to leave with.
pub(super) fn failed(error: &FaultError) -> ExitCode {
    message::error(&error.to_string());
    code(error)
}

/// The exit code that stands for a failure.
pub(super) fn code(error: &FaultError) -> ExitCode {
    match error {
        FaultError::Unreadable(_) | FaultError::Refused(_) => ExitCode::Usage,
        FaultError::Unviable(_)
        | FaultError::NotRestored(_)
        | FaultError::Journal(_)
        | FaultError::Lab(_) => ExitCode::Unestablished,
    }
}
