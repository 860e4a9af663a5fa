//! Words that nobody can guess: boundaries and marks.

use runproof_model::{Reason, ReasonKind};

use crate::trouble::Trouble;

/// 32 random hexadecimal digits. Without randomness a node could forge answers, so there is no fallback.
pub(crate) fn word() -> Result<String, Trouble> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Trouble::lasting(Reason::new(
            ReasonKind::Failed,
            format!("no randomness: {error}"),
        ))
    })?;
    Ok(runproof_model::text::hex(&bytes))
}
