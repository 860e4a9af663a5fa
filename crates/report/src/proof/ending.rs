//! The last words of a proof: how much it proves, or what made it fail.

use runproof_model::Proof;

use crate::words::count;

/// What the exit code of a proof means.
pub(super) fn exit_meaning(proof: &Proof) -> String {
    match proof.exit_code {
        0 => proved(proof),
        1 => failed(proof),
        3 => "nothing was checked".to_owned(),
        _ => "not a code of a proof".to_owned(),
    }
}

/// No more than is true: an invariant that no scenario breaks is not caught by one.
fn proved(proof: &Proof) -> String {
    let counts = &proof.counts;
    let (one, many) = match counts.unselected {
        0 => ("invariant", "invariants"),
        _ => ("selected invariant", "selected invariants"),
    };
    let mut words = if counts.recorded == 0 {
        format!("every {one} that holds has teeth; no scenario was replayed")
    } else {
        let scenarios = if counts.unproven + counts.other_profile > 0 {
            "what was replayed is proved"
        } else if counts.unselected > 0 {
            "every scenario of the selection is proved"
        } else {
            "every scenario is proved"
        };
        let all = count(counts.invariants, one, many);
        let caught = if counts.uncaught == 0 {
            format!("each of {all}")
        } else {
            let some = counts.invariants.saturating_sub(counts.uncaught);
            format!("{some} of {all}")
        };
        let standin = match counts.standin_only {
            0 => String::new(),
            some => format!(" ({some} on stand-ins only)"),
        };
        let rest = if counts.uncaught == 0 {
            ""
        } else {
            ", the rest have teeth by mutants only"
        };
        format!("{scenarios}; a scenario catches {caught}{standin}{rest}")
    };
    for (some, how) in [
        (counts.red, "red"),
        (counts.unestablished, "not established"),
    ] {
        if some > 0 {
            words.push_str(&format!(
                "; {some} {how} on the reference, so not proved there"
            ));
        }
    }
    words
}

fn failed(proof: &Proof) -> String {
    let counts = &proof.counts;
    let named = |parts: &[(usize, &str)]| -> String {
        let parts = parts.iter().filter(|(some, _)| *some > 0);
        let parts: Vec<String> = parts.map(|(some, what)| format!("{some} {what}")).collect();
        parts.join(", ")
    };
    let wrong = named(&[
        (counts.missed, "missed"),
        (counts.collateral, "collateral"),
        (counts.error, "error"),
        (counts.stale, "stale"),
        (counts.toothless, "toothless"),
        (counts.green_on_unknown, "green on unknown"),
    ]);
    let unsaid = named(&[
        (counts.unproven, "unproven"),
        (counts.other_profile, "recorded for another profile"),
        (counts.red, "red on the reference"),
        (counts.unestablished, "not established on the reference"),
    ]);
    match (wrong.is_empty(), proof.strict && !unsaid.is_empty()) {
        (false, false) => format!("a check is not worth what it says: {wrong}"),
        (false, true) => {
            format!("a check is not worth what it says: {wrong}; and by --strict: {unsaid}")
        }
        (true, _) => format!("by --strict: {unsaid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::sample;
    use rstest::rstest;
    use runproof_model::proof::ProofCounts;

    fn meaning(exit_code: u8, strict: bool, counts: ProofCounts) -> String {
        let proof = Proof {
            exit_code,
            strict,
            counts,
            ..sample::unproven()
        };
        exit_meaning(&proof)
    }

    fn counts() -> ProofCounts {
        ProofCounts {
            recorded: 3,
            invariants: 10,
            ..ProofCounts::default()
        }
    }

    #[rstest]
    #[case::all(
        counts(),
        "every scenario is proved; a scenario catches each of 10 invariants"
    )]
    #[case::by_mutants_only(
        ProofCounts { uncaught: 4, standin_only: 2, ..counts() },
        "every scenario is proved; a scenario catches 6 of 10 invariants (2 on stand-ins only), the rest have teeth by mutants only"
    )]
    #[case::unproven(
        ProofCounts { unproven: 1, ..counts() },
        "what was replayed is proved; a scenario catches each of 10 invariants"
    )]
    #[case::a_selection(
        ProofCounts { unselected: 5, ..counts() },
        "every scenario of the selection is proved; a scenario catches each of 10 selected invariants"
    )]
    #[case::nothing_replayed(
        ProofCounts { recorded: 0, uncaught: 10, other_profile: 3, red: 1, unestablished: 2, ..counts() },
        "every invariant that holds has teeth; no scenario was replayed; 1 red on the reference, so not proved there; 2 not established on the reference, so not proved there"
    )]
    fn a_good_proof_says_no_more_than_it_proves(#[case] counts: ProofCounts, #[case] words: &str) {
        assert_eq!(meaning(0, false, counts), words);
    }

    #[rstest]
    #[case::wrong(
        false,
        ProofCounts { missed: 1, toothless: 2, unproven: 3, ..counts() },
        "a check is not worth what it says: 1 missed, 2 toothless"
    )]
    #[case::strict(
        true,
        ProofCounts { unproven: 3, red: 1, uncaught: 4, ..counts() },
        "by --strict: 3 unproven, 1 red on the reference"
    )]
    #[case::both(
        true,
        ProofCounts { stale: 1, other_profile: 2, unestablished: 1, ..counts() },
        "a check is not worth what it says: 1 stale; and by --strict: 2 recorded for another profile, 1 not established on the reference"
    )]
    fn a_bad_proof_says_what_made_it_fail(
        #[case] strict: bool,
        #[case] counts: ProofCounts,
        #[case] words: &str,
    ) {
        assert_eq!(meaning(1, strict, counts), words);
    }
}
