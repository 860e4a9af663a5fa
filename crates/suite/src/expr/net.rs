//! Addresses, networks and URLs.

use std::net::IpAddr;

/// A network in CIDR form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cidr {
    network: IpAddr,
    bits: u32,
}

impl Cidr {
    /// `10.0.2.0/24`, `fd00::/8`. Bits of the host part do not count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (network, bits) = text.split_once('/')?;
        let network: IpAddr = network.parse().ok()?;
        if bits.is_empty() || bits.len() > 3 || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bits: u32 = bits.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { network, bits })
    }

    /// Whether the address is in it. The other family never is, but an IPv4
    /// address written as IPv6 counts as IPv4.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - self.bits;
                let cut = |ip: u32| ip.checked_shr(shift).unwrap_or(0);
                cut(net.to_bits()) == cut(ip.to_bits())
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - self.bits;
                let cut = |ip: u128| ip.checked_shr(shift).unwrap_or(0);
                cut(net.to_bits()) == cut(ip.to_bits())
                    || (ip.to_ipv4_mapped().is_some() && self.contains(address.to_canonical()))
            }
            (IpAddr::V4(_), IpAddr::V6(ip)) => ip
                .to_ipv4_mapped()
                .is_some_and(|ip| self.contains(IpAddr::V4(ip))),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Host and port of a URL or of `host[:port]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In lower case, without brackets.
    pub(super) host: String,
    /// As written, or the usual one of the scheme.
    pub(super) port: Option<u16>,
}

impl Place {
    /// `None` when there is no host, or the port is no port.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            let (host, after) = rest.split_once(']')?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return None,
            }
        } else {
            match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        let clean = |c: char| c.is_whitespace() || c.is_control();
        if host.is_empty() || host.chars().any(clean) {
            return None;
        }
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None => scheme.as_deref().and_then(usual_port),
        };
        let host = host.to_ascii_lowercase();
        Some(Self { host, port })
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        "ssh" => 22,
        "smtp" => 25,
        "imap" => 143,
        "imaps" => 993,
        "ldap" => 389,
        "ldaps" => 636,
        "postgres" | "postgresql" => 5432,
        "redis" => 6379,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.0.2.0/24", "10.0.2.255", true)]
    #[case("10.0.2.0/24", "10.0.3.0", false)]
    #[case("10.0.2.7/24", "10.0.2.1", true)]
    #[case("0.0.0.0/0", "10.1.2.3", true)]
    #[case("10.0.2.7/32", "10.0.2.7", true)]
    #[case("fd00::/8", "fd12::1", true)]
    #[case("::/0", "10.0.0.1", false)]
    #[case("10.0.0.0/8", "::ffff:10.1.1.1", true)]
    fn a_network_holds_its_addresses(#[case] net: &str, #[case] ip: &str, #[case] within: bool) {
        let net = Cidr::parse(net).unwrap();
        assert_eq!(net.contains(ip.parse().unwrap()), within);
    }

    #[rstest]
    #[case("10.0.0.0")]
    #[case("10.0.0.0/33")]
    #[case("10.0.0.0/+8")]
    #[case("10.0.0/8")]
    #[case("")]
    fn what_is_no_network_is_refused(#[case] text: &str) {
        assert!(Cidr::parse(text).is_none());
    }

    #[rstest]
    #[case("https://A.example.com/x?y", "a.example.com", Some(443))]
    #[case("http://user:p@ss@localhost:5858", "localhost", Some(5858))]
    #[case("localhost:8080", "localhost", Some(8080))]
    #[case("[::1]:80", "::1", Some(80))]
    #[case("zitadel.example.com", "zitadel.example.com", None)]
    #[case("gopher://example.com", "example.com", None)]
    fn a_url_has_host_and_port(#[case] url: &str, #[case] host: &str, #[case] port: Option<u16>) {
        let host = host.to_owned();
        assert_eq!(Place::parse(url), Some(Place { host, port }));
    }

    #[rstest]
    #[case("")]
    #[case("http://")]
    #[case("http://:80")]
    #[case("a:b")]
    #[case("a:99999")]
    #[case("a b")]
    #[case("[::1")]
    #[case("[::1]x")]
    fn what_is_no_url_is_refused(#[case] url: &str) {
        assert_eq!(Place::parse(url), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = Place::parse(&text);
            let _ = Cidr::parse(&text);
        }
    }
}
