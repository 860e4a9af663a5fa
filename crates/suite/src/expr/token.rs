//! The words of an expression, and the bounds that keep the parser safe.
//!
//! The tokens come from the parser's own lexer, so both see the same text.
//! They serve twice: the depth of what the parser would build is bounded
//! before it runs (it recurses without a bound of its own in chains and
//! ternaries), and the tree finds its places in the source by walking them.

use cel::parser::pratt_parser::{Lexer, TokenKind};

use super::ExprError;

/// The longest expression, in bytes.
pub(super) const MAX_BYTES: usize = 4096;
/// The deepest nesting of brackets.
const MAX_BRACKETS: usize = 24;
/// The deepest tree: brackets, chains of selections and operators, ternaries.
const MAX_DEPTH: usize = 64;

/// A part of the source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first byte.
    pub(super) start: usize,
    /// The byte after the last one.
    pub(super) end: usize,
}

impl Span {
    /// The error `message` at this place.
    pub(super) fn error(self, message: impl Into<String>) -> ExprError {
        ExprError {
            offset: self.start,
            len: self.end.saturating_sub(self.start),
            message: message.into(),
            help: None,
        }
    }
}

/// One word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Where it stands.
    pub(super) span: Span,
    /// The index of the bracket that closes or opens this one; its own index otherwise.
    pub(super) partner: usize,
}

/// All words of an expression, whitespace and comments left out.
#[derive(Debug)]
pub(super) struct Words(pub(super) Vec<Word>);

/// How deep the tree can get inside one pair of brackets.
#[derive(Default)]
struct Level {
    /// Index of the opening bracket.
    open: usize,
    /// Ternaries nest to the right.
    ternaries: usize,
    /// Operators nest to the left.
    operators: usize,
    /// Selections, indexes and calls since the last operator; they nest to the left too.
    links: usize,
}

impl Level {
    fn depth(&self) -> usize {
        1 + self.ternaries + self.operators + self.links
    }

    fn take(&mut self, effect: &Effect) {
        match effect {
            Effect::Link => self.links += 1,
            Effect::Operator => {
                self.operators += 1;
                self.links = 0;
            }
            // Long chains of && and || are balanced by the parser: they add next to nothing.
            Effect::Logic | Effect::Colon => {
                self.operators = 0;
                self.links = 0;
            }
            Effect::Question => {
                self.ternaries += 1;
                self.operators = 0;
                self.links = 0;
            }
            Effect::Comma => {
                *self = Self {
                    open: self.open,
                    ..Self::default()
                };
            }
            Effect::Open | Effect::Close(_) | Effect::None => {}
        }
    }
}

/// What a bracket, a separator or an operator does to the depth.
enum Effect {
    Open,
    Close(TokenKind),
    Link,
    Operator,
    Logic,
    Question,
    Colon,
    Comma,
    None,
}

fn effect(kind: TokenKind) -> Effect {
    use TokenKind as T;
    let operators = [
        T::TokExclamation,
        T::TokMinus,
        T::TokPlus,
        T::TokAsterisk,
        T::TokSlash,
        T::TokPercent,
        T::TokEqualEqual,
        T::TokExclamationEqual,
        T::TokLess,
        T::TokLessEqual,
        T::TokGreater,
        T::TokGreaterEqual,
        T::TokIn,
    ];
    if [T::TokLeftParen, T::TokLeftBracket, T::TokLeftBrace].contains(&kind) {
        Effect::Open
    } else if kind == T::TokRightParen {
        Effect::Close(T::TokLeftParen)
    } else if kind == T::TokRightBracket {
        Effect::Close(T::TokLeftBracket)
    } else if kind == T::TokRightBrace {
        Effect::Close(T::TokLeftBrace)
    } else if kind == T::TokDot {
        Effect::Link
    } else if operators.contains(&kind) {
        Effect::Operator
    } else if kind == T::TokLogicalAnd || kind == T::TokLogicalOr {
        Effect::Logic
    } else if kind == T::TokQuestion {
        Effect::Question
    } else if kind == T::TokColon {
        Effect::Colon
    } else if kind == T::TokComma {
        Effect::Comma
    } else {
        Effect::None
    }
}

impl Words {
    /// The words of `source`; an error where it is too long, too deep, not
    /// closed, or holds what is no word at all.
    pub(super) fn of(source: &str) -> Result<Self, ExprError> {
        if source.len() > MAX_BYTES {
            let all = Span {
                start: 0,
                end: source.len(),
            };
            return Err(all.error(format!("longer than {MAX_BYTES} bytes")));
        }
        let mut words: Vec<Word> = Vec::new();
        let mut levels = vec![Level::default()];
        let mut lexer = Lexer::new(source);
        loop {
            let token = lexer.lex();
            let span = Span {
                start: token.start,
                end: token.end,
            };
            if token.kind == TokenKind::TokEnd {
                break;
            }
            if token.kind == TokenKind::TokError {
                let what = lexer
                    .get_error()
                    .map_or("not a word of the language", |error| error.message.as_str());
                return Err(whole_chars(source, span).error(what));
            }
            if token.kind == TokenKind::TokWhitespace || token.kind == TokenKind::TokComment {
                continue;
            }
            let index = words.len();
            words.push(Word {
                kind: token.kind,
                span,
                partner: index,
            });
            match effect(token.kind) {
                Effect::Open => {
                    if let Some(level) = levels.last_mut() {
                        level.links += 1;
                    }
                    levels.push(Level {
                        open: index,
                        ..Level::default()
                    });
                    if levels.len() > MAX_BRACKETS + 1 {
                        return Err(
                            span.error(format!("more than {MAX_BRACKETS} brackets in brackets"))
                        );
                    }
                }
                Effect::Close(opener) => {
                    let level = levels.pop().unwrap_or_default();
                    let opened = words.get(level.open).map(|word| word.kind);
                    if levels.is_empty() || opened != Some(opener) {
                        return Err(span.error("nothing is open that this could close"));
                    }
                    if let Some(word) = words.get_mut(level.open) {
                        word.partner = index;
                    }
                    if let Some(word) = words.get_mut(index) {
                        word.partner = level.open;
                    }
                }
                effect @ (Effect::Link
                | Effect::Operator
                | Effect::Logic
                | Effect::Question
                | Effect::Colon
                | Effect::Comma
                | Effect::None) => {
                    if let Some(level) = levels.last_mut() {
                        level.take(&effect);
                    }
                }
            }
            let depth: usize = levels.iter().map(Level::depth).sum();
            if depth > MAX_DEPTH {
                return Err(span.error("too deeply nested, or too long a chain"));
            }
        }
        if levels.len() > 1 {
            let open = levels.last().and_then(|level| words.get(level.open));
            let span = open.map_or(Span { start: 0, end: 0 }, |word| word.span);
            return Err(span.error("this bracket is never closed"));
        }
        Ok(Self(words))
    }
}

/// The same place, without cutting a character in two.
fn whole_chars(source: &str, span: Span) -> Span {
    let (mut start, mut end) = (span.start.min(source.len()), span.end.min(source.len()));
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    Span { start, end }
}
