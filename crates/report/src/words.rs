//! The words that every format uses for the same thing.

use runproof_model::{Finding, Report, Verdict};

use runproof_model::text;

/// What the exit code of a report means, in a few words.
pub fn exit_of(report: &Report) -> &'static str {
    let checked = |finding: &Finding| finding.verdict != Verdict::Skip;
    match report.exit_code {
        // One selector of several matched nothing: the others did.
        3 if report.findings.iter().any(checked) => {
            "of what was asked for, a part was not checked: a selector selects nothing"
        }
        code => exit_meaning(code),
    }
}

/// What an exit code means, in a few words.
pub(crate) fn exit_meaning(code: u8) -> &'static str {
    match code {
        0 => "all that gates holds",
        1 => "a gated finding fails",
        2 => "a gated finding could not be established",
        3 => "nothing was checked",
        64 => "the command line or a suite is wrong",
        70 => "a defect of runproof",
        74 => "an output could not be written",
        130 => "interrupted, this report is partial",
        _ => "not a code of runproof",
    }
}

/// `document/section` as a reader says it: `document § section`.
pub fn source(source: &str) -> String {
    let source = text::one_line(source, 200);
    match source.split_once('/') {
        Some((document, section)) => format!("{document} § {section}"),
        None => source,
    }
}

/// The identifier with the item of its loop: `id [item]`.
pub fn name(finding: &Finding) -> String {
    let id = text::one_line(&finding.id, 120);
    match &finding.item {
        Some(item) => format!("{id} [{}]", text::one_line(item, 80)),
        None => id,
    }
}

/// `1 thing`, `2 things`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runproof_model::ExitCode;

    #[test]
    fn every_exit_code_has_a_meaning() {
        for code in [
            ExitCode::Conforms,
            ExitCode::Fails,
            ExitCode::Unestablished,
            ExitCode::NothingChecked,
            ExitCode::Usage,
            ExitCode::Defect,
            ExitCode::CannotWrite,
            ExitCode::Interrupted,
        ] {
            assert_ne!(exit_meaning(code.code()), exit_meaning(255), "{code:?}");
        }
    }

    #[test]
    fn a_source_is_said_with_its_section() {
        assert_eq!(source("guide/a/b"), "guide § a/b");
        assert_eq!(source("guide"), "guide");
    }
}
