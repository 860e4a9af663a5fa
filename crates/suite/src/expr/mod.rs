//! The expressions of suites: CEL, judged with three values, a bounded cost and a reason.
//!
//! The `cel` crate parses; checking, judging and explaining are ours:
//!
//! - **Three values.** A field that could not be seen is neither true nor false. `&&` and `||`
//!   absorb it as logic allows; what remains is an error, never a pass. Absence is a value that
//!   has to be asked for (`has()`, `f.exists == false`), and reading through it fails.
//! - **A bounded cost.** A suite is hostile until proven otherwise: length and depth are bounded
//!   before the parser runs, steps and produced bytes while we judge.
//! - **A reason.** A failing finding names the conjunct and the values on both sides.
//! - **Speed.** Names are resolved once, facts are borrowed, nothing is allocated on the way to
//!   a plain yes.
//!
//! The crate's default (ANTLR) parser takes 330 µs for a usual expression, its Pratt parser 12;
//! the whole `check` has 60 ms for some hundreds of them, so we use the latter. It tells no
//! places of what it parsed; `lower.rs` finds them again.

mod call;
mod check;
mod constants;
mod eval;
mod explain;
mod func;
mod loops;
mod lower;
mod net;
mod ops;
mod paths;
mod pattern;
mod stop;
mod suggest;
mod token;
mod tree;
mod types;
mod val;
mod version;

#[cfg(test)]
mod tests;

use runproof_model::Verdict;

pub use check::Scope;
pub use func::{FUNCTIONS, FunctionDoc};
pub use types::{ObjectType, Range, Type};
pub use val::Val;

/// A compiled expression.
#[derive(Debug)]
pub struct Expr {
    source: String,
    root: tree::Node,
    roots: Vec<String>,
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// The first byte in the source.
    pub offset: usize,
    /// How many bytes of the source it is about; 0 for its end.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, when we can guess.
    pub help: Option<String>,
}

/// What an expression is judged against.
#[derive(Debug)]
pub struct Env<'a> {
    vars: Vec<(&'a str, &'a Val)>,
    now: Val,
    allow_empty: bool,
}

impl<'a> Env<'a> {
    /// No variables yet. `now` is the node's clock in seconds since 1970, or
    /// [`Val::Unknown`] when nobody read it; expressions see it as `now`.
    pub fn new(now: impl Into<Val>) -> Self {
        Self {
            vars: Vec::new(),
            now: now.into(),
            allow_empty: false,
        }
    }

    /// Sets a variable; the last one of a name counts.
    pub fn set(&mut self, name: &'a str, val: &'a Val) {
        if let Some(var) = self.vars.iter_mut().find(|var| var.0 == name) {
            var.1 = val;
        } else {
            self.vars.push((name, val));
        }
    }

    /// The same, for a chain.
    #[must_use]
    pub fn with(mut self, name: &'a str, val: &'a Val) -> Self {
        self.set(name, val);
        self
    }

    /// Another clock than the one that it was made with.
    pub fn set_now(&mut self, now: impl Into<Val>) {
        self.now = now.into();
    }

    /// Whether `all()` and `subset()` hold of nothing at all.
    #[must_use]
    pub fn allow_empty(mut self, allow: bool) -> Self {
        self.allow_empty = allow;
        self
    }
}

/// What became of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Pass, fail or error.
    pub verdict: Verdict,
    /// What the deciding conjunct found, in the form of [`Val::show`] or in words; never on a pass.
    pub found: Option<String>,
    /// What it expected, likewise.
    pub expected: Option<String>,
    /// One line for an operator.
    pub message: String,
    /// The error is one of the suite, not of the site: a type error, or too costly.
    pub defect: bool,
}

impl Expr {
    /// Compiles a source. Unknown functions and wrong arguments are errors already
    /// here; names and types are for [`Expr::check`].
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        let lowered = lower::compile(source)?;
        Ok(Self {
            source: source.to_owned(),
            root: lowered.root,
            roots: lowered.roots,
        })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The free variables, `now` among them when it is read by name; in order of appearance.
    pub fn roots(&self) -> &[String] {
        &self.roots
    }

    /// Whether it asks what time it is: by `now` or `age()`.
    pub fn reads_clock(&self) -> bool {
        fn within(node: &tree::Node) -> bool {
            matches!(node.kind, tree::Kind::Call(func::Func::Age, _, _))
                || node.children().into_iter().any(within)
        }
        self.roots.iter().any(|root| root == "now") || within(&self.root)
    }

    /// The paths of everything that is read, sorted: `["ports", "listeners", "*", "port"]`,
    /// where `*` is any element of a list or key of a map.
    pub fn paths(&self) -> Vec<Vec<String>> {
        paths::paths(&self.root)
    }

    /// The paths of everything that is read with all that is below it, in the same form: of a
    /// list that a loop goes through, what the loop reads of its elements.
    pub fn values(&self) -> Vec<Vec<String>> {
        paths::values(&self.root)
    }

    /// Every literal, and of every pattern a text that it matches: what decides it.
    pub fn constants(&self) -> Vec<Val> {
        constants::constants(&self.root)
    }

    /// Every error of names and types against the types of the variables, in order.
    pub fn check(&self, scope: &Scope) -> Vec<ExprError> {
        check::check(&self.root, scope)
    }

    /// The type of the value, as far as it is known.
    pub fn type_in(&self, scope: &Scope) -> Type {
        check::type_of(&self.root, scope)
    }

    /// Judges it as an expectation.
    pub fn evaluate(&self, env: &Env) -> Outcome {
        explain::judge(self, env)
    }

    /// The verdict alone (pass, fail or error), and whether an error is a defect of the
    /// suite: what [`Expr::evaluate`] says, without the cost of a reason. For mutants.
    pub fn verdict(&self, env: &Env) -> (Verdict, bool) {
        explain::verdict(self, env)
    }

    /// The value, when somebody wants more than a verdict: the list of a loop, say.
    /// What is absent, unknown, empty or wrong is the outcome.
    pub fn value(&self, env: &Env) -> Result<Val, Outcome> {
        explain::value(self, env)
    }
}
