//! What is judged: the site that somebody names, or a lab.

use runproof::load::{self, Target};
use runproof::options::{SiteChoice, TargetOptions};
use runproof_lab::LabName;
use runproof_model::Site;
use runproof_model::site::Engine;
use runproof_suite::{Library, SiteFile};

/// The variable that names the site.
pub(crate) const VARIABLE: &str = "RUNPROOF_SITE";
/// What runs the lab.
pub(crate) const ENGINE: Engine = Engine::Docker;
/// The reading of the documents that the lab follows.
pub(crate) const PROFILE: &str = "incus";

/// What is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// What [`VARIABLE`] names.
    Named(SiteChoice),
    /// A lab of every role that is not optional.
    Lab,
}

impl Subject {
    /// What the environment asks for.
    pub(crate) fn of_environment() -> Result<Self, String> {
        match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => SiteChoice::parse(&text)
                .map(Self::Named)
                .map_err(|e| format!("{VARIABLE}: {e}")),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(Self::Lab),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("{VARIABLE}: not a text in UTF-8"))
            }
        }
    }

    /// The site as its file has it, or as that of the lab will be: what applies to it is known
    /// before anybody looks. None when the file cannot be read; every test will say why.
    pub(crate) fn foreseen(&self, library: &Library) -> Option<Site> {
        match self {
            Self::Named(choice) => Some(target(choice.clone(), library).ok()?.site()),
            Self::Lab => {
                let name = LabName::new("lab").ok()?;
                let text = runproof_lab::foreseen_site_file(&name, ENGINE, PROFILE).ok()?;
                Some(SiteFile::load("the lab", &text).ok()?.site)
            }
        }
    }
}

/// A site with what belongs to it, as `check --site` finds it.
pub(crate) fn target(choice: SiteChoice, library: &Library) -> Result<Target, String> {
    let options = TargetOptions {
        site: Some(choice),
        ..TargetOptions::default()
    };
    load::target(&options, library).map_err(|error| error.to_string())
}
