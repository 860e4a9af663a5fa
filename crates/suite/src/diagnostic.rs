//! A diagnostic: what is wrong in a file, and where.

use std::fmt;

/// One thing that is wrong in a file that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file's name as it was given to the loader.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong; one line.
    pub message: String,
    /// What to do about it: "did you mean …".
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic at a place in a file.
    pub fn new(file: &str, at: Place, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            message: runproof_model::text::one_line(&message.into(), 500),
            help: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help.map(|help| runproof_model::text::one_line(&help, 300));
        self
    }
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: error: message`, and the advice on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            help,
        } = self;
        write!(f, "{file}:{line}:{column}: error: {message}")?;
        match help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A place in a file: the beginning of a YAML node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The byte in the file, counted from 0; only scalars have an exact one.
    pub byte: u32,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        byte: 0,
    };
}

impl Default for Place {
    fn default() -> Self {
        Self::START
    }
}

/// Sorts and drops what was said twice, as when two profiles meet the same mistake.
pub(crate) fn tidy(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort();
    diagnostics.dedup();
    diagnostics
}

/// "did you mean `x`?" for the known name that is nearest to a typo, if any is near.
pub(crate) fn did_you_mean<'a>(
    typo: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    if typo.len() > 200 {
        return None;
    }
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(typo, name), name))
        .filter(|(distance, name)| *distance <= 1.max(name.chars().count().min(12) / 3))
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sytem", Some("did you mean `system`?"))]
    #[case("systm", Some("did you mean `system`?"))]
    #[case("proxy", None)]
    fn a_typo_is_answered_by_the_nearest_name(#[case] typo: &str, #[case] answer: Option<&str>) {
        assert_eq!(did_you_mean(typo, ["system", "tables"]).as_deref(), answer);
    }
}
