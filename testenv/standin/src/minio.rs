//! MinIO: `minio server DIR --address :PORT`, liveness only.

use crate::{http, log};

/// Serves until the end of the world.
pub fn run(args: &[String]) -> Result<(), String> {
    let address = args
        .iter()
        .position(|arg| arg == "--address")
        .and_then(|at| args.get(at + 1))
        .map_or(":9000", String::as_str);
    let port = address
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| format!("--address has no port: {address}"))?;
    log::write("info", "minio", &format!("API on port {port}"));
    http::serve(port, |path| match path {
        "/minio/health/live" | "/minio/health/ready" => (200, String::new()),
        _ => (403, String::new()),
    })
}
