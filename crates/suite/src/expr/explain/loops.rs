//! Why a loop does not hold: which elements, and what is wrong with the first.

use std::ops::ControlFlow;

use super::{OFFENDERS, Teller, Told};
use crate::expr::eval::Frames;
use crate::expr::loops::unsure;
use crate::expr::stop::{Res, Stop, Why};
use crate::expr::tree::{Loop, Node, Parts};
use crate::expr::val::{SHOWN, line};

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

impl Teller<'_> {
    /// Why a loop is not `want`: which elements decided.
    pub(super) fn looped(
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
        let body_want = want || which == Loop::ExistsOne;
        let (offenders, count, first) = match self.offenders(parts, frames, &blame, body_want) {
            Ok(found) => found,
            Err(stop) => return self.compose("", Err(stop), None),
        };
        let shown = line(offenders, SHOWN);
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
