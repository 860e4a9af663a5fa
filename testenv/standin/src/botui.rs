//! botui: asks botserver's health and says the same.

use crate::{http, log};

/// Serves until the end of the world.
pub fn run() -> Result<(), String> {
    let server =
        std::env::var("BOTSERVER_URL").unwrap_or_else(|_| "http://localhost:8080".to_owned());
    let port = match std::env::var("PORT") {
        Ok(port) => port
            .parse()
            .map_err(|_| format!("PORT is no port: {port}"))?,
        Err(_) => 3000,
    };
    log::write(
        "info",
        "main",
        &format!("botui on port {port}, server {server}"),
    );
    http::serve(port, move |path| match path {
        "/health" | "/api/health" => match http::get(&format!("{server}/health")) {
            Ok(200) => (200, r#"{"status":"ok","service":"botui"}"#.to_owned()),
            _ => (
                503,
                r#"{"status":"unhealthy","service":"botui"}"#.to_owned(),
            ),
        },
        _ => (200, "{}".to_owned()),
    })
}
