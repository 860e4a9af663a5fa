//! Maps whose keys come from the node.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A map with the keys that a query declared, or that the node has.
///
/// A key that begins with `$` is stored with a second one, so that no node can
/// forge the marks of [`Observed`] in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent, bound(deserialize = "T: serde::de::DeserializeOwned"))]
pub struct OpenMap<T>(BTreeMap<String, Observed<T>>);

impl<T> Default for OpenMap<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> OpenMap<T> {
    /// Sets a key.
    pub fn insert(&mut self, key: &str, value: Observed<T>) {
        let key = if key.starts_with('$') {
            format!("${key}")
        } else {
            key.to_owned()
        };
        self.0.insert(key, value);
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Observed<T>> {
        self.0.get(key)
    }

    /// Sorted by key.
    pub fn iter(&self) -> Iter<'_, String, Observed<T>> {
        self.0.iter()
    }

    /// Exactly the declared keys, each looked up: what is not found is absent.
    pub fn declared<'a>(
        keys: impl IntoIterator<Item = &'a String>,
        find: impl Fn(&str) -> Observed<T>,
    ) -> Self {
        let mut map = Self::default();
        for key in keys {
            map.insert(key, find(key));
        }
        map
    }
}
