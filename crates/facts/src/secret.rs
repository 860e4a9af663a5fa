//! Values that may be compared but never seen.

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key of a site's fingerprints. It stays with the operator and in memory.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What identifies the key without giving it away: 8 hexadecimal digits.
    pub fn id(&self) -> String {
        self.tag(b"runproof key id")[..8].to_owned()
    }

    /// The keyed fingerprint of a value: 32 hexadecimal digits.
    pub fn fingerprint(&self, value: &[u8]) -> Fingerprint {
        Fingerprint(self.tag(value)[..32].to_owned())
    }

    fn tag(&self, value: &[u8]) -> String {
        // HMAC takes a key of any length, so this cannot fail; an empty tag equals nothing.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return "0".repeat(64);
        };
        mac.update(value);
        runproof_model::text::hex(&mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// A keyed digest: equal for equal values under the same key, and says nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is recorded of a secret value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Keyed digest of the value, for comparing two places that should agree.
    pub fingerprint: Fingerprint,
    /// Whether the value is empty.
    pub empty: bool,
}

impl Secret {
    /// Reduces a value to what may be recorded.
    pub fn of(value: &[u8], key: &Key) -> Self {
        Self {
            fingerprint: key.fingerprint(value),
            empty: value.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_fingerprints_under_one_key_only() {
        let (a, b) = (Key::new([1; 32]), Key::new([2; 32]));
        assert_eq!(a.fingerprint(b"x"), a.fingerprint(b"x"));
        assert_ne!(a.fingerprint(b"x"), b.fingerprint(b"x"));
        assert_ne!(a.fingerprint(b"x"), a.fingerprint(b"y"));
    }

    #[test]
    fn debug_output_shows_neither_key_nor_value() {
        assert_eq!(
            format!("{:?}", Key::new([7; 32])).len(),
            "Key(01234567)".len()
        );
    }
}
