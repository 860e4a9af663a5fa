//! What identifies a process and a start of this machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::FaultError;

/// The kernel's name for this start of the machine.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// When a process started, in the kernel's ticks; none when it is gone or ending.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Ends a process of ours that is late, if it is still the one that was written down.
pub(crate) fn kill(pid: u32, since: u64) {
    if started(pid) == Some(since) {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself in between.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Ends this process as a kill from outside does: nothing is cleaned up.
#[cfg(debug_assertions)]
pub(crate) fn die() {
    let me = rustix::process::getpid();
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}

/// A random name.
pub(crate) fn random() -> Result<String, FaultError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|e| FaultError::Journal(e.to_string()))?;
    Ok(runproof_model::text::hex(&bytes))
}
