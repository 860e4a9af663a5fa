//! botserver: needs the environment that only systemd loads, serves its health.

use crate::{http, log};

/// Serves until the end of the world.
pub fn run(_args: &[String]) -> Result<(), String> {
    // The original reads Vault's address from the env file; started by hand, it does not come up.
    std::env::var("VAULT_ADDR")
        .map_err(|_| "VAULT_ADDR is not set: start me with systemctl".to_owned())?;
    let port = match std::env::var("PORT") {
        Ok(port) => port
            .parse()
            .map_err(|_| format!("PORT is no port: {port}"))?,
        Err(_) => 8080,
    };
    log::write(
        "info",
        "bootstrap",
        "Database initialized - PostgreSQL connected",
    );
    log::write(
        "info",
        "http_server",
        &format!("Starting HTTP server on 0.0.0.0:{port}"),
    );
    log::write(
        "info",
        "http_server",
        &format!("Server started on port {port}"),
    );
    log::write(
        "info",
        "http_server",
        &format!("HTTP server listening on 0.0.0.0:{port}"),
    );
    http::serve(port, |path| match path {
        "/health" => (
            200,
            r#"{"status":"ok","service":"botserver","version":"0.0.0","commit":"standin"}"#
                .to_owned(),
        ),
        "/api/health" => (
            200,
            r#"{"status":"healthy","service":"botserver","database":true}"#.to_owned(),
        ),
        _ => (404, "{}".to_owned()),
    })
}
