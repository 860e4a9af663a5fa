//! The operators on values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::eval::{Machine, seen};
use super::stop::{Res, Stop, Why, Worst};
use super::token::Span;
use super::tree::{Cmp, Math};
use super::val::Val;

impl Machine<'_> {
    /// A field of a fact or key of a map. One that is not there is absent, never unknown.
    pub(super) fn key<'v>(&self, base: Cow<'v, Val>, name: &str, span: Span) -> Res<Cow<'v, Val>> {
        let picked = match &base {
            Cow::Borrowed(val) => val.as_map().map(|map| map.get(name).map(Cow::Borrowed)),
            Cow::Owned(val) => val
                .as_map()
                .map(|map| map.get(name).cloned().map(Cow::Owned)),
        };
        match picked {
            Some(Some(val)) => seen(val, span),
            Some(None) => Err(Stop::new(Why::Absent, span)),
            None => {
                let message = format!("{} has no field {name}", base.sort());
                Err(Stop::wrong(message, span))
            }
        }
    }

    /// `x[y]`; beyond the end of a list there is nothing.
    pub(super) fn index<'v>(
        &self,
        base: Cow<'v, Val>,
        index: &Val,
        span: Span,
    ) -> Res<Cow<'v, Val>> {
        match (&*base, index) {
            (Val::Map(_), Val::Str(name)) => self.key(base, name, span),
            (Val::List(items), Val::Int(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                let Some(item) = item else {
                    return Err(Stop::new(Why::Absent, span));
                };
                let item = item.clone();
                seen(Cow::Owned(item), span)
            }
            (base, index) => {
                let message = format!("{} cannot be indexed by {}", base.sort(), index.sort());
                Err(Stop::wrong(message, span))
            }
        }
    }

    /// A comparison.
    pub(super) fn compare(&self, cmp: Cmp, a: &Val, b: &Val, span: Span) -> Res<bool> {
        let order = match cmp {
            Cmp::Eq => return self.equal(a, b, span),
            Cmp::Ne => return self.equal(a, b, span).map(|equal| !equal),
            Cmp::Lt | Cmp::Le | Cmp::Gt | Cmp::Ge => self.order(a, b, span)?,
        };
        Ok(match cmp {
            Cmp::Lt => order.is_lt(),
            Cmp::Le => order.is_le(),
            Cmp::Gt => order.is_gt(),
            Cmp::Eq | Cmp::Ne | Cmp::Ge => order.is_ge(),
        })
    }

    /// The order of two numbers or two strings.
    pub(super) fn order(&self, a: &Val, b: &Val, span: Span) -> Res<Ordering> {
        let order = match (a, b) {
            (Val::Str(a), Val::Str(b)) => {
                self.step(a.len().min(b.len()) / 256, span)?;
                Some(a.cmp(b))
            }
            (a, b) => order_numbers(a, b),
        };
        order.ok_or_else(|| {
            let message = format!("{} and {} have no order", a.sort(), b.sort());
            Stop::wrong(message, span)
        })
    }

    /// Whether two values are the same. Those of different sorts are not unequal but a
    /// mistake, null excepted: a check that compares a port with a string is broken.
    pub(super) fn equal(&self, a: &Val, b: &Val, span: Span) -> Res<bool> {
        self.step(1, span)?;
        match (a, b) {
            (Val::Absent, _) | (_, Val::Absent) => Err(Stop::new(Why::Absent, span)),
            (Val::Unknown(reason), _) | (_, Val::Unknown(reason)) => {
                Err(Stop::new(Why::Unknown(Arc::clone(reason)), span))
            }
            (Val::Null, Val::Null) => Ok(true),
            (Val::Null, _) | (_, Val::Null) => Ok(false),
            (Val::Bool(a), Val::Bool(b)) => Ok(a == b),
            (Val::Str(a), Val::Str(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                self.step(a.len() / 256, span)?;
                Ok(a == b)
            }
            (Val::List(a), Val::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                let mut worst = Worst::default();
                for (a, b) in a.iter().zip(b.iter()) {
                    match self.equal(a, b, span) {
                        Ok(true) => {}
                        Ok(false) => return Ok(false),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.and(stop),
                    }
                }
                worst.unless(true)
            }
            (Val::Map(a), Val::Map(b)) => {
                let mut worst = Worst::default();
                let only_b = b.iter().filter(|(key, _)| !a.contains_key(*key));
                let pairs = a.iter().map(|(key, val)| (Some(val), b.get(key)));
                for (a, b) in pairs.chain(only_b.map(|(_, val)| (None, Some(val)))) {
                    // An absent key is a key that is not there.
                    let there = |val: Option<&Val>| !matches!(val, None | Some(Val::Absent));
                    let same = match (a, b) {
                        (Some(a), Some(b)) if there(Some(a)) && there(Some(b)) => {
                            self.equal(a, b, span)
                        }
                        (Some(Val::Unknown(reason)), _) | (_, Some(Val::Unknown(reason))) => {
                            Err(Stop::new(Why::Unknown(Arc::clone(reason)), span))
                        }
                        (a, b) => Ok(there(a) == there(b)),
                    };
                    match same {
                        Ok(true) => self.step(1, span)?,
                        Ok(false) => return Ok(false),
                        Err(stop) if stop.is_final() => return Err(stop),
                        Err(stop) => worst.and(stop),
                    }
                }
                worst.unless(true)
            }
            (a, b) => match order_numbers(a, b) {
                Some(order) => Ok(order.is_eq()),
                None => {
                    let message = format!("compares {} with {}", a.sort(), b.sort());
                    Err(Stop::wrong(message, span))
                }
            },
        }
    }

    /// `x in list`, `key in map`.
    pub(super) fn is_in(&self, needle: &Val, stack: &Val, span: Span) -> Res<bool> {
        match (needle, stack) {
            (needle, Val::List(items)) => self.among(needle, items, span),
            (Val::Str(name), Val::Map(map)) => match map.get(name) {
                None | Some(Val::Absent) => Ok(false),
                Some(Val::Unknown(reason)) => {
                    Err(Stop::new(Why::Unknown(Arc::clone(reason)), span))
                }
                Some(_) => Ok(true),
            },
            (needle, stack) => {
                let message = format!("{} cannot be in {}", needle.sort(), stack.sort());
                Err(Stop::wrong(message, span))
            }
        }
    }

    /// Whether one of the items equals the value.
    pub(super) fn among(&self, needle: &Val, items: &[Val], span: Span) -> Res<bool> {
        let mut worst = Worst::default();
        for item in items {
            match self.equal(needle, item, span) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(stop) if stop.is_final() => return Err(stop),
                Err(stop) => worst.or(stop),
            }
        }
        worst.unless(false)
    }

    /// Arithmetic; `+` joins strings and lists too.
    pub(super) fn math(&self, op: Math, a: &Val, b: &Val, span: Span) -> Res<Val> {
        match (op, a, b) {
            (Math::Add, Val::Str(a), Val::Str(b)) => {
                self.produce(a.len() + b.len(), span)?;
                Ok(Val::Str(format!("{a}{b}").into()))
            }
            (Math::Add, Val::List(a), Val::List(b)) => {
                self.produce((a.len() + b.len()) * size_of::<Val>(), span)?;
                Ok(Val::List(a.iter().chain(b.iter()).cloned().collect()))
            }
            (op, Val::Int(a), Val::Int(b)) => {
                let made = match op {
                    Math::Add => a.checked_add(*b),
                    Math::Sub => a.checked_sub(*b),
                    Math::Mul => a.checked_mul(*b),
                    Math::Div => a.checked_div(*b),
                    Math::Rem => a.checked_rem(*b),
                };
                made.map(Val::Int).ok_or_else(|| {
                    let message = if *b == 0 {
                        "division by zero"
                    } else {
                        "the number overflows"
                    };
                    Stop::wrong(message, span)
                })
            }
            (op, a, b) => {
                let (Some(x), Some(y)) = (float(a), float(b)) else {
                    let message = format!("{} between {} and {}", op.sign(), a.sort(), b.sort());
                    return Err(Stop::wrong(message, span));
                };
                let made = match op {
                    Math::Add => x + y,
                    Math::Sub => x - y,
                    Math::Mul => x * y,
                    Math::Div => x / y,
                    Math::Rem => x % y,
                };
                if made.is_finite() {
                    Ok(Val::Float(made))
                } else {
                    Err(Stop::wrong("the number overflows", span))
                }
            }
        }
    }
}

/// A number as a float.
#[allow(clippy::cast_precision_loss)]
fn float(val: &Val) -> Option<f64> {
    match val {
        Val::Int(number) => Some(*number as f64),
        Val::Float(number) => Some(*number),
        Val::Null
        | Val::Bool(_)
        | Val::Str(_)
        | Val::List(_)
        | Val::Map(_)
        | Val::Absent
        | Val::Unknown(_) => None,
    }
}

/// The exact order of two numbers; `None` when one is none.
fn order_numbers(a: &Val, b: &Val) -> Option<Ordering> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Float(a), Val::Float(b)) => a.partial_cmp(b),
        (Val::Int(a), Val::Float(b)) => order_mixed(*a, *b),
        (Val::Float(a), Val::Int(b)) => order_mixed(*b, *a).map(Ordering::reverse),
        _ => None,
    }
}

/// Beyond 2^53 a float cannot tell neighbours apart, so whole parts are compared as ints.
#[allow(clippy::cast_possible_truncation)]
fn order_mixed(int: i64, float: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= LIMIT {
        Some(Ordering::Less)
    } else if float < -LIMIT {
        Some(Ordering::Greater)
    } else {
        let whole = float.trunc();
        let order = int.cmp(&(whole as i64));
        Some(order.then_with(|| {
            // Equal whole parts: what is behind the point decides.
            0.0_f64
                .partial_cmp(&(float - whole))
                .unwrap_or(Ordering::Equal)
        }))
    }
}
