//! Forgejo's runner: registers with a server, then asks it for work again and again, and listens nowhere.
//!
//! The original ends when the server cannot be reached at its start, and is started again by
//! systemd; this one stays and asks again, so that one look at the node finds it either way.

mod registration;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::flags::Flags;
use crate::{console, nested, server};
use registration::Registration;

/// How often it asks when its configuration does not say.
const EVERY: Duration = Duration::from_secs(2);

/// `daemon`, or `register`.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["no-interactive", "version"])?;
    let settings = match flags.get(&["config", "c"]) {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                format!("invalid configuration: open {path}: {}", server::reason(&e))
            })?;
            nested::flatten(&text, ".")
        }
        None => std::collections::BTreeMap::new(),
    };
    let file = PathBuf::from(
        settings
            .get("runner.file")
            .map_or(".runner", String::as_str),
    );
    let every = settings
        .get("runner.fetch_interval")
        .and_then(|text| text.strip_suffix('s')?.parse().ok())
        .map_or(EVERY, Duration::from_secs);
    match flags.words.first().map(String::as_str) {
        Some("register") => server::run(registration::register(&flags, &file)),
        Some("daemon") => {
            say("info", "Starting runner daemon");
            let registration = Registration::read(&file)?;
            server::run(work(registration, every))
        }
        _ => Err("Usage: forgejo-runner [-c FILE] daemon|register".to_owned()),
    }
}

async fn work(registration: Registration, every: Duration) -> Result<(), String> {
    let told = server::ending()?;
    let client = registration::client()?;
    let mut declared = false;
    loop {
        // Looked at each time: whoever mends it need not start the runner again.
        match scratch() {
            Err(e) => say("error", &format!("cannot prepare the workspace: {e}")),
            Ok(()) => {
                let method = if declared { "FetchTask" } else { "Declare" };
                let body = json!({ "version": "v6.3.1", "labels": registration.labels });
                match registration.call(&client, method, &body).await {
                    Ok(_) if !declared => {
                        declared = true;
                        say(
                            "info",
                            &format!(
                                "runner: {}, with version: v6.3.1, with labels: {:?}, declared successfully",
                                registration.name, registration.labels
                            ),
                        );
                    }
                    Ok(_) => {}
                    Err(e) if declared => say("error", &format!("failed to fetch task: {e}")),
                    Err(e) => say("error", &format!("fail to invoke Declare: {e}")),
                }
            }
        }
        tokio::select! {
            () = server::ended(told.clone()) => {
                say("info", "runner: received shutdown signal");
                return Ok(());
            }
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Jobs of any user need the folder of temporary files: mode 1777, nothing less.
fn scratch() -> Result<(), String> {
    let folder = std::env::temp_dir();
    let mode = std::fs::metadata(&folder)
        .map_err(|e| format!("stat {}: {}", folder.display(), server::reason(&e)))?
        .permissions()
        .mode();
    if mode & 0o7777 == 0o1777 {
        return Ok(());
    }
    Err(format!("mkdir {}/act: permission denied", folder.display()))
}

fn say(level: &str, message: &str) {
    console::line(&format!(
        "time={:?} level={level} msg={message:?}",
        console::stamp()
    ));
}
