//! Which sockets wait: what `ss` or the kernel's tables say.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use runproof_model::{Reason, ReasonKind};

use crate::ask::{Ask, Batch, Command};

/// The sockets that wait. Where the kernel counts no socket there is none, and nobody is
/// asked. `ss` asks the kernel for these alone, where its tables in `/proc` go through every
/// bucket of all connections, which costs milliseconds. What `ss` says is taken when it is
/// sockets and nothing else: it says nothing where none waits and where it could not ask.
pub(super) const TABLES: &str = r#"n=
if [ -r /proc/net/sockstat ] && { [ -r /proc/net/sockstat6 ] || [ ! -e /proc/net/if_inet6 ]; }; then
  while read -r k _ v _; do case $k in TCP: | UDP:) n=$n$v ;; esac; done </proc/net/sockstat
  [ ! -r /proc/net/sockstat6 ] || while read -r k _ v _; do case $k in TCP6: | UDP6:) n=$n$v ;; esac; done </proc/net/sockstat6
fi
case $n in
00 | 0000) printf '==> none <==\n' ;;
*)
  s=$(exec ss -Hltune 2>&1) || s=x
  case "
$s" in
  *"
"[!tu]* | "
") head -v -c 8388608 /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>&1 ;;
  *) printf '==> ss <==\n%s\n' "$s" ;;
  esac
  ;;
esac
printf '\n==> end <==\n'
unset -v n s k v"#;

/// The most bytes that are taken of one table; the text above says the same.
pub(super) const TABLE_CAP: usize = 8_388_608;
/// A table of which so many bytes came may have been cut behind a line.
const NEARLY: usize = TABLE_CAP - 1024;

/// State of a TCP socket that listens.
const LISTEN: u8 = 0x0a;
/// State of a UDP socket that is not connected.
const UNCONNECTED: u8 = 0x07;

/// The look.
pub(super) fn ask() -> Ask {
    Ask::Run(Command {
        cap: 40 << 20,
        ..Command::new("sockets", TABLES).batch(Batch::InPlace)
    })
}

pub(super) fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("sockets: {what}"))
}

/// A line of one of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) protocol: &'static str,
    pub(super) six: bool,
    pub(super) addr: IpAddr,
    pub(super) port: u16,
    pub(super) uid: u32,
    pub(super) inode: u64,
    /// Whether a socket of IPv6 takes nothing else; nobody says in `/proc`.
    pub(super) six_only: Option<bool>,
}

/// The sockets that wait, of all tables.
pub(super) fn entries(out: &str) -> Result<Vec<Entry>, Reason> {
    let mut entries = Vec::new();
    let mut part = "";
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut length = 0;
    for line in out.lines() {
        length += line.len() + 1;
        if part.starts_with("/proc/") && length > NEARLY {
            return Err(Reason::new(
                ReasonKind::CapReached,
                format!("sockets: {part} has more than is taken"),
            ));
        }
        if let Some(name) = line
            .strip_prefix("==> ")
            .and_then(|rest| rest.strip_suffix(" <=="))
        {
            if !seen.insert(name) {
                return Err(garbled("a part comes twice"));
            }
            part = name;
            length = 0;
            continue;
        }
        if line.is_empty() || line.trim_start().starts_with("sl ") {
            continue;
        }
        if let Some(error) = line.strip_prefix("head: ") {
            // A kernel without IPv6 has no tables for it.
            let of_ipv6 = error.contains("/proc/net/tcp6") || error.contains("/proc/net/udp6");
            if of_ipv6 && error.ends_with("No such file or directory") {
                continue;
            }
            return Err(Reason::new(ReasonKind::Failed, line));
        }
        let (protocol, six) = match part {
            "ss" => {
                let found = ss_line(line).ok_or_else(|| garbled("a line of ss makes no sense"))?;
                entries.push(found);
                continue;
            }
            "/proc/net/tcp" => ("tcp", false),
            "/proc/net/tcp6" => ("tcp", true),
            "/proc/net/udp" => ("udp", false),
            "/proc/net/udp6" => ("udp", true),
            _ => continue,
        };
        match entry(line, protocol, six) {
            Some(found) => entries.extend(found),
            None => return Err(garbled("a line of a table makes no sense")),
        }
    }
    let complete = |parts: &[&str]| parts.iter().all(|part| seen.contains(part));
    if complete(&["none", "end"])
        || complete(&["ss", "end"])
        || complete(&["/proc/net/tcp", "/proc/net/udp", "end"])
    {
        Ok(entries)
    } else {
        Err(garbled("a part is missing"))
    }
}

/// A line of a table; nothing for a socket that does not wait.
fn entry(line: &str, protocol: &'static str, six: bool) -> Option<Option<Entry>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
    let (addr, port) = address(fields.get(1)?, six)?;
    let (remote, remote_port) = address(fields.get(2)?, six)?;
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    let waits = match protocol {
        "tcp" => state == LISTEN,
        _ => state == UNCONNECTED && remote.is_unspecified() && remote_port == 0,
    };
    let uid = fields.get(7)?.parse().ok()?;
    let inode = fields.get(9)?.parse().ok()?;
    Some(waits.then_some(Entry {
        protocol,
        six,
        addr,
        port,
        uid,
        inode,
        six_only: None,
    }))
}

/// `tcp LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:* uid:101 ino:1067 sk:1 v6only:0 <->`.
fn ss_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let protocol = match (words.next()?, words.next()?) {
        ("tcp", "LISTEN") => "tcp",
        ("udp", "UNCONN") => "udp",
        _ => return None,
    };
    let (addr, port) = words.nth(2)?.rsplit_once(':')?;
    // The interface stands inside the brackets or behind them.
    let bare = addr.split_once('%').map_or(addr, |(addr, _)| addr);
    let bare = bare.trim_matches(['[', ']']);
    let addr: IpAddr = match bare {
        "*" => Ipv6Addr::UNSPECIFIED.into(),
        bare if addr.starts_with('[') => bare.parse::<Ipv6Addr>().ok()?.into(),
        bare => bare.parse::<Ipv4Addr>().ok()?.into(),
    };
    words.next()?;
    let (mut uid, mut inode, mut six_only) = (0, None, None);
    for word in words {
        match word.split_once(':') {
            Some(("uid", value)) => uid = value.parse().ok()?,
            Some(("ino", value)) => inode = Some(value.parse().ok()?),
            Some(("v6only", value)) => six_only = Some(value == "1"),
            Some(_) | None => {}
        }
    }
    let (addr, six) = match addr {
        IpAddr::V4(_) => (addr, false),
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(mapped) => (IpAddr::V4(mapped), true),
            None => (addr, true),
        },
    };
    Some(Entry {
        protocol,
        six,
        addr,
        port: port.parse().ok()?,
        uid,
        inode: inode?,
        six_only: six_only.filter(|_| six),
    })
}

/// `0100007F:18EB`: words of the address in the node's byte order (all architectures that we
/// know nodes of are little-endian), the port as a number.
fn address(text: &str, six: bool) -> Option<(IpAddr, u16)> {
    let (addr, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let addr = if six {
        if addr.len() != 32 || !addr.is_ascii() {
            return None;
        }
        let mut bytes = Vec::with_capacity(16);
        for at in (0..32).step_by(8) {
            let word = u32::from_str_radix(addr.get(at..at + 8)?, 16).ok()?;
            bytes.extend(word.to_le_bytes());
        }
        let addr = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
        match addr.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(addr),
        }
    } else {
        let word = u32::from_str_radix(addr, 16).ok()?;
        IpAddr::V4(Ipv4Addr::from(word.to_le_bytes()))
    };
    Some((addr, port))
}
