//! CoreDNS: zones from master files behind an access list, as the runbooks have it.
//!
//! A zone is read again when its serial changed, on its own interval; the whole configuration on
//! SIGUSR1. SIGHUP does nothing, whatever a runbook says: that is the original's behaviour.

mod acl;
mod cache;
mod corefile;
mod forward;
mod plugins;
mod server;
mod zone;

use crate::flags::Flags;
use crate::{console, server as http};

/// Serves until SIGTERM.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["quiet", "version", "plugins"])?;
    if let Some(unknown) = flags.unknown(&[
        "conf", "dns.port", "p", "quiet", "version", "plugins", "pidfile",
    ]) {
        return Err(format!("flag provided but not defined: -{unknown}"));
    }
    if flags.on(&["version"]) {
        console::line("CoreDNS-1.11.1+standin");
        return Ok(());
    }
    let port = match flags.get(&["dns.port", "p"]) {
        Some(port) => port
            .parse()
            .map_err(|_| format!("invalid value {port:?} for flag -dns.port"))?,
        None => 53,
    };
    let conf = flags.get(&["conf"]).unwrap_or("Corefile").to_owned();
    let quiet = flags.on(&["quiet"]);
    if let Some(file) = flags.get(&["pidfile"]) {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .map_err(|e| format!("{file}: {}", http::reason(&e)))?;
    }
    http::run(server::run(conf, port, quiet))
}
