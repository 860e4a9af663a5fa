//! Judging: three values, bounded cost, nothing copied that can be borrowed.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use super::Env;
use super::stop::{Res, Stop, Why, Worst};
use super::token::Span;
use super::tree::{Kind, Loop, Node};
use super::val::Val;

/// Steps that one expectation may take; a step is a node, an element or some bytes.
pub(super) const STEPS: usize = 500_000;
/// Bytes that one expectation may produce.
pub(super) const BYTES: usize = 1 << 20;

/// A value that is really there; what is not, is a reason.
pub(super) fn seen(val: Cow<'_, Val>, span: Span) -> Res<Cow<'_, Val>> {
    match &*val {
        Val::Absent => Err(Stop::new(Why::Absent, span)),
        Val::Unknown(reason) => Err(Stop::new(Why::Unknown(Arc::clone(reason)), span)),
        Val::Null
        | Val::Bool(_)
        | Val::Int(_)
        | Val::Float(_)
        | Val::Str(_)
        | Val::List(_)
        | Val::Map(_) => Ok(val),
    }
}

/// What judges one expectation once.
pub(super) struct Machine<'e> {
    env: &'e Env<'e>,
    steps: Cell<usize>,
    bytes: Cell<usize>,
}

/// The variable of a loop, and the loops around it.
#[derive(Clone, Copy)]
pub(super) struct Frame<'v> {
    pub(super) val: &'v Val,
    pub(super) outer: Option<&'v Frame<'v>>,
}

/// The loops around a node, innermost first.
pub(super) type Frames<'v> = Option<&'v Frame<'v>>;

impl<'e> Machine<'e> {
    pub(super) fn new(env: &'e Env<'e>) -> Self {
        Self {
            env,
            steps: Cell::new(STEPS),
            bytes: Cell::new(BYTES),
        }
    }

    /// Whether `all()` and `subset()` hold of nothing.
    pub(super) fn allows_empty(&self) -> bool {
        self.env.allow_empty
    }

    /// The node's clock.
    pub(super) fn now(&self) -> &Val {
        &self.env.now
    }

    /// Pays for work.
    pub(super) fn step(&self, count: usize, span: Span) -> Res<()> {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(count));
        if count > left {
            return Err(Stop::new(Why::Budget, span));
        }
        Ok(())
    }

    /// Pays for memory.
    pub(super) fn produce(&self, bytes: usize, span: Span) -> Res<()> {
        let left = self.bytes.get();
        self.bytes.set(left.saturating_sub(bytes));
        if bytes > left {
            return Err(Stop::new(Why::Budget, span));
        }
        Ok(())
    }

    /// The value of a node; never absent or unknown itself, though its inside may be.
    pub(super) fn eval<'v>(&'v self, node: &'v Node, frames: Frames<'v>) -> Res<Cow<'v, Val>> {
        self.step(1, node.span)?;
        match &node.kind {
            Kind::Const(val) => Ok(Cow::Borrowed(val)),
            Kind::Var(name) => {
                let var = self.env.vars.iter().find(|(known, _)| **known == **name);
                match var {
                    Some((_, val)) => seen(Cow::Borrowed(*val), node.span),
                    None if &**name == "now" => seen(Cow::Borrowed(&self.env.now), node.span),
                    None => Err(Stop::wrong(format!("{name} is not known here"), node.span)),
                }
            }
            Kind::Local(up, name) => {
                let mut frame = frames;
                for _ in 0..*up {
                    frame = frame.and_then(|frame| frame.outer);
                }
                match frame {
                    Some(frame) => seen(Cow::Borrowed(frame.val), node.span),
                    None => Err(Stop::wrong(format!("{name} is not known here"), node.span)),
                }
            }
            Kind::Field(of, name) => {
                let base = self.eval(of, frames)?;
                self.key(base, name, node.span)
            }
            Kind::Index(two) => {
                let [of, index] = &**two;
                let (base, index) = self.both(of, index, frames)?;
                self.index(base, &index, node.span)
            }
            Kind::Choose(three) => {
                let [cond, yes, no] = &**three;
                let chosen = if self.truth(cond, frames)? { yes } else { no };
                self.eval(chosen, frames)
            }
            Kind::Negate(of) => {
                let val = self.eval(of, frames)?;
                let negated = match &*val {
                    Val::Int(number) => number.checked_neg().map(Val::Int),
                    Val::Float(number) => Some(Val::Float(-number)),
                    other @ (Val::Null
                    | Val::Bool(_)
                    | Val::Str(_)
                    | Val::List(_)
                    | Val::Map(_)
                    | Val::Absent
                    | Val::Unknown(_)) => {
                        let message = format!("- negates a number, this is {}", other.sort());
                        return Err(Stop::wrong(message, node.span));
                    }
                };
                let negated =
                    negated.ok_or_else(|| Stop::wrong("the number overflows", node.span))?;
                Ok(Cow::Owned(negated))
            }
            Kind::Math(op, two) => {
                let [a, b] = &**two;
                let (a, b) = self.both(a, b, frames)?;
                self.math(*op, &a, &b, node.span).map(Cow::Owned)
            }
            Kind::List(items) => {
                let mut made = Vec::with_capacity(items.len());
                let mut worst = Worst::default();
                for item in items {
                    match self.eval(item, frames) {
                        Ok(val) => made.push(val.into_owned()),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.and(stop),
                    }
                }
                self.produce(made.len() * size_of::<Val>(), node.span)?;
                worst.unless(Cow::Owned(Val::from(made)))
            }
            Kind::Map(entries) => {
                let mut made = Vec::with_capacity(entries.len());
                let mut worst = Worst::default();
                for (key, value) in entries {
                    match self.eval(value, frames) {
                        Ok(val) => made.push((key.clone(), val.into_owned())),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.and(stop),
                    }
                }
                self.produce(made.len() * 2 * size_of::<Val>(), node.span)?;
                worst.unless(Cow::Owned(Val::map(made)))
            }
            Kind::Loop(which @ (Loop::Map | Loop::Filter), parts) => {
                self.collect(*which, parts, frames).map(Cow::Owned)
            }
            Kind::Call(func, args, pattern) => {
                self.call(*func, args, pattern.as_deref(), node, frames)
            }
            Kind::And(_)
            | Kind::Or(_)
            | Kind::Not(_)
            | Kind::Has(..)
            | Kind::Compare(..)
            | Kind::In(_)
            | Kind::Loop(Loop::All | Loop::Exists | Loop::ExistsOne, _) => {
                self.truth(node, frames).map(|t| Cow::Owned(Val::Bool(t)))
            }
        }
    }

    /// Whether a node is true.
    pub(super) fn truth<'v>(&'v self, node: &'v Node, frames: Frames<'v>) -> Res<bool> {
        match &node.kind {
            Kind::And(all) => {
                self.step(1, node.span)?;
                let mut worst = Worst::default();
                for part in all {
                    match self.truth(part, frames) {
                        Ok(true) => {}
                        Ok(false) => return Ok(false),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.and(stop),
                    }
                }
                worst.unless(true)
            }
            Kind::Or(all) => {
                self.step(1, node.span)?;
                let mut worst = Worst::default();
                for part in all {
                    match self.truth(part, frames) {
                        Ok(false) => {}
                        Ok(true) => return Ok(true),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.or(stop),
                    }
                }
                worst.unless(false)
            }
            Kind::Not(of) => {
                self.step(1, node.span)?;
                self.truth(of, frames).map(|truth| !truth)
            }
            Kind::Has(of, name) => {
                self.step(1, node.span)?;
                let found = self
                    .eval(of, frames)
                    .and_then(|base| self.key(base, name, node.span));
                match found {
                    Ok(_) => Ok(true),
                    // Also when what should hold it is absent: then so is the field, proved.
                    Err(stop) if matches!(stop.why, Why::Absent) => Ok(false),
                    Err(stop) => Err(stop),
                }
            }
            Kind::Compare(cmp, two) => {
                self.step(1, node.span)?;
                let [a, b] = &**two;
                let (a, b) = self.both(a, b, frames)?;
                self.compare(*cmp, &a, &b, node.span)
            }
            Kind::In(two) => {
                self.step(1, node.span)?;
                let [a, b] = &**two;
                let (a, b) = self.both(a, b, frames)?;
                self.is_in(&a, &b, node.span)
            }
            Kind::Loop(which @ (Loop::All | Loop::Exists | Loop::ExistsOne), parts) => {
                self.step(1, node.span)?;
                self.quantify(*which, parts, frames)
            }
            Kind::Const(_)
            | Kind::Var(_)
            | Kind::Local(..)
            | Kind::Field(..)
            | Kind::Index(_)
            | Kind::Negate(_)
            | Kind::Choose(_)
            | Kind::Math(..)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Loop(Loop::Map | Loop::Filter, _)
            | Kind::Call(..) => {
                let val = self.eval(node, frames)?;
                if let Val::Bool(truth) = &*val {
                    Ok(*truth)
                } else {
                    let message = format!("true or false is expected, this is {}", val.sort());
                    Err(Stop::wrong(message, node.span))
                }
            }
        }
    }

    /// Two operands of something strict. When both have no value, the reason does not depend on their order.
    pub(super) fn both<'v>(
        &'v self,
        a: &'v Node,
        b: &'v Node,
        frames: Frames<'v>,
    ) -> Res<(Cow<'v, Val>, Cow<'v, Val>)> {
        match (self.eval(a, frames), self.eval(b, frames)) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (Err(stop), Ok(_)) | (Ok(_), Err(stop)) => Err(stop),
            (Err(a), Err(b)) => Err(Stop::worse(a, b)),
        }
    }
}
