//! What runproof itself says, on stderr: `runproof: path: cause`.
//!
//! A stderr that nobody reads is no reason to fail, so errors of writing are
//! dropped here and nowhere else.

use std::io::Write as _;

use runproof_model::text;

/// The longest message.
const LIMIT: usize = 2000;

/// Something went wrong.
pub fn error(message: &str) {
    say("runproof: ", message);
}

/// What to do about it.
pub fn help(message: &str) {
    say("  help: ", message);
}

/// Something that is worth knowing.
pub fn note(message: &str) {
    say("runproof: ", message);
}

/// A number of things: `1 node`, `2 nodes`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A rendered text of several lines, as it is.
pub fn rendered(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn say(head: &str, message: &str) {
    let line = format!("{head}{}\n", text::one_line(message, LIMIT));
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
