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
mod forgejo;
mod forgejo_runner;
mod livekit;
mod llama;
mod log;
mod minio;
mod nested;
mod nocodb;
mod qdrant;
mod server;
mod vault;
mod zitadel;

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
        "botui" => botui::run(&args),
        "minio" => minio::run(&args),
        // The others are no part of the platform and do not write in its format.
        "coredns" => return ended(coredns::run(&args)),
        "forgejo" => return ended(forgejo::run(&args)),
        "forgejo-runner" => return ended(forgejo_runner::run(&args)),
        "livekit-server" => return ended(livekit::run(&args)),
        "llama-server" => return ended(llama::run(&args)),
        "nocodb" => return ended(nocodb::run()),
        "qdrant" => return ended(qdrant::run(&args)),
        "vault" => return vault::run(&args),
        "zitadel" => return ended(zitadel::run(&args)),
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

/// One line on the standard output, for those who ask on the command line.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            console::error(&format!("Error: {message}"));
            ExitCode::FAILURE
        }
    }
}
