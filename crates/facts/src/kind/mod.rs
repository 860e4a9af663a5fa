//! The kinds of facts, one file each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod cache;
pub mod caddyfile;
pub mod csv;
pub mod dir;
pub mod dns;
pub mod dotenv;
pub mod elf;
pub mod file;
pub mod firewall;
pub mod forgejo;
pub mod gai;
pub mod host;
pub mod http;
pub mod imap;
pub mod instance;
pub mod kv;
pub mod libc;
pub mod listeners;
pub mod livekit;
pub mod llm;
pub mod log;
pub mod mount;
pub mod netif;
pub mod objects;
pub mod os;
pub mod postgres;
pub mod process;
pub mod qdrant;
pub mod resolv;
pub mod smtp;
pub mod ssh;
pub mod tls;
pub mod unit;
pub mod user;
pub mod vault;
pub mod websocket;
pub mod zitadel;

/// The main argument of a kind that has none: written `{}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Refuses a path that is relative or could not be written in one line.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        Err(format!("path {path:?} must be absolute"))
    } else if path.chars().any(char::is_control) {
        Err(format!("path {path:?} holds a control character"))
    } else if path.len() > 4096 {
        Err("path is longer than 4096 bytes".to_owned())
    } else {
        Ok(())
    }
}
