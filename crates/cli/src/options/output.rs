//! `--format`, `--output`: what goes where.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::UsageError;

/// The formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Terminal,
    /// For programs: runproof.report/1
    Json,
    /// For pipelines
    Junit,
}

impl Format {
    /// The format's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
            Self::Junit => "junit",
        }
    }
}

/// The formats of anything that is not a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For people
    #[default]
    Terminal,
    /// For programs
    Json,
}

/// What goes where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Print the report on stdout as terminal, json or junit
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "terminal",
        hide_possible_values = true
    )]
    pub format: Format,
    /// Write the report to FILE too, as junit=out.xml; may be repeated
    #[arg(long = "output", value_name = "FORMAT=FILE", value_parser = OutputFile::parse)]
    pub files: Vec<OutputFile>,
}

/// One `FORMAT=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// The format.
    pub format: Format,
    /// The file.
    pub path: PathBuf,
}

impl OutputFile {
    /// Reads `FORMAT=FILE`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected FORMAT=FILE with terminal, json or junit, as junit=out.xml";
        let (format, path) = text.split_once('=').ok_or(expected)?;
        let format = Format::from_str(format, false).map_err(|_| expected.to_owned())?;
        if path.is_empty() {
            return Err(expected.to_owned());
        }
        let path = PathBuf::from(path);
        Ok(Self { format, path })
    }
}

impl OutputOptions {
    /// The files that are written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Checks what can be checked before a long run: no file twice.
    ///
    /// # Errors
    ///
    /// Names the file.
    pub fn check(&self) -> Result<(), UsageError> {
        no_file_twice(self.paths())
    }
}

/// Checks that no two outputs go to one file.
///
/// # Errors
///
/// Names the file.
pub fn no_file_twice<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), UsageError> {
    let mut taken: Vec<&Path> = Vec::new();
    for path in paths {
        if taken.iter().any(|other| same_place(other, path)) {
            return Err(UsageError::new(
                format!("--output names {} twice", path.display()),
                "each report needs a file of its own",
            ));
        }
        taken.push(path);
    }
    Ok(())
}

/// Whether two paths are the same but for `.` and doubled slashes.
fn same_place(one: &Path, other: &Path) -> bool {
    let plain = |path: &Path| -> PathBuf {
        path.components()
            .filter(|part| !matches!(part, std::path::Component::CurDir))
            .collect()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("junit=out.xml", Some((Format::Junit, "out.xml")))]
    #[case("json=a=b.json", Some((Format::Json, "a=b.json")))]
    #[case("json=", None)]
    #[case("out.xml", None)]
    #[case("xml=out.xml", None)]
    #[case("JSON=out.json", None)]
    fn an_output_is_a_format_and_a_file(
        #[case] text: &str,
        #[case] parsed: Option<(Format, &str)>,
    ) {
        let file = OutputFile::parse(text).ok();
        assert_eq!(
            file.as_ref().map(|f| (f.format, f.path.to_str().unwrap())),
            parsed
        );
    }

    #[rstest]
    #[case(&["json=a", "junit=b"], true)]
    #[case(&["json=a", "junit=a"], false)]
    #[case(&["json=a", "junit=./a"], false)]
    fn no_file_is_written_twice(#[case] files: &[&str], #[case] fine: bool) {
        let files = files
            .iter()
            .map(|text| OutputFile::parse(text).unwrap())
            .collect();
        let options = OutputOptions {
            format: Format::Json,
            files,
        };
        assert_eq!(options.check().is_ok(), fine);
    }
}
