//! One small program that plays a service on a test node, by the name it is called with.
//!
//! It does the documented part only: it listens where the original listens,
//! answers the health requests, needs the environment that the original needs
//! and writes its start-up lines in the platform's log format. Every report
//! of a site that uses it names the nodes where it plays.
//!
//! `runproof-standin NAME ARGUMENTS` is the same as calling it by that name.

mod botserver;
mod botui;
mod console;
mod coredns;
mod flags;
mod forgejo_runner;
mod http;
mod log;
mod minio;
mod server;
mod vault;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let mut args: Vec<String> = args.collect();
    let mut name = name.rsplit('/').next().unwrap_or_default().to_owned();
    if name == "runproof-standin" && !args.is_empty() {
        name = args.remove(0);
    }
    let result = match name.as_str() {
        "botserver" => botserver::run(&args),
        "botui" => botui::run(),
        "coredns" => coredns::run(&args),
        "forgejo-runner" => forgejo_runner::run(&args),
        "minio" => minio::run(&args),
        // It has exit codes of its own.
        "vault" => return vault::run(&args),
        other => Err(format!("{other} is no service of this stand-in")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log::write("error", "main", &message);
            ExitCode::FAILURE
        }
    }
}
