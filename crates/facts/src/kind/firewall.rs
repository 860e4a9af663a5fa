//! The packet filter: what becomes of packets to local ports, and whether the rules are saved.

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::{Nothing, check_path};
use crate::net;
use crate::parse::iptables::{self, Dump, Link, Packet, packet, walk};
use crate::quote::sh;

mod look;
mod saved;
#[cfg(test)]
mod tests;

use look::Look;
pub use saved::{SaveError, Saved};

/// More ports than this are not asked for in one query.
const MAX_PORTS: usize = 64;
/// More dropping rules than this are not listed.
const MAX_DROPS: usize = 10_000;
/// More rules of INPUT than this are not listed.
const MAX_LISTED: usize = 10_000;

/// Which ports, and which file of saved rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirewallQuery {
    /// Nothing to say: a node has one packet filter.
    pub firewall: Nothing,
    /// TCP ports to which a first packet is sent in thought, by `lo` and from outside.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Absolute path of the IPv4 rules that are loaded at boot, in the format of iptables-save.
    #[serde(default)]
    pub saved: Option<String>,
}

/// The packet filter, all its backends together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// Which tools answered: `iptables-nft`, `iptables-legacy`, `iptables`, `nft`, joined by `, `.
    pub tool: Observed<String>,
    /// The IPv4 side.
    pub v4: Observed<Family>,
    /// The IPv6 side; absent when the kernel has no IPv6.
    pub v6: Observed<Family>,
    /// The saved rules beside the loaded ones, IPv4; absent unless the query names a file.
    pub saved: Observed<Saved>,
}

/// One address family of the packet filter. Where two backends hold rules, both filter:
/// policies are the stricter one, lists have the older backend's rules first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Policy of the chain INPUT of the filter table: `ACCEPT` or `DROP`.
    pub input_policy: Observed<String>,
    /// Policy of the chain FORWARD of the filter table.
    pub forward_policy: Observed<String>,
    /// Policy of the chain OUTPUT of the filter table.
    pub output_policy: Observed<String>,
    /// How many rules all tables have together.
    pub rules: Observed<u64>,
    /// The rules of INPUT as an operator would type them, without counters and comments.
    pub input: Observed<Vec<String>>,
    /// The rules of FORWARD, in the same form.
    pub forward: Observed<Vec<String>>,
    /// What becomes of a first packet from this node to its own loopback address, per port.
    pub loopback: Observed<Vec<PortVerdict>>,
    /// What becomes of a first packet from outside, per port. It comes in by the interface
    /// of the default route, from an address that no rule names and no list has seen.
    pub external: Observed<Vec<PortVerdict>>,
    /// Whether a rule accepts everything on `lo` before any rule of INPUT that could drop
    /// or reject a packet on `lo`.
    pub loopback_accept_first: Observed<bool>,
    /// The rules that drop or reject in INPUT and the chains that it leads to.
    pub drops: Observed<Vec<Drop>>,
}

/// What becomes of a packet to a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortVerdict {
    /// The TCP port.
    pub port: u16,
    /// `accept`, `drop` or `reject`.
    pub verdict: Observed<String>,
    /// The rule that decided, or `policy`.
    pub rule: Observed<String>,
    /// The rule of INPUT by which it was met, counted from 1; absent when none was.
    pub position: Observed<u64>,
}

/// A rule that drops or rejects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Its protocol as written, `all` when it names none.
    pub protocol: String,
    /// Its destination ports as written, such as `6379` or `80,9000:9100`; `any` when it names none.
    pub ports: String,
    /// The rule of INPUT by which it is reached, counted from 1.
    pub position: u64,
    /// The rule.
    pub rule: String,
}

impl Fact for Firewall {
    const KIND: &'static str = "firewall";
    const ABOUT: &'static str = "The packet filter: policies, rules, what becomes of packets to ports, whether the rules are saved.";
    type Query = FirewallQuery;

    fn check(query: &FirewallQuery) -> Result<(), String> {
        if query.ports.len() > MAX_PORTS {
            return Err(format!("more than {MAX_PORTS} ports"));
        }
        if query.ports.contains(&0) {
            return Err("port 0 is none".to_owned());
        }
        query.saved.as_deref().map_or(Ok(()), check_path)
    }

    fn asks(query: &FirewallQuery) -> Vec<Ask> {
        let mut asks = vec![look::ask()];
        if !query.ports.is_empty() {
            asks.push(net::ask());
        }
        asks.extend(query.saved.as_deref().map(Ask::read));
        asks
    }

    fn read(query: &FirewallQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let look = match look::read(answers) {
            Ok(look) => look,
            Err(reason) => return Reading::Done(Observed::Unknown(reason)),
        };
        let network = net::read(answers);
        let saved = match &query.saved {
            None => Observed::Absent,
            Some(path) => saved::read(answers.text(&Ask::read(path)), &look.v4),
        };
        Reading::Done(Observed::Known(Self {
            tool: look.tool.clone(),
            v4: family(iptables::Family::V4, &look, query, &network),
            v6: family(iptables::Family::V6, &look, query, &network),
            saved,
        }))
    }

    fn by_hand(query: &FirewallQuery) -> String {
        let mut text =
            "iptables-save; ip6tables-save; iptables-legacy-save; nft list ruleset".to_owned();
        if let Some(path) = &query.saved {
            text.push_str("; cat ");
            text.push_str(&sh(path));
        }
        text
    }
}

fn family(
    family: iptables::Family,
    look: &Look,
    query: &FirewallQuery,
    network: &Result<net::Network, Reason>,
) -> Observed<Family> {
    let (seen, taking) = match family {
        iptables::Family::V4 => (&look.v4, &look.native_v4),
        iptables::Family::V6 => (&look.v6, &look.native_v6),
    };
    let dumps = match seen {
        Observed::Known(dumps) => dumps,
        Observed::Absent => return Observed::Absent,
        Observed::Unknown(reason) => return Observed::Unknown(reason.clone()),
    };
    let dumps: Vec<&Dump> = dumps.iter().collect();
    let local = local_packet(family);
    let verdicts = |packet: &Packet, hooks: &[&str]| -> Vec<PortVerdict> {
        query
            .ports
            .iter()
            .map(|&port| {
                let packet = Packet {
                    port: Some(port),
                    ..packet.clone()
                };
                port_verdict(port, walk::decide(&dumps, &packet), taking, hooks)
            })
            .collect()
    };
    let external = if query.ports.is_empty() {
        Observed::Known(Vec::new())
    } else {
        match network {
            Ok(network) => Observed::Known(verdicts(
                &foreign_packet(family, network, &dumps),
                &["ingress", "prerouting", "input"],
            )),
            Err(reason) => Observed::Unknown(reason.clone()),
        }
    };
    let drops: Option<Vec<Vec<walk::Dropping<'_>>>> = dumps
        .iter()
        .map(|dump| walk::dropping(dump, MAX_DROPS))
        .collect();
    Observed::Known(Family {
        input_policy: policy(&dumps, "INPUT"),
        forward_policy: policy(&dumps, "FORWARD"),
        output_policy: policy(&dumps, "OUTPUT"),
        rules: Observed::Known(dumps.iter().map(|dump| dump.rule_count() as u64).sum()),
        input: rules(&dumps, "INPUT"),
        forward: rules(&dumps, "FORWARD"),
        loopback: Observed::Known(verdicts(
            &local,
            &[
                "output",
                "postrouting",
                "ingress",
                "egress",
                "prerouting",
                "input",
            ],
        )),
        external,
        loopback_accept_first: accept_first(&dumps),
        drops: match drops {
            Some(drops) => Observed::Known(
                drops
                    .into_iter()
                    .flatten()
                    .map(|found| Drop {
                        protocol: found.rule.protocol.clone(),
                        ports: found.rule.ports.clone(),
                        position: found.position,
                        rule: found.rule.text.clone(),
                    })
                    .collect(),
            ),
            None => Observed::unknown(
                ReasonKind::CapReached,
                format!("more than {MAX_DROPS} rules drop"),
            ),
        },
    })
}

/// A first packet from the loopback address to itself.
fn local_packet(family: iptables::Family) -> Packet {
    let own = match family {
        iptables::Family::V4 => 0x7f00_0001,
        iptables::Family::V6 => 1,
    };
    Packet {
        family,
        input: Link::Loopback,
        output: Link::Loopback,
        source: Some(own),
        destinations: vec![own],
        port: None,
        local: true,
        stranger: false,
        tracked: true,
    }
}

/// A first packet from an address that nobody named, by the interface of the default route.
fn foreign_packet(family: iptables::Family, network: &net::Network, dumps: &[&Dump]) -> Packet {
    let (routes, addresses) = match family {
        iptables::Family::V4 => (&network.default_v4, &network.ipv4),
        iptables::Family::V6 => (&network.default_v6, &network.ipv6),
    };
    let addresses = addresses.known().map_or(&[][..], Vec::as_slice);
    let outside = |address: &&net::Address| {
        address.interface != "lo" && (family == iptables::Family::V4 || address.global)
    };
    let mut links: Vec<&str> = routes
        .known()
        .map(|routes| routes.iter().map(|r| r.interface.as_str()).collect())
        .unwrap_or_default();
    if links.is_empty() {
        links = addresses
            .iter()
            .filter(outside)
            .map(|a| a.interface.as_str())
            .collect();
    }
    links.dedup();
    let input = match links.as_slice() {
        [one] => Link::Named((*one).to_owned()),
        _ => Link::Other,
    };
    let destinations = addresses
        .iter()
        .filter(outside)
        .filter(|a| match &input {
            Link::Named(name) => a.interface == *name,
            Link::None | Link::Loopback | Link::Other => true,
        })
        .map(|address| match address.addr {
            std::net::IpAddr::V4(addr) => u128::from(u32::from(addr)),
            std::net::IpAddr::V6(addr) => u128::from(addr),
        })
        .collect();
    Packet {
        family,
        input,
        output: Link::None,
        source: packet::stranger(family, &walk::named_sources(dumps, family)),
        destinations,
        port: None,
        local: false,
        stranger: true,
        tracked: true,
    }
}

/// A verdict of the iptables rules stands when it takes the packet away; that it lets the
/// packet through says something only when no other table may take it.
fn port_verdict(
    port: u16,
    decision: walk::Decision,
    taking: &Observed<Vec<look::Native>>,
    hooks: &[&str],
) -> PortVerdict {
    let gone = matches!(
        decision.verdict,
        Observed::Known(walk::Verdict::Drop | walk::Verdict::Reject)
    );
    let doubt = match taking {
        Observed::Known(tables) => tables
            .iter()
            .find(|table| hooks.iter().any(|hook| table.takes_at.contains(*hook)))
            .map(|table| {
                Reason::new(
                    ReasonKind::Unsupported,
                    format!("the nft table {} {} filters too", table.family, table.name),
                )
            }),
        Observed::Absent => None,
        Observed::Unknown(reason) => Some(reason.clone()),
    };
    let decision = match doubt {
        Some(reason) if !gone => walk::Decision::unknown(&reason),
        Some(_) | None => decision,
    };
    PortVerdict {
        port,
        verdict: decision.verdict.map(|verdict| verdict.as_str().to_owned()),
        rule: decision.rule,
        position: decision.position,
    }
}

/// The stricter policy of the filter table. A table that is not loaded filters nothing.
fn policy(dumps: &[&Dump], chain: &str) -> Observed<String> {
    let mut found = "ACCEPT".to_owned();
    let chains = dumps
        .iter()
        .filter_map(|dump| dump.table("filter"))
        .filter_map(|table| table.chain(chain));
    for chain in chains {
        match chain.policy.as_deref() {
            Some("ACCEPT") => {}
            Some(policy) => found = policy.to_owned(),
            None => {
                return Observed::unknown(
                    ReasonKind::Garbled,
                    format!("{} has no policy", chain.name),
                );
            }
        }
    }
    Observed::Known(found)
}

fn rules(dumps: &[&Dump], chain: &str) -> Observed<Vec<String>> {
    let found: Vec<String> = dumps
        .iter()
        .filter_map(|dump| dump.table("filter"))
        .filter_map(|table| table.chain(chain))
        .flat_map(|chain| &chain.rules)
        .map(|rule| rule.text.clone())
        .take(MAX_LISTED + 1)
        .collect();
    if found.len() > MAX_LISTED {
        Observed::unknown(
            ReasonKind::CapReached,
            format!("more than {MAX_LISTED} rules in {chain}"),
        )
    } else {
        Observed::Known(found)
    }
}

/// True when it is true of every backend that has anything in INPUT; false when none has.
fn accept_first(dumps: &[&Dump]) -> Observed<bool> {
    let mut result = Observed::Known(false);
    for dump in dumps {
        let idle = dump
            .table("filter")
            .and_then(|table| table.chain("INPUT"))
            .is_none_or(|input| {
                input.rules.is_empty() && input.policy.as_deref() == Some("ACCEPT")
            });
        if idle {
            continue;
        }
        result = walk::loopback_accepted_first(dump);
        if result != Observed::Known(true) {
            return result;
        }
    }
    result
}
