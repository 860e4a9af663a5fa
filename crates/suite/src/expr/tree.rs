//! The compact tree that is checked, judged and explained.

use std::sync::Arc;

use super::func::Func;
use super::pattern::Pattern;
use super::token::Span;
use super::val::Val;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it stands, brackets balanced.
    pub(super) span: Span,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a part can be.
#[derive(Debug)]
pub(super) enum Kind {
    /// A literal.
    Const(Val),
    /// A free variable.
    Var(Arc<str>),
    /// The variable of a loop, so many loops up.
    Local(usize, Arc<str>),
    /// `x.f`
    Field(Box<Node>, Arc<str>),
    /// `has(x.f)`
    Has(Box<Node>, Arc<str>),
    /// `x[y]`
    Index(Box<[Node; 2]>),
    /// `a && b && …`, flattened.
    And(Vec<Node>),
    /// `a || b || …`, flattened.
    Or(Vec<Node>),
    /// `!x`
    Not(Box<Node>),
    /// `-x`
    Negate(Box<Node>),
    /// `c ? a : b`
    Choose(Box<[Node; 3]>),
    /// `a < b` and its like.
    Compare(Cmp, Box<[Node; 2]>),
    /// `a + b` and its like.
    Math(Math, Box<[Node; 2]>),
    /// `x in y`
    In(Box<[Node; 2]>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{"a": b}`
    Map(Vec<(Arc<str>, Node)>),
    /// `xs.all(x, …)` and its like.
    Loop(Loop, Box<Parts>),
    /// A function; the receiver of a method is its first argument.
    Call(Func, Vec<Node>, Option<Box<Pattern>>),
}

/// The parts of a loop.
#[derive(Debug)]
pub(super) struct Parts {
    /// What is gone through.
    pub(super) range: Node,
    /// The name of an element.
    pub(super) var: Arc<str>,
    /// What is asked of each element, or made of it.
    pub(super) body: Node,
}

/// The loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loop {
    /// True of each.
    All,
    /// True of one or more.
    Exists,
    /// True of exactly one.
    ExistsOne,
    /// Made of each.
    Map,
    /// Those of which it is true.
    Filter,
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cmp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Cmp {
    /// The comparison that holds exactly when this one does not.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    /// The comparison with its sides swapped.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    /// As written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Math {
    /// `+`, of strings and lists too.
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

impl Math {
    /// As written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }
}

impl Node {
    /// The parts of which it is made.
    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Const(_) | Kind::Var(_) | Kind::Local(..) => Vec::new(),
            Kind::Field(of, _) | Kind::Has(of, _) | Kind::Not(of) | Kind::Negate(of) => vec![of],
            Kind::Index(two) | Kind::Compare(_, two) | Kind::Math(_, two) | Kind::In(two) => {
                two.iter().collect()
            }
            Kind::And(all) | Kind::Or(all) | Kind::List(all) | Kind::Call(_, all, _) => {
                all.iter().collect()
            }
            Kind::Choose(three) => three.iter().collect(),
            Kind::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
            Kind::Loop(_, parts) => vec![&parts.range, &parts.body],
        }
    }

    /// The text of a string literal.
    pub(super) fn literal(&self) -> Option<&str> {
        if let Kind::Const(val) = &self.kind {
            val.as_str()
        } else {
            None
        }
    }
}
