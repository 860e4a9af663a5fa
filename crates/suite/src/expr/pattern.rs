//! Regular expressions with a known price.
//!
//! The crate matches in time linear in the text, but a short pattern can make a
//! large machine (`(a{1,50}){1,50}`), and each byte of the text may cost as much
//! as that machine is large. So the price of a match is by the size of both.

use regex::{Regex, RegexBuilder};

/// The sizes in bytes that a compiled pattern is tried with, and the price of 64 bytes of text.
const SIZES: [(usize, usize); 3] = [(1 << 14, 1), (1 << 16, 4), (1 << 18, 16)];

/// Steps that it costs to compile a pattern that is no literal.
pub(super) const COMPILE: usize = 20_000;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    price: usize,
}

impl Pattern {
    /// Compiles a pattern; the message says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut message = String::new();
        for (size, price) in SIZES {
            let built = RegexBuilder::new(text)
                .size_limit(size)
                .dfa_size_limit(size.max(1 << 16))
                .nest_limit(32)
                .build();
            match built {
                Ok(regex) => return Ok(Self { regex, price }),
                Err(error) => message = error.to_string(),
            }
            if !message.contains("size limit") {
                break;
            }
        }
        let last = message.lines().last().unwrap_or_default();
        let last = last.trim_start_matches("error: ");
        Err(format!("not a regular expression: {last}"))
    }

    /// Steps that it costs to search a text of that many bytes.
    pub(super) fn price(&self, bytes: usize) -> usize {
        bytes.saturating_mul(self.price) / 64
    }

    /// Whether it matches anywhere.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}
