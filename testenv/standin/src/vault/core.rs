//! The server's life: initialised, unsealed share by share, sealed again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::barrier::Barrier;
use super::config::Config;
use super::state::State;
use super::token::{self, Token};
use super::{VERSION, hex, shamir};

/// A server.
pub struct Core {
    /// Lease limits and what clients are told.
    pub config: Config,
    /// `None` while sealed.
    pub state: Option<State>,
    barrier: Barrier,
    shares: Vec<Vec<u8>>,
    nonce: String,
}

/// What initialising gives, once.
pub struct Keys {
    /// The shares of the root key.
    pub shares: Vec<Vec<u8>>,
    /// The first token.
    pub root_token: String,
}

impl Core {
    /// Over its storage; it comes up sealed, whatever it was before.
    pub fn new(config: Config) -> Self {
        Self {
            barrier: Barrier::new(&config.storage),
            config,
            state: None,
            shares: Vec::new(),
            nonce: String::new(),
        }
    }

    /// Whether keys were ever made.
    pub fn initialised(&self) -> Result<bool, String> {
        Ok(self.barrier.seal_config()?.is_some())
    }

    /// Makes the keys and the root token.
    pub fn initialise(&mut self, shares: u8, threshold: u8) -> Result<Keys, String> {
        let mut state = State::new()?;
        let root_token = format!("hvs.{}", hex::word(24)?);
        let key = state.digest(&root_token);
        state.tokens.insert(
            key,
            Token {
                accessor: hex::word(24)?,
                parent: None,
                policies: vec!["root".to_owned()],
                display_name: "root".to_owned(),
                meta: None,
                path: "auth/token/root".to_owned(),
                created: token::now(),
                creation_ttl: 0,
                explicit_max_ttl: 0,
                period: 0,
                expires: None,
                renewed: None,
                renewable: false,
                num_uses: 0,
            },
        );
        let text = serde_json::to_vec(&state).map_err(|e| e.to_string())?;
        let root = self.barrier.initialise(shares, threshold, &text)?;
        let shares = if shares == 1 {
            vec![root]
        } else {
            shamir::split(&root, shares, threshold, &SystemRandom::new())?
        };
        Ok(Keys { shares, root_token })
    }

    /// Takes one share, in hex or base64.
    pub fn unseal(&mut self, share: &str) -> Result<(), String> {
        let config = self
            .barrier
            .seal_config()?
            .ok_or("server is not yet initialized")?;
        if self.state.is_some() {
            return Ok(());
        }
        let share = hex::decode(share)
            .or_else(|| STANDARD.decode(share).ok())
            .ok_or("'key' must be a valid hex or base64 string")?;
        if share.len() < 16 {
            return Err("key is shorter than minimum 16 bytes".to_owned());
        }
        if share.len() > 33 {
            return Err("key is longer than maximum 33 bytes".to_owned());
        }
        if self.shares.contains(&share) {
            return Ok(());
        }
        if self.shares.is_empty() {
            self.nonce = hex::uuid()?;
        }
        self.shares.push(share);
        if self.shares.len() < usize::from(config.secret_threshold) {
            return Ok(());
        }
        let shares = std::mem::take(&mut self.shares);
        self.nonce.clear();
        let root = match shares.as_slice() {
            [only] if config.secret_shares == 1 => Ok(only.clone()),
            _ => shamir::combine(&shares),
        };
        let state = root
            .and_then(|root| self.barrier.unseal(&root))
            .map_err(|e| format!("unseal failed, invalid key: {e}"))?;
        self.state = Some(serde_json::from_slice(&state).map_err(|e| e.to_string())?);
        crate::console::line(&format!(
            "{} [INFO]  core: vault is unsealed",
            crate::console::stamp()
        ));
        Ok(())
    }

    /// Forgets the shares given so far.
    pub fn reset(&mut self) {
        self.shares.clear();
        self.nonce.clear();
    }

    /// Forgets everything that is not on disk.
    pub fn seal(&mut self) {
        self.state = None;
        self.reset();
        self.barrier.seal();
        crate::console::line(&format!(
            "{} [INFO]  core: vault is sealed",
            crate::console::stamp()
        ));
    }

    /// Puts what changed on disk.
    pub fn save(&self) -> Result<(), String> {
        let Some(state) = &self.state else {
            return Ok(());
        };
        let text = serde_json::to_vec(state).map_err(|e| e.to_string())?;
        self.barrier.store(&text)
    }

    /// As `sys/seal-status` and `sys/unseal` show it.
    pub fn status(&self) -> Result<Value, String> {
        let config = self.barrier.seal_config()?;
        let mut status = json!({
            "type": "shamir",
            "initialized": config.is_some(),
            "sealed": self.state.is_none(),
            "t": config.as_ref().map_or(0, |config| config.secret_threshold),
            "n": config.as_ref().map_or(0, |config| config.secret_shares),
            "progress": self.shares.len(),
            "nonce": self.nonce,
            "version": VERSION,
            "build_date": "1970-01-01T00:00:00Z",
            "migration": false,
            "recovery_seal": false,
            "storage_type": "file",
        });
        if let Some(state) = &self.state {
            status["cluster_name"] = cluster_name(state).into();
            status["cluster_id"] = state.cluster.as_str().into();
        }
        Ok(status)
    }
}

/// Made from the identifier, as the original's is random too.
pub fn cluster_name(state: &State) -> String {
    format!(
        "vault-cluster-{}",
        state.cluster.get(..8).unwrap_or_default()
    )
}
