//! What an expectation compares with: where the values of mutants come from.

use crate::expr::{Expr, Val};
use crate::plan::{Bound, Plan};

/// Texts and numbers that decide an expectation.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    /// Its text literals, texts that its patterns match, and texts of the profile, the inputs
    /// and the item of its loop that it reads; in order of appearance.
    pub texts: Vec<String>,
    /// Its whole numbers, and those that it reads likewise.
    pub numbers: Vec<i64>,
}

impl Constants {
    /// The constants of an expression on the node of a judgement.
    pub fn of(plan: &Plan, bound: &Bound, expr: &Expr) -> Self {
        let mut found = Self::default();
        for val in expr.constants() {
            found.add(&val);
        }
        for path in expr.paths() {
            let Some((root, steps)) = path.split_first() else {
                continue;
            };
            if let Some(val) = plan.given(bound, root) {
                found.read(val, steps);
            }
        }
        found
    }

    /// Adds what is at the end of a path; `*` is any element or key.
    fn read(&mut self, val: &Val, steps: &[String]) {
        match (steps.split_first(), val) {
            (None, _) => self.add(val),
            (Some((_, rest)), Val::List(items)) => {
                for item in items.iter() {
                    self.read(item, rest);
                }
            }
            (Some((step, rest)), Val::Map(map)) => {
                for (key, inner) in map.iter() {
                    if step == "*" || step.as_str() == &**key {
                        self.read(inner, rest);
                    }
                }
            }
            (Some(_), _) => {}
        }
    }

    fn add(&mut self, val: &Val) {
        match val {
            Val::Int(number) => once(&mut self.numbers, *number),
            #[allow(clippy::cast_possible_truncation)]
            Val::Float(number) => once(&mut self.numbers, *number as i64),
            Val::Str(text) => once(&mut self.texts, text.to_string()),
            Val::List(items) => items.iter().for_each(|item| self.add(item)),
            Val::Map(map) => {
                for (key, inner) in map.iter() {
                    once(&mut self.texts, key.to_string());
                    self.add(inner);
                }
            }
            Val::Null | Val::Bool(_) | Val::Absent | Val::Unknown(_) => {}
        }
    }
}

fn once<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}
