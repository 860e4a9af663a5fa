//! Reading what a command names: suites, sites, waivers, keys and bundles.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use runproof_engine::{SiteKey, site_of};
use runproof_model::{ExitCode, Site};
use runproof_site::Bundle;
use runproof_suite::{Diagnostic, Library, Selection, SiteFile, SourceFile, Waivers};

use crate::message;
use crate::options::{DisplayOptions, SelectOptions, SiteChoice, SuiteOptions, TargetOptions};

/// The largest file that somebody writes by hand.
const MAX_TEXT: u64 = 1 << 20;

/// The recording that is compiled in.
static REFERENCE: &[u8] = include_bytes!("../../../fixtures/sites/reference/bundle.json");

/// Why a command cannot begin; already in words.
#[derive(Debug)]
pub enum LoadError {
    /// Mistakes in files, with their places.
    Diagnostics(Vec<Diagnostic>),
    /// Anything else.
    Message(String, Option<String>),
}

impl LoadError {
    fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into(), None)
    }

    /// Says it on stderr; the exit code to leave with.
    pub fn report(&self, display: &DisplayOptions) -> ExitCode {
        match self {
            Self::Diagnostics(diagnostics) => {
                message::rendered(&rendered(diagnostics, display.color_of_stderr()));
            }
            Self::Message(text, help) => {
                message::error(text);
                if let Some(help) = help {
                    message::help(help);
                }
            }
        }
        ExitCode::Usage
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diagnostics(diagnostics) => f.write_str(&rendered(diagnostics, false)),
            Self::Message(text, None) => f.write_str(text),
            Self::Message(text, Some(help)) => write!(f, "{text}\n{help}"),
        }
    }
}

impl From<Vec<Diagnostic>> for LoadError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

/// Mistakes in files as a compiler shows them.
pub fn rendered(diagnostics: &[Diagnostic], color: bool) -> String {
    let shown: Vec<_> = diagnostics
        .iter()
        .map(|found| runproof_report::Diagnostic {
            file: found.file.clone(),
            line: found.line,
            column: found.column,
            level: runproof_report::DiagnosticLevel::Error,
            message: found.message.clone(),
            help: found.help.clone(),
        })
        .collect();
    runproof_report::diagnostics::render(&shown, color)
}

/// What a site is, and where its evidence comes from.
#[derive(Debug)]
pub enum Target {
    /// A live site.
    Live(Box<LiveSite>),
    /// A recording.
    Recorded(Box<Bundle>),
}

/// A live site with what belongs to it.
#[derive(Debug)]
pub struct LiveSite {
    /// The site file.
    pub file: SiteFile,
    /// Accepted failures.
    pub waivers: Waivers,
    /// The fingerprints' key.
    pub key: SiteKey,
}

impl Target {
    /// The site as binding sees it.
    pub fn site(&self) -> Site {
        match self {
            Self::Live(live) => live.file.site.clone(),
            Self::Recorded(bundle) => site_of(bundle),
        }
    }
}

/// A file that somebody wrote by hand: regular, small and UTF-8.
fn text(path: &Path) -> Result<String, LoadError> {
    let name = path.display();
    let failed = |why: &dyn fmt::Display| LoadError::new(format!("{name}: {why}"));
    // A pipe would let us wait for ever.
    if !fs::metadata(path).map_err(|e| failed(&e))?.is_file() {
        return Err(failed(&"not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes))
        .map_err(|e| failed(&e))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(failed(&"larger than 1 MiB, so nobody wrote it by hand"));
    }
    String::from_utf8(bytes).map_err(|_| failed(&"not a text in UTF-8"))
}

/// The suites of a folder, or the built-in ones. A folder is linted: its mistakes, those in
/// single files and those between them, end here together. A test has linted the built-in ones.
pub fn library(options: &SuiteOptions) -> Result<Library, LoadError> {
    let Some(folder) = &options.suites else {
        return Ok(Library::builtin()?);
    };
    let files = suite_files(folder)?;
    match Library::load(files.clone()) {
        Ok(library) => {
            let mistakes = library.lint();
            if mistakes.is_empty() {
                Ok(library)
            } else {
                Err(mistakes.into())
            }
        }
        Err(_) => Err(Library::lint_files(files).into()),
    }
}

/// The files of a folder of suites, named as the user named the folder. A folder without
/// `sources.yaml` or `conflicts.yaml` uses the built-in ones.
pub fn suite_files(folder: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let mut files = Vec::new();
    for below in ["", "profiles"] {
        let place = folder.join(below);
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(e) if !below.is_empty() && e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(LoadError::new(format!("{}: {e}", place.display()))),
        };
        for entry in entries {
            let path = entry
                .map_err(|e| LoadError::new(format!("{}: {e}", place.display())))?
                .path();
            let Some(base) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            // An editor's own files are none of ours; a suite that is passed over in silence would be.
            if base.ends_with(".yml") && !base.starts_with('.') {
                return Err(LoadError::Message(
                    format!("{}: the name of a suite ends in .yaml", path.display()),
                    Some("rename it, or move it out of this folder".to_owned()),
                ));
            }
            let name = Path::new(below).join(base).display().to_string();
            if SourceFile::belongs(&name) && !base.starts_with('.') {
                files.push(SourceFile::new(path.display().to_string(), text(&path)?));
            }
        }
    }
    if files.is_empty() {
        return Err(LoadError::Message(
            format!("{}: there is no suite", folder.display()),
            Some(
                "a suite is a file NAME.yaml in this folder, a profile one in its folder profiles"
                    .to_owned(),
            ),
        ));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The recording that is compiled in, as it was made.
pub fn built_in() -> Result<Bundle, LoadError> {
    Bundle::parse("the built-in reference", REFERENCE).map_err(|e| LoadError::new(e.to_string()))
}

/// The recording that is compiled in, with another profile where one is named.
pub fn reference(library: &Library, profile: Option<&str>) -> Result<Bundle, LoadError> {
    let mut bundle = built_in()?;
    if let Some(profile) = profile {
        profile.clone_into(&mut bundle.site.profile);
    }
    known_profile(&bundle.site.profile, library)?;
    Ok(bundle)
}

/// What `--site` names; without it the recording that is compiled in.
pub fn target(options: &TargetOptions, library: &Library) -> Result<Target, LoadError> {
    let mut target = match &options.site {
        None => {
            let profile = options.documents.profile.as_deref();
            Target::Recorded(Box::new(reference(library, profile)?))
        }
        Some(SiteChoice::Bundle(path)) => {
            let bundle = Bundle::read(path).map_err(|e| LoadError::new(e.to_string()))?;
            Target::Recorded(Box::new(bundle))
        }
        Some(choice @ (SiteChoice::Name(_) | SiteChoice::File(_) | SiteChoice::Lab(_))) => {
            Target::Live(Box::new(live(&place_of(choice)?, library)?))
        }
    };
    if let Some(profile) = &options.documents.profile {
        match &mut target {
            Target::Live(live) => live.file.site.profile.clone_from(profile),
            Target::Recorded(bundle) => bundle.site.profile.clone_from(profile),
        }
    }
    known_profile(&target.site().profile, library)?;
    Ok(target)
}

/// The file of a site. A lab is found by its name when no site file has that name.
fn place_of(choice: &SiteChoice) -> Result<PathBuf, LoadError> {
    let path = choice.path();
    let lab = |name: &str| {
        // A name that no lab can have names none.
        runproof_lab::site_file(name).ok().flatten()
    };
    match choice {
        SiteChoice::File(_) | SiteChoice::Bundle(_) => Ok(path),
        SiteChoice::Name(_) if path.exists() => Ok(path),
        SiteChoice::Name(name) => Ok(lab(name).unwrap_or(path)),
        SiteChoice::Lab(name) => lab(name).ok_or_else(|| {
            LoadError::Message(
                format!("there is no lab {name} that came up"),
                Some(
                    "`runproof lab list` shows those that are; `runproof lab up` makes one"
                        .to_owned(),
                ),
            )
        }),
    }
}

/// A lab that came up, as a live site.
pub fn lab(name: &str, library: &Library) -> Result<LiveSite, LoadError> {
    live(&place_of(&SiteChoice::Lab(name.to_owned()))?, library)
}

/// Refuses a profile that the library does not have.
pub fn known_profile(profile: &str, library: &Library) -> Result<(), LoadError> {
    if library.profile(profile).is_some() {
        return Ok(());
    }
    let known: Vec<_> = library.profile_names().collect();
    Err(LoadError::Message(
        format!("there is no profile `{profile}`"),
        Some(format!("known here: {}", known.join(", "))),
    ))
}

fn live(path: &Path, library: &Library) -> Result<LiveSite, LoadError> {
    if !path.exists() {
        return Err(LoadError::Message(
            format!("{}: there is no such site file", path.display()),
            Some("`runproof init NAME` asks an engine and writes a first one".to_owned()),
        ));
    }
    let mut file = SiteFile::load(&path.display().to_string(), &text(path)?)?;
    let mistakes = file.check(library);
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    let folder = path
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let waivers = match &file.site.waivers {
        None => Waivers::default(),
        Some(name) => {
            let path = folder.join(name);
            let waivers = Waivers::load(&path.display().to_string(), &text(&path)?)?;
            let mistakes = waivers.check(library);
            if !mistakes.is_empty() {
                return Err(mistakes.into());
            }
            waivers
        }
    };
    for (_, name) in file.site.credentials.files_mut() {
        *name = folder.join(&*name).to_string_lossy().into_owned();
    }
    let key_file = file.site.key_file.as_ref().map(|name| folder.join(name));
    let key = SiteKey::load(key_file.as_deref()).map_err(|e| LoadError::new(e.to_string()))?;
    Ok(LiveSite { file, waivers, key })
}

/// Which invariants are wanted.
pub fn selection(options: &SelectOptions) -> Selection {
    Selection {
        suites: options.suites.clone(),
        ids: options.ids.clone(),
        severities: options.severities().unwrap_or_default(),
        roles: Vec::new(),
    }
}

/// "did you mean …?" for the first name of a selection that nothing has.
pub fn nearest(
    library: &Library,
    options: &SelectOptions,
    profile: Option<&str>,
) -> Option<String> {
    let ids: Vec<&str> = library
        .invariants()
        .filter(|(_, invariant)| profile.is_none_or(|p| library.applies(invariant, p)))
        .map(|(_, invariant)| invariant.id.as_str())
        .collect();
    nearest_of(library, options, &ids)
}

/// The same where a selection names scenarios: a misspelt one is like no invariant.
pub fn nearest_scenario(library: &Library, options: &SelectOptions) -> Option<String> {
    let ids: Vec<&str> = library
        .scenarios()
        .map(|(_, scenario)| scenario.id.as_str())
        .collect();
    nearest_of(library, options, &ids)
}

fn nearest_of(library: &Library, options: &SelectOptions, ids: &[&str]) -> Option<String> {
    let suites: Vec<&str> = library
        .suites()
        .iter()
        .map(|loaded| loaded.suite.suite.as_str())
        .collect();
    let named = options.ids.iter().map(|id| (id, ids));
    let suited = options.suites.iter().map(|name| (name, &suites[..]));
    named
        .chain(suited)
        .filter(|(name, known)| !name.contains('*') && !known.contains(&name.as_str()))
        .find_map(|(name, known)| alike(name, known.iter().copied()))
        .map(|name| format!("did you mean {name}?"))
}

/// The known name that is most like another one, if any is.
pub fn alike<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|one| (strsim::jaro_winkler(name, one), one))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75)
        .map(|(_, one)| one)
}
