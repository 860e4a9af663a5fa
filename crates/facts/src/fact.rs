//! What a kind of fact has to provide.

use std::fmt::Debug;

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answers;
use crate::ask::Ask;
use crate::reads::Reads;
use crate::secret::Key;

/// What a kind may know beside the answers.
#[derive(Clone, Debug)]
pub struct Context {
    /// The key of this run's fingerprints.
    pub key: Key,
}

/// A kind of fact.
///
/// The query has one field named like the kind (the main argument; of type
/// [`crate::kind::Nothing`] where there is none), and optional others.
pub trait Fact: Serialize + DeserializeOwned + JsonSchema + Debug {
    /// The kind's name, as suites write it.
    const KIND: &'static str;
    /// One sentence for the reference.
    const ABOUT: &'static str;
    /// To be raised by hand whenever the same answers are read otherwise than before: what was
    /// recorded until then is old.
    const REVISION: u16 = 1;
    /// The texts that it runs on a node after the first answers.
    const LATER: &'static [&'static str] = &[];
    /// What can be asked. Queries deny unknown fields.
    type Query: Serialize + DeserializeOwned + JsonSchema + Debug;

    /// Refuses what cannot be looked at: a relative path, an invalid name.
    /// The message completes the sentence "this query cannot be used: …".
    fn check(query: &Self::Query) -> Result<(), String>;

    /// What to look at first.
    fn asks(query: &Self::Query) -> Vec<Ask>;

    /// What the answers say; or what they make it possible to look at next.
    /// Asked twice at the most, the second time with all answers.
    fn read(query: &Self::Query, answers: &Answers, context: &Context) -> Reading<Self>;

    /// What to look at first when only these fields are read; the others may be
    /// [`unread`](crate::reads::unread). Worth a word where a field costs processes.
    fn asks_for(query: &Self::Query, reads: &Reads) -> Vec<Ask> {
        let _ = reads;
        Self::asks(query)
    }

    /// [`Fact::read`] of looks that [`Fact::asks_for`] asked for.
    fn read_for(
        query: &Self::Query,
        reads: &Reads,
        answers: &Answers,
        context: &Context,
    ) -> Reading<Self> {
        let _ = reads;
        Self::read(query, answers, context)
    }

    /// The command with which an operator looks by hand on the node.
    fn by_hand(query: &Self::Query) -> String;
}

/// What came of an attempt to read the answers.
#[derive(Debug)]
pub enum Reading<F> {
    /// The fact, or why there is none.
    Done(Observed<F>),
    /// More has to be looked at.
    More(Vec<Ask>),
}
