//! Severities on the command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use runproof_model::Severity;

const ALL: [Severity; 4] = [
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

/// `low`, `medium`, `high` or `critical`.
pub(super) fn parser() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(ALL.map(Severity::as_str)).try_map(|word| {
        ALL.into_iter()
            .find(|severity| severity.as_str() == word)
            .ok_or("not a severity")
    })
}

/// That severity and those above it.
pub(super) fn at_least(severity: Severity) -> Vec<Severity> {
    ALL.into_iter().filter(|one| *one >= severity).collect()
}
