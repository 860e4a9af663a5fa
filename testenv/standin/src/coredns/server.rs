//! Sockets, signals and the two ways in which a configuration comes to be read again.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use hickory_proto::op::{Edns, Message, MessageType, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::corefile;
use super::plugins::{Plugins, reply};
use crate::{console, server as http};

/// What a client without EDNS can take over UDP.
const PLAIN: u16 = 512;
/// An idle connection is given up.
const IDLE: Duration = Duration::from_secs(10);

type Blocks = Arc<RwLock<Arc<Vec<Plugins>>>>;

/// Serves until SIGTERM.
pub async fn run(conf: String, port: u16, quiet: bool) -> Result<(), String> {
    let told = http::ending()?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    let mut renew = signal(SignalKind::user_defined1()).map_err(|e| e.to_string())?;
    let (mut digest, blocks) = load(&conf, port)?;
    let mut running = start(&blocks).await?;
    if !quiet {
        for (zone, port) in blocks.iter().flat_map(|block| &block.zones) {
            console::line(&format!("{zone}:{port}"));
        }
        console::line("CoreDNS-1.11.1+standin");
    }
    let shared: Blocks = Arc::new(RwLock::new(blocks));
    let mut watch = running.answer(&shared);
    loop {
        let every = current(&shared)
            .iter()
            .filter_map(|block| block.reload)
            .min();
        tokio::select! {
            () = http::ended(told.clone()) => {
                console::line("[INFO] SIGTERM: Terminating process");
                return Ok(());
            }
            // Sent by terminals that go away; the original ignores it for that reason.
            _ = hangup.recv() => continue,
            _ = renew.recv() => {}
            () = after(every) => {
                if std::fs::read(&conf).ok().as_deref() == Some(digest.as_slice()) {
                    continue;
                }
            }
        }
        console::line("[INFO] Reloading");
        let loaded = match load(&conf, port) {
            Ok(loaded) => loaded,
            Err(e) => {
                console::line(&format!("[ERROR] Restart failed: {e}"));
                // Not tried again before the file changes once more.
                digest = std::fs::read(&conf).unwrap_or_default();
                continue;
            }
        };
        digest = loaded.0;
        // The old sockets have to go first: the new ones want the same ports.
        watch.shutdown().await;
        running = start_again(&loaded.1).await?;
        *shared.write().unwrap_or_else(PoisonError::into_inner) = loaded.1;
        watch = running.answer(&shared);
        console::line("[INFO] Reloading complete");
    }
}

async fn after(every: Option<Duration>) {
    match every {
        Some(every) => tokio::time::sleep(every).await,
        None => std::future::pending().await,
    }
}

fn current(blocks: &Blocks) -> Arc<Vec<Plugins>> {
    Arc::clone(&blocks.read().unwrap_or_else(PoisonError::into_inner))
}

fn load(conf: &str, port: u16) -> Result<(Vec<u8>, Arc<Vec<Plugins>>), String> {
    let bytes = std::fs::read(conf).map_err(|e| {
        format!(
            "loading Caddyfile via flag: open {conf}: {}",
            http::reason(&e)
        )
    })?;
    let text = String::from_utf8(bytes.clone()).map_err(|_| format!("{conf} is no text"))?;
    let blocks = corefile::parse(&text)?;
    let blocks = blocks
        .iter()
        .map(|block| Plugins::new(block, port))
        .collect::<Result<Vec<_>, _>>()?;
    if blocks.is_empty() {
        return Err("the Corefile has no server block".to_owned());
    }
    Ok((bytes, Arc::new(blocks)))
}

/// Sockets that are bound and not yet answered.
struct Bound {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    health: Vec<TcpListener>,
    ready: Vec<TcpListener>,
}

/// A question that is still being forwarded holds its socket for a moment.
async fn start_again(blocks: &[Plugins]) -> Result<Bound, String> {
    for _ in 0..50 {
        if let Ok(bound) = start(blocks).await {
            return Ok(bound);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    start(blocks).await
}

async fn start(blocks: &[Plugins]) -> Result<Bound, String> {
    let mut addresses = BTreeSet::new();
    for block in blocks {
        for (_, port) in &block.zones {
            if block.bind.is_empty() {
                addresses.insert(SocketAddr::new(IpAddr::from([0u16; 8]), *port));
            }
            addresses.extend(
                block
                    .bind
                    .iter()
                    .map(|address| SocketAddr::new(*address, *port)),
            );
        }
    }
    let mut bound = Bound {
        udp: Vec::new(),
        tcp: Vec::new(),
        health: Vec::new(),
        ready: Vec::new(),
    };
    for mut address in addresses {
        let mut udp = UdpSocket::bind(address).await;
        if udp.is_err() && address.ip().is_unspecified() && address.is_ipv6() {
            // A kernel without IPv6.
            address.set_ip(IpAddr::from([0u8; 4]));
            udp = UdpSocket::bind(address).await;
        }
        let fail = |protocol: &str, e: &std::io::Error| {
            format!(
                "Listen: listen {protocol} {address}: bind: {}",
                http::reason(e)
            )
        };
        bound.udp.push(udp.map_err(|e| fail("udp", &e))?);
        bound.tcp.push(
            TcpListener::bind(address)
                .await
                .map_err(|e| fail("tcp", &e))?,
        );
    }
    let wanted = |pick: fn(&Plugins) -> Option<SocketAddr>| {
        blocks.iter().filter_map(pick).collect::<BTreeSet<_>>()
    };
    for address in wanted(|block| block.health) {
        bound.health.push(http::bind(&address.to_string()).await?);
    }
    for address in wanted(|block| block.ready) {
        bound.ready.push(http::bind(&address.to_string()).await?);
    }
    Ok(bound)
}

impl Bound {
    /// Answers on all of them, and looks after the zones.
    fn answer(self, blocks: &Blocks) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for socket in self.udp {
            tasks.spawn(over_udp(socket, Arc::clone(blocks)));
        }
        for listener in self.tcp {
            tasks.spawn(over_tcp(listener, Arc::clone(blocks)));
        }
        let healthy = Router::new().route("/health", get(|| async { "OK" }));
        for listener in self.health {
            let router = healthy.clone();
            tasks.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
        let of = Arc::clone(blocks);
        let ready = Router::new().route(
            "/ready",
            get(async move || {
                if current(&of).iter().all(Plugins::is_ready) {
                    (StatusCode::OK, "OK")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "file")
                }
            }),
        );
        for listener in self.ready {
            let router = ready.clone();
            tasks.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
        let all = current(blocks);
        for block in 0..all.len() {
            for file in 0..all[block].files.len() {
                let all = Arc::clone(&all);
                tasks.spawn(async move {
                    let file = &all[block].files[file];
                    while !file.every.is_zero() {
                        tokio::time::sleep(file.every).await;
                        file.refresh();
                    }
                });
            }
        }
        tasks
    }
}

async fn over_udp(socket: UdpSocket, blocks: Blocks) {
    let socket = Arc::new(socket);
    let port = socket
        .local_addr()
        .map(|address| address.port())
        .unwrap_or_default();
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Ok(request) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let (socket, blocks) = (Arc::clone(&socket), current(&blocks));
        tokio::spawn(async move {
            if let Some(reply) = answer(&blocks, &request, from, port).await
                && let Some(bytes) = fit(reply, &request, true)
            {
                let _ = socket.send_to(&bytes, from).await;
            }
        });
    }
}

async fn over_tcp(listener: TcpListener, blocks: Blocks) {
    let port = listener
        .local_addr()
        .map(|address| address.port())
        .unwrap_or_default();
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(connection(stream, from, port, Arc::clone(&blocks)));
    }
}

async fn connection(mut stream: TcpStream, from: SocketAddr, port: u16, blocks: Blocks) {
    while let Ok(Ok(length)) = tokio::time::timeout(IDLE, stream.read_u16()).await {
        let mut buffer = vec![0; usize::from(length)];
        let Ok(Ok(_)) = tokio::time::timeout(IDLE, stream.read_exact(&mut buffer)).await else {
            return;
        };
        let Ok(request) = Message::from_vec(&buffer) else {
            return;
        };
        let blocks = current(&blocks);
        let Some(bytes) = answer(&blocks, &request, from, port)
            .await
            .and_then(|reply| fit(reply, &request, false))
        else {
            return;
        };
        let Ok(length) = u16::try_from(bytes.len()) else {
            return;
        };
        if stream.write_u16(length).await.is_err() || stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The block with the longest matching zone answers; a question for none is refused.
async fn answer(
    blocks: &[Plugins],
    request: &Message,
    from: SocketAddr,
    port: u16,
) -> Option<Message> {
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let [query] = request.queries.as_slice() else {
        return Some(reply(request, ResponseCode::FormErr));
    };
    let block = blocks
        .iter()
        .filter_map(|block| Some((block.zone_of(&query.name, port)?, block)))
        .max_by_key(|(labels, _)| *labels);
    match block {
        Some((_, block)) => block.answer(request, query, from).await,
        None => Some(reply(request, ResponseCode::Refused)),
    }
}

/// The bytes of a reply, cut to what the client takes.
fn fit(mut reply: Message, request: &Message, udp: bool) -> Option<Vec<u8>> {
    let mut room = usize::from(PLAIN);
    reply.edns = None;
    if let Some(asked) = &request.edns {
        room = room.max(usize::from(asked.max_payload()));
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().max(PLAIN));
        edns.set_version(0);
        reply.set_edns(edns);
    }
    let bytes = reply.to_vec().ok()?;
    if udp && bytes.len() > room {
        return reply.truncate().to_vec().ok();
    }
    Some(bytes)
}
