//! `--format`, `--output` of `prove` and `drill`: the formats of a report, and a page.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::output::no_file_twice;
use crate::cli::UsageError;

/// The formats of a proof, by recordings or on a lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ProofFormat {
    /// For people
    #[default]
    Terminal,
    /// For programs: runproof.prove/1, runproof.drill/1
    Json,
    /// For people, with the whole matrix on one page
    Html,
    /// For pipelines
    Junit,
}

impl ProofFormat {
    /// The format's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
            Self::Html => "html",
            Self::Junit => "junit",
        }
    }
}

/// What goes where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct ProofOutputOptions {
    /// Print the matrix on stdout as terminal, json, html or junit
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: ProofFormat,
    /// Write the matrix to FILE too, as html=proof.html; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE", value_parser = ProofFile::parse)]
    pub files: Vec<ProofFile>,
}

/// One `FORMAT=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The format.
    pub format: ProofFormat,
    /// The file.
    pub path: PathBuf,
}

impl ProofFile {
    /// Reads `FORMAT=FILE`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            "expected FORMAT=FILE with terminal, json, html or junit, as html=proof.html";
        let (format, path) = text.split_once('=').ok_or(expected)?;
        let format = ProofFormat::from_str(format, false).map_err(|_| expected.to_owned())?;
        if path.is_empty() {
            return Err(expected.to_owned());
        }
        let path = PathBuf::from(path);
        Ok(Self { format, path })
    }
}

impl ProofOutputOptions {
    /// The files that are written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Checks what can be checked before anything is computed: no file twice.
    ///
    /// # Errors
    ///
    /// Names the file.
    pub fn check(&self) -> Result<(), UsageError> {
        no_file_twice(self.paths())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("html=a.html", Some(ProofFormat::Html))]
    #[case("junit=a=b.xml", Some(ProofFormat::Junit))]
    #[case("html=", None)]
    #[case("pdf=a.pdf", None)]
    #[case("a.html", None)]
    fn an_output_is_a_format_and_a_file(#[case] text: &str, #[case] format: Option<ProofFormat>) {
        assert_eq!(ProofFile::parse(text).ok().map(|file| file.format), format);
    }
}
