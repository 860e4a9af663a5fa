//! What can be said of an expression before anything is looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::func::{self, Func, Give, Want};
use super::suggest::{did_you_mean, there_are};
use super::token::Span;
use super::tree::{Cmp, Kind, Loop, Math, Node, Parts};
use super::types::Type;
use super::val::Val;
use super::{ExprError, net};

/// The types of the variables that an expression may read. `now` needs no entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope(pub BTreeMap<String, Type>);

impl Scope {
    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, of: Type) -> Self {
        self.0.insert(name.into(), of);
        self
    }
}

/// Every error, in the order of the source.
pub(super) fn check(root: &Node, scope: &Scope) -> Vec<ExprError> {
    let mut checker = Checker::new(scope);
    let of = checker.infer(root);
    checker.want_bool(&of, root, "an expectation");
    let mut errors = checker.errors;
    errors.sort_by_key(|error| (error.offset, error.len));
    errors
}

/// The type of the whole.
pub(super) fn type_of(root: &Node, scope: &Scope) -> Type {
    Checker::new(scope).infer(root)
}

struct Checker<'a> {
    scope: &'a Scope,
    locals: Vec<Type>,
    errors: Vec<ExprError>,
}

impl<'a> Checker<'a> {
    fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            locals: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn error(&mut self, span: Span, message: String, help: Option<String>) {
        let error = span.error(message);
        self.errors.push(ExprError { help, ..error });
    }

    fn want_bool(&mut self, of: &Type, node: &Node, what: &str) {
        if !matches!(of, Type::Any | Type::Bool) {
            let help = Some("compare it with something".to_owned());
            self.error(
                node.span,
                format!("{what} is true or false, this is {of}"),
                help,
            );
        }
    }

    fn infer(&mut self, node: &Node) -> Type {
        match &node.kind {
            Kind::Const(val) => of_const(val),
            Kind::Var(name) => self.variable(name, node.span),
            Kind::Local(up, _) => {
                let local = self.locals.iter().rev().nth(*up);
                local.cloned().unwrap_or(Type::Any)
            }
            Kind::Field(of, name) => {
                let base = self.infer(of);
                self.field(&base, name, name_span(node, name))
            }
            Kind::Has(of, name) => {
                let base = self.infer(of);
                self.field(&base, name, node.span);
                Type::Bool
            }
            Kind::Index(two) => self.index(two),
            Kind::And(all) | Kind::Or(all) => {
                let sign = if matches!(node.kind, Kind::And(_)) {
                    "a side of &&"
                } else {
                    "a side of ||"
                };
                for part in all {
                    let of = self.infer(part);
                    self.want_bool(&of, part, sign);
                }
                Type::Bool
            }
            Kind::Not(of) => {
                let inner = self.infer(of);
                self.want_bool(&inner, of, "what ! negates");
                Type::Bool
            }
            Kind::Negate(of) => {
                let inner = self.infer(of);
                if !inner.is_number() {
                    self.error(
                        of.span,
                        format!("- negates a number, this is {inner}"),
                        None,
                    );
                }
                inner
            }
            Kind::Choose(three) => {
                let [cond, yes, no] = &**three;
                let of = self.infer(cond);
                self.want_bool(&of, cond, "a condition");
                let (yes, no) = (self.infer(yes), self.infer(no));
                yes.join(&no)
            }
            Kind::Compare(cmp, two) => self.compare(*cmp, two, node.span),
            Kind::Math(op, two) => self.math(*op, two, node.span),
            Kind::In(two) => self.is_in(two, node.span),
            Kind::List(items) => {
                let types: Vec<Type> = items.iter().map(|item| self.infer(item)).collect();
                let of = types.into_iter().reduce(|a, b| a.join(&b));
                Type::list(of.unwrap_or(Type::Any))
            }
            Kind::Map(entries) => {
                let fields: Vec<(String, Type)> = entries
                    .iter()
                    .map(|(key, value)| (key.to_string(), self.infer(value)))
                    .collect();
                Type::Object(Arc::new(super::ObjectType {
                    name: String::new(),
                    fields: fields.into_iter().collect(),
                    map: true,
                }))
            }
            Kind::Loop(which, parts) => self.looped(*which, parts),
            Kind::Call(func, args, _) => self.call(*func, args),
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> Type {
        if let Some(of) = self.scope.0.get(name) {
            return of.clone();
        }
        if name == "now" {
            return Type::Float;
        }
        let names = || self.scope.0.keys().map(String::as_str);
        let help = did_you_mean(name, names()).or_else(|| there_are(names()));
        self.error(span, format!("{name} is not known here"), help);
        Type::Any
    }

    fn field(&mut self, base: &Type, name: &str, span: Span) -> Type {
        match base {
            Type::Any => Type::Any,
            Type::Map(of) => (**of).clone(),
            Type::Object(object) => {
                if let Some(field) = object.fields.get(name) {
                    return field.clone();
                }
                let names = || object.fields.keys().map(String::as_str);
                let help = did_you_mean(name, names()).or_else(|| there_are(names()));
                let message = if object.map {
                    format!("key {name} is not declared; list it where the map is asked for")
                } else {
                    format!("{base} has no field {name}")
                };
                self.error(span, message, help);
                Type::Any
            }
            Type::List(_) => {
                let help = "ask its elements: .exists(x, …), .all(x, …), or one of them: [0]";
                self.error(
                    span,
                    format!("a list has no field {name}"),
                    Some(help.to_owned()),
                );
                Type::Any
            }
            Type::Null | Type::Bool | Type::Int(_) | Type::Float | Type::String => {
                let message = format!("{base} has no field {name}");
                let called = func::find(name).map(|doc| format!("write {}", doc.signature));
                self.error(span, message, called);
                Type::Any
            }
        }
    }

    fn index(&mut self, two: &[Node; 2]) -> Type {
        let [of, index] = two;
        let base = self.infer(of);
        let key = self.infer(index);
        match &base {
            Type::Any => Type::Any,
            Type::List(element) => {
                if !matches!(key, Type::Any | Type::Int(_)) {
                    self.error(
                        index.span,
                        format!("a list is indexed by an int, this is {key}"),
                        None,
                    );
                }
                (**element).clone()
            }
            Type::Map(_) | Type::Object(_) => {
                if !matches!(key, Type::Any | Type::String) {
                    self.error(
                        index.span,
                        format!("{base} is indexed by a string, this is {key}"),
                        None,
                    );
                    return Type::Any;
                }
                match (&base, index.literal()) {
                    (Type::Map(element), _) => (**element).clone(),
                    (_, Some(name)) => self.field(&base, name, index.span),
                    (Type::Object(object), None) if object.map => object
                        .fields
                        .values()
                        .cloned()
                        .reduce(|a, b| a.join(&b))
                        .unwrap_or(Type::Any),
                    (_, None) => Type::Any,
                }
            }
            Type::Null | Type::Bool | Type::Int(_) | Type::Float | Type::String => {
                self.error(of.span, format!("{base} cannot be indexed"), None);
                Type::Any
            }
        }
    }

    fn compare(&mut self, cmp: Cmp, two: &[Node; 2], span: Span) -> Type {
        let [a, b] = two;
        let (left, right) = (self.infer(a), self.infer(b));
        let sign = cmp.sign();
        if matches!(cmp, Cmp::Eq | Cmp::Ne) {
            if !left.comparable(&right) {
                let help = mend(&left, &right);
                self.error(span, format!("{sign} between {left} and {right}"), help);
            }
            return Type::Bool;
        }
        let ordered = |of: &Type| of.is_number() || matches!(of, Type::String);
        for (of, node) in [(&left, a), (&right, b)] {
            if !ordered(of) {
                self.error(
                    node.span,
                    format!("{sign} orders numbers or strings, this is {of}"),
                    None,
                );
                return Type::Bool;
            }
        }
        if !left.comparable(&right) {
            let help = mend(&left, &right);
            self.error(span, format!("{sign} between {left} and {right}"), help);
        }
        Type::Bool
    }

    fn math(&mut self, op: Math, two: &[Node; 2], span: Span) -> Type {
        let (left, right) = (self.infer(&two[0]), self.infer(&two[1]));
        match (op, &left, &right) {
            (_, Type::Int(_), Type::Int(_)) => Type::INT,
            (_, Type::Int(_) | Type::Float, Type::Int(_) | Type::Float) => Type::Float,
            (Math::Add, Type::String, Type::String) => Type::String,
            (Math::Add, Type::List(_), Type::List(_)) => left.join(&right),
            (Math::Add, Type::Any, Type::String | Type::List(_)) => right,
            (Math::Add, Type::String | Type::List(_), Type::Any) => left,
            (_, Type::Any, other) | (_, other, Type::Any) if other.is_number() => Type::Any,
            _ => {
                let help = mend(&left, &right).filter(|_| op == Math::Add);
                let sign = op.sign();
                self.error(span, format!("{sign} between {left} and {right}"), help);
                Type::Any
            }
        }
    }

    fn is_in(&mut self, two: &[Node; 2], span: Span) -> Type {
        let [a, b] = two;
        let (needle, stack) = (self.infer(a), self.infer(b));
        match &stack {
            Type::Any => {}
            Type::List(of) => {
                if !needle.comparable(of) {
                    self.error(
                        span,
                        format!("{needle} is never in a list of {}", plural(of)),
                        None,
                    );
                }
            }
            Type::Map(_) | Type::Object(_) if matches!(needle, Type::Any | Type::String) => {
                if matches!(&stack, Type::Object(object) if !object.map) {
                    let help = Some("ask with has(x.field)".to_owned());
                    self.error(
                        b.span,
                        format!("in searches a list or map, this is {stack}"),
                        help,
                    );
                } else if let (Type::Object(_), Some(name)) = (&stack, a.literal()) {
                    self.field(&stack, name, a.span);
                }
            }
            Type::Map(_) | Type::Object(_) => {
                self.error(
                    a.span,
                    format!("the keys of a map are strings, this is {needle}"),
                    None,
                );
            }
            Type::String => {
                let help = Some("write s.contains(part)".to_owned());
                self.error(
                    span,
                    "in searches a list or map, not a string".to_owned(),
                    help,
                );
            }
            Type::Null | Type::Bool | Type::Int(_) | Type::Float => {
                self.error(
                    b.span,
                    format!("in searches a list or map, this is {stack}"),
                    None,
                );
            }
        }
        Type::Bool
    }

    fn looped(&mut self, which: Loop, parts: &Parts) -> Type {
        let range = self.infer(&parts.range);
        let element = match &range {
            Type::Any => Type::Any,
            Type::List(of) => (**of).clone(),
            Type::Map(_) => Type::String,
            Type::Object(object) if object.map => Type::String,
            Type::Object(_)
            | Type::Null
            | Type::Bool
            | Type::Int(_)
            | Type::Float
            | Type::String => {
                self.error(
                    parts.range.span,
                    format!("a loop goes through a list or map, this is {range}"),
                    None,
                );
                Type::Any
            }
        };
        if self.scope.0.contains_key(&*parts.var) || &*parts.var == "now" {
            let var = &parts.var;
            self.error(
                parts.range.span,
                format!("{var} already means something else; name the element otherwise"),
                None,
            );
        }
        self.locals.push(element.clone());
        let body = self.infer(&parts.body);
        self.locals.pop();
        if which == Loop::Map {
            return Type::list(body);
        }
        self.want_bool(&body, &parts.body, "the condition of a loop");
        if which == Loop::Filter {
            Type::list(element)
        } else {
            Type::Bool
        }
    }

    fn call(&mut self, func: Func, args: &[Node]) -> Type {
        let types: Vec<Type> = args.iter().map(|arg| self.infer(arg)).collect();
        let Some(row) = func::row(func) else {
            return Type::Any;
        };
        for ((want, of), arg) in row.takes.iter().zip(&types).zip(args) {
            if !fits(*want, of) {
                let message = format!("{} takes {} here, this is {of}", row.name, wanted(*want));
                let help = (*want == Want::Str && of.is_number())
                    .then(|| "write string(…) around it".to_owned());
                self.error(arg.span, message, help);
            }
        }
        self.call_values(func, args, &types);
        let first = types.first().cloned().unwrap_or(Type::Any);
        match row.gives {
            Give::Bool => Type::Bool,
            Give::Int => Type::INT,
            Give::Float => Type::Float,
            Give::Str => Type::String,
            Give::Strings => Type::list(Type::String),
            Give::First => first,
            Give::Element => match first {
                Type::List(of) => (*of).clone(),
                Type::Any
                | Type::Null
                | Type::Bool
                | Type::Int(_)
                | Type::Float
                | Type::String
                | Type::Map(_)
                | Type::Object(_) => Type::Any,
            },
        }
    }

    /// What a particular function asks of its arguments beyond their sort.
    fn call_values(&mut self, func: Func, args: &[Node], types: &[Type]) {
        let literal = |at: usize| args.get(at).and_then(Node::literal);
        if func == Func::InCidr {
            if let (Some(text), Some(arg)) = (literal(0), args.first())
                && text.parse::<IpAddr>().is_err()
            {
                self.error(arg.span, "not an address".to_owned(), None);
            }
            if let (Some(text), Some(arg)) = (literal(1), args.get(1))
                && net::Cidr::parse(text).is_none()
            {
                self.error(arg.span, "not a CIDR network".to_owned(), None);
            }
        }
        if func == Func::VersionCompare {
            for (at, arg) in args.iter().enumerate() {
                if literal(at).is_some_and(|text| super::version::Version::parse(text).is_none()) {
                    self.error(arg.span, "not a version".to_owned(), None);
                }
            }
        }
        let element = |at: usize| match types.get(at) {
            Some(Type::List(of)) => Some(of),
            _ => None,
        };
        let sets = [
            Func::Subset,
            Func::Disjoint,
            Func::SameSet,
            Func::Without,
            Func::Intersection,
        ];
        if sets.contains(&func)
            && let (Some(a), Some(b), Some(arg)) = (element(0), element(1), args.get(1))
            && !a.comparable(b)
        {
            let message = format!("lists of {} and of {}", plural(a), plural(b));
            self.error(arg.span, message, None);
        }
        if let (Some(of), Some(arg)) = (element(0), args.first()) {
            let wrong = if [Func::Min, Func::Max, Func::Sort].contains(&func) {
                (!of.is_number() && **of != Type::String).then_some("numbers or strings")
            } else if func == Func::Join {
                (!of.comparable(&Type::String)).then_some("strings")
            } else if func == Func::Flatten {
                (!of.comparable(&Type::list(Type::Any))).then_some("lists")
            } else {
                None
            };
            if let Some(wrong) = wrong {
                let message = format!(
                    "a list of {wrong} is expected, this is one of {}",
                    plural(of)
                );
                self.error(arg.span, message, None);
            }
        }
    }
}

/// Where the name of a field stands: at the end.
fn name_span(node: &Node, name: &str) -> Span {
    let start = node.span.end.saturating_sub(name.len());
    Span {
        start: start.max(node.span.start),
        end: node.span.end,
    }
}

fn of_const(val: &Val) -> Type {
    match val {
        Val::Null => Type::Null,
        Val::Bool(_) => Type::Bool,
        Val::Int(_) => Type::INT,
        Val::Float(_) => Type::Float,
        Val::Str(_) => Type::String,
        Val::List(items) => {
            let of = items.iter().map(of_const).reduce(|a, b| a.join(&b));
            Type::list(of.unwrap_or(Type::Any))
        }
        Val::Map(_) | Val::Absent | Val::Unknown(_) => Type::Any,
    }
}

fn mend(a: &Type, b: &Type) -> Option<String> {
    match (a, b) {
        (Type::String, other) | (other, Type::String) if other.is_number() => {
            Some("write string(…) around the number, or int(…) around the string".to_owned())
        }
        _ => None,
    }
}

fn fits(want: Want, of: &Type) -> bool {
    match (want, of) {
        (_, Type::Any) => true,
        (Want::Scalar, Type::Bool | Type::Int(_) | Type::Float | Type::String) => true,
        (Want::Number, Type::Int(_) | Type::Float) => true,
        (Want::Str | Want::Sized, Type::String) => true,
        (Want::List | Want::Sized, Type::List(_)) => true,
        (Want::Sized, Type::Map(_)) => true,
        (Want::Sized, Type::Object(object)) => object.map,
        _ => false,
    }
}

fn wanted(want: Want) -> &'static str {
    match want {
        Want::Scalar => "a bool, number or string",
        Want::Number => "a number",
        Want::Str => "a string",
        Want::List => "a list",
        Want::Sized => "a string, list or map",
    }
}

/// Several values of a type.
fn plural(of: &Type) -> &'static str {
    match of {
        Type::Any => "anything",
        Type::Null => "nulls",
        Type::Bool => "bools",
        Type::Int(_) => "ints",
        Type::Float => "floats",
        Type::String => "strings",
        Type::List(_) => "lists",
        Type::Map(_) | Type::Object(_) => "objects",
    }
}
