//! Streams to this machine; those into containers are in `tests/engines.rs`.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// This machine as a node that only a shell can enter.
fn by_shell() -> Place {
    let host = Host::here();
    Place {
        gate: Place::gate(&host),
        host,
        sudo: false,
        engine: None,
        target: Target::Machine,
    }
}

async fn echo() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Endpoint::new("127.0.0.1", port).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_carries_every_byte_in_both_directions() {
    let to = echo().await;
    let stream = remote::open(by_shell(), &to).await.unwrap();
    let (mut from, mut into) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..=255_u8).cycle().take(300_000).collect();
    let expected = sent.clone();
    let send = tokio::spawn(async move {
        into.write_all(&sent).await.unwrap();
        into
    });
    let mut came = vec![0; expected.len()];
    from.read_exact(&mut came).await.unwrap();
    assert!(came == expected);
    drop(send.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_nobody_listens_on_is_closed_and_not_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    drop(listener);
    for found in [
        remote::open(by_shell(), &to).await.map(|_| ()),
        by_shell().dial(Vantage::Node, &to).await.map(|_| ()),
    ] {
        match found {
            Err(NoStream::Closed(why)) => {
                assert!(why.to_lowercase().contains("connection refused"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_node_does_not_know_is_closed() {
    let to = Endpoint::new("no-such-name.invalid", 80).unwrap();
    let found = remote::open(by_shell(), &to).await.map(|_| ());
    assert!(matches!(found, Err(NoStream::Closed(_))), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_brings_too_much_ends() {
    let (mut far, near) = tokio::io::duplex(1024);
    tokio::spawn(async move { while far.write_all(&[b'x'; 1024]).await.is_ok() {} });
    let mut stream = Stream {
        inner: Box::new(near),
        left: 100_000,
        _permit: None,
    };
    let mut taken = Vec::new();
    let error = stream.read_to_end(&mut taken).await.unwrap_err();
    assert_eq!(error.to_string(), TOO_MUCH);
    assert!(taken.len() <= 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_started_ends_with_it() {
    // A service that never answers and never closes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (kept, mut held) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let _ = kept.send(client).await;
        }
    });
    let to = Endpoint::new("127.0.0.1", port).unwrap();
    let stream = remote::open(by_shell(), &to).await.unwrap();
    let mut client = held.recv().await.unwrap();
    drop(stream);
    // The far side sees the end: nobody holds the connection any more.
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut rest)).await;
    assert!(end.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_for_clients_is_private_and_goes_with_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let to = echo().await;
    let forward = forward::Forward::open(by_shell(), Vantage::Here, to).unwrap();
    let folder = forward.socket().parent().unwrap().to_owned();
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut client = tokio::net::UnixStream::connect(forward.socket())
        .await
        .unwrap();
    client.write_all(b"hello").await.unwrap();
    let mut came = [0; 5];
    client.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"hello");
    drop(forward);
    assert!(!folder.exists());
}
