//! Going through lists and maps.

use std::ops::ControlFlow;
use std::sync::Arc;

use runproof_model::Reason;

use super::eval::{Frame, Frames, Machine};
use super::stop::{Res, Stop, Why, Worst};
use super::tree::{Loop, Parts};
use super::val::Val;

/// What is done with an element; a reason says that nobody knows whether it is there.
pub(super) type Visit<'f> =
    dyn FnMut(Frames<'_>, &Val, Option<&Arc<Reason>>) -> Res<ControlFlow<()>> + 'f;

/// A key of which nobody knows whether it is there.
pub(super) fn unsure(reason: &Arc<Reason>, parts: &Parts) -> Box<Stop> {
    Stop::new(Why::Unknown(Arc::clone(reason)), parts.range.span)
}

impl Machine<'_> {
    /// Visits each element of a list, or each key of a map, and says how many there were.
    ///
    /// A key whose value is absent is not there. Of a key whose value is unknown we
    /// do not know whether it is there; `visit` is told so and must not count it.
    pub(super) fn each(
        &self,
        parts: &Parts,
        frames: Frames<'_>,
        visit: &mut Visit<'_>,
    ) -> Res<usize> {
        let range = self.eval(&parts.range, frames)?;
        let span = parts.range.span;
        let mut count = 0;
        let mut one = |val: &Val, doubt: Option<&Arc<Reason>>| {
            self.step(1, span)?;
            count += 1;
            let frame = Frame { val, outer: frames };
            visit(Some(&frame), val, doubt)
        };
        match &*range {
            Val::List(items) => {
                for item in items.iter() {
                    if one(item, None)?.is_break() {
                        break;
                    }
                }
            }
            Val::Map(map) => {
                for (key, value) in map.iter() {
                    let doubt = match value {
                        Val::Absent => continue,
                        Val::Unknown(reason) => Some(reason),
                        Val::Null
                        | Val::Bool(_)
                        | Val::Int(_)
                        | Val::Float(_)
                        | Val::Str(_)
                        | Val::List(_)
                        | Val::Map(_) => None,
                    };
                    if one(&Val::Str(Arc::clone(key)), doubt)?.is_break() {
                        break;
                    }
                }
            }
            other @ (Val::Null
            | Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Str(_)
            | Val::Absent
            | Val::Unknown(_)) => {
                let message = format!(
                    "a loop goes through a list or map, this is {}",
                    other.sort()
                );
                return Err(Stop::wrong(message, span));
            }
        }
        Ok(count)
    }

    /// `all`, `exists`, `exists_one`.
    pub(super) fn quantify(&self, which: Loop, parts: &Parts, frames: Frames<'_>) -> Res<bool> {
        let mut worst = Worst::default();
        let mut hits = 0_usize;
        let mut decided = None;
        let count = self.each(parts, frames, &mut |frames, _, doubt| {
            let truth = match doubt {
                Some(reason) => Err(unsure(reason, parts)),
                None => self.truth(&parts.body, frames),
            };
            match (truth, which) {
                (Ok(false), Loop::All) => decided = Some(false),
                (Ok(true), Loop::Exists) => decided = Some(true),
                (Ok(true), Loop::ExistsOne) => {
                    hits += 1;
                    if hits > 1 {
                        decided = Some(false);
                    }
                }
                (Ok(_), _) => {}
                (Err(stop), _) if stop.is_final() => return Err(stop),
                (Err(stop), Loop::All) => worst.and(stop),
                (Err(stop), _) => worst.or(stop),
            }
            Ok(match decided {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            })
        })?;
        if let Some(decided) = decided {
            return Ok(decided);
        }
        if which == Loop::All && count == 0 && !self.allows_empty() {
            return Err(Stop::new(Why::Vacuous, parts.range.span));
        }
        worst.unless(match which {
            Loop::All => true,
            Loop::ExistsOne => hits == 1,
            Loop::Exists | Loop::Map | Loop::Filter => false,
        })
    }

    /// `map`, `filter`: one element without a value, and the list has none.
    pub(super) fn collect(&self, which: Loop, parts: &Parts, frames: Frames<'_>) -> Res<Val> {
        let mut worst = Worst::default();
        let mut made = Vec::new();
        self.each(parts, frames, &mut |frames, item, doubt| {
            let kept = if let Some(reason) = doubt {
                Err(unsure(reason, parts))
            } else if which == Loop::Map {
                self.eval(&parts.body, frames)
                    .map(|val| Some(val.into_owned()))
            } else {
                self.truth(&parts.body, frames)
                    .map(|keep| keep.then(|| item.clone()))
            };
            match kept {
                Ok(Some(val)) => {
                    self.produce(size_of::<Val>(), parts.range.span)?;
                    made.push(val);
                }
                Ok(None) => {}
                Err(stop) if stop.is_final() => return Err(stop),
                Err(stop) => worst.and(stop),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        worst.unless(Val::from(made))
    }
}
