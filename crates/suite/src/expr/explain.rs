//! Verdict and reason: which conjunct decided, what was found, what was expected.
//!
//! Judging is done once without a thought for reasons. Only what did not pass
//! is gone through again, with a budget of its own, to say why.

use std::ops::ControlFlow;

use runproof_model::{Verdict, text};

use super::eval::{Frames, Machine};
use super::func::Func;
use super::loops::unsure;
use super::stop::{Res, Stop, Why};
use super::token::Span;
use super::tree::{Cmp, Kind, Loop, Node, Parts};
use super::val::{SHOWN, Val};
use super::{Env, Expr, Outcome};

/// So many offending elements are shown.
const OFFENDERS: usize = 3;
/// A message is cut to so many characters.
const MESSAGE: usize = 600;
/// Variables that say what is wanted rather than what is there.
const GIVEN: [&str; 4] = ["profile", "input", "site", "now"];

/// The value, or why there is none.
pub(super) fn value(expr: &Expr, env: &Env) -> Result<Val, Outcome> {
    let machine = Machine::new(env);
    let val = machine.eval(&expr.root, None).map(|val| val.into_owned());
    val.map_err(|stop| stopped(expr, &stop, Told::default()))
}

/// Judges an expectation.
pub(super) fn judge(expr: &Expr, env: &Env) -> Outcome {
    let machine = Machine::new(env);
    let result = machine.truth(&expr.root, None);
    drop(machine);
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
                message: text::one_line(&told.message, MESSAGE),
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
    let verdict = match stop.why {
        Why::Absent | Why::Vacuous => Verdict::Fail,
        Why::Unknown(_) | Why::Type | Why::Budget => Verdict::Error,
    };
    let message = if told.message.is_empty() {
        reason(&expr.source, stop)
    } else {
        told.message
    };
    Outcome {
        verdict,
        found: told.found.or_else(|| state(stop)),
        expected: told.expected,
        message: text::one_line(&message, MESSAGE),
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
        Why::Unknown(reason) => format!("{written} is unknown: {reason}"),
        Why::Type => format!("{what} (in {written})"),
        Why::Budget => format!("{written} costs too much to judge"),
    }
}

/// What stopped, as the value that was found.
fn state(stop: &Stop) -> Option<String> {
    match &stop.why {
        Why::Absent => Some("absent".to_owned()),
        Why::Vacuous => Some("empty".to_owned()),
        Why::Unknown(reason) => Some(text::one_line(&format!("unknown: {reason}"), SHOWN)),
        Why::Type | Why::Budget => None,
    }
}

fn snippet(source: &str, span: Span) -> String {
    let written = source.get(span.start..span.end).unwrap_or(source);
    text::one_line(written, 120)
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
            Kind::In(two) => {
                let [a, b] = &**two;
                let how = if want { "one of " } else { "none of " };
                self.sides(a, b, how, frames)
            }
            Kind::Has(of, name) => {
                let found = self
                    .machine
                    .eval(of, frames)
                    .and_then(|base| self.machine.key(base, name, node.span));
                let subject = format!("{}.{name}", self.written(of));
                let expected = if want { "present" } else { "absent" };
                let found = found.map(|val| val.show());
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
                    message = format!("{message}, expected {expected}");
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
            (!parts.is_empty()).then(|| text::one_line(&parts.join(by), SHOWN))
        };
        Told {
            found: join(|told| told.found.as_deref(), "; "),
            expected: join(|told| told.expected.as_deref(), " or "),
            message: join(|told| Some(&told.message), "; and ").unwrap_or_default(),
        }
    }

    /// Which of two sides is what was found; the other says what was expected.
    fn sides(&self, a: &Node, b: &Node, how: &str, frames: Frames<'_>) -> Told {
        let expected = self.shown(b, frames);
        let found = self.shown(a, frames);
        match (found, expected) {
            (found, Ok(expected)) => {
                let expected = text::one_line(&format!("{how}{expected}"), SHOWN);
                self.compose(&self.written(a), found, Some(expected))
            }
            (Ok(_), Err(stop)) => self.compose(&self.written(b), Err(stop), None),
            (Err(a), Err(b)) => self.compose("", Err(Stop::worse(a, b)), None),
        }
    }

    fn compared(&self, cmp: Cmp, two: &[Node; 2], frames: Frames<'_>, want: bool) -> Told {
        let [mut a, mut b] = [&two[0], &two[1]];
        let mut cmp = if want { cmp } else { cmp.opposite() };
        if is_given(a) && !is_given(b) {
            (a, b) = (b, a);
            cmp = cmp.mirrored();
        }
        if let Some(error) = self.strict_error(a, b, cmp, frames) {
            return self.compose("", Err(error), None);
        }
        if let Kind::Call(Func::VersionCompare, args, _) = &a.kind
            && let [x, y] = args.as_slice()
            && matches!(b.kind, Kind::Const(Val::Int(0)))
        {
            let (x, y, cmp) = if is_given(x) && !is_given(y) {
                (y, x, cmp.mirrored())
            } else {
                (x, y, cmp)
            };
            let how = match cmp {
                Cmp::Eq => "version ",
                Cmp::Ne => "any version but ",
                Cmp::Lt => "older than ",
                Cmp::Le => "at most ",
                Cmp::Gt => "newer than ",
                Cmp::Ge => "at least ",
            };
            return self.sides(x, y, how, frames);
        }
        let how = match cmp {
            Cmp::Eq => "",
            Cmp::Ne => "anything but ",
            Cmp::Lt => "less than ",
            Cmp::Le => "at most ",
            Cmp::Gt => "more than ",
            Cmp::Ge => "at least ",
        };
        self.sides(a, b, how, frames)
    }

    /// The type error of a comparison whose sides are fine by themselves.
    fn strict_error(&self, a: &Node, b: &Node, cmp: Cmp, frames: Frames<'_>) -> Option<Box<Stop>> {
        let (a_val, b_val) = self.machine.both(a, b, frames).ok()?;
        let span = Span {
            start: a.span.start.min(b.span.start),
            end: a.span.end.max(b.span.end),
        };
        self.machine.compare(cmp, &a_val, &b_val, span).err()
    }

    fn called(
        &self,
        node: &Node,
        func: Func,
        args: &[Node],
        frames: Frames<'_>,
        want: bool,
    ) -> Told {
        let not = if want { "" } else { "not " };
        let how = match func {
            Func::StartsWith if want => "something that begins with ",
            Func::StartsWith => "nothing that begins with ",
            Func::EndsWith if want => "something that ends with ",
            Func::EndsWith => "nothing that ends with ",
            Func::Contains if want => "something that contains ",
            Func::Contains => "nothing that contains ",
            Func::Matches if want => "something that matches ",
            Func::Matches => "nothing that matches ",
            Func::InCidr if want => "an address in ",
            Func::InCidr => "an address outside ",
            Func::Subset | Func::Disjoint | Func::SameSet => {
                return self.sets(node, func, args, frames, not);
            }
            _ => return self.plain(node, frames, want),
        };
        // Arguments that are fine by themselves but not for this function.
        if let [a, b] = args
            && self.machine.both(a, b, frames).is_ok()
            && let Err(stop) = self.machine.truth(node, frames)
        {
            return self.compose("", Err(stop), None);
        }
        match args {
            [a, b] => self.sides(a, b, how, frames),
            _ => self.plain(node, frames, want),
        }
    }

    fn sets(&self, node: &Node, func: Func, args: &[Node], frames: Frames<'_>, not: &str) -> Told {
        let ([a, b], Err(_) | Ok(false), "") = (args, self.machine.truth(node, frames), not) else {
            return self.plain(node, frames, not.is_empty());
        };
        let (a_val, b_val) = match self.machine.both(a, b, frames) {
            Ok(vals) => vals,
            Err(stop) => return self.compose("", Err(stop), None),
        };
        let (Some(left), Some(right)) = (a_val.as_list(), b_val.as_list()) else {
            return self.plain(node, frames, true);
        };
        if let Err(stop) = self.machine.truth(node, frames) {
            return self.compose("", Err(stop), None);
        }
        let pick = |from, of, within| self.machine.select(from, of, within, node.span);
        let (subject, wanted) = (self.written(a), b_val.show());
        let list = |val: &Val| val.as_list().is_some_and(|items| !items.is_empty());
        match func {
            Func::Subset | Func::SameSet => {
                let (extra, missing) = match (pick(left, right, false), pick(right, left, false)) {
                    (Ok(extra), Ok(missing)) => (extra, missing),
                    (Err(stop), _) | (_, Err(stop)) => return self.compose("", Err(stop), None),
                };
                let mut found = Vec::new();
                if list(&extra) {
                    found.push(format!("has also {}", extra.show()));
                }
                if func == Func::SameSet && list(&missing) {
                    found.push(format!("lacks {}", missing.show()));
                }
                let found = found.join(" and ");
                let only = if func == Func::Subset { "only " } else { "" };
                let expected = text::one_line(&format!("{only}{wanted}"), SHOWN);
                Told {
                    message: format!("{subject} {found}, expected {expected}"),
                    found: Some(text::one_line(&found, SHOWN)),
                    expected: Some(expected),
                }
            }
            _ => {
                let common = pick(left, right, true).map(|common| common.show());
                let expected = text::one_line(&format!("none of {wanted}"), SHOWN);
                match common {
                    Ok(common) => Told {
                        message: format!("{subject} has {common}, expected {expected}"),
                        found: Some(common),
                        expected: Some(expected),
                    },
                    Err(stop) => self.compose("", Err(stop), None),
                }
            }
        }
    }

    fn looped(
        &self,
        node: &Node,
        which: Loop,
        parts: &Parts,
        frames: Frames<'_>,
        want: bool,
    ) -> Told {
        // The range itself may be what is absent, unknown or empty.
        let range = match self.machine.eval(&parts.range, frames) {
            Ok(range) => range,
            Err(_) => return self.lost_range(parts, frames),
        };
        let result = self.machine.truth(node, frames);
        if let Err(stop) = &result
            && matches!(stop.why, Why::Vacuous)
            && stop.span == parts.range.span
        {
            return self.compose("", Err(stop.clone()), None);
        }
        let subject = self.written(&parts.range);
        let body = self.written(&parts.body);
        // Whom to show: the elements that decide, by what they make of the condition.
        let blame = match (which, want, &result) {
            (_, _, Err(stop)) => Blame::Like(stop.clone()),
            (Loop::All, true, Ok(_)) => Blame::Truth(false),
            (Loop::Exists, false, Ok(_)) | (Loop::ExistsOne, _, Ok(_)) => Blame::Truth(true),
            (_, _, Ok(_)) => Blame::All,
        };
        let body_want = matches!(blame, Blame::Truth(false) | Blame::Like(_)) == want
            || which == Loop::All && want;
        let (offenders, count, first) = match self.offenders(parts, frames, &blame, body_want) {
            Ok(found) => found,
            Err(stop) => return self.compose("", Err(stop), None),
        };
        let shown = text::one_line(&offenders, SHOWN);
        match (&blame, which) {
            (Blame::Like(_), _) => Told {
                message: format!(
                    "{}: {}",
                    of_many(&subject, count.0, count.1, &shown),
                    first.message
                ),
                found: first.found,
                expected: first.expected,
            },
            (Blame::Truth(false), _) => {
                let expected = first.expected;
                Told {
                    message: format!(
                        "{}: {}",
                        of_many(&subject, count.0, count.1, &shown),
                        first.message
                    ),
                    found: Some(shown),
                    expected: expected.or_else(|| Some(format!("{body} of each"))),
                }
            }
            (Blame::Truth(true), Loop::Exists) => Told {
                message: format!(
                    "{}, expected none with {body}",
                    of_many(&subject, count.0, count.1, &shown)
                ),
                found: Some(shown),
                expected: Some(format!("none with {body}")),
            },
            (Blame::Truth(true), _) => {
                let how = if want {
                    "exactly one"
                } else {
                    "not exactly one"
                };
                Told {
                    message: format!("{subject}: {} with {body}, expected {how}", count.0),
                    found: Some(if count.0 == 0 {
                        "none".to_owned()
                    } else {
                        shown
                    }),
                    expected: Some(format!("{how} with {body}")),
                }
            }
            (Blame::All, _) => {
                let found = range.show();
                let how = if want { "one with" } else { "one without" };
                Told {
                    message: format!("{subject} is {found}, expected {how} {body}"),
                    found: Some(found),
                    expected: Some(format!("{how} {body}")),
                }
            }
        }
    }

    /// Why there is nothing to go through.
    fn lost_range(&self, parts: &Parts, frames: Frames<'_>) -> Told {
        let lost = self.machine.eval(&parts.range, frames);
        let lost = lost.map(|val| val.show());
        self.compose(&self.written(&parts.range), lost, None)
    }

    /// The first few elements to blame, shown; how many of how many; and what is wrong with the first.
    fn offenders(
        &self,
        parts: &Parts,
        frames: Frames<'_>,
        blame: &Blame,
        body_want: bool,
    ) -> Res<(String, (usize, usize), Told)> {
        let mut shown: Vec<String> = Vec::new();
        let mut guilty = 0;
        let mut first = Told::default();
        let total = self
            .machine
            .each(parts, frames, &mut |frames, item, doubt| {
                let truth = match doubt {
                    Some(reason) => Err(unsure(reason, parts)),
                    None => self.machine.truth(&parts.body, frames),
                };
                let counts = match (blame, &truth) {
                    (Blame::All, _) => true,
                    (Blame::Truth(blamed), Ok(truth)) => truth == blamed,
                    (Blame::Like(stop), Err(own)) => own.is_like(stop),
                    (Blame::Truth(_), Err(_)) | (Blame::Like(_), Ok(_)) => false,
                };
                if counts {
                    guilty += 1;
                    if shown.len() < OFFENDERS {
                        shown.push(item.show());
                    }
                    if guilty == 1 && !matches!(blame, Blame::All) {
                        first = match doubt {
                            Some(reason) => self.compose("", Err(unsure(reason, parts)), None),
                            None => self.tell(&parts.body, frames, body_want),
                        };
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
        if guilty > shown.len() {
            shown.push(format!("and {} more", guilty - shown.len()));
        }
        Ok((shown.join(", "), (guilty, total), first))
    }
}

/// Which elements of a loop decided.
enum Blame {
    /// Those for which the condition is this.
    Truth(bool),
    /// Those that stopped in the same way.
    Like(Box<Stop>),
    /// All of them together.
    All,
}

fn of_many(subject: &str, guilty: usize, total: usize, shown: &str) -> String {
    format!("{guilty} of {total} in {subject}: {shown}")
}

/// Whether a part says what is wanted, not what is there: literals and parameters only.
fn is_given(node: &Node) -> bool {
    match &node.kind {
        Kind::Var(name) => GIVEN.contains(&&**name),
        Kind::Local(..) | Kind::Loop(..) => false,
        Kind::Const(_)
        | Kind::Field(..)
        | Kind::Has(..)
        | Kind::Index(_)
        | Kind::And(_)
        | Kind::Or(_)
        | Kind::Not(_)
        | Kind::Negate(_)
        | Kind::Choose(_)
        | Kind::Compare(..)
        | Kind::Math(..)
        | Kind::In(_)
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Call(..) => {
            if matches!(node.kind, Kind::Call(Func::Age, _, _)) {
                return false;
            }
            node.children().into_iter().all(is_given)
        }
    }
}
