//! The record of a run: the site is looked at once, whoever comes first.
//!
//! `cargo nextest` runs every test in a process of its own, several at once, and may kill each at any
//! time. Its set-up scripts would look once as well, but they are an experiment of nextest still,
//! and one that fails takes every other test of the workspace along. So the first test that comes
//! holds a lock and records; the others wait for it. The record bears the identifier that nextest
//! gives a run: another run never sees it. Whoever is killed loses the lock, and the next one
//! begins anew, with a lab of the same name, of which it first removes what is left.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use runproof::live::block_on_saying;
use runproof::load::{LiveSite, Target};
use runproof::options::SiteChoice;
use runproof::write::replace_file;
use runproof_engine::RunOptions;
use runproof_lab::{EngineChoice, Events, LabError, LabName, Servers, UpOptions};
use runproof_site::{Bundle, CancellationToken, Silent};
use runproof_suite::{Library, Selection, Waivers, bind};

use crate::subject::{ENGINE, PROFILE, Subject, VARIABLE, target};

/// The variable in which nextest names a run.
const RUN: &str = "NEXTEST_RUN_ID";
/// How long one script on one node may take.
const PROBE: Duration = Duration::from_secs(30);
/// How old a record of another run is that nobody can still want.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// What was seen of a site, and what of it is accepted.
#[derive(Debug)]
pub(crate) struct Record {
    /// The evidence.
    pub(crate) bundle: Bundle,
    /// Accepted failures.
    pub(crate) waivers: Waivers,
    /// Whether somebody else had recorded it, at any time.
    pub(crate) replayed: bool,
}

/// The record of this run: made now, or by whoever came first.
///
/// # Errors
/// Why there is none.
pub(crate) fn of_this_run(
    subject: &Subject,
    library: &Library,
    place: &Path,
) -> Result<Record, String> {
    let mut waivers = Waivers::default();
    if let Subject::Named(choice) = subject {
        match target(choice.clone(), library)? {
            Target::Recorded(bundle) => {
                return Ok(Record {
                    bundle: *bundle,
                    waivers,
                    replayed: true,
                });
            }
            Target::Live(live) => waivers = live.waivers,
        }
    }
    let folder = place.join("runproof-suites");
    let look = || look(subject, library, &folder);
    let bundle = match std::env::var(RUN) {
        // All tests of `cargo test` are in this process, which looks once.
        Err(_) => {
            make(&folder)?;
            let _held = hold(&folder)?;
            look()?
        }
        Ok(run) => Shelf::new(&folder, &run)?.take(look)?,
    };
    Ok(Record {
        bundle,
        waivers,
        replayed: false,
    })
}

/// Where the record of one run is kept.
pub(crate) struct Shelf {
    folder: PathBuf,
    bundle: PathBuf,
    failed: PathBuf,
}

impl Shelf {
    pub(crate) fn new(folder: &Path, run: &str) -> Result<Self, String> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if run.is_empty() || !run.bytes().all(sound) {
            return Err(format!("{RUN}: not the name of a run"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            bundle: folder.join(format!("{run}.json")),
            failed: folder.join(format!("{run}.failed")),
        })
    }

    /// What is there, else what a look gives, and nobody else looks meanwhile. A look that failed
    /// is kept too: the next test would wait as long for the same.
    pub(crate) fn take(
        &self,
        look: impl FnOnce() -> Result<Bundle, String>,
    ) -> Result<Bundle, String> {
        if let Some(there) = self.there() {
            return there;
        }
        make(&self.folder)?;
        let _held = hold(&self.folder)?;
        if let Some(there) = self.there() {
            return there;
        }
        self.tidy();
        let seen = look();
        match &seen {
            Ok(bundle) => bundle.write(&self.bundle).map_err(|e| e.to_string())?,
            Err(why) => replace_file(&self.failed, why.as_bytes()).map_err(|e| e.to_string())?,
        }
        seen
    }

    fn there(&self) -> Option<Result<Bundle, String>> {
        if let Ok(why) = fs::read_to_string(&self.failed) {
            return Some(Err(why));
        }
        self.bundle
            .exists()
            .then(|| Bundle::read(&self.bundle).map_err(|e| e.to_string()))
    }

    /// Removes what runs of earlier days have left.
    fn tidy(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|meta| meta.modified());
            let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD));
            if old && entry.file_name() != LOCK {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The file whose lock is the right to look.
const LOCK: &str = "lock";

fn make(folder: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| io(folder, &e))
}

/// Waits for the right to look.
fn hold(folder: &Path) -> Result<File, String> {
    let path = folder.join(LOCK);
    let open = OpenOptions::new().create(true).append(true).open(&path);
    let file = open.map_err(|e| io(&path, &e))?;
    file.lock().map_err(|e| io(&path, &e))?;
    Ok(file)
}

fn io(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Looks at the site once.
fn look(subject: &Subject, library: &Library, folder: &Path) -> Result<Bundle, String> {
    block_on_saying("stopping", |cancel| async move {
        match subject {
            Subject::Named(choice) => gather(choice, library, &cancel).await,
            Subject::Lab => lab(library, folder, &cancel).await,
        }
    })?
}

/// Makes a lab, looks at it, and removes it.
async fn lab(
    library: &Library,
    folder: &Path,
    cancel: &CancellationToken,
) -> Result<Bundle, String> {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    // The same for every run of this checkout, so that the next one finds what a killed one left.
    let name = LabName::new(format!("suites-{:016x}", hasher.finish())).map_err(|e| said(&e))?;
    runproof_lab::down(&name, &Quiet)
        .await
        .map_err(|e| said(&e))?;
    let options = UpOptions {
        name: name.clone(),
        engine: EngineChoice::This(ENGINE),
        profile: PROFILE.to_owned(),
        roles: Vec::new(),
        servers: Servers::Standins,
        parameters: Default::default(),
        keep: false,
    };
    build_standin()?;
    runproof_lab::up(&options, &Quiet, cancel).await.map_err(|e| {
        format!(
            "{}\nthere is no site to judge: {VARIABLE} names one, as a site file, lab:NAME or bundle:FILE; \
             without it the lab on {} is judged, and it did not come up",
            said(&e),
            ENGINE.as_str()
        )
    })?;
    let seen = gather(&SiteChoice::Lab(name.to_string()), library, cancel).await;
    runproof_lab::down(&name, &Quiet)
        .await
        .map_err(|e| said(&e))?;
    seen
}

/// Builds the stand-in, which is no part of this package, where it is missing.
fn build_standin() -> Result<(), String> {
    let exe = std::env::current_exe().map_err(|e| format!("where this test is: {e}"))?;
    let built = exe.ancestors().nth(2).map(|at| at.join("runproof-standin"));
    if built.is_some_and(|built| built.is_file()) || std::env::var_os("RUNPROOF_STANDIN").is_some()
    {
        return Ok(());
    }
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "runproof-standin"])
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build -p runproof-standin: {status}")),
        Err(error) => Err(format!("cargo build -p runproof-standin: {error}")),
    }
}

/// Gathers everything that the suites ask of a live site.
async fn gather(
    choice: &SiteChoice,
    library: &Library,
    cancel: &CancellationToken,
) -> Result<Bundle, String> {
    let live: Box<LiveSite> = match target(choice.clone(), library)? {
        Target::Live(live) => live,
        Target::Recorded(bundle) => return Ok(*bundle),
    };
    let site = &live.file.site;
    let plan = bind(library, site, &Selection::all()).whole();
    let options = RunOptions {
        probe_timeout: PROBE,
        jobs: plan.wanted().len(),
        deadline: None,
        wait: true,
    };
    let (bundle, run) =
        runproof_engine::record(site, &plan, &live.key, &options, &Silent, cancel).await;
    if run.interrupted {
        return Err("somebody asked to stop while the site was looked at".to_owned());
    }
    Ok(bundle)
}

fn said(error: &LabError) -> String {
    match &error.help {
        None => error.problem.clone(),
        Some(help) => format!("{}\n{help}", error.problem),
    }
}

/// Nobody watches: nextest shows what a test says when it is over.
struct Quiet;

impl Events for Quiet {
    fn step(&self, _words: &str, _nodes: &[String]) {}
    fn done(&self, _node: &str) {}
    fn note(&self, _words: &str) {}
}
