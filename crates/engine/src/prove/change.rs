//! Changes of a value: places in it, and other values of the same type.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use runproof_suite::Constants;
use runproof_suite::expr::{Range, Type, Val};

/// Of a list or map that is gone through, so many elements are changed one by one.
const ELEMENTS: usize = 12;
/// A value is looked into so deep below what is read.
const DEPTH: usize = 4;
/// So many samples are made of a type.
const SAMPLES: usize = 24;
/// Of what an expectation compares with, so many texts and so many numbers go into mutants.
const CONSTANTS: usize = 32;
/// A text that no node says.
const OTHER: &str = "runproof-mutant";
/// A number that is late as a time, long as a duration and no port.
const LARGE: i64 = 4_000_000_000;

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(Arc<str>),
    At(usize),
}

/// A place in a value.
pub(super) type Place = Vec<Step>;

/// A place as a reader of suites would write it.
pub(super) fn spelled(name: &str, place: &[Step]) -> String {
    let mut text = name.to_owned();
    for step in place {
        // Cannot fail: the target is a String.
        let _ = match step {
            Step::Key(key) if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                write!(text, ".{key}")
            }
            Step::Key(key) => write!(text, "[{key:?}]"),
            Step::At(index) => write!(text, "[{index}]"),
        };
    }
    text
}

/// The places that a path means in a value, `*` being any element or key, and those below them.
/// A place that is not there ends where the absence begins.
pub(super) fn places(val: &Val, path: &[String]) -> Vec<Place> {
    let mut found = Vec::new();
    walk(val, path, &mut Vec::new(), &mut found);
    found
}

fn walk(val: &Val, path: &[String], at: &mut Place, found: &mut Vec<Place>) {
    let Some((step, rest)) = path.split_first() else {
        below(val, DEPTH, at, found);
        return;
    };
    match val {
        Val::Map(map) if step == "*" => {
            for (key, inner) in map.iter().take(ELEMENTS) {
                at.push(Step::Key(key.clone()));
                walk(inner, rest, at, found);
                at.pop();
            }
            // Whether there are any is asked too.
            found.push(at.clone());
        }
        Val::Map(map) => {
            at.push(Step::Key(step.as_str().into()));
            match map.get(step.as_str()) {
                Some(inner) => walk(inner, rest, at, found),
                None => found.push(at.clone()),
            }
            at.pop();
        }
        Val::List(items) => {
            for (index, inner) in items.iter().enumerate().take(ELEMENTS) {
                at.push(Step::At(index));
                walk(inner, rest, at, found);
                at.pop();
            }
            found.push(at.clone());
        }
        Val::Null
        | Val::Bool(_)
        | Val::Int(_)
        | Val::Float(_)
        | Val::Str(_)
        | Val::Absent
        | Val::Unknown(_) => found.push(at.clone()),
    }
}

fn below(val: &Val, depth: usize, at: &mut Place, found: &mut Vec<Place>) {
    found.push(at.clone());
    if depth == 0 {
        return;
    }
    match val {
        Val::List(items) => {
            for (index, inner) in items.iter().enumerate().take(ELEMENTS) {
                at.push(Step::At(index));
                below(inner, depth - 1, at, found);
                at.pop();
            }
        }
        Val::Map(map) => {
            for (key, inner) in map.iter().take(ELEMENTS) {
                at.push(Step::Key(key.clone()));
                below(inner, depth - 1, at, found);
                at.pop();
            }
        }
        Val::Null
        | Val::Bool(_)
        | Val::Int(_)
        | Val::Float(_)
        | Val::Str(_)
        | Val::Absent
        | Val::Unknown(_) => {}
    }
}

/// What is at a place; absent where nothing is.
pub(super) fn at(val: &Val, place: &[Step]) -> Val {
    let mut here = val;
    for step in place {
        let next = match (step, here) {
            (Step::Key(key), Val::Map(map)) => map.get(key),
            (Step::At(index), Val::List(items)) => items.get(*index),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => return Val::Absent,
        }
    }
    here.clone()
}

/// The value with another one at a place.
pub(super) fn with(val: &Val, place: &[Step], new: &Val) -> Val {
    let Some((step, rest)) = place.split_first() else {
        return new.clone();
    };
    match (step, val) {
        (Step::Key(key), Val::Map(map)) => {
            let mut map = BTreeMap::clone(map);
            let inner = map.get(key).cloned().unwrap_or(Val::Absent);
            map.insert(key.clone(), with(&inner, rest, new));
            Val::Map(Arc::new(map))
        }
        (Step::At(index), Val::List(items)) => items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                if at == *index {
                    with(item, rest, new)
                } else {
                    item.clone()
                }
            })
            .collect::<Vec<_>>()
            .into(),
        (_, other) => other.clone(),
    }
}

/// The type of a place.
pub(super) fn type_at(of: &Type, place: &[Step]) -> Type {
    let mut here = of.clone();
    for step in place {
        let next = match (&here, step) {
            (Type::Object(object), Step::Key(key)) => object.fields.get(&**key).cloned(),
            (Type::Map(inner), Step::Key(_)) | (Type::List(inner), Step::At(_)) => {
                Some(Type::clone(inner))
            }
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => return Type::Any,
        }
    }
    here
}

/// The constants that go into mutants: of many those at even distances, the first and the last
/// among them.
pub(super) fn few(constants: Constants) -> Constants {
    Constants {
        texts: spread(constants.texts),
        numbers: spread(constants.numbers),
    }
}

fn spread<T: Clone>(list: Vec<T>) -> Vec<T> {
    let Some(last) = list.len().checked_sub(1).filter(|last| *last >= CONSTANTS) else {
        return list;
    };
    let at = |index| list.get(index * last / (CONSTANTS - 1)).cloned();
    (0..CONSTANTS).filter_map(at).collect()
}

/// Other values of the same type. What is absent becomes one of its type; of what is unknown
/// nothing can be said.
pub(super) fn same_type(val: &Val, of: &Type, constants: &Constants) -> Vec<Val> {
    match val {
        Val::Bool(truth) => vec![Val::Bool(!truth)],
        Val::Int(number) => numbers(*number, range(of), constants)
            .into_iter()
            .map(Val::Int)
            .collect(),
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        Val::Float(number) => numbers(*number as i64, Range::default(), constants)
            .into_iter()
            .map(|other| Val::Float(other as f64))
            .collect(),
        Val::Str(text) => texts(Some(text), constants)
            .iter()
            .map(|other| Val::from(other.as_str()))
            .collect(),
        Val::List(items) => lists(items, of, constants),
        Val::Map(map) => maps(map, of, constants),
        Val::Absent | Val::Null => samples(of, constants, DEPTH),
        Val::Unknown(_) => Vec::new(),
    }
}

/// Which whole numbers a place of that type can hold.
fn range(of: &Type) -> Range {
    if let Type::Int(range) = of {
        *range
    } else {
        Range::default()
    }
}

fn numbers(number: i64, range: Range, constants: &Constants) -> Vec<i64> {
    let mut others = vec![
        number.saturating_add(1),
        number.saturating_sub(1),
        0,
        1,
        LARGE,
    ];
    for constant in &constants.numbers {
        others.extend([
            constant.saturating_sub(1),
            *constant,
            constant.saturating_add(1),
        ]);
    }
    others.sort_unstable();
    others.dedup();
    // What no node can ever say would lend teeth to an expectation that has none.
    others.retain(|other| *other != number && range.holds(*other));
    others
}

fn texts(text: Option<&str>, constants: &Constants) -> Vec<String> {
    let mut others = vec![String::new(), OTHER.to_owned(), "0.0.1".to_owned()];
    if let Some(text) = text {
        others.extend([format!("{text}x"), format!("x{text}")]);
    }
    for constant in &constants.texts {
        // For who asks how it begins or ends, and for who asks whether it is in the midst.
        others.extend([
            constant.clone(),
            format!("{constant}{OTHER}"),
            format!("{OTHER}{constant}"),
        ]);
    }
    // Who asks for two things of one text wants them in the order in which it names them.
    let pairs = constants.texts.windows(2);
    others.extend(pairs.map(|pair| pair.concat()));
    others.push(constants.texts.concat());
    others.sort_unstable();
    others.dedup();
    others.retain(|other| Some(other.as_str()) != text);
    others
}

fn lists(items: &[Val], of: &Type, constants: &Constants) -> Vec<Val> {
    let mut others: Vec<Vec<Val>> = Vec::new();
    if !items.is_empty() {
        others.push(Vec::new());
    }
    if items.len() > 1 {
        others.push(items.iter().rev().cloned().collect());
    }
    let without = |index: usize| {
        let kept = items.iter().enumerate().filter(move |(at, _)| *at != index);
        kept.map(|(_, item)| item.clone()).collect()
    };
    others.extend((0..items.len().min(ELEMENTS)).map(without));
    let inner = if let Type::List(inner) = of {
        Type::clone(inner)
    } else {
        Type::Any
    };
    for sample in samples(&inner, constants, DEPTH) {
        let mut more = items.to_vec();
        more.push(sample);
        others.push(more);
    }
    others.into_iter().map(Val::from).collect()
}

fn maps(map: &BTreeMap<Arc<str>, Val>, of: &Type, constants: &Constants) -> Vec<Val> {
    // The fields of a fact are always there; the keys of a map come from the node.
    let Type::Map(open) = of else {
        return Vec::new();
    };
    let mut others = Vec::new();
    if !map.is_empty() {
        others.push(BTreeMap::new());
    }
    for key in map.keys().take(ELEMENTS) {
        let mut less = map.clone();
        less.remove(key);
        others.push(less);
    }
    for text in texts(None, constants) {
        for sample in samples(open, constants, DEPTH).into_iter().take(2) {
            let mut more = map.clone();
            more.insert(text.as_str().into(), sample);
            others.push(more);
        }
    }
    others
        .into_iter()
        .map(|map| Val::Map(Arc::new(map)))
        .collect()
}

fn is_truth(values: &[Val]) -> bool {
    matches!(values.first(), Some(Val::Bool(_)))
}

/// Values of a type.
fn samples(of: &Type, constants: &Constants, depth: usize) -> Vec<Val> {
    match of {
        Type::Null => Vec::new(),
        Type::Bool => vec![Val::Bool(true), Val::Bool(false)],
        Type::Int(range) => numbers(i64::MIN, *range, constants)
            .into_iter()
            .filter(|number| *number >= 0)
            .map(Val::Int)
            .collect(),
        #[allow(clippy::cast_precision_loss)]
        Type::Float => numbers(i64::MIN, Range::default(), constants)
            .into_iter()
            .filter(|number| *number >= 0)
            .map(|number| Val::Float(number as f64))
            .collect(),
        Type::String | Type::Any => texts(None, constants)
            .iter()
            .map(|text| Val::from(text.as_str()))
            .collect(),
        Type::List(_) | Type::Map(_) | Type::Object(_) if depth == 0 => Vec::new(),
        Type::List(inner) => std::iter::once(Val::from(Vec::new()))
            .chain(
                samples(inner, constants, depth - 1)
                    .into_iter()
                    .map(|sample| Val::from(vec![sample])),
            )
            .take(SAMPLES)
            .collect(),
        Type::Map(inner) => samples(inner, constants, depth - 1)
            .into_iter()
            .map(|sample| Val::map([(OTHER, sample)]))
            .take(SAMPLES)
            .collect(),
        Type::Object(object) => {
            let fields: Vec<(&String, Vec<Val>)> = object
                .fields
                .iter()
                .map(|(name, field)| (name, samples(field, constants, depth - 1)))
                .collect();
            let longest = fields.iter().map(|(_, values)| values.len()).max();
            let turns = longest.unwrap_or(0).min(SAMPLES);
            // Once more with every truth the other way: else one would always go with the same texts.
            let both = fields.iter().any(|(_, values)| is_truth(values));
            (0..turns * if both { 2 } else { 1 })
                .map(|turn| {
                    Val::map(fields.iter().map(|(name, values)| {
                        let shift = usize::from(turn >= turns && is_truth(values));
                        let value = match values.len() {
                            0 => Val::Absent,
                            many => {
                                let at = (turn % turns + shift) % many;
                                values.get(at).cloned().unwrap_or(Val::Absent)
                            }
                        };
                        (name.as_str(), value)
                    }))
                })
                .collect()
        }
    }
}
