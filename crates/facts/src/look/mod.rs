//! Looks that several kinds share: asked once per node, read by each.

pub mod account;
pub mod node;

/// The rest of the first line that begins with `word` and a space.
pub(crate) fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
        .map(str::trim_end)
}
