//! YAML with a place for every node, so that each mistake can be pointed at.
//!
//! A file is parsed once into a tree of [`Node`]s and its parts are then read
//! into types one by one: serde alone would stop at the first mistake of a
//! file, and would know no place for those that only `lint` can see.

mod located;
mod node;
mod position;
mod read;

pub use located::{Entries, Located, OneOrMany};
pub use node::{Key, Node, NodeKind};
pub(crate) use position::inside;
pub(crate) use read::{Fields, read};

#[cfg(test)]
mod tests;
