//! Why a loop does not hold: which elements, and what is wrong with the first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::compare::is_given;
use super::{OFFENDERS, Teller, Told, snippet};
use crate::expr::eval::Frames;
use crate::expr::loops::unsure;
use crate::expr::stop::{Res, Stop, Why};
use crate::expr::token::Span;
use crate::expr::tree::{Kind, Loop, Node, Parts};
use crate::expr::val::{SHOWN, Val, line};

/// A parameter whose value is longer than this is named, not spelled out.
const SPELLED: usize = 60;

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
        let body = self.spelled(&parts.body, frames);
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
                let found = self
                    .nearest(parts, frames, want)
                    .unwrap_or_else(|_| range.show());
                let how = if want { "one with" } else { "one without" };
                Told {
                    message: format!("{subject} is {found}, expected {how} {body}"),
                    found: Some(found),
                    expected: Some(format!("{how} {body}")),
                }
            }
        }
    }

    /// A condition as written, with the values of the parameters in it.
    fn spelled(&self, node: &Node, frames: Frames<'_>) -> String {
        let mut given = Vec::new();
        parameters(node, &mut given);
        let mut text = match self.source.get(node.span.start..node.span.end) {
            Some(written) => written.to_owned(),
            None => return self.written(node),
        };
        // From the end, so that the places before stay where they are.
        given.sort_by_key(|part| Reverse(part.span.start));
        for part in given {
            let place = part
                .span
                .start
                .checked_sub(node.span.start)
                .zip(part.span.end.checked_sub(node.span.start));
            if let Some((start, end)) = place
                && text.get(start..end).is_some()
                && let Ok(value) = self.shown(part, frames)
                && value.len() <= SPELLED
            {
                text.replace_range(start..end, &value);
            }
        }
        snippet(
            &text,
            Span {
                start: 0,
                end: text.len(),
            },
        )
    }

    /// The elements with those of their fields that the condition reads,
    /// those first that come nearest to what is wanted: a long list is cut.
    fn nearest(&self, parts: &Parts, frames: Frames<'_>, want: bool) -> Res<String> {
        let mut fields = BTreeSet::new();
        let by_fields = fields_read(&parts.body, 0, &mut fields);
        let mut items: Vec<(usize, Val)> = Vec::new();
        self.machine
            .each(parts, frames, &mut |frames, item, doubt| {
                let near = match (&parts.body.kind, doubt) {
                    (Kind::And(all), None) if want => all
                        .iter()
                        .filter(|part| self.machine.truth(part, frames).is_ok_and(|truth| truth))
                        .count(),
                    (_, _) => 0,
                };
                let shown = match item.as_map() {
                    Some(map) if by_fields => Val::map(
                        map.iter()
                            .filter(|(name, _)| fields.contains(*name))
                            .map(|(name, val)| (Arc::clone(name), val.clone())),
                    ),
                    Some(_) | None => item.clone(),
                };
                items.push((near, shown));
                Ok(ControlFlow::Continue(()))
            })?;
        items.sort_by_key(|(near, _)| Reverse(*near));
        let items: Vec<Val> = items.into_iter().map(|(_, val)| val).collect();
        Ok(Val::from(items).show())
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

/// The largest parts that say what is wanted, literals left out.
fn parameters<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
    if is_given(node) {
        if names_something(node) {
            found.push(node);
        }
        return;
    }
    for child in node.children() {
        parameters(child, found);
    }
}

fn names_something(node: &Node) -> bool {
    matches!(node.kind, Kind::Var(_)) || node.children().into_iter().any(names_something)
}

/// The fields of the loop's element, `depth` loops up, that a condition reads;
/// false when it uses the element as a whole.
fn fields_read(node: &Node, depth: usize, fields: &mut BTreeSet<Arc<str>>) -> bool {
    let is_element = |node: &Node| matches!(node.kind, Kind::Local(up, _) if up == depth);
    if let Kind::Field(of, name) | Kind::Has(of, name) = &node.kind
        && is_element(of)
    {
        fields.insert(Arc::clone(name));
        return true;
    }
    if let Kind::Loop(_, parts) = &node.kind {
        return fields_read(&parts.range, depth, fields)
            && fields_read(&parts.body, depth + 1, fields);
    }
    !is_element(node)
        && node
            .children()
            .into_iter()
            .all(|child| fields_read(child, depth, fields))
}
