//! What is wrong with a suite or a site file, with its place.
//!
//! `file:line:column: error: message`, the form that editors and CI jump to.

use crate::paint::{Paint, Role};
use crate::words::count;
use runproof_model::text;

/// More than this helps nobody; the rest is counted.
const MOST: usize = 200;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiagnosticLevel {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something in it deserves a look.
    Warning,
}

/// Something that is wrong in a file, as the caller found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// How bad it is.
    pub level: DiagnosticLevel,
    /// What is wrong; one line.
    pub message: String,
    /// What to do about it; each line of it is printed as its own help line.
    pub help: Option<String>,
}

/// Renders diagnostics in the order given and closes with their number; empty when there are none.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MOST) {
        let (word, role) = match diagnostic.level {
            DiagnosticLevel::Error => ("error:", Role::Fail),
            DiagnosticLevel::Warning => ("warning:", Role::Error),
        };
        let place = format!(
            "{}:{}:{}:",
            text::one_line(&diagnostic.file, 300),
            diagnostic.line,
            diagnostic.column
        );
        out.push_str(&format!(
            "{} {} {}\n",
            paint.text(Role::Strong, &place),
            paint.text(role, word),
            text::one_line(&diagnostic.message, 600)
        ));
        for line in diagnostic
            .help
            .iter()
            .flat_map(|help| text::lines(help, 600))
            .take(20)
        {
            out.push_str(&format!(
                "  {} {line}\n",
                paint.text(Role::Command, "help:")
            ));
        }
    }
    if diagnostics.len() > MOST {
        out.push_str(&format!("… and {} more\n", diagnostics.len() - MOST));
    }
    let of = |level| diagnostics.iter().filter(|d| d.level == level).count();
    let (errors, warnings) = (of(DiagnosticLevel::Error), of(DiagnosticLevel::Warning));
    let mut counts = Vec::new();
    if errors > 0 {
        counts.push(count(errors, "error", "errors"));
    }
    if warnings > 0 {
        counts.push(count(warnings, "warning", "warnings"));
    }
    if !counts.is_empty() {
        out.push_str(&counts.join(", "));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn diagnostic(level: DiagnosticLevel, message: &str, help: Option<&str>) -> Diagnostic {
        Diagnostic {
            file: "suites/botui.yaml".to_owned(),
            line: 12,
            column: 13,
            level,
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }

    #[test]
    fn nothing_wrong_prints_nothing() {
        assert_eq!(render(&[], true), "");
    }

    #[test]
    fn a_diagnostic_names_its_place_and_its_help() {
        let text = render(
            &[
                diagnostic(
                    DiagnosticLevel::Error,
                    "the fact `unit` has no field `enviroment`",
                    Some("did you mean `environment`?"),
                ),
                diagnostic(DiagnosticLevel::Warning, "a\u{1b}[2Jb\nc", None),
            ],
            false,
        );
        insta::assert_snapshot!(text, @r"
        suites/botui.yaml:12:13: error: the fact `unit` has no field `enviroment`
          help: did you mean `environment`?
        suites/botui.yaml:12:13: warning: a\u{1b}[2Jb\nc
        1 error, 1 warning
        ");
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let flood = vec![diagnostic(DiagnosticLevel::Error, "x", None); MOST + 5];
        let text = render(&flood, false);
        assert!(text.ends_with("… and 5 more\n205 errors\n"));
    }

    proptest! {
        #[test]
        fn no_text_gets_out_unwashed(text in proptest::collection::vec(any::<char>(), 0..80)) {
            let text: String = text.into_iter().collect();
            let mut hostile = diagnostic(DiagnosticLevel::Error, &text, Some(&text));
            hostile.file = text;
            let out = render(&[hostile], false);
            prop_assert!(!out.chars().any(|c| c != '\n' && text::is_hostile(c)));
        }
    }
}
