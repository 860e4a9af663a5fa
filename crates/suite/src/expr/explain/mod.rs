//! Verdict and reason: which conjunct decided, what was found, what was expected.
//!
//! Judging is done once without a thought for reasons. Only what did not pass
//! is gone through again, with a budget of its own, to say why.

use runproof_model::Verdict;

mod compare;
mod loops;

use super::eval::{Frames, Machine};
use super::stop::{Res, Stop, Why};
use super::token::Span;
use super::tree::{Kind, Loop, Node};
use super::val::{SHOWN, Val, line};
use super::{Env, Expr, Outcome};

/// So many offending elements are shown.
const OFFENDERS: usize = 3;
/// A message is cut to so many characters.
const MESSAGE: usize = 600;

/// The value, or why there is none.
pub(super) fn value(expr: &Expr, env: &Env) -> Result<Val, Outcome> {
    let machine = Machine::new(env);
    let val = machine.eval(&expr.root, None).map(|val| val.into_owned());
    val.map_err(|stop| stopped(expr, &stop, Told::default()))
}

/// The verdict alone, and whether an error is a defect of the suite.
pub(super) fn verdict(expr: &Expr, env: &Env) -> (Verdict, bool) {
    match Machine::new(env).truth(&expr.root, None) {
        Ok(true) => (Verdict::Pass, false),
        Ok(false) => (Verdict::Fail, false),
        Err(stop) => (verdict_of(&stop), stop.is_defect()),
    }
}

fn verdict_of(stop: &Stop) -> Verdict {
    match stop.why {
        Why::Absent | Why::Vacuous => Verdict::Fail,
        Why::Unknown(_) | Why::Type | Why::Budget => Verdict::Error,
    }
}

/// Judges an expectation.
pub(super) fn judge(expr: &Expr, env: &Env) -> Outcome {
    let machine = Machine::new(env);
    let result = machine.truth(&expr.root, None);
    let told = || {
        let machine = Machine::new(env);
        let teller = Teller {
            source: &expr.source,
            machine: &machine,
        };
        teller.tell(&expr.root, None, true)
    };
    match result {
        Ok(true) => Outcome {
            verdict: Verdict::Pass,
            found: None,
            expected: None,
            message: "holds".to_owned(),
            defect: false,
        },
        Ok(false) => {
            let told = told();
            Outcome {
                verdict: Verdict::Fail,
                found: told.found,
                expected: told.expected,
                message: line(told.message, MESSAGE),
                defect: false,
            }
        }
        Err(stop) if stop.is_final() => stopped(expr, &stop, Told::default()),
        Err(stop) => {
            let told = told();
            stopped(expr, &stop, told)
        }
    }
}

/// The outcome of an expression without a value.
fn stopped(expr: &Expr, stop: &Stop, told: Told) -> Outcome {
    let message = if told.message.is_empty() {
        reason(&expr.source, stop)
    } else {
        told.message
    };
    Outcome {
        verdict: verdict_of(stop),
        found: told.found.or_else(|| state(stop)),
        expected: told.expected,
        message: line(message, MESSAGE),
        defect: stop.is_defect(),
    }
}

/// What stopped, as an operator would say it.
fn reason(source: &str, stop: &Stop) -> String {
    let written = snippet(source, stop.span);
    let what = stop.text.as_deref().unwrap_or(&written);
    match &stop.why {
        Why::Absent => format!("{what} is absent"),
        Why::Vacuous => format!("{what} is empty: nothing was checked"),
        Why::Unknown(reason) => format!("{what} is unknown: {reason}"),
        Why::Type => format!("{what} (in {written})"),
        Why::Budget => format!("{written} costs too much to judge"),
    }
}

/// What stopped, as the value that was found.
fn state(stop: &Stop) -> Option<String> {
    match &stop.why {
        Why::Absent => Some("absent".to_owned()),
        Why::Vacuous => Some("empty".to_owned()),
        Why::Unknown(reason) => Some(line(format!("unknown: {reason}"), SHOWN)),
        Why::Type | Why::Budget => None,
    }
}

fn snippet(source: &str, span: Span) -> String {
    let written = source.get(span.start..span.end).unwrap_or(source);
    line(written.to_owned(), 120)
}

/// Why an expectation does not hold.
#[derive(Debug, Default)]
struct Told {
    found: Option<String>,
    expected: Option<String>,
    message: String,
}

struct Teller<'e> {
    source: &'e str,
    machine: &'e Machine<'e>,
}

impl Teller<'_> {
    fn written(&self, node: &Node) -> String {
        snippet(self.source, node.span)
    }

    /// What a node is worth, shown; or the state that it is in.
    fn shown(&self, node: &Node, frames: Frames<'_>) -> Result<String, Box<Stop>> {
        self.machine.eval(node, frames).map(|val| val.show())
    }

    /// Why `node` is not `want`.
    fn tell(&self, node: &Node, frames: Frames<'_>, want: bool) -> Told {
        match &node.kind {
            Kind::And(all) if want => self.one_of(all, frames, want),
            Kind::Or(all) if !want => self.one_of(all, frames, want),
            Kind::And(all) | Kind::Or(all) => self.none_of(node, all, frames, want),
            Kind::Not(of) => self.tell(of, frames, !want),
            Kind::Choose(three) => {
                let [cond, yes, no] = &**three;
                match self.machine.truth(cond, frames) {
                    Ok(true) => self.tell(yes, frames, want),
                    Ok(false) => self.tell(no, frames, want),
                    Err(_) => self.tell(cond, frames, true),
                }
            }
            Kind::Compare(cmp, two) => self.compared(*cmp, two, frames, want),
            Kind::In(two) => self.within(two, frames, want),
            Kind::Has(of, name) => {
                let found = self
                    .machine
                    .eval(of, frames)
                    .and_then(|base| self.machine.key(base, name, node.span));
                let subject = format!("{}.{name}", self.written(of));
                let expected = if want { "present" } else { "absent" };
                let found = found.map(|val| val.show()).map_err(|mut stop| {
                    if stop.span == node.span && !stop.is_defect() {
                        stop.text = Some(subject.clone());
                    }
                    stop
                });
                self.compose(&subject, found, Some(expected.to_owned()))
            }
            Kind::Loop(which @ (Loop::All | Loop::Exists | Loop::ExistsOne), parts) => {
                self.looped(node, *which, parts, frames, want)
            }
            Kind::Call(func, args, _) => self.called(node, *func, args, frames, want),
            Kind::Const(_)
            | Kind::Var(_)
            | Kind::Local(..)
            | Kind::Field(..)
            | Kind::Index(_)
            | Kind::Negate(_)
            | Kind::Math(..)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Loop(Loop::Map | Loop::Filter, _) => self.plain(node, frames, want),
        }
    }

    /// A part that should simply be true or false.
    fn plain(&self, node: &Node, frames: Frames<'_>, want: bool) -> Told {
        let found = self.shown(node, frames);
        self.compose(&self.written(node), found, Some(want.to_string()))
    }

    /// "subject is found, expected …", or what stopped.
    fn compose(&self, subject: &str, found: Res<String>, expected: Option<String>) -> Told {
        match found {
            Ok(found) => {
                let wanted = expected.as_deref().unwrap_or("something else");
                Told {
                    message: format!("{subject} is {found}, expected {wanted}"),
                    found: Some(found),
                    expected,
                }
            }
            Err(stop) => {
                let mut message = reason(self.source, &stop);
                if let Some(expected) = &expected
                    && !stop.is_defect()
                {
                    // What stopped may be far from what is asked: the whole fact, say.
                    let stopped = stop.text.clone();
                    let stopped = stopped.unwrap_or_else(|| snippet(self.source, stop.span));
                    message = if subject.is_empty() || stopped == subject {
                        format!("{message}, expected {expected}")
                    } else {
                        format!("{message}; {subject}: expected {expected}")
                    };
                }
                Told {
                    found: state(&stop),
                    expected,
                    message,
                }
            }
        }
    }

    /// All of them should be `want`: the first that is not, or else the one that stopped it.
    fn one_of(&self, all: &[Node], frames: Frames<'_>, want: bool) -> Told {
        let mut deciding: Option<(&Node, Box<Stop>)> = None;
        for part in all {
            match self.machine.truth(part, frames) {
                Ok(truth) if truth == want => {}
                Ok(_) => return self.tell(part, frames, want),
                Err(stop) => {
                    let worse = match &deciding {
                        None => true,
                        Some((_, old)) => {
                            !old.is_like(&stop)
                                && Stop::worse(old.clone(), stop.clone()).is_like(&stop)
                        }
                    };
                    if worse {
                        deciding = Some((part, stop));
                    }
                }
            }
        }
        match deciding {
            Some((part, _)) => self.tell(part, frames, want),
            None => Told::default(),
        }
    }

    /// One of them should be `want`, and none is.
    fn none_of(&self, node: &Node, all: &[Node], frames: Frames<'_>, want: bool) -> Told {
        if let Err(stop) = self.machine.truth(node, frames) {
            let part = all.iter().find(|part| {
                let own = self.machine.truth(part, frames);
                own.is_err_and(|own| own.is_like(&stop))
            });
            if let Some(part) = part {
                return self.tell(part, frames, want);
            }
        }
        let told: Vec<Told> = all
            .iter()
            .take(OFFENDERS)
            .map(|part| self.tell(part, frames, want))
            .collect();
        let join = |pick: fn(&Told) -> Option<&str>, by: &str| {
            let mut parts: Vec<&str> = told.iter().filter_map(pick).collect();
            parts.dedup();
            (!parts.is_empty()).then(|| line(parts.join(by), SHOWN))
        };
        Told {
            found: join(|told| told.found.as_deref(), "; "),
            expected: join(|told| told.expected.as_deref(), " or "),
            message: join(|told| Some(&told.message), "; and ").unwrap_or_default(),
        }
    }
}
