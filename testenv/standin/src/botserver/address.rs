//! The addresses behind a name.

use std::io;
use std::net::SocketAddr;

/// All of them, IPv4 first: on a node without IPv6 the other half only hides why the first half failed.
pub async fn of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}
