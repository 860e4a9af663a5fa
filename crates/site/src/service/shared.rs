//! What several questions of one gathering use together, such as a session of a database.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

/// Something that the first who needs it makes, for all who need it while anybody does.
pub(super) type Cell<V> = Arc<OnceCell<V>>;

/// One for each key. It is gone with the last who uses it; the first `most` stay to the end,
/// for each may hold one of the streams that all questions have to share.
pub(super) struct Shared<K, V> {
    all: Mutex<All<K, V>>,
    most: usize,
}

struct All<K, V> {
    cells: HashMap<K, Weak<OnceCell<V>>>,
    kept: Vec<Cell<V>>,
}

impl<K: Eq + Hash, V> Shared<K, V> {
    /// Nothing yet.
    pub fn new(most: usize) -> Self {
        let (cells, kept) = (HashMap::new(), Vec::new());
        Self {
            all: Mutex::new(All { cells, kept }),
            most,
        }
    }

    /// The one of that key, made or not.
    pub fn cell(&self, key: K) -> Cell<V> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = all.cells.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        let cell = Cell::default();
        all.cells.insert(key, Arc::downgrade(&cell));
        if all.kept.len() < self.most {
            all.kept.push(Arc::clone(&cell));
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stay_and_the_others_go_with_who_uses_them() {
        let shared: Shared<u8, u8> = Shared::new(1);
        for key in [1, 2] {
            let cell = shared.cell(key);
            cell.set(key).unwrap();
            assert_eq!(shared.cell(key).get(), Some(&key));
        }
        assert_eq!(shared.cell(1).get(), Some(&1));
        assert_eq!(shared.cell(2).get(), None);
    }
}
