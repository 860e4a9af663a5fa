//! The node's interfaces, addresses and routes: one look, shared by the kinds that need them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Command};

/// One `head` for all of `/proc/net`; `ip` only for the lengths of IPv4 prefixes.
const TEXT: &str = r#"head -v -c 4194304 /proc/net/dev /proc/net/route /proc/net/if_inet6 /proc/net/ipv6_route /proc/sys/net/ipv6/conf/all/disable_ipv6 2>&1
printf '\n==> flags <==\n'
for d in /sys/class/net/*; do [ -r "$d/flags" ] && read -r f <"$d/flags" && printf '%s %s\n' "${d##*/}" "$f"; done
if command -v ip >/dev/null 2>&1; then
  printf '\n==> ip <==\n'
  ip -o -4 addr show 2>&1 && printf '\n==> ip-done <==\n'
else
  head -v -c 4194304 /proc/net/fib_trie 2>&1
fi
printf '\n==> end <==\n'"#;

/// Flag of a route: it is in use.
const RTF_UP: u32 = 0x0001;
/// Flag of a route: it has a gateway.
const RTF_GATEWAY: u32 = 0x0002;
/// Flag of a route: it refuses.
const RTF_REJECT: u32 = 0x0200;
/// Flag of an interface: it is up.
const IFF_UP: u32 = 1;

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub addr: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
    /// Whether the kernel says that its scope is global; of IPv6 only.
    pub global: bool,
}

/// A default route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Default {
    /// The interface it leaves by.
    pub interface: String,
    /// The next hop, when it has one.
    pub gateway: Option<IpAddr>,
    /// Lower goes first.
    pub metric: u32,
}

/// What the node's network looks like.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// The names of all interfaces, in the kernel's order.
    pub interfaces: Observed<Vec<String>>,
    /// Which of them are up.
    pub up: BTreeMap<String, bool>,
    /// IPv4 addresses.
    pub ipv4: Observed<Vec<Address>>,
    /// IPv6 addresses; absent when the kernel has no IPv6.
    pub ipv6: Observed<Vec<Address>>,
    /// IPv4 default routes, the first to be used first.
    pub default_v4: Observed<Vec<Default>>,
    /// IPv6 default routes, the first to be used first; absent when the kernel has no IPv6.
    pub default_v6: Observed<Vec<Default>>,
    /// Whether IPv6 is switched off for all interfaces; absent when the kernel has no IPv6.
    pub ipv6_disabled: Observed<bool>,
}

/// The look, the same for all kinds.
pub(crate) fn ask() -> Ask {
    Ask::Run(Command {
        cap: 16 << 20,
        ..Command::new("network", TEXT)
    })
}

/// What it saw.
pub(crate) fn read(answers: &Answers) -> Result<Network, Reason> {
    let ran = answers.run(&ask())?;
    parse(&ran.out)
}

fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("network: {what}"))
}

/// The sections by name. Nothing in them can hold a header: the kernel writes numbers and
/// names of interfaces, which have no blanks.
fn sections(out: &str) -> Result<BTreeMap<&str, Vec<&str>>, Reason> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut open: Option<&str> = None;
    for line in out.lines() {
        if let Some(name) = line
            .strip_prefix("==> ")
            .and_then(|rest| rest.strip_suffix(" <=="))
        {
            if sections.insert(name, Vec::new()).is_some() {
                return Err(garbled("a part comes twice"));
            }
            open = Some(name);
        } else if let Some(lines) = open.and_then(|name| sections.get_mut(name))
            && !line.is_empty()
            && !line.starts_with("head: ")
        {
            lines.push(line);
        }
    }
    if sections.contains_key("end") {
        Ok(sections)
    } else {
        Err(garbled("it has no end"))
    }
}

fn parse(out: &str) -> Result<Network, Reason> {
    let sections = sections(out)?;
    let gone = |path: &str| {
        out.lines().any(|line| {
            line.starts_with("head: ")
                && line.contains(path)
                && line.ends_with("No such file or directory")
        })
    };
    let lines = |path: &str| -> Observed<&Vec<&str>> {
        match sections.get(path) {
            Some(lines) => Observed::Known(lines),
            None if gone(path) => Observed::Absent,
            None => Observed::unknown(ReasonKind::Failed, format!("{path} cannot be read")),
        }
    };
    // Without `/proc/net/dev` there is no look at the kernel's network at all.
    let interfaces = match lines("/proc/net/dev") {
        Observed::Known(lines) => Observed::from(interfaces(lines)),
        Observed::Absent | Observed::Unknown(_) => {
            return Err(Reason::new(
                ReasonKind::Unsupported,
                "/proc/net/dev cannot be read",
            ));
        }
    };
    let needed = |lines: Observed<Vec<Default>>| match lines {
        Observed::Absent => {
            Observed::unknown(ReasonKind::Unsupported, "the kernel shows no routes")
        }
        other @ (Observed::Known(_) | Observed::Unknown(_)) => other,
    };
    let default_v4 = lines("/proc/net/route").and_then(|lines| routes_v4(lines).into());
    let ipv4 = match (sections.get("ip"), sections.contains_key("ip-done")) {
        (Some(lines), true) => Observed::from(ip_addresses(lines)),
        (Some(lines), false) => Observed::unknown(
            ReasonKind::Failed,
            format!("ip: {}", lines.first().copied().unwrap_or_default()),
        ),
        (None, _) => match (
            sections.get("/proc/net/fib_trie"),
            sections.get("/proc/net/route"),
        ) {
            (Some(trie), Some(routes)) => Observed::from(trie_addresses(trie, routes)),
            _ => Observed::unknown(ReasonKind::MissingTool, "ip, and no /proc/net/fib_trie"),
        },
    };
    Ok(Network {
        interfaces,
        up: up(sections.get("flags").map_or(&[], Vec::as_slice)),
        ipv4,
        ipv6: lines("/proc/net/if_inet6").and_then(|lines| inet6(lines).into()),
        default_v4: needed(default_v4),
        default_v6: match lines("/proc/net/ipv6_route") {
            Observed::Known(lines) => routes_v6(lines).into(),
            Observed::Absent if gone("/proc/net/if_inet6") => Observed::Absent,
            Observed::Absent => {
                Observed::unknown(ReasonKind::Unsupported, "the kernel shows no IPv6 routes")
            }
            Observed::Unknown(reason) => Observed::Unknown(reason),
        },
        ipv6_disabled: lines("/proc/sys/net/ipv6/conf/all/disable_ipv6").and_then(|lines| {
            match lines.first().map(|line| line.trim()) {
                Some("0") => Observed::Known(false),
                Some("1") => Observed::Known(true),
                _ => Observed::unknown(ReasonKind::Garbled, "disable_ipv6"),
            }
        }),
    })
}

fn interfaces(lines: &[&str]) -> Result<Vec<String>, Reason> {
    lines
        .iter()
        .filter(|line| !line.contains('|'))
        .map(|line| {
            line.rsplit_once(':')
                .map(|(name, _)| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .ok_or_else(|| garbled("/proc/net/dev"))
        })
        .collect()
}

fn up(lines: &[&str]) -> BTreeMap<String, bool> {
    lines
        .iter()
        .filter_map(|line| {
            let (name, flags) = line.rsplit_once(' ')?;
            let flags = u32::from_str_radix(flags.trim().strip_prefix("0x")?, 16).ok()?;
            Some((name.to_owned(), flags & IFF_UP != 0))
        })
        .collect()
}

/// A number of `/proc/net/route`, whose bytes are in network order on the node: all
/// architectures that we know nodes of are little-endian.
fn swapped(hex: &str) -> Option<u32> {
    u32::from_str_radix(hex, 16).ok().map(u32::swap_bytes)
}

struct Route<'a> {
    interface: &'a str,
    destination: u32,
    gateway: u32,
    flags: u32,
    metric: u32,
    mask: u32,
}

fn route(line: &str) -> Option<Route<'_>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    Some(Route {
        interface: fields.first()?,
        destination: swapped(fields.get(1)?)?,
        gateway: swapped(fields.get(2)?)?,
        flags: u32::from_str_radix(fields.get(3)?, 16).ok()?,
        metric: fields.get(6)?.parse().ok()?,
        mask: swapped(fields.get(7)?)?,
    })
}

fn routes<'a>(lines: &[&'a str]) -> Result<Vec<Route<'a>>, Reason> {
    lines
        .iter()
        .filter(|line| !line.starts_with("Iface"))
        .map(|line| route(line).ok_or_else(|| garbled("/proc/net/route")))
        .collect()
}

fn routes_v4(lines: &[&str]) -> Result<Vec<Default>, Reason> {
    let mut found: Vec<Default> = routes(lines)?
        .into_iter()
        .filter(|r| r.mask == 0 && r.destination == 0)
        .filter(|r| r.flags & RTF_UP != 0 && r.flags & RTF_REJECT == 0)
        .map(|r| Default {
            interface: r.interface.to_owned(),
            gateway: (r.flags & RTF_GATEWAY != 0).then(|| IpAddr::V4(Ipv4Addr::from(r.gateway))),
            metric: r.metric,
        })
        .collect();
    found.sort_by_key(|route| route.metric);
    Ok(found)
}

fn routes_v6(lines: &[&str]) -> Result<Vec<Default>, Reason> {
    let parse = |line: &str| -> Option<Option<Default>> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let (length, metric, flags) = (hex(1)?, hex(5)?, hex(8)?);
        let destination = u128::from_str_radix(fields.first()?, 16).ok()?;
        let gateway = u128::from_str_radix(fields.get(4)?, 16).ok()?;
        let interface = (*fields.get(9)?).to_owned();
        let wanted = length == 0
            && destination == 0
            && flags & RTF_UP != 0
            && flags & RTF_REJECT == 0
            && interface != "lo";
        Some(wanted.then(|| Default {
            interface,
            gateway: (flags & RTF_GATEWAY != 0).then(|| IpAddr::V6(Ipv6Addr::from(gateway))),
            metric,
        }))
    };
    let mut found = Vec::new();
    for line in lines {
        match parse(line) {
            Some(Some(route)) => found.push(route),
            Some(None) => {}
            None => return Err(garbled("/proc/net/ipv6_route")),
        }
    }
    found.sort_by_key(|route| route.metric);
    Ok(found)
}

fn inet6(lines: &[&str]) -> Result<Vec<Address>, Reason> {
    let parse = |line: &str| -> Option<Address> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        Some(Address {
            interface: (*fields.get(5)?).to_owned(),
            addr: IpAddr::V6(u128::from_str_radix(fields.first()?, 16).ok()?.into()),
            prefix: u8::from_str_radix(fields.get(2)?, 16).ok()?,
            global: u8::from_str_radix(fields.get(3)?, 16).ok()? == 0,
        })
    };
    lines
        .iter()
        .map(|line| parse(line).ok_or_else(|| garbled("/proc/net/if_inet6")))
        .collect()
}

/// Lines of `ip -o -4 addr show`.
fn ip_addresses(lines: &[&str]) -> Result<Vec<Address>, Reason> {
    let parse = |line: &str| -> Option<Address> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let name = fields.next()?.trim_end_matches(':');
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        (fields.next()? == "inet").then_some(())?;
        let address = fields.next()?;
        // Of a link between two hosts, the length stands behind the other's address.
        let (addr, prefix) = match address.split_once('/') {
            Some(both) => both,
            None if fields.next()? == "peer" => (address, fields.next()?.split_once('/')?.1),
            None => (address, "32"),
        };
        Some(Address {
            interface: name.to_owned(),
            addr: IpAddr::V4(addr.parse().ok()?),
            prefix: prefix.parse().ok()?,
            global: false,
        })
    };
    lines
        .iter()
        .map(|line| parse(line).ok_or_else(|| garbled("ip addr")))
        .collect()
}

/// The node's own addresses from the kernel's tree of routes; their interfaces and lengths
/// from the routes to the networks around them.
fn trie_addresses(trie: &[&str], lines: &[&str]) -> Result<Vec<Address>, Reason> {
    let routes = routes(lines)?;
    let mut found: Vec<Address> = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in trie {
        let line = line.trim_start();
        if let Some(addr) = line.strip_prefix("|-- ") {
            last = addr.trim().parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            let addr = last.ok_or_else(|| garbled("/proc/net/fib_trie"))?;
            if found.iter().any(|known| known.addr == IpAddr::V4(addr)) {
                continue;
            }
            let around = routes
                .iter()
                .filter(|r| r.mask != 0 && u32::from(addr) & r.mask == r.destination)
                .max_by_key(|r| r.mask.count_ones());
            let (interface, prefix) = match around {
                Some(route) => (route.interface.to_owned(), route.mask.count_ones()),
                None if addr.is_loopback() => ("lo".to_owned(), 8),
                None => {
                    return Err(Reason::new(
                        ReasonKind::MissingTool,
                        format!("ip, to tell the interface of {addr}"),
                    ));
                }
            };
            found.push(Address {
                interface,
                addr: IpAddr::V4(addr),
                prefix: u8::try_from(prefix).unwrap_or(32),
                global: false,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
