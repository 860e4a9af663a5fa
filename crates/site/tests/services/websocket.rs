//! The upgrade to a WebSocket: accepted, over TLS too, and accepted wrongly.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::kit::{ask, here, is_absent, unknown};

/// A server of WebSockets under TLS.
async fn secure(authority: &Authority) -> u16 {
    let chain = CertificateDer::from_pem_file(authority.at("leaf.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(authority.at("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(client).await else {
                    return;
                };
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
                    return;
                };
                while futures_util::StreamExt::next(&mut socket).await.is_some() {}
            });
        }
    });
    port
}

/// A server that says 101 without having understood the question.
async fn liar() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4096]).await;
            let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.read(&mut [0; 4096]).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_accepted_with_the_right_key_only_and_tells_whose_certificate_it_was() {
    let authority = Authority::new("websocket", "DNS:localhost,IP:127.0.0.1");
    let (secure, liar) = (secure(&authority).await, liar().await);
    // The user interface's own server, which accepts before it asks botserver.
    let ui = runproof_contract::port();
    let number = ui.to_string();
    let nobody = format!("http://127.0.0.1:{}", runproof_contract::port());
    let environment = [
        ("PORT", number.as_str()),
        ("BOTSERVER_URL", nobody.as_str()),
    ];
    let _ui = runproof_contract::Running::listening("botui", &[], &environment, ui);
    let wss = format!("wss://localhost:{secure}/ws");
    let facts = ask(
        &here(json!({})),
        &[
            json!({ "websocket": format!("ws://127.0.0.1:{ui}/ws") }),
            json!({ "websocket": wss, "ca": authority.at("ca.crt") }),
            json!({ "websocket": wss, "ca": authority.at("other.crt") }),
            json!({ "websocket": format!("ws://127.0.0.1:{ui}/demo") }),
            json!({ "websocket": format!("ws://127.0.0.1:{liar}/ws") }),
        ],
    )
    .await;
    for accepted in &facts[..3] {
        assert_eq!(
            (
                &accepted["reachable"],
                &accepted["status"],
                &accepted["accepted"]
            ),
            (&json!(true), &json!(101), &json!(true)),
            "{accepted}"
        );
        assert!(is_absent(&accepted["trouble"]) && is_absent(&accepted["location"]));
    }
    assert!(is_absent(&facts[0]["verified"]), "{}", facts[0]);
    assert_eq!(facts[1]["verified"], true, "{}", facts[1]);
    assert_eq!(facts[2]["verified"], false, "{}", facts[2]);
    // A page is no WebSocket.
    assert_eq!(
        (&facts[3]["status"], &facts[3]["accepted"]),
        (&json!(200), &json!(false)),
        "{}",
        facts[3]
    );
    // 101 under another key is no acceptance, and no refusal either.
    assert_eq!(facts[4]["reachable"], true, "{}", facts[4]);
    assert_eq!(unknown(&facts[4]["accepted"]), "garbled");
}
