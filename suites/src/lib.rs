//! The suites as tests: every invariant is one test of its own, named by its identifier.
//!
//! The site is looked at once a run and recorded; each test judges that record. The site is what
//! `RUNPROOF_SITE` names, in the words of `check --site`, and without it the whole lab on Docker,
//! made for the record and gone before the first verdict.

mod judge;
mod list;
mod record;
mod subject;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use runproof_suite::Library;

use list::Listed;
use record::Record;
use subject::Subject;

/// Lists or runs the tests, as the arguments of this process ask; `place` is where records are kept.
pub fn main(place: &Path) -> ExitCode {
    let arguments = Arguments::from_args();
    match prepare(place, &arguments) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(why) => {
            runproof::message::error(&why);
            ExitCode::from(101)
        }
    }
}

fn prepare(place: &Path, arguments: &Arguments) -> Result<Vec<Trial>, String> {
    // What `RUNPROOF_SITE` names is named from there, wherever a runner of tests starts us.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::set_current_dir(&root).map_err(|e| format!("{}: {e}", root.display()))?;
    let library = Library::builtin()
        .map_err(|mistakes| runproof::load::LoadError::from(mistakes).to_string())?;
    let subject = Subject::of_environment();
    let listed = list::of(
        &library,
        subject.as_ref().ok().and_then(|s| s.foreseen(&library)),
    );
    asked(&listed, arguments)?;
    let shared = Arc::new(Shared {
        library,
        subject,
        place: place.to_owned(),
        record: OnceLock::new(),
    });
    Ok(listed
        .into_iter()
        .map(|one| {
            let (shared, id) = (shared.clone(), one.id.clone());
            Trial::test(one.id, move || shared.judge(&id))
                .with_kind(one.kind)
                .with_ignored_flag(one.ignored)
        })
        .collect())
}

/// Who asks for one test by its whole name means it: a test that is gone since it was listed, or
/// does not apply any more, would be nothing to run, and nothing that runs is green.
fn asked(listed: &[Listed], arguments: &Arguments) -> Result<(), String> {
    let Some(name) = arguments.filter.as_ref().filter(|_| arguments.exact) else {
        return Ok(());
    };
    match listed.iter().find(|one| one.name() == *name) {
        None => Err(format!("there is no test {name}")),
        Some(one) if one.ignored && !arguments.ignored && !arguments.include_ignored => {
            Err(format!("{} does not apply: {}", one.id, one.kind))
        }
        Some(_) => Ok(()),
    }
}

/// What all tests of one process share.
struct Shared {
    library: Library,
    subject: Result<Subject, String>,
    place: std::path::PathBuf,
    record: OnceLock<Result<Record, String>>,
}

impl Shared {
    fn judge(&self, id: &str) -> Result<(), Failed> {
        let record = self.record.get_or_init(|| {
            let subject = self.subject.as_ref().map_err(Clone::clone)?;
            record::of_this_run(subject, &self.library, &self.place)
        });
        let record = record.as_ref().map_err(Failed::from)?;
        let shown = judge::judge(&self.library, record, id).map_err(Failed::from)?;
        #[expect(clippy::print_stdout, reason = "what a test says")]
        {
            print!("{shown}");
        }
        Ok(())
    }
}
