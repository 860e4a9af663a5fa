//! The commands: each one request or a few, shown as a table or as JSON, with the original's exit codes.

mod admin;
mod client;
mod kv;
mod operator;
mod table;
mod token;

use std::process::ExitCode;

use crate::console;
use crate::flags::Flags;
use client::Client;

/// Why a command ends early: 1 for what was typed, 2 for what the server said.
pub struct Fail {
    code: u8,
    message: String,
}

impl Fail {
    fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    fn server(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }
}

/// The exit code of a command that went through.
type Outcome = Result<u8, Fail>;

/// What every command has.
struct Session {
    client: Client,
    flags: Flags,
    json: bool,
}

const SWITCHES: [&str; 12] = [
    "tls-skip-verify",
    "force",
    "f",
    "orphan",
    "no-default-policy",
    "accessor",
    "self",
    "reset",
    "no-print",
    "no-store",
    "detailed",
    "status",
];

const KNOWN: [&str; 33] = [
    "address",
    "ca-cert",
    "tls-skip-verify",
    "format",
    "field",
    "mount",
    "version",
    "versions",
    "cas",
    "force",
    "f",
    "orphan",
    "no-default-policy",
    "accessor",
    "self",
    "reset",
    "no-print",
    "no-store",
    "detailed",
    "status",
    "policy",
    "ttl",
    "period",
    "explicit-max-ttl",
    "display-name",
    "renewable",
    "use-limit",
    "metadata",
    "increment",
    "key-shares",
    "key-threshold",
    "path",
    "description",
];

/// Carries a command out.
pub fn run(args: &[String]) -> ExitCode {
    match try_run(args) {
        Ok(code) => ExitCode::from(code),
        Err(fail) => {
            console::error(&fail.message);
            ExitCode::from(fail.code)
        }
    }
}

fn try_run(args: &[String]) -> Outcome {
    let flags = Flags::parse(args, &SWITCHES).map_err(Fail::usage)?;
    // `-id` and `-mode` of the original change nothing that this one does.
    if let Some(unknown) = flags.unknown(&KNOWN) {
        return Err(Fail::usage(format!(
            "flag provided but not defined: -{unknown}"
        )));
    }
    let format = flags.get(&["format"]).map(str::to_owned);
    let format = format.or_else(|| std::env::var("VAULT_FORMAT").ok());
    let json = match format.as_deref() {
        None | Some("table") => false,
        Some("json") => true,
        Some(other) => return Err(Fail::usage(format!("Invalid output format: {other}"))),
    };
    let words = flags.words.clone();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let session = Session {
        client: Client::new(&flags)?,
        flags,
        json,
    };
    let done = async {
        match words.as_slice() {
            ["status"] => operator::status(&session).await,
            ["operator", command, rest @ ..] => operator::run(&session, command, rest).await,
            ["kv", command, rest @ ..] => kv::run(&session, command, rest).await,
            ["token", command, rest @ ..] => token::run(&session, command, rest).await,
            ["login", rest @ ..] => token::login(&session, rest).await,
            ["policy", command, rest @ ..] => admin::policy(&session, command, rest).await,
            ["secrets", command, rest @ ..] => admin::secrets(&session, command, rest).await,
            ["audit", command, rest @ ..] => admin::audit(&session, command, rest).await,
            ["read", path] => admin::read(&session, path).await,
            _ => Err(Fail::usage(
                "Usage: vault <command> [args]\n\nCommands of this stand-in: audit, kv, login, operator, policy, read, secrets, server, status, token, version",
            )),
        }
    };
    let mut outcome = Err(Fail::usage("no runtime"));
    crate::server::run(async {
        outcome = done.await;
        Ok(())
    })
    .map_err(Fail::usage)?;
    outcome
}
