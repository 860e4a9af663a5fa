//! botserver: reads its environment, asks Vault for credentials, and lives on PostgreSQL, Valkey and S3.
//!
//! It does what the original does where operators can see it: which file and variables it reads, what it falls
//! back to, what it logs and when, which tables and keys it writes, what its health says. What it
//! leaves out is the platform itself: a bot answers a message with the message.

mod address;
mod bas;
mod bot;
mod bucket;
mod cache;
mod compiler;
mod config_csv;
mod database;
mod discovery;
mod drive_files;
mod environment;
mod journal;
mod migrations;
mod monitor;
mod secrets;
mod start;
mod tls;
mod transport;
mod web;

pub use start::run;
