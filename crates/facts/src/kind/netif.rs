//! Interfaces, addresses and default routes, and what ifupdown is told to set up.

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::{Nothing, check_path};
use crate::net;
use crate::parse::ifupdown;
use crate::quote::sh;

/// Which file of ifupdown, if any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetifQuery {
    /// Nothing to say: all interfaces are looked at.
    pub netif: Nothing,
    /// Absolute path of a file in the form of interfaces(5), such as `/etc/network/interfaces`.
    #[serde(default)]
    pub configured: Option<String>,
}

/// The node's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Netif {
    /// Every interface, sorted by name, the loopback interface included.
    pub interfaces: Observed<Vec<Interface>>,
    /// Whether IPv4 packets have a way to everywhere.
    pub default_route_v4: Observed<bool>,
    /// Whether IPv6 packets have a way to everywhere; false when the kernel has no IPv6.
    pub default_route_v6: Observed<bool>,
    /// The next hop of the IPv4 default route; absent when there is none.
    pub gateway_v4: Observed<String>,
    /// Whether IPv6 is switched off for all interfaces, or missing from the kernel.
    pub ipv6_disabled: Observed<bool>,
    /// The `iface` stanzas of the file; absent unless the query names one that is there.
    pub configured: Observed<Vec<Configured>>,
    /// Files and patterns that the file takes in and that were not looked at; absent likewise.
    pub configured_elsewhere: Observed<Vec<String>>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether somebody brought it up.
    pub up: Observed<bool>,
    /// Its IPv4 addresses with the lengths of their prefixes, `10.0.2.5/24`.
    pub ipv4: Observed<Vec<String>>,
    /// Its IPv6 addresses in the same form.
    pub ipv6: Observed<Vec<String>>,
    /// Whether one of its IPv6 addresses has global scope; unique local ones have.
    pub ipv6_global: Observed<bool>,
}

/// What ifupdown is told about an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// The interface's name.
    pub name: String,
    /// `inet`, `inet6`, …; absent in a stanza that names none.
    pub family: Observed<String>,
    /// `static`, `dhcp`, `manual`, `loopback`, …; absent likewise.
    pub method: Observed<String>,
    /// Its `address`.
    pub address: Observed<String>,
    /// Its `netmask`.
    pub netmask: Observed<String>,
    /// Its `gateway`.
    pub gateway: Observed<String>,
    /// Whether it is brought up at boot (`auto`) or when it appears (`allow-hotplug`).
    pub auto: bool,
    /// Line of the stanza, counted from 1.
    pub line: u32,
}

impl Fact for Netif {
    const KIND: &'static str = "netif";
    const ABOUT: &'static str = "Network interfaces: state, addresses, default routes, and what ifupdown is told to set up.";
    type Query = NetifQuery;

    fn check(query: &NetifQuery) -> Result<(), String> {
        query.configured.as_deref().map_or(Ok(()), check_path)
    }

    fn asks(query: &NetifQuery) -> Vec<Ask> {
        let mut asks = vec![net::ask()];
        asks.extend(query.configured.as_deref().map(Ask::read));
        asks
    }

    fn read(query: &NetifQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let network = match net::read(answers) {
            Ok(network) => network,
            Err(reason) => return Reading::Done(Observed::Unknown(reason)),
        };
        let file = match &query.configured {
            None => Observed::Absent,
            Some(path) => {
                answers
                    .text(&Ask::read(path))
                    .and_then(|text| match ifupdown::parse(&text) {
                        Ok(file) => Observed::Known(file),
                        Err(error) => Observed::unknown(ReasonKind::Garbled, error),
                    })
            }
        };
        let some_route = |routes: &Observed<Vec<net::Default>>| match routes {
            Observed::Absent => Observed::Known(false),
            Observed::Known(_) | Observed::Unknown(_) => {
                routes.as_ref().map(|routes| !routes.is_empty())
            }
        };
        Reading::Done(Observed::Known(Self {
            default_route_v4: some_route(&network.default_v4),
            default_route_v6: some_route(&network.default_v6),
            gateway_v4: network.default_v4.as_ref().and_then(|routes| {
                routes
                    .iter()
                    .find_map(|route| route.gateway)
                    .map(|gateway| gateway.to_string())
                    .into()
            }),
            ipv6_disabled: match &network.ipv6_disabled {
                Observed::Absent => Observed::Known(true),
                seen @ (Observed::Known(_) | Observed::Unknown(_)) => seen.clone(),
            },
            interfaces: interfaces(&network),
            configured: file.clone().map(configured),
            configured_elsewhere: file.map(|file| file.sources),
        }))
    }

    fn by_hand(query: &NetifQuery) -> String {
        let mut text = "ip addr; ip route; ip -6 route".to_owned();
        if let Some(path) = &query.configured {
            text.push_str("; cat ");
            text.push_str(&sh(path));
        }
        text
    }
}

fn interfaces(network: &net::Network) -> Observed<Vec<Interface>> {
    let of = |addresses: &Observed<Vec<net::Address>>, name: &str| match addresses {
        // A kernel without IPv6 has no such addresses.
        Observed::Absent => Observed::Known(Vec::new()),
        Observed::Known(_) | Observed::Unknown(_) => addresses.as_ref().map(|addresses| {
            addresses
                .iter()
                .filter(|address| address.interface == name)
                .map(|address| format!("{}/{}", address.addr, address.prefix))
                .collect()
        }),
    };
    network.interfaces.as_ref().map(|names| {
        let mut found: Vec<Interface> = names
            .iter()
            .map(|name| Interface {
                name: name.clone(),
                up: match network.up.get(name) {
                    Some(up) => Observed::Known(*up),
                    None => Observed::unknown(
                        ReasonKind::Failed,
                        format!("/sys/class/net/{name}/flags cannot be read"),
                    ),
                },
                ipv4: of(&network.ipv4, name),
                ipv6: of(&network.ipv6, name),
                ipv6_global: match &network.ipv6 {
                    Observed::Absent => Observed::Known(false),
                    addresses @ (Observed::Known(_) | Observed::Unknown(_)) => {
                        addresses.as_ref().map(|addresses| {
                            addresses
                                .iter()
                                .any(|address| address.interface == *name && address.global)
                        })
                    }
                },
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    })
}

fn configured(file: ifupdown::File) -> Vec<Configured> {
    file.stanzas
        .iter()
        .map(|stanza| Configured {
            name: stanza.name.clone(),
            family: stanza.family.clone().into(),
            method: stanza.method.clone().into(),
            address: stanza.option("address").into(),
            netmask: stanza.option("netmask").into(),
            gateway: stanza.option("gateway").into(),
            auto: file.auto.contains(&stanza.name),
            line: stanza.line,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;

    const NETWORK: &str = "==> /proc/net/dev <==\n lo: 1\n eth0: 1\n==> /proc/net/route <==\nIface\neth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n==> /proc/net/if_inet6 <==\nfd000000000000000000000000000002 04 40 00 82     eth0\n==> /proc/net/ipv6_route <==\n==> /proc/sys/net/ipv6/conf/all/disable_ipv6 <==\n0\n==> flags <==\nlo 0x9\neth0 0x1003\n==> ip <==\n2: eth0    inet 10.0.2.5/24 brd 10.0.2.255 scope global eth0\n==> ip-done <==\n==> end <==\n";

    fn read(network: &str, file: &str) -> Observed<Netif> {
        let query = NetifQuery {
            netif: Nothing {},
            configured: Some("/etc/network/interfaces".into()),
        };
        let answers = Answers::new().with(net::ask(), 0, network).with(
            Ask::read("/etc/network/interfaces"),
            0,
            file,
        );
        let context = Context {
            key: Key::new([0; 32]),
        };
        match Netif::read(&query, &answers, &context) {
            Reading::Done(fact) => fact,
            Reading::More(_) => panic!("more"),
        }
    }

    #[test]
    fn a_node_with_an_address_is_described() {
        let file = "auto lo eth0\niface lo inet loopback\niface eth0 inet static\n  address 10.0.2.5/24\n  gateway 10.0.2.1\n";
        let fact = read(NETWORK, file);
        let fact = fact.known().unwrap();
        let eth0 = &fact.interfaces.known().unwrap()[0];
        assert_eq!(eth0.name, "eth0");
        assert_eq!(eth0.up, Observed::Known(true));
        assert_eq!(eth0.ipv4, Observed::Known(vec!["10.0.2.5/24".into()]));
        assert_eq!(eth0.ipv6_global, Observed::Known(true));
        assert_eq!(fact.gateway_v4, Observed::Known("10.0.2.1".into()));
        assert_eq!(fact.default_route_v4, Observed::Known(true));
        assert_eq!(fact.default_route_v6, Observed::Known(false));
        assert_eq!(fact.ipv6_disabled, Observed::Known(false));
        let configured = fact.configured.known().unwrap();
        assert_eq!(configured[1].address, Observed::Known("10.0.2.5/24".into()));
        assert_eq!(configured[1].netmask, Observed::Absent);
        assert!(configured[1].auto);
    }

    #[test]
    fn a_node_without_ipv4_is_seen_as_such() {
        let network = NETWORK.replace(
            "2: eth0    inet 10.0.2.5/24 brd 10.0.2.255 scope global eth0\n",
            "",
        );
        let fact = read(&network, "");
        let fact = fact.known().unwrap();
        assert_eq!(
            fact.interfaces.known().unwrap()[0].ipv4,
            Observed::Known(vec![])
        );
        assert_eq!(fact.configured, Observed::Known(vec![]));
    }

    #[test]
    fn a_broken_look_is_unknown() {
        assert!(matches!(read("nonsense", ""), Observed::Unknown(_)));
    }
}
