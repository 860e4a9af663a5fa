//! Services that are asked: real servers, servers of this machine's own, and hostile ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it means by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod authority;
mod containers;
mod hostile;
mod kit;
mod mail;
mod postgres_tls;
mod standins;
mod tls;
mod vault;
mod websocket;
