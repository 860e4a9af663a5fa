//! Which fields an expression reads: what mutants change, findings name and probes look at.

use std::collections::BTreeSet;

use super::func::Func;
use super::tree::{Kind, Loop, Node};

/// Stands for any element of a list or key of a map.
const ANY: &str = "*";

/// The paths of everything that is read, sorted.
pub(super) fn paths(root: &Node) -> Vec<Vec<String>> {
    let reader = Reader::of(root);
    let mut found = reader.found;
    found.extend(reader.ranges);
    found.into_iter().collect()
}

/// The paths of everything that is read with all that is below it, sorted. What a loop goes
/// through is not, only what is read of its elements; what is looked up in by a key or an
/// index that is not written out is.
pub(super) fn values(root: &Node) -> Vec<Vec<String>> {
    let reader = Reader::of(root);
    let mut found = reader.found;
    found.extend(reader.looked_up);
    found.into_iter().collect()
}

type Path = Vec<String>;

struct Reader {
    found: BTreeSet<Path>,
    /// What loops go through.
    ranges: BTreeSet<Path>,
    /// What is looked up in by a computed key or index.
    looked_up: BTreeSet<Path>,
    /// Where the elements of the loops come from, when that is one place.
    locals: Vec<Option<Path>>,
}

impl Reader {
    fn of(root: &Node) -> Self {
        let mut reader = Self {
            found: BTreeSet::new(),
            ranges: BTreeSet::new(),
            looked_up: BTreeSet::new(),
            locals: Vec::new(),
        };
        reader.read(root);
        reader
    }

    /// Reads a node as a value.
    fn read(&mut self, node: &Node) {
        if let Some(path) = self.place(node) {
            self.found.insert(path);
        }
    }

    /// The place that a node names, if it names one; everything else in it is read.
    fn place(&mut self, node: &Node) -> Option<Path> {
        match &node.kind {
            Kind::Var(name) => Some(vec![name.to_string()]),
            Kind::Local(up, _) => self.locals.iter().rev().nth(*up).cloned().flatten(),
            Kind::Field(of, name) | Kind::Has(of, name) => {
                let mut path = self.place(of)?;
                path.push(name.to_string());
                if matches!(node.kind, Kind::Has(..)) {
                    self.found.insert(path);
                    return None;
                }
                Some(path)
            }
            Kind::Index(two) => {
                let [of, index] = &**two;
                if index.literal().is_none() {
                    self.read(index);
                }
                let mut path = self.place(of)?;
                if index.literal().is_none() {
                    self.looked_up.insert(path.clone());
                }
                path.push(index.literal().unwrap_or(ANY).to_owned());
                Some(path)
            }
            Kind::Loop(which, parts) => {
                let range = self.place(&parts.range);
                if let Some(range) = &range {
                    self.ranges.insert(range.clone());
                }
                let element = range.clone().map(|mut path| {
                    path.push(ANY.to_owned());
                    path
                });
                self.locals.push(element.clone());
                self.read(&parts.body);
                self.locals.pop();
                // Who asks nothing of an element still asks whether there are any.
                if let (Some(range), Some(element)) = (&range, element)
                    && !self.found.iter().any(|path| path.starts_with(&element))
                {
                    self.found.insert(range.clone());
                }
                range.filter(|_| *which == Loop::Filter)
            }
            Kind::Call(func, args, _) => {
                let keeps = [Func::Sort, Func::Distinct, Func::Min, Func::Max];
                let mut first = None;
                for (index, arg) in args.iter().enumerate() {
                    if index == 0 && keeps.contains(func) {
                        first = self.place(arg);
                    } else {
                        self.read(arg);
                    }
                }
                let mut path = first?;
                if matches!(func, Func::Min | Func::Max) {
                    self.found.insert(path.clone());
                    path.push(ANY.to_owned());
                }
                Some(path)
            }
            Kind::Const(_)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::Not(_)
            | Kind::Negate(_)
            | Kind::Choose(_)
            | Kind::Compare(..)
            | Kind::Math(..)
            | Kind::In(_)
            | Kind::List(_)
            | Kind::Map(_) => {
                for child in node.children() {
                    self.read(child);
                }
                None
            }
        }
    }
}
