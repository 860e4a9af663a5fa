//! What lies on disk: everything encrypted under a key that only enough unseal keys give back.
//!
//! A sealed server drops the key and what it decrypted, so it cannot answer, whoever asks it.

use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Length of the root key and of the key of the data.
const KEY: usize = 32;

/// How the key is shared; the only file that is no ciphertext as a whole.
#[derive(Clone, Serialize, Deserialize)]
pub struct SealConfig {
    /// How many shares there are.
    pub secret_shares: u8,
    /// How many are needed.
    pub secret_threshold: u8,
    /// The key of the data, encrypted under the shared one, in hex.
    keyring: String,
}

/// The storage folder, with the key while unsealed.
pub struct Barrier {
    folder: PathBuf,
    key: Option<LessSafeKey>,
}

impl Barrier {
    /// Over a folder, sealed.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            key: None,
        }
    }

    fn seal_file(&self) -> PathBuf {
        self.folder.join("core/_seal-config")
    }

    fn data_file(&self) -> PathBuf {
        self.folder.join("logical/_state")
    }

    /// How it is shared; `None` before it was initialised.
    pub fn seal_config(&self) -> Result<Option<SealConfig>, String> {
        match std::fs::read(self.seal_file()) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| format!("{}: {e}", self.seal_file().display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{}: {e}", self.seal_file().display())),
        }
    }

    /// Makes new keys, stores the first state under them and returns the root key to share out.
    pub fn initialise(
        &mut self,
        shares: u8,
        threshold: u8,
        state: &[u8],
    ) -> Result<Vec<u8>, String> {
        let root = random(KEY)?;
        let data = random(KEY)?;
        let config = SealConfig {
            secret_shares: shares,
            secret_threshold: threshold,
            keyring: super::hex::encode(&encrypt(&aead(&root)?, &data)?),
        };
        self.key = Some(aead(&data)?);
        self.store(state)?;
        self.key = None;
        let text = serde_json::to_vec(&config).map_err(|e| e.to_string())?;
        write(&self.seal_file(), &text)?;
        Ok(root)
    }

    /// Decrypts with a root key; a wrong one is an error and leaves the barrier sealed.
    pub fn unseal(&mut self, root: &[u8]) -> Result<Vec<u8>, String> {
        let config = self.seal_config()?.ok_or("server is not yet initialized")?;
        let keyring = super::hex::decode(&config.keyring).ok_or("the keyring is damaged")?;
        let key = aead(&decrypt(&aead(root)?, &keyring)?)?;
        let stored = std::fs::read(self.data_file()).map_err(|e| e.to_string())?;
        let state = decrypt(&key, &stored)?;
        self.key = Some(key);
        Ok(state)
    }

    /// Forgets the key.
    pub fn seal(&mut self) {
        self.key = None;
    }

    /// Replaces what is stored.
    pub fn store(&self, state: &[u8]) -> Result<(), String> {
        let key = self.key.as_ref().ok_or("Vault is sealed")?;
        write(&self.data_file(), &encrypt(key, state)?)
    }
}

/// Random bytes.
pub fn random(length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "no randomness".to_owned())?;
    Ok(bytes)
}

fn aead(key: &[u8]) -> Result<LessSafeKey, String> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| "invalid key".to_owned())
}

fn encrypt(key: &LessSafeKey, plain: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = random(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| "no nonce")?;
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .map_err(|_| "encryption failed")?;
    bytes.append(&mut sealed);
    Ok(bytes)
}

fn decrypt(key: &LessSafeKey, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or("too short")?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| "no nonce")?;
    let mut sealed = sealed.to_vec();
    let plain = key
        .open_in_place(nonce, Aad::empty(), &mut sealed)
        .map_err(|_| "cipher: message authentication failed")?;
    Ok(plain.to_vec())
}

/// Written beside and renamed, so that a kill leaves the old state or the new one.
fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {}", file.display(), crate::server::reason(&e));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let beside = file.with_extension("new");
    std::fs::write(&beside, bytes).map_err(fail)?;
    std::fs::rename(&beside, file).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("standin-barrier-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn the_disk_holds_no_plain_text_and_only_the_root_key_opens_it() {
        let folder = folder("plain");
        let mut barrier = Barrier::new(&folder);
        let root = barrier
            .initialise(5, 3, b"a-secret-that-must-not-show")
            .unwrap();
        for file in [barrier.seal_file(), barrier.data_file()] {
            let bytes = std::fs::read(file).unwrap();
            assert!(!bytes.windows(8).any(|w| w == b"a-secret"));
        }
        assert!(barrier.unseal(&[7; 32]).is_err());
        assert!(barrier.store(b"x").is_err(), "sealed");
        assert_eq!(
            barrier.unseal(&root).unwrap(),
            b"a-secret-that-must-not-show"
        );
        barrier.store(b"later").unwrap();
        assert_eq!(Barrier::new(&folder).unseal(&root).unwrap(), b"later");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
