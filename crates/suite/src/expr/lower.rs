//! From the parser's tree to ours: names resolved, macros recognised, bounds kept.
//!
//! The fast parser keeps no places, so the tree is walked in the order of the
//! source together with the words: the next name in the tree is the next name
//! among the words.

use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Ast, ListExpr, LiteralValue, MapExpr,
    SelectExpr,
};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::TokenKind as T;

use super::ExprError;
use super::func::{self, FUNCTIONS, Func, FunctionDoc, Style};
use super::pattern::Pattern;
use super::suggest::did_you_mean;
use super::token::{Span, Words};
use super::tree::{Cmp, Kind, Loop, Math, Node, Parts};
use super::val::Val;

/// Loops in loops in loops; more could only be an accident.
const MAX_LOOPS: usize = 3;
/// What stands between two sides.
#[derive(Clone, Copy)]
enum Op {
    Compare(Cmp),
    Math(Math),
    In,
}

/// The parser's name of an operator, its word, and ours.
const BINARY: [(&str, T, Op); 12] = [
    ("_==_", T::TokEqualEqual, Op::Compare(Cmp::Eq)),
    ("_!=_", T::TokExclamationEqual, Op::Compare(Cmp::Ne)),
    ("_<_", T::TokLess, Op::Compare(Cmp::Lt)),
    ("_<=_", T::TokLessEqual, Op::Compare(Cmp::Le)),
    ("_>_", T::TokGreater, Op::Compare(Cmp::Gt)),
    ("_>=_", T::TokGreaterEqual, Op::Compare(Cmp::Ge)),
    ("_+_", T::TokPlus, Op::Math(Math::Add)),
    ("_-_", T::TokMinus, Op::Math(Math::Sub)),
    ("_*_", T::TokAsterisk, Op::Math(Math::Mul)),
    ("_/_", T::TokSlash, Op::Math(Math::Div)),
    ("_%_", T::TokPercent, Op::Math(Math::Rem)),
    ("@in", T::TokIn, Op::In),
];

/// A compiled source.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) root: Node,
    pub(super) roots: Vec<String>,
}

/// Compiles a source; the error is the first one.
pub(super) fn compile(source: &str) -> Result<Lowered, ExprError> {
    let words = Words::of(source)?;
    if words.0.is_empty() {
        return Err(Span { start: 0, end: 0 }.error("an expression is expected"));
    }
    let parser = PrattParser::new()
        .max_recursion_depth(64)
        .error_recovery_limit(1)
        .error_reporting_limit(4);
    let ast = parser
        .parse(source)
        .map_err(|errors| parse_error(source, &words, &errors))?;
    let mut lower = Lower {
        source,
        words: &words,
        at: 0,
        locals: Vec::new(),
        roots: Vec::new(),
    };
    let root = lower.node(&ast.expr)?.node;
    let roots = lower.roots;
    Ok(Lowered { root, roots })
}

fn parse_error(source: &str, words: &Words, errors: &cel::ParseErrors) -> ExprError {
    let Some(error) = errors.errors.first() else {
        return Span {
            start: 0,
            end: source.len(),
        }
        .error("not an expression");
    };
    let (line, column) = error.pos;
    let mut offset = source.len();
    if line > 0 {
        let before: usize = source
            .split_inclusive('\n')
            .take(usize::try_from(line - 1).unwrap_or(0))
            .map(str::len)
            .sum();
        offset = before + usize::try_from(column - 1).unwrap_or(0);
    }
    let span = words
        .0
        .iter()
        .find(|word| word.span.start >= offset)
        .map_or(
            Span {
                start: source.len(),
                end: source.len(),
            },
            |word| word.span,
        );
    let message = error
        .msg
        .trim_start_matches("Syntax error: ")
        .replace("<EOF>", "end");
    let mut error = span.error(message);
    if source.get(span.start..span.end) == Some("=") {
        error.help = Some("equality is written `==`".to_owned());
    }
    error
}

/// A node and the words that it spans.
struct Placed {
    node: Node,
    first: usize,
    last: usize,
}

struct Lower<'s> {
    source: &'s str,
    words: &'s Words,
    /// The next word that is not used yet.
    at: usize,
    locals: Vec<Arc<str>>,
    roots: Vec<String>,
}

impl Lower<'_> {
    fn text(&self, word: usize) -> &str {
        let span = self.span(word);
        self.source.get(span.start..span.end).unwrap_or_default()
    }

    fn span(&self, word: usize) -> Span {
        self.words.0.get(word).map_or(
            Span {
                start: 0,
                end: self.source.len(),
            },
            |word| word.span,
        )
    }

    fn partner(&self, word: usize) -> usize {
        self.words.0.get(word).map_or(word, |word| word.partner)
    }

    /// Goes to the next word of one of these kinds and past it.
    fn take(&mut self, kinds: &[T]) -> usize {
        let end = self.words.0.len();
        let found = (self.at..end).find(|&i| {
            self.words
                .0
                .get(i)
                .is_some_and(|word| kinds.contains(&word.kind))
        });
        // Both trees are of the same source, so there always is one; if not, only a place is wrong.
        let found = found.unwrap_or(end.saturating_sub(1));
        self.at = (found + 1).min(end);
        found
    }

    fn take_name(&mut self) -> usize {
        self.take(&[T::TokIdent, T::TokReservedWord])
    }

    /// Past the bracket that closes `open`.
    fn close(&mut self, open: usize) -> usize {
        let close = self.partner(open);
        self.at = (close + 1).min(self.words.0.len());
        close
    }

    /// Builds a node over these words, widened until its brackets balance.
    fn make(&self, kind: Kind, first: usize, last: usize) -> Placed {
        let (mut low, mut high) = (first, last);
        for word in first..=last {
            let partner = self.partner(word);
            low = low.min(partner);
            high = high.max(partner);
        }
        let span = Span {
            start: self.span(low).start,
            end: self.span(high).end,
        };
        Placed {
            node: Node { span, kind },
            first,
            last,
        }
    }

    /// One level of the tree. It only hands over, so that its frame stays small: it is
    /// on the stack once for each level.
    fn node(&mut self, ast: &Ast) -> Result<Placed, ExprError> {
        match ast {
            Ast::Unspecified => self.refuse("an expression is expected"),
            Ast::Struct(_) => self.refuse("messages are not part of this language"),
            Ast::Literal(literal) => self.literal(literal),
            Ast::Ident(name) => self.ident(name),
            Ast::Select(select) => self.select(select),
            Ast::List(list) => self.list(list),
            Ast::Map(map) => self.map(map),
            Ast::Comprehension(parts) => self.comprehension(parts),
            Ast::Call(call) => self.call(call),
        }
    }

    fn refuse(&self, message: &str) -> Result<Placed, ExprError> {
        Err(self.span(self.at).error(message))
    }

    fn ident(&mut self, name: &str) -> Result<Placed, ExprError> {
        let word = self.take_name();
        if name.starts_with('.') {
            return Err(self.span(word).error("a name cannot begin with a dot"));
        }
        let up = self.locals.iter().rev().position(|local| **local == *name);
        let kind = if let Some(up) = up {
            Kind::Local(up, name.into())
        } else {
            if !self.roots.iter().any(|root| root == name) {
                self.roots.push(name.to_owned());
            }
            Kind::Var(name.into())
        };
        Ok(self.make(kind, word, word))
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Placed, ExprError> {
        let name = Arc::from(select.field.as_str());
        if select.test {
            let first = self.take_name();
            let open = self.take(&[T::TokLeftParen]);
            let of = self.node(&select.operand.expr)?;
            let last = self.close(open);
            return Ok(self.make(Kind::Has(Box::new(of.node), name), first, last));
        }
        let of = self.node(&select.operand.expr)?;
        let last = self.take_name();
        Ok(self.make(Kind::Field(Box::new(of.node), name), of.first, last))
    }

    fn list(&mut self, list: &ListExpr) -> Result<Placed, ExprError> {
        let open = self.take(&[T::TokLeftBracket]);
        let mut items = Vec::with_capacity(list.elements.len());
        for element in &list.elements {
            items.push(self.node(&element.expr)?.node);
        }
        let close = self.close(open);
        // A list of literals is a literal: it is built once.
        let constant: Option<Vec<Val>> = items
            .iter()
            .map(|item| {
                if let Kind::Const(val) = &item.kind {
                    Some(val.clone())
                } else {
                    None
                }
            })
            .collect();
        let kind = match constant {
            Some(constant) => Kind::Const(Val::from(constant)),
            None => Kind::List(items),
        };
        Ok(self.make(kind, open, close))
    }

    fn map(&mut self, map: &MapExpr) -> Result<Placed, ExprError> {
        let open = self.take(&[T::TokLeftBrace]);
        let mut entries: Vec<(Arc<str>, Node)> = Vec::with_capacity(map.entries.len());
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err(self.span(open).error("a map holds `key: value` pairs"));
            };
            let key = self.node(&entry.key.expr)?.node;
            let Some(name) = key.literal() else {
                return Err(key.span.error("the keys of a map are string literals"));
            };
            if entries.iter().any(|(other, _)| **other == *name) {
                return Err(key.span.error("this key is there twice"));
            }
            let name = Arc::from(name);
            entries.push((name, self.node(&entry.value.expr)?.node));
        }
        let close = self.close(open);
        Ok(self.make(Kind::Map(entries), open, close))
    }

    fn literal(&mut self, literal: &LiteralValue) -> Result<Placed, ExprError> {
        let word = self.take(&[
            T::TokInt,
            T::TokUint,
            T::TokFloat,
            T::TokString,
            T::TokBytes,
            T::TokTrue,
            T::TokFalse,
            T::TokNull,
        ]);
        let val = match literal {
            LiteralValue::Boolean(truth) => Val::Bool(*truth.inner()),
            LiteralValue::Bytes(_) => {
                return Err(self
                    .span(word)
                    .error("bytes are not part of this language; write a string"));
            }
            LiteralValue::Double(number) => Val::Float(*number.inner()),
            LiteralValue::Int(number) => Val::Int(*number.inner()),
            LiteralValue::Null => Val::Null,
            LiteralValue::String(text) => Val::from(text.inner()),
            LiteralValue::UInt(number) => Val::Int(
                i64::try_from(*number.inner())
                    .map_err(|_| self.span(word).error("this number is too large"))?,
            ),
        };
        Ok(self.make(Kind::Const(val), word, word))
    }

    fn call(&mut self, call: &CallExpr) -> Result<Placed, ExprError> {
        let name = call.func_name.as_str();
        if let Some((_, word, op)) = BINARY.iter().find(|(known, _, _)| *known == name) {
            return self.binary(call, *word, *op);
        }
        match name {
            "_&&_" | "_||_" => self.logic(call),
            "!_" => self.prefix(call, T::TokExclamation, Kind::Not),
            "-_" => self.prefix(call, T::TokMinus, Kind::Negate),
            "_[_]" => self.index(call),
            "_?_:_" => self.choose(call),
            _ => self.function(call),
        }
    }

    fn binary(&mut self, call: &CallExpr, word: T, op: Op) -> Result<Placed, ExprError> {
        let [a, b] = call.args.as_slice() else {
            return self.refuse("two sides are expected");
        };
        let a = self.node(&a.expr)?;
        self.take(&[word]);
        let b = self.node(&b.expr)?;
        let two = Box::new([a.node, b.node]);
        let kind = match op {
            Op::Compare(cmp) => Kind::Compare(cmp, two),
            Op::Math(math) => Kind::Math(math, two),
            Op::In => Kind::In(two),
        };
        Ok(self.make(kind, a.first, b.last))
    }

    fn index(&mut self, call: &CallExpr) -> Result<Placed, ExprError> {
        let [of, index] = call.args.as_slice() else {
            return self.refuse("an index is expected");
        };
        let of = self.node(&of.expr)?;
        let open = self.take(&[T::TokLeftBracket]);
        let index = self.node(&index.expr)?;
        let close = self.close(open);
        let kind = Kind::Index(Box::new([of.node, index.node]));
        Ok(self.make(kind, of.first, close))
    }

    fn choose(&mut self, call: &CallExpr) -> Result<Placed, ExprError> {
        let [cond, yes, no] = call.args.as_slice() else {
            return self.refuse("two choices are expected");
        };
        let cond = self.node(&cond.expr)?;
        self.take(&[T::TokQuestion]);
        let yes = self.node(&yes.expr)?;
        self.take(&[T::TokColon]);
        let no = self.node(&no.expr)?;
        let kind = Kind::Choose(Box::new([cond.node, yes.node, no.node]));
        Ok(self.make(kind, cond.first, no.last))
    }

    fn prefix(
        &mut self,
        call: &CallExpr,
        op: T,
        kind: fn(Box<Node>) -> Kind,
    ) -> Result<Placed, ExprError> {
        let first = self.take(&[op]);
        let [of] = call.args.as_slice() else {
            return Err(self.span(first).error("one operand is expected"));
        };
        let of = self.node(&of.expr)?;
        Ok(self.make(kind(Box::new(of.node)), first, of.last))
    }

    /// The parser balances long chains; we want them flat, in order.
    fn logic(&mut self, call: &CallExpr) -> Result<Placed, ExprError> {
        let mut terms = Vec::new();
        self.terms(call, &call.func_name, &mut terms)?;
        let first = terms.first().map_or(0, |term| term.first);
        let last = terms.last().map_or(first, |term| term.last);
        let nodes = terms.into_iter().map(|term| term.node).collect();
        let kind = if call.func_name == "_&&_" {
            Kind::And(nodes)
        } else {
            Kind::Or(nodes)
        };
        Ok(self.make(kind, first, last))
    }

    fn terms(
        &mut self,
        call: &CallExpr,
        name: &str,
        terms: &mut Vec<Placed>,
    ) -> Result<(), ExprError> {
        for arg in &call.args {
            if let Ast::Call(inner) = &arg.expr
                && inner.func_name == name
                && inner.target.is_none()
            {
                self.terms(inner, name, terms)?;
            } else {
                let term = self.node(&arg.expr)?;
                terms.push(term);
            }
        }
        Ok(())
    }

    fn function(&mut self, call: &CallExpr) -> Result<Placed, ExprError> {
        let receiver = match &call.target {
            Some(target) => Some(self.node(&target.expr)?),
            None => None,
        };
        let name = self.take_name();
        let doc = self.known(call, name)?;
        let open = self.take(&[T::TokLeftParen]);
        let mut first = name;
        let mut args = Vec::with_capacity(doc.takes.len());
        if let Some(receiver) = receiver {
            first = receiver.first;
            args.push(receiver.node);
        }
        for arg in &call.args {
            args.push(self.node(&arg.expr)?.node);
        }
        let close = self.close(open);
        let mut pattern = None;
        if doc.func == Func::Matches
            && let Some(argument) = args.get(1)
            && let Some(text) = argument.literal()
        {
            let made = Pattern::new(text).map_err(|message| argument.span.error(message))?;
            pattern = Some(Box::new(made));
        }
        Ok(self.make(Kind::Call(doc.func, args, pattern), first, close))
    }

    fn known(&self, call: &CallExpr, word: usize) -> Result<&'static FunctionDoc, ExprError> {
        const MACROS: [(&str, &str); 7] = [
            ("all", "xs.all(x, condition)"),
            ("exists", "xs.exists(x, condition)"),
            ("exists_one", "xs.exists_one(x, condition)"),
            ("existsOne", "xs.existsOne(x, condition)"),
            ("map", "xs.map(x, expression)"),
            ("filter", "xs.filter(x, condition)"),
            ("has", "has(x.field)"),
        ];
        let name = call.func_name.as_str();
        let span = self.span(word);
        if let Some((_, usage)) = MACROS.iter().find(|(known, _)| *known == name) {
            return Err(ExprError {
                help: Some(format!("write {usage}")),
                ..span.error(format!("{name} is not used like this"))
            });
        }
        let Some(doc) = func::find(name) else {
            let names = FUNCTIONS.iter().map(|doc| doc.name);
            let names = names.chain(MACROS.iter().map(|(name, _)| *name));
            return Err(ExprError {
                help: did_you_mean(name, names),
                ..span.error(format!("there is no function {name}"))
            });
        };
        let method = call.target.is_some();
        let given = call.args.len() + usize::from(method);
        let wrong = match doc.style {
            Style::Global if method => Some("is no method"),
            Style::Method if !method => Some("is a method"),
            Style::Global | Style::Method | Style::Both => {
                (given != doc.takes.len()).then_some("has another number of arguments")
            }
        };
        match wrong {
            Some(wrong) => Err(ExprError {
                help: Some(format!("write {}", doc.signature)),
                ..span.error(format!("{name} {wrong}"))
            }),
            None => Ok(doc),
        }
    }

    /// Recognises the loop that a macro was expanded from.
    fn comprehension(&mut self, parts: &ComprehensionExpr) -> Result<Placed, ExprError> {
        let range = self.node(&parts.iter_range.expr)?;
        let name = self.take_name();
        let open = self.take(&[T::TokLeftParen]);
        let var_word = self.take_name();
        let var: Arc<str> = parts.iter_var.as_str().into();
        if self.locals.len() >= MAX_LOOPS {
            return Err(self
                .span(name)
                .error(format!("more than {MAX_LOOPS} loops in loops")));
        }
        if self.locals.contains(&var) {
            return Err(self
                .span(var_word)
                .error(format!("{var} is already the name of an outer loop")));
        }
        let lost = || self.span(name).error("a loop that is not understood");
        fn step(ast: &Ast) -> Option<Vec<&Ast>> {
            match ast {
                Ast::Call(call) => Some(call.args.iter().map(|a| &a.expr).collect()),
                Ast::Unspecified
                | Ast::Comprehension(_)
                | Ast::Ident(_)
                | Ast::List(_)
                | Ast::Literal(_)
                | Ast::Map(_)
                | Ast::Select(_)
                | Ast::Struct(_) => None,
            }
        }
        let args = step(&parts.loop_step.expr).ok_or_else(lost)?;
        let kind = self.text(name).to_owned();
        let first = range.first;
        // The forms: all `@r && p`, exists `@r || p`, exists_one `p ? @r + 1 : @r`,
        // filter `p ? @r + [x] : @r`, map `@r + [f]`, map of three `p ? @r + [f] : @r`.
        let (lead, body, which) = match (kind.as_str(), args.as_slice()) {
            ("all", [_, body]) => (None, *body, Loop::All),
            ("exists", [_, body]) => (None, *body, Loop::Exists),
            ("exists_one" | "existsOne", [body, _, _]) => (None, *body, Loop::ExistsOne),
            ("filter", [body, _, _]) => (None, *body, Loop::Filter),
            ("map", [_, Ast::List(made)]) => match made.elements.as_slice() {
                [body] => (None, &body.expr, Loop::Map),
                _ => return Err(lost()),
            },
            ("map", [lead, Ast::Call(add), _]) => match add.args.as_slice() {
                [_, made] => match &made.expr {
                    Ast::List(made) => match made.elements.as_slice() {
                        [body] => (Some(*lead), &body.expr, Loop::Map),
                        _ => return Err(lost()),
                    },
                    Ast::Unspecified
                    | Ast::Call(_)
                    | Ast::Comprehension(_)
                    | Ast::Ident(_)
                    | Ast::Literal(_)
                    | Ast::Map(_)
                    | Ast::Select(_)
                    | Ast::Struct(_) => return Err(lost()),
                },
                _ => return Err(lost()),
            },
            _ => return Err(lost()),
        };
        self.locals.push(Arc::clone(&var));
        let mut range = range.node;
        if let Some(lead) = lead {
            let body = self.node(lead)?.node;
            let filter = Parts {
                range,
                var: Arc::clone(&var),
                body,
            };
            let last = self.at.saturating_sub(1);
            range = self
                .make(Kind::Loop(Loop::Filter, Box::new(filter)), first, last)
                .node;
        }
        let body = self.node(body)?.node;
        self.locals.pop();
        let close = self.close(open);
        let parts = Parts { range, var, body };
        Ok(self.make(Kind::Loop(which, Box::new(parts)), first, close))
    }
}
