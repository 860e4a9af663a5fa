//! Regular expressions with a known price.
//!
//! The crate matches in time linear in the text, but a short pattern can make a
//! large machine (`(a{1,50}){1,50}`), and each byte of the text may cost as much
//! as that machine is large. So the price of a match is by the size of both.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// The most bytes that a compiled pattern may take.
const MOST: usize = 1 << 18;
/// Smaller sizes in bytes, and the price of 64 bytes of text with a pattern that fits.
const SIZES: [(usize, usize); 2] = [(1 << 14, 1), (1 << 16, 4)];
/// The price with any other pattern.
const DEAREST: usize = 16;
/// A text up to so many bytes is searched at the dearest price: finding out the right one costs more.
const SHORT: usize = 1 << 12;

/// Steps that it costs to compile a pattern that is no literal.
pub(super) const COMPILE: usize = 20_000;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    regex: Regex,
    price: OnceLock<usize>,
}

impl Pattern {
    /// Compiles a pattern; the message says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let regex = build(text, MOST).map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            format!("not a regular expression: {last}")
        })?;
        Ok(Self {
            text: text.to_owned(),
            regex,
            price: OnceLock::new(),
        })
    }

    /// Steps that it costs to search a text of that many bytes.
    pub(super) fn price(&self, bytes: usize) -> usize {
        let price = if bytes <= SHORT {
            DEAREST
        } else {
            *self.price.get_or_init(|| {
                let mut sizes = SIZES.iter();
                let fits = sizes.find(|(size, _)| build(&self.text, *size).is_ok());
                fits.map_or(DEAREST, |(_, price)| *price)
            })
        };
        bytes.saturating_mul(price) / 64
    }

    /// Whether it matches anywhere.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn build(text: &str, size: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(size)
        .dfa_size_limit(MOST)
        .nest_limit(32)
        .build()
}
