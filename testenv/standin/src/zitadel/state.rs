//! Organizations, users and tokens, kept in one file that is replaced whole.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, pbkdf2};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::Config;

const ROUNDS: NonZeroU32 = match NonZeroU32::new(10_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
pub struct State {
    #[serde(skip)]
    file: PathBuf,
    last: u64,
    /// By identifier.
    pub organizations: BTreeMap<String, Organization>,
    /// By identifier.
    pub users: BTreeMap<String, User>,
    /// By the digest of the token.
    pub tokens: BTreeMap<String, Pat>,
}

/// An organization.
#[derive(Serialize, Deserialize)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Its domains, the primary one first.
    pub domains: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A user; without a human a machine.
#[derive(Serialize, Deserialize)]
pub struct User {
    /// What it logs in as.
    pub username: String,
    /// Its organization.
    pub organization: String,
    /// Profile and email, as they were given.
    pub human: Option<Value>,
    /// Salt and digest.
    password: Option<(String, String)>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// A personal access token.
#[derive(Serialize, Deserialize)]
pub struct Pat {
    /// Its own identifier.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl State {
    /// Reads the file, or makes the first organization, its two users and the first token.
    pub fn open(config: &Config) -> Result<Self, String> {
        match std::fs::read(&config.state) {
            Ok(bytes) => {
                let mut state: Self = serde_json::from_slice(&bytes)
                    .map_err(|e| format!("{}: {e}", config.state.display()))?;
                state.file.clone_from(&config.state);
                Ok(state)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::first(config),
            Err(e) => Err(format!(
                "{}: {}",
                config.state.display(),
                crate::server::reason(&e)
            )),
        }
    }

    fn first(config: &Config) -> Result<Self, String> {
        let mut state = Self {
            file: config.state.clone(),
            ..Self::default()
        };
        let organization = state.add_organization(&config.organization, &config.domains[0]);
        let (name, password) = &config.human;
        let human = json!({
            "profile": { "givenName": "ZITADEL", "familyName": "Admin", "displayName": "ZITADEL Admin" },
            "email": { "email": format!("{name}@{}", config.domains[0]), "isVerified": true },
        });
        let human = state.add_user(name, &organization, Some(human));
        if !password.is_empty() {
            state.set_password(&human, password)?;
        }
        if let Some(path) = &config.pat_path {
            let machine = state.add_user(&config.machine, &organization, None);
            let expires = match &config.pat_expires {
                Some(text) => Some(
                    text.parse()
                        .map_err(|e| format!("expiration date of the first token: {e}"))?,
                ),
                None => None,
            };
            let (_, token) = state.add_token(&machine, expires)?;
            write(path, token.as_bytes())?;
        }
        state.save()?;
        Ok(state)
    }

    /// Puts it on disk.
    pub fn save(&self) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| e.to_string())?;
        let beside = self.file.with_extension("new");
        write(&beside, &text)?;
        std::fs::rename(&beside, &self.file)
            .map_err(|e| format!("{}: {}", self.file.display(), crate::server::reason(&e)))
    }

    /// An identifier of the length that the original's have, always a larger one.
    pub fn identifier(&mut self) -> String {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0) * 100_000;
        self.last = now.max(self.last + 1);
        self.last.to_string()
    }

    /// Adds an organization with its first domain.
    pub fn add_organization(&mut self, name: &str, domain: &str) -> String {
        let id = self.identifier();
        let slug: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        self.organizations.insert(
            id.clone(),
            Organization {
                name: name.to_owned(),
                domains: vec![format!("{slug}.{domain}")],
                created: Timestamp::now(),
            },
        );
        id
    }

    /// Adds a user.
    pub fn add_user(&mut self, username: &str, organization: &str, human: Option<Value>) -> String {
        let id = self.identifier();
        let now = Timestamp::now();
        self.users.insert(
            id.clone(),
            User {
                username: username.to_owned(),
                organization: organization.to_owned(),
                human,
                password: None,
                created: now,
                changed: now,
            },
        );
        id
    }

    /// Gives a user a password.
    pub fn set_password(&mut self, user: &str, password: &str) -> Result<(), String> {
        let salt = random()?;
        if let Some(user) = self.users.get_mut(user) {
            user.password = Some((salt.clone(), derive(&salt, password)));
            user.changed = Timestamp::now();
        }
        Ok(())
    }

    /// Makes a token; it is shown once.
    pub fn add_token(
        &mut self,
        user: &str,
        expires: Option<Timestamp>,
    ) -> Result<(String, String), String> {
        let token = random()?;
        let id = self.identifier();
        self.tokens.insert(
            hash(&token),
            Pat {
                id: id.clone(),
                user: user.to_owned(),
                expires,
            },
        );
        Ok((id, token))
    }

    /// Whose a token is, while it lives.
    pub fn holder(&self, token: &str) -> Option<&Pat> {
        self.tokens
            .get(&hash(token))
            .filter(|pat| pat.expires.is_none_or(|end| end > Timestamp::now()))
            .filter(|pat| self.users.contains_key(&pat.user))
    }
}

impl User {
    /// Whether a password is its own.
    pub fn accepts(&self, password: &str) -> bool {
        self.password.as_ref().is_some_and(|(salt, kept)| {
            let Ok(kept) = URL_SAFE_NO_PAD.decode(kept) else {
                return false;
            };
            pbkdf2::verify(
                pbkdf2::PBKDF2_HMAC_SHA256,
                ROUNDS,
                salt.as_bytes(),
                password.as_bytes(),
                &kept,
            )
            .is_ok()
        })
    }
}

fn derive(salt: &str, password: &str) -> String {
    let mut out = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ROUNDS,
        salt.as_bytes(),
        password.as_bytes(),
        &mut out,
    );
    URL_SAFE_NO_PAD.encode(out)
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 51];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "no randomness".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// For nobody else to read: it holds a token, or what tokens are checked against.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|e| format!("{}: {}", folder.display(), crate::server::reason(&e)))?;
    }
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|e| format!("{}: {}", path.display(), crate::server::reason(&e)))
}
