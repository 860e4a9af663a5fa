//! The values of options: addresses, ports, flags, states, protocols; read, and printed as
//! iptables-save prints them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::packet::state;
use super::target::number;
use super::{Family, Net};

/// An address, CIDR or address/mask.
pub(super) fn net(family: Family, text: &str) -> Option<Net> {
    let (addr, mask) = match text.split_once('/') {
        Some((addr, mask)) => (addr, Some(mask)),
        None => (text, None),
    };
    let addr = address(family, addr)?;
    let bits = family.bits();
    let mask = match mask {
        None => family.full(),
        Some(mask) => match mask.parse::<u32>() {
            Ok(0) => 0,
            Ok(length) if length <= bits => family.full() & (family.full() << (bits - length)),
            Ok(_) => return None,
            Err(_) => address(family, mask)?,
        },
    };
    Some(Net {
        addr: addr & mask,
        mask,
    })
}

fn address(family: Family, text: &str) -> Option<u128> {
    match family {
        Family::V4 => text
            .parse::<Ipv4Addr>()
            .ok()
            .map(|addr| u128::from(u32::from(addr))),
        Family::V6 => text.parse::<Ipv6Addr>().ok().map(u128::from),
    }
}

/// An address as text.
fn address_text(family: Family, addr: u128) -> String {
    match family {
        Family::V4 => Ipv4Addr::from(u32::try_from(addr).unwrap_or(u32::MAX)).to_string(),
        Family::V6 => Ipv6Addr::from(addr).to_string(),
    }
}

/// As iptables-save prints it: with the length of its prefix, or a mask with gaps.
pub(super) fn net_text(family: Family, net: &Net) -> String {
    let length = net.mask.count_ones();
    let bits = family.bits();
    let solid = if length == 0 {
        0
    } else {
        family.full() & (family.full() << (bits - length))
    };
    let addr = address_text(family, net.addr);
    if net.mask == solid {
        format!("{addr}/{length}")
    } else {
        format!("{addr}/{}", address_text(family, net.mask))
    }
}

pub(super) fn range(family: Family, text: &str) -> Option<(u128, u128)> {
    match text.split_once('-') {
        Some((low, high)) => Some((address(family, low)?, address(family, high)?)),
        None => address(family, text).map(|addr| (addr, addr)),
    }
}

pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// Well-known names that people write into saved files; iptables-save prints numbers.
const SERVICES: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("ntp", 123),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("submissions", 465),
    ("smtps", 465),
    ("urd", 465),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("ms-sql-s", 1433),
    ("nfs", 2049),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("sieve", 4190),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("redis", 6379),
    ("http-alt", 8080),
];

/// Ports and ranges of ports: `22`, `80,9000:9100`, `:1023`, `1024:`.
pub(super) fn ports(text: &str) -> Option<Vec<(u16, u16)>> {
    let port = |word: &str| -> Option<u16> {
        word.parse().ok().or_else(|| {
            SERVICES
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, port)| *port)
        })
    };
    text.split(',')
        .map(|part| match part.split_once(':') {
            None => port(part).map(|port| (port, port)),
            Some((low, high)) => {
                let low = if low.is_empty() { 0 } else { port(low)? };
                let high = if high.is_empty() {
                    u16::MAX
                } else {
                    port(high)?
                };
                // iptables takes them either way round.
                Some((low.min(high), low.max(high)))
            }
        })
        .collect()
}

pub(super) fn ports_text(ranges: &[(u16, u16)]) -> String {
    let parts: Vec<String> = ranges
        .iter()
        .map(|(low, high)| {
            if low == high {
                low.to_string()
            } else {
                format!("{low}:{high}")
            }
        })
        .collect();
    parts.join(",")
}

const TCP_FLAGS: &[(&str, u8)] = &[
    ("FIN", 1),
    ("SYN", 2),
    ("RST", 4),
    ("PSH", 8),
    ("ACK", 16),
    ("URG", 32),
];

pub(super) fn flags(text: &str) -> Option<u8> {
    let mut bits = 0;
    for word in text.split(',') {
        bits |= match word {
            "ALL" => 0x3f,
            "NONE" => 0,
            word => TCP_FLAGS.iter().find(|(name, _)| *name == word)?.1,
        };
    }
    Some(bits)
}

pub(super) fn flags_text(bits: u8) -> String {
    let names: Vec<&str> = TCP_FLAGS
        .iter()
        .filter(|(_, bit)| bits & bit != 0)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "NONE".to_owned()
    } else {
        names.join(",")
    }
}

const STATES: &[(&str, u8)] = &[
    ("INVALID", state::INVALID),
    ("NEW", state::NEW),
    ("RELATED", state::RELATED),
    ("ESTABLISHED", state::ESTABLISHED),
    ("UNTRACKED", state::UNTRACKED),
    ("SNAT", state::SNAT),
    ("DNAT", state::DNAT),
];

pub(super) fn states(text: &str) -> Option<u8> {
    let mut bits = 0;
    for word in text.split(',') {
        bits |= STATES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))?
            .1;
    }
    Some(bits)
}

pub(super) fn states_text(bits: u8) -> String {
    let names: Vec<&str> = STATES
        .iter()
        .filter(|(_, bit)| bits & bit != 0)
        .map(|(name, _)| *name)
        .collect();
    names.join(",")
}

/// The number of an ICMP type that people write by name.
pub(super) fn icmp_type(family: Family, name: &str) -> Option<&'static str> {
    Some(match (family, name) {
        (Family::V4, "echo-reply" | "pong") => "0",
        (Family::V4, "destination-unreachable") => "3",
        (Family::V4, "redirect") => "5",
        (Family::V4, "echo-request" | "ping") => "8",
        (Family::V4, "time-exceeded" | "ttl-exceeded") => "11",
        (Family::V4, "parameter-problem") => "12",
        (Family::V6, "destination-unreachable") => "1",
        (Family::V6, "packet-too-big") => "2",
        (Family::V6, "time-exceeded" | "ttl-exceeded") => "3",
        (Family::V6, "parameter-problem") => "4",
        (Family::V6, "echo-request" | "ping") => "128",
        (Family::V6, "echo-reply" | "pong") => "129",
        (Family::V6, "router-solicitation") => "133",
        (Family::V6, "router-advertisement") => "134",
        (Family::V6, "neighbour-solicitation" | "neighbor-solicitation") => "135",
        (Family::V6, "neighbour-advertisement" | "neighbor-advertisement") => "136",
        (Family::V6, "redirect") => "137",
        _ => return None,
    })
}

/// Protocols by number, with the names that iptables-save prints and those that people write.
const PROTOCOLS: &[(u8, &str)] = &[
    (0, "all"),
    (0, "any"),
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipencap"),
    (4, "ipip"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (58, "icmpv6"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (88, "eigrp"),
    (89, "ospf"),
    (94, "ipip"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (132, "sctp"),
    (135, "mobility-header"),
    (135, "ipv6-mh"),
    (136, "udplite"),
];

pub(super) fn protocol_number(text: &str) -> Option<u8> {
    text.parse().ok().or_else(|| {
        PROTOCOLS
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(number, _)| *number)
    })
}

pub(super) fn protocol_name(number: u8) -> Option<&'static str> {
    PROTOCOLS
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, name)| *name)
}
