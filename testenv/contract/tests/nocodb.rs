//! NocoDB, by its public documentation, spoken to by reqwest.
//!
//! Against an original: `RUNPROOF_CONTRACT_NOCODB_ADDR`, a URL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says so"
)]

use runproof_contract::{Running, http, original, port};
use serde_json::Value;

#[tokio::test]
async fn health_is_ok_and_the_dashboard_is_a_page() {
    let port = port();
    let (address, mut running) = match original("NOCODB") {
        Some(address) => (address, None),
        None => {
            let running = Running::listening("nocodb", &[], &[("PORT", &port.to_string())], port);
            (format!("http://127.0.0.1:{port}"), Some(running))
        }
    };
    let health: Value = http()
        .get(format!("{address}/api/v1/health"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(health["message"], "OK");
    let page = http()
        .get(format!("{address}/dashboard"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<html"));
    if let Some(running) = &mut running {
        assert_eq!(running.end(), Some(0), "SIGTERM is an orderly end");
    }
}

#[test]
fn a_port_that_is_taken_stops_the_start() {
    if original("NOCODB").is_some() {
        return;
    }
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut running = Running::start("nocodb", &[], &[("PORT", &port)]);
    assert_eq!(running.ended(), Some(1));
    assert!(
        running.output().contains("address already in use"),
        "{}",
        running.output()
    );
}
