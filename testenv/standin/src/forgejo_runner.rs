//! Forgejo's runner: `forgejo-runner daemon` fetches its work and listens nowhere.

use std::time::Duration;

use crate::log;

/// Waits for work until the end of the world.
pub fn run(args: &[String]) -> Result<(), String> {
    if args.first().map(String::as_str) != Some("daemon") {
        return Err("forgejo-runner knows one command here: daemon".to_owned());
    }
    log::write("info", "runner", "Starting runner daemon");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
