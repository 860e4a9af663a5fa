//! `--site`, `--profile`, `--suites`: what is looked at, and by which documents.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use super::names::name;

/// Which documents are followed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What to look at")]
pub struct SuiteOptions {
    /// Follow this reading of the documents: a profile's name, as incus or lxd
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub profile: Option<String>,
    /// Take suites and profiles from this folder instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub suites: Option<PathBuf>,
}

/// What is looked at, and by which documents.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What to look at")]
pub struct TargetOptions {
    /// The site: a NAME (sites/NAME.yaml, else the lab of that name), a FILE, lab:NAME, or bundle:FILE for a recording
    #[arg(long, value_name = "SITE", value_parser = SiteChoice::parse)]
    pub site: Option<SiteChoice>,
    /// Which documents.
    #[command(flatten)]
    pub documents: SuiteOptions,
}

/// What `--site` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteChoice {
    /// `sites/NAME.yaml`, else the lab of that name.
    Name(String),
    /// The lab of that name.
    Lab(String),
    /// A site file.
    File(PathBuf),
    /// A recorded bundle.
    Bundle(PathBuf),
}

impl SiteChoice {
    /// Tells a name from a file: a file has a `/` or ends in `.yaml` or `.yml`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(file) = text.strip_prefix("bundle:") {
            return if file.is_empty() {
                Err("expected a file after bundle:".to_owned())
            } else {
                Ok(Self::Bundle(PathBuf::from(file)))
            };
        }
        if let Some(lab) = text.strip_prefix("lab:") {
            return name(lab)
                .map(Self::Lab)
                .map_err(|_| "expected a lab's name after lab:".to_owned());
        }
        if text.contains('/') || text.ends_with(".yaml") || text.ends_with(".yml") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        name(text).map(Self::Name).map_err(|_| {
            "expected a name (sites/NAME.yaml or a lab), a file (FILE.yaml), lab:NAME, or bundle:FILE".to_owned()
        })
    }

    /// The file to read, when it does not take a look at the labs.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Name(name) | Self::Lab(name) => {
                PathBuf::from("sites").join(format!("{name}.yaml"))
            }
            Self::File(file) | Self::Bundle(file) => file.clone(),
        }
    }
}

impl fmt::Display for SiteChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Lab(name) => write!(f, "lab:{name}"),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Bundle(file) => write!(f, "bundle:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("prod", Ok(SiteChoice::Name("prod".to_owned())), "sites/prod.yaml")]
    #[case("prod.yaml", Ok(SiteChoice::File("prod.yaml".into())), "prod.yaml")]
    #[case("./prod", Ok(SiteChoice::File("./prod".into())), "./prod")]
    #[case("bundle:a.json", Ok(SiteChoice::Bundle("a.json".into())), "a.json")]
    fn a_site_is_a_name_a_file_or_a_bundle(
        #[case] text: &str,
        #[case] choice: Result<SiteChoice, String>,
        #[case] path: &str,
    ) {
        assert_eq!(SiteChoice::parse(text), choice);
        assert_eq!(choice.unwrap().path(), PathBuf::from(path));
    }

    #[rstest]
    #[case("")]
    #[case("lab:")]
    #[case("lab:../x")]
    #[case("bundle:")]
    #[case("pr od")]
    #[case("-x")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(SiteChoice::parse(text).is_err());
    }
}
