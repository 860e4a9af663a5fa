//! The parts of a file that were looked at.

use std::collections::BTreeMap;

use super::{Told, Trouble, garbled};

/// Ranges of a file, by their first byte.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    parts: BTreeMap<u64, Part>,
}

#[derive(Clone, Debug)]
struct Part {
    bytes: Vec<u8>,
    /// Fewer bytes came than were asked for: the file ends here.
    last: bool,
}

impl Ranges {
    /// Adds what came of a look at `wanted` bytes from `offset` on.
    pub fn add(&mut self, offset: u64, wanted: u64, bytes: Vec<u8>) {
        let last = (bytes.len() as u64) < wanted;
        // Of two looks at the same place the longer one says more.
        let known = self.parts.get(&offset).map_or(0, |part| part.bytes.len());
        if bytes.len() >= known {
            self.parts.insert(offset, Part { bytes, last });
        }
    }

    /// The part that holds `offset` and most of what follows.
    fn holding(&self, offset: u64) -> Option<(&Part, usize)> {
        self.parts
            .range(..=offset)
            .filter_map(|(start, part)| {
                let into = usize::try_from(offset - start).ok()?;
                (into < part.bytes.len()).then_some((part, into))
            })
            .max_by_key(|(part, into)| part.bytes.len() - into)
    }

    /// What is known from `offset` on, at most `len` bytes.
    pub fn some(&self, offset: u64, len: u64) -> &[u8] {
        let Some((part, into)) = self.holding(offset) else {
            return &[];
        };
        let rest = &part.bytes[into..];
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        &rest[..rest.len().min(len)]
    }

    /// Whether the file is known to end before `known` bytes after `offset` and one more.
    pub fn ends_at(&self, offset: u64, known: u64) -> bool {
        let end = offset.saturating_add(known);
        self.parts
            .iter()
            .any(|(start, part)| part.last && start.saturating_add(part.bytes.len() as u64) <= end)
    }

    /// Exactly these bytes.
    pub fn get(&self, offset: u64, len: u64) -> Told<&[u8]> {
        let bytes = self.some(offset, len);
        if bytes.len() as u64 == len {
            Ok(bytes)
        } else if offset.checked_add(len).is_none() || self.ends_at(offset, bytes.len() as u64) {
            Err(garbled("a range beyond the end of the file"))
        } else {
            Err(Trouble::Lacks { offset, len })
        }
    }
}
