//! Why a part of an expression has no value.

use std::sync::Arc;

use runproof_model::Reason;

use super::token::Span;

/// The result of judging a part.
pub(super) type Res<T> = Result<T, Box<Stop>>;

/// No value, and where that came to light.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) why: Why,
    pub(super) span: Span,
    /// The message of a type error; what is absent, where the source does not say it.
    pub(super) text: Option<String>,
}

/// The reasons.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// Proved not to be there.
    Absent,
    /// `all()` of nothing.
    Vacuous,
    /// Could not be seen.
    Unknown(Arc<Reason>),
    /// The suite compares apples with pears, or the site has a pear.
    Type,
    /// Too costly.
    Budget,
}

impl Why {
    /// Which reason a conjunction gives: one that makes it fail comes before one that leaves it open.
    fn in_and(&self) -> u8 {
        match self {
            Self::Unknown(_) => 0,
            Self::Absent | Self::Vacuous => 1,
            Self::Type => 2,
            Self::Budget => 3,
        }
    }

    /// Which reason a disjunction gives: one that leaves it open comes before one that makes it fail.
    fn in_or(&self) -> u8 {
        match self {
            Self::Absent | Self::Vacuous => 0,
            Self::Unknown(_) => 1,
            Self::Type => 2,
            Self::Budget => 3,
        }
    }
}

impl Stop {
    pub(super) fn new(why: Why, span: Span) -> Box<Self> {
        Box::new(Self {
            why,
            span,
            text: None,
        })
    }

    pub(super) fn wrong(message: impl Into<String>, span: Span) -> Box<Self> {
        Box::new(Self {
            why: Why::Type,
            span,
            text: Some(message.into()),
        })
    }

    /// `what` completes "… is absent".
    pub(super) fn absent(what: impl Into<String>, span: Span) -> Box<Self> {
        Box::new(Self {
            why: Why::Absent,
            span,
            text: Some(what.into()),
        })
    }

    /// Of two reasons, the one that a conjunction gives; it does not depend on their order
    /// but for two of a sort.
    pub(super) fn worse(a: Box<Self>, b: Box<Self>) -> Box<Self> {
        if b.why.in_and() > a.why.in_and() {
            b
        } else {
            a
        }
    }

    /// Whether the suite itself is at fault.
    pub(super) fn is_defect(&self) -> bool {
        matches!(self.why, Why::Type | Why::Budget)
    }

    /// Whether it ends the judging at once.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.why, Why::Budget)
    }

    /// Whether two reasons are of the same sort.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.why) == std::mem::discriminant(&other.why)
    }
}

/// The worst reason so far, of a conjunction or of a disjunction. On a draw the first stays.
#[derive(Debug, Default)]
pub(super) struct Worst(Option<Box<Stop>>);

impl Worst {
    pub(super) fn and(&mut self, stop: Box<Stop>) {
        if self
            .0
            .as_ref()
            .is_none_or(|old| stop.why.in_and() > old.why.in_and())
        {
            self.0 = Some(stop);
        }
    }

    pub(super) fn or(&mut self, stop: Box<Stop>) {
        if self
            .0
            .as_ref()
            .is_none_or(|old| stop.why.in_or() > old.why.in_or())
        {
            self.0 = Some(stop);
        }
    }

    /// `value`, unless something stopped.
    pub(super) fn unless<T>(self, value: T) -> Res<T> {
        self.0.map_or(Ok(value), Err)
    }
}
