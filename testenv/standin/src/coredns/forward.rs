//! Questions handed on to other servers, over UDP, and over TCP when the answer did not fit.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::corefile::Directive;

/// How long another server may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// One `forward` of a block.
#[derive(Debug, Clone)]
pub struct Forward {
    /// What it is for.
    pub from: Name,
    to: Vec<SocketAddr>,
}

impl Forward {
    /// From its directive.
    pub fn new(directive: &Directive) -> Result<Self, String> {
        let [from, to @ ..] = directive.args.as_slice() else {
            return Err(
                "plugin/forward: Wrong argument count or unexpected line ending".to_owned(),
            );
        };
        let mut upstreams = Vec::new();
        for host in to {
            if host.contains('/') && !host.contains("://") {
                let text = std::fs::read_to_string(host)
                    .map_err(|e| format!("plugin/forward: {host}: {e}"))?;
                let servers = text
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix("nameserver"));
                upstreams.extend(servers.filter_map(|server| address(server.trim())));
            } else {
                upstreams.push(address(host.trim_start_matches("dns://")).ok_or_else(|| {
                    format!("plugin/forward: not an IP address or file: {host:?}")
                })?);
            }
        }
        if upstreams.is_empty() {
            return Err("plugin/forward: no upstreams".to_owned());
        }
        Ok(Self {
            from: super::plugins::name(from)?,
            to: upstreams,
        })
    }

    /// The first answer that any of them gives.
    pub async fn ask(&self, query: &Query) -> Option<Message> {
        let mut question = Message::query();
        question.metadata.recursion_desired = true;
        question.add_query(query.clone());
        let bytes = question.to_vec().ok()?;
        for server in &self.to {
            let answer = match tokio::time::timeout(PATIENCE, over_udp(*server, &bytes)).await {
                Ok(Some(answer)) if answer.metadata.truncation => {
                    tokio::time::timeout(PATIENCE, over_tcp(*server, &bytes))
                        .await
                        .ok()
                        .flatten()
                }
                Ok(answer) => answer,
                Err(_) => None,
            };
            if let Some(answer) = answer.filter(|answer| answer.metadata.id == question.metadata.id)
            {
                return Some(answer);
            }
        }
        None
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    text.parse()
        .ok()
        .or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

async fn over_udp(server: SocketAddr, question: &[u8]) -> Option<Message> {
    let own = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(own).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(question).await.ok()?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await.ok()?;
    Message::from_vec(&buffer[..length]).ok()
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> Option<Message> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    stream
        .write_u16(u16::try_from(question.len()).ok()?)
        .await
        .ok()?;
    stream.write_all(question).await.ok()?;
    let length = stream.read_u16().await.ok()?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.ok()?;
    Message::from_vec(&buffer).ok()
}
