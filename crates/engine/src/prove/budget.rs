//! What the mutants of one invariant may cost.

use std::time::{Duration, Instant};

/// So often an expectation is judged for one invariant, on all its nodes together. What is built in
/// needs a third of it.
const JUDGEMENTS: usize = 60_000;
/// And so long it takes together: an expectation may be a thousand times as costly as a usual one.
/// What is built in needs a third of a second.
const TIME: Duration = Duration::from_secs(60);
/// So long one may always take, whatever the others took.
const LEAST: Duration = Duration::from_secs(1);

/// What is left for one invariant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    judgements: usize,
    time: Duration,
    until: Instant,
    spent: bool,
}

impl Budget {
    /// For the first invariant.
    pub(super) fn first() -> Self {
        Self::of(JUDGEMENTS, TIME)
    }

    pub(super) fn of(judgements: usize, time: Duration) -> Self {
        Self {
            judgements,
            time,
            until: Instant::now() + time,
            spent: false,
        }
    }

    /// For the next invariant: each that spends its own leaves half the time, so that many of them
    /// do not take for ever.
    pub(super) fn next(self) -> Self {
        let time = if self.spent {
            (self.time / 2).max(LEAST)
        } else {
            self.time
        };
        Self::of(JUDGEMENTS, time)
    }

    /// Pays for a judgement; whether there was enough left.
    pub(super) fn pay(&mut self) -> bool {
        self.spent |= self.judgements == 0 || Instant::now() >= self.until;
        self.judgements = self.judgements.saturating_sub(1);
        !self.spent
    }

    /// Whether a judgement could not be paid for.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spends_all_leaves_less_time_and_never_none() {
        let mut budget = Budget::first();
        assert!(budget.pay());
        assert_eq!(budget.next().time, TIME);
        for half in [
            TIME / 2,
            TIME / 4,
            TIME / 8,
            TIME / 16,
            TIME / 32,
            LEAST,
            LEAST,
        ] {
            budget = Budget {
                judgements: 0,
                ..budget
            };
            assert!(!budget.pay() && budget.is_spent());
            budget = budget.next();
            assert_eq!(budget.time, half);
            assert!(budget.pay() && !budget.is_spent());
        }
    }
}
