//! The key of a site's fingerprints.

use std::path::{Path, PathBuf};

use runproof_facts::Key;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct KeyError {
    path: PathBuf,
    why: String,
}

/// The key, and whether the operator keeps it.
#[derive(Clone, Debug)]
pub struct SiteKey {
    /// The key.
    pub key: Key,
    /// False for a throw-away key, whose fingerprints do not compare across runs.
    pub kept: bool,
}

impl SiteKey {
    /// The key in a file of 64 hexadecimal digits; without a file a throw-away key.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key, or no random bytes can be had.
    pub fn load(file: Option<&Path>) -> Result<Self, KeyError> {
        let Some(path) = file else {
            return Self::throw_away();
        };
        let error = |why: String| KeyError {
            path: path.to_owned(),
            why,
        };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        let bytes = hex(text.trim()).ok_or_else(|| {
            error(
                "a fingerprint key is 64 hexadecimal digits; make one with: openssl rand -hex 32"
                    .into(),
            )
        })?;
        Ok(Self {
            key: Key::new(bytes),
            kept: true,
        })
    }

    fn throw_away() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| KeyError {
            path: PathBuf::from("the system's random source"),
            why: e.to_string(),
        })?;
        Ok(Self {
            key: Key::new(bytes),
            kept: false,
        })
    }

    /// The key's identifier, when the operator keeps it.
    pub fn id(&self) -> Option<String> {
        self.kept.then(|| self.key.id())
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixty_four_hexadecimal_digits() {
        assert!(hex(&"ab".repeat(32)).is_some());
        assert!(hex(&"ab".repeat(31)).is_none());
        assert!(hex(&"zz".repeat(32)).is_none());
        assert!(hex(&"é".repeat(32)).is_none());
    }

    #[test]
    fn throw_away_keys_differ() {
        let (a, b) = (SiteKey::load(None).unwrap(), SiteKey::load(None).unwrap());
        assert_ne!(a.key.fingerprint(b"x"), b.key.fingerprint(b"x"));
        assert_eq!(a.id(), None);
    }
}
