//! The Caddyfile: from its text to what a server would make of it.
//!
//! The steps are those of the format's definition. Environment placeholders are found
//! in the raw text, the [`lexer`] makes words, [`import`] puts snippets and files in
//! the place of `import` lines, the [`parser`] groups words into blocks, and [`adapt`]
//! says what the blocks mean. Mistakes are data ([`Problem`]): parsing goes on as far
//! as it is sensible.
//!
//! What cannot be known stays unknown. A word that holds `{$NAME}` keeps its text and
//! is marked; a line whose first word is such a placeholder, and an import that could
//! not be followed, are a [`Hole`]: lists that the missing text could add to are
//! unknown, all others are not. (We assume that the value of a variable in the middle
//! of a line is text of that line: it neither opens nor closes a block.)
//!
//! A mistake is what the format forbids. A brace or quotation mark that is never closed is
//! one even where the server lets it pass because the file ends there.
//!
//! A file can be written to explode: snippets that import each other double with every
//! line. So words, imports, depth and replaced text are counted against [`Limits`].

pub mod adapt;
mod address;
pub mod import;
pub mod lexer;
pub mod parser;

use std::rc::Rc;

use runproof_model::{Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scrub;

/// A mistake in the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The file it stands in.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong, in one line; what looks like a secret is masked.
    pub message: String,
}

impl Problem {
    fn new(file: &str, line: u32, message: impl AsRef<str>) -> Self {
        Self {
            file: file.to_owned(),
            line: u64::from(line),
            message: runproof_model::text::one_line(&scrub::line(message.as_ref()), 300),
        }
    }
}

/// How a word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Without quotes.
    None,
    /// Between `"`.
    Double,
    /// Between backticks.
    Backtick,
    /// As a heredoc.
    Heredoc,
}

/// A place where text stands that we do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Why we do not have it.
    pub reason: Reason,
}

/// A word, and where it stands.
#[derive(Clone, Debug)]
pub struct Token {
    /// The word without quotes; environment placeholders as written.
    pub text: Rc<str>,
    /// The file it stands in.
    pub file: Rc<str>,
    /// The line it stands in, counted from 1.
    pub line: u32,
    /// How it was written.
    pub quote: Quote,
    /// Whether it holds an environment placeholder.
    pub env: bool,
    /// The logical line in which it begins: `\` at a line's end joins two lines.
    row: u32,
    /// The logical line in which it ends.
    end_row: u32,
    /// By which imports it came here.
    chain: u32,
    /// Set for a stand-in of text that we do not have.
    hole: Option<Rc<Hole>>,
}

impl Token {
    /// Whether it opens a block.
    pub fn opens(&self) -> bool {
        self.quote == Quote::None && &*self.text == "{"
    }

    /// Whether it closes a block.
    pub fn closes(&self) -> bool {
        self.quote == Quote::None && &*self.text == "}"
    }

    /// Whether the whole word is one environment placeholder.
    pub fn is_env_only(&self) -> bool {
        self.env
            && self.quote == Quote::None
            && self.text.starts_with("{$")
            && self.text.find('}') == Some(self.text.len() - 1)
    }

    /// Whether `next` begins on a later line than this one ends.
    fn breaks_before(&self, next: &Self) -> bool {
        !Rc::ptr_eq(&self.file, &next.file) && self.file != next.file
            || self.chain != next.chain
            || self.end_row < next.row
            || self.hole.is_some()
            || next.hole.is_some()
    }
}

/// What a file may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Words in all, imported ones counted each time.
    pub tokens: usize,
    /// Imports in all.
    pub imports: usize,
    /// Imports within imports.
    pub import_depth: usize,
    /// Blocks within blocks.
    pub nesting: usize,
    /// Bytes of text written by replacing import arguments.
    pub replaced: usize,
    /// Upstreams in all, port ranges written out.
    pub upstreams: usize,
    /// Mistakes that are kept.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: 400_000,
            imports: 20_000,
            import_depth: 50,
            nesting: 200,
            replaced: 8 << 20,
            upstreams: 10_000,
            problems: 200,
        }
    }
}

/// A limit was reached: nothing about the file can be said.
fn cap(what: &str) -> Reason {
    Reason::new(ReasonKind::CapReached, what)
}

#[cfg(test)]
mod tests;
