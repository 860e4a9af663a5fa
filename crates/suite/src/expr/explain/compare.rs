//! Why a comparison or a call does not hold: what was found, what was expected.

use super::{Teller, Told};
use crate::expr::eval::Frames;
use crate::expr::func::Func;
use crate::expr::stop::Stop;
use crate::expr::token::Span;
use crate::expr::tree::{Cmp, Kind, Node};
use crate::expr::val::{SHOWN, Val, line};

/// Variables that say what is wanted rather than what is there.
const GIVEN: [&str; 4] = ["profile", "input", "site", "now"];
/// How an expectation reads, and its contrary.
const PHRASES: [(Func, &str, &str); 5] = [
    (
        Func::StartsWith,
        "something that begins with ",
        "nothing that begins with ",
    ),
    (
        Func::EndsWith,
        "something that ends with ",
        "nothing that ends with ",
    ),
    (
        Func::Contains,
        "something that contains ",
        "nothing that contains ",
    ),
    (
        Func::Matches,
        "something that matches ",
        "nothing that matches ",
    ),
    (Func::InCidr, "an address in ", "an address outside "),
];

impl Teller<'_> {
    /// Which of two sides is what was found; the other says what was expected.
    pub(super) fn sides(&self, a: &Node, b: &Node, how: &str, frames: Frames<'_>) -> Told {
        let expected = self.shown(b, frames);
        let found = self.shown(a, frames);
        match (found, expected) {
            (found, Ok(expected)) => {
                let expected = line(format!("{how}{expected}"), SHOWN);
                self.compose(&self.written(a), found, Some(expected))
            }
            (Ok(_), Err(stop)) => self.compose(&self.written(b), Err(stop), None),
            (Err(a), Err(b)) => self.compose("", Err(Stop::worse(a, b)), None),
        }
    }

    /// Why `a in b` is not `want`.
    pub(super) fn within(&self, two: &[Node; 2], frames: Frames<'_>, want: bool) -> Told {
        let [a, b] = two;
        if let Ok((needle, stack)) = self.machine.both(a, b, frames)
            && let Err(stop) = self.machine.is_in(&needle, &stack, b.span)
        {
            return self.compose("", Err(stop), None);
        }
        if is_given(a) && !is_given(b) {
            let not = if want { "" } else { "not " };
            let needle = self.shown(a, frames);
            let expected = needle.map(|needle| format!("{needle} {not}to be there"));
            return self.compose(&self.written(b), self.shown(b, frames), expected.ok());
        }
        let how = if want { "one of " } else { "none of " };
        self.sides(a, b, how, frames)
    }

    /// Why a comparison is not `want`.
    pub(super) fn compared(
        &self,
        cmp: Cmp,
        two: &[Node; 2],
        frames: Frames<'_>,
        want: bool,
    ) -> Told {
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

    /// Why a function is not `want`.
    pub(super) fn called(
        &self,
        node: &Node,
        func: Func,
        args: &[Node],
        frames: Frames<'_>,
        want: bool,
    ) -> Told {
        let [a, b] = args else {
            return self.plain(node, frames, want);
        };
        // Arguments that are fine by themselves but not for this function.
        if self.machine.both(a, b, frames).is_ok()
            && let Err(stop) = self.machine.truth(node, frames)
        {
            return self.compose("", Err(stop), None);
        }
        if [Func::Subset, Func::Disjoint, Func::SameSet].contains(&func) {
            return self.sets(node, func, [a, b], frames, want);
        }
        match PHRASES.iter().find(|(known, _, _)| *known == func) {
            Some((_, how, _)) if want => self.sides(a, b, how, frames),
            Some((_, _, how)) => self.sides(a, b, how, frames),
            None => self.plain(node, frames, want),
        }
    }

    fn sets(
        &self,
        node: &Node,
        func: Func,
        [a, b]: [&Node; 2],
        frames: Frames<'_>,
        want: bool,
    ) -> Told {
        let (left, right) = match self.machine.both(a, b, frames) {
            Ok(vals) => vals,
            Err(_) => return self.sides(a, b, "", frames),
        };
        let (Some(a_items), Some(b_items), true) = (left.as_list(), right.as_list(), want) else {
            return self.plain(node, frames, want);
        };
        // What cannot be picked because an element has no value is left out: something else decided.
        let pick = |from: &[Val], of: &[Val], within| {
            let picked = self.machine.select(from, of, within, node.span).ok()?;
            let some = picked.as_list().is_some_and(|items| !items.is_empty());
            some.then(|| picked.show())
        };
        let mut found = Vec::new();
        if func == Func::Disjoint {
            found.extend(pick(a_items, b_items, true).map(|common| format!("has {common}")));
        } else {
            found.extend(pick(a_items, b_items, false).map(|extra| format!("has also {extra}")));
        }
        if func == Func::SameSet {
            found.extend(pick(b_items, a_items, false).map(|missing| format!("lacks {missing}")));
        }
        if found.is_empty() {
            found.push(format!("is {}", left.show()));
        }
        let how = if func == Func::Subset {
            "only "
        } else if func == Func::Disjoint {
            "none of "
        } else {
            ""
        };
        let found = found.join(" and ");
        let expected = line(format!("{how}{}", right.show()), SHOWN);
        Told {
            message: format!("{} {found}, expected {expected}", self.written(a)),
            found: Some(line(found, SHOWN)),
            expected: Some(expected),
        }
    }
}

/// Whether a part says what is wanted, not what is there: literals and parameters only.
pub(super) fn is_given(node: &Node) -> bool {
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
