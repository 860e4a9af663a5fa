//! Vault: the server that keeps the secrets, and the command line that operators type.
//!
//! After initialising nothing is mounted but the system's own engines, as in the original:
//! `vault secrets enable -path=secret kv-v2` makes the place that the platform reads.

mod audit;
mod barrier;
mod cli;
mod config;
mod core;
mod duration;
mod hcl;
mod hex;
mod kv;
mod policy;
mod reply;
mod request;
mod route;
mod server;
mod shamir;
mod state;
mod token;

use std::process::ExitCode;

use crate::console;
use crate::flags::Flags;

/// The version of the protocol, marked as what it is.
const VERSION: &str = "1.15.0+standin";

/// Serves, or carries out a command.
pub fn run(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("server") => {
            let flags = Flags::parse(&args[1..], &["dev"]);
            match flags.and_then(|flags| server::run(flags.get(&["config"]))) {
                Ok(()) => ExitCode::SUCCESS,
                Err(e) => {
                    console::error(&e);
                    ExitCode::FAILURE
                }
            }
        }
        Some("version" | "-version" | "--version" | "-v") => {
            console::line(&format!("Vault v{VERSION}"));
            ExitCode::SUCCESS
        }
        _ => cli::run(args),
    }
}
