//! Waiting for a node: systemd up, an address, ports.

use std::time::{Duration, Instant};

use runproof_site::CancellationToken;

use crate::engine::Place;
use crate::error::LabError;
use crate::record::NodeRecord;

/// How long systemd may take on a busy machine.
const BOOT: Duration = Duration::from_secs(150);
/// How long one look takes at most.
const LOOK: Duration = Duration::from_secs(30);
/// How long a service may take to listen after its set-up.
const LISTEN: Duration = Duration::from_secs(60);

/// Waits until systemd has started a node's units.
pub(crate) async fn booted(
    place: &Place,
    instance: &str,
    id: &str,
    cancel: &CancellationToken,
) -> Result<(), LabError> {
    let reached = place.reached(instance, id);
    let script = "systemctl is-system-running 2>&1";
    let begun = Instant::now();
    let mut last = String::new();
    while begun.elapsed() < BOOT {
        if let Ok(said) = place.sh(reached, script, LOOK).await {
            last = String::from_utf8_lossy(&said.out).trim().to_owned();
            if ["running", "degraded"].contains(&last.as_str()) {
                return Ok(());
            }
        }
        pause(cancel).await?;
    }
    Err(
        LabError::failed(format!("systemd does not come up in {instance}: {last}")).help(
            "`Too many open files` in its log means fs.inotify.max_user_instances; the engine's own log says the rest",
        ),
    )
}

/// Waits until the ports that a role promises are listened on; else which are not.
pub(crate) async fn listening(
    place: &Place,
    node: &NodeRecord,
    ports: &[u16],
    cancel: &CancellationToken,
) -> Result<(), LabError> {
    let reached = place.reached(&node.instance, &node.id);
    if ports.is_empty() {
        return Ok(());
    }
    let begun = Instant::now();
    let mut missing: Vec<u16> = ports.to_vec();
    while begun.elapsed() < LISTEN {
        if let Ok(said) = place.sh(reached, "ss -Htln", LOOK).await {
            let text = String::from_utf8_lossy(&said.out).into_owned();
            missing.retain(|port| {
                let ends = format!(":{port}");
                !text.lines().any(|line| {
                    line.split_whitespace()
                        .nth(3)
                        .is_some_and(|at| at.ends_with(&ends))
                })
            });
            if missing.is_empty() {
                return Ok(());
            }
        }
        pause(cancel).await?;
    }
    let missing: Vec<String> = missing.iter().map(u16::to_string).collect();
    Err(LabError::failed(format!(
        "nothing listens on port {} of {}",
        missing.join(", "),
        node.instance
    )))
}

async fn pause(cancel: &CancellationToken) -> Result<(), LabError> {
    tokio::select! {
        () = cancel.cancelled() => Err(LabError::interrupted()),
        () = tokio::time::sleep(Duration::from_millis(250)) => Ok(()),
    }
}
