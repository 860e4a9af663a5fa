//! The watchdog: a process of its own that undoes a fault when who put it in dies or is late.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use runproof_lab::{LabName, find_state};

use crate::error::FaultError;
use crate::journal::Journal;
use crate::lease::Lease;
use crate::machine;
use crate::undo::{Healed, heal};

/// The first word of its command line, and the second is the lab.
pub const COMMAND: &str = "watchdog";
/// Where it says what it could not do, in the lab's folder.
const LOG: &str = "watchdog.log";
/// What it says when it stands.
const ARMED: &str = "armed";
/// How often it looks whether the lease is free.
const EVERY: Duration = Duration::from_millis(200);
/// How often it tries to undo what it could not.
const ATTEMPTS: u32 = 5;

/// A watchdog that stands. Dropping this does not end it.
#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
}

impl Watchdog {
    /// Waits for it to see that there is nothing to do, and to end.
    pub fn leave(mut self) {
        // It looks every fifth of a second; whether it can be waited for decides nothing.
        let _ = self.child.wait();
    }
}

/// Starts a watchdog for a lab, and waits until it stands.
pub(crate) fn arm(name: &LabName, program: &Path) -> Result<Watchdog, FaultError> {
    let failed = |why: String| FaultError::Refused(format!("no watchdog: {why}"));
    let mut command = Command::new(program);
    command.args([COMMAND, name.as_str()]);
    // For a test of what is left when the watchdog was killed as well.
    #[cfg(debug_assertions)]
    if std::env::var_os("RUNPROOF_TEST_NO_WATCHDOG").is_some() {
        command = Command::new("echo");
        command.arg(ARMED);
    }
    // Nobody reads along; whoever wonders afterwards finds what it said in the lab's folder.
    let log = find_state(name)?
        .and_then(|folder| File::create(folder.join(LOG)).ok())
        .map_or_else(Stdio::null, Stdio::from);
    let mut child = command
        .env_remove("RUNPROOF_TEST_DIE_AT")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|e| failed(format!("{}: {e}", program.display())))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out)
            .read_line(&mut line)
            .map_err(|e| failed(e.to_string()))?;
    }
    if line.trim() == ARMED {
        Ok(Watchdog { child })
    } else {
        Err(failed(format!("it does not stand: {line:?}")))
    }
}

/// Stands as watchdog, until there is nothing to undo any more. It has a session of its own, so
/// that what ends the terminal of the drill does not end it.
///
/// # Errors
/// When what is left in the lab could not be undone; the next command on the lab tries again.
pub async fn stand(name: &LabName) -> Result<Healed, FaultError> {
    // Fails where it leads a session already.
    let _ = rustix::process::setsid();
    let mut out = std::io::stdout();
    let said = writeln!(out, "{ARMED}").and_then(|()| out.flush());
    said.map_err(|e| FaultError::Journal(e.to_string()))?;
    let mut failed = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(folder) = find_state(name)? else {
            return Ok(Healed::default());
        };
        let open = Journal::read(&folder).unwrap_or_default();
        // Nobody is at work: there is something to undo, or nothing any more.
        if Lease::take(&folder)?.is_some() {
            match heal(name, false).await {
                Ok(healed) => return Ok(healed),
                Err(error) => {
                    failed += 1;
                    if failed == ATTEMPTS {
                        return Err(error);
                    }
                    continue;
                }
            }
        }
        for one in open.iter().filter(|one| !one.held) {
            if machine::now() >= one.undo.deadline && one.undo.boot == machine::boot() {
                machine::kill(one.undo.pid, one.undo.pid_started);
            }
        }
    }
}
