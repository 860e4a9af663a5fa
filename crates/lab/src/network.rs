//! Addresses and names: each node keeps the address that it was given first, as the guides say,
//! and knows every other node by its role and by its container's name.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::engine::Place;
use crate::error::LabError;
use crate::record::NodeRecord;

/// How long it may take.
const TIME: Duration = Duration::from_secs(90);

/// Asks DHCP where nothing gave an address yet, and makes the one that came a fixed one. The client is
/// not asked to end, for it would take the address along; if it lived on, it would do that when the
/// lease ends and its card is another by then. Prints address and prefix.
const ADDRESS: &str = r#"set -eu
now() { ip -4 -o addr show dev eth0 | sed -n 's/.* inet \([0-9./]*\).*/\1/p'; }
if [ -z "$(now)" ]; then
  printf 'auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n' > /etc/network/interfaces
  ifup eth0 >/dev/null 2>&1
fi
at=$(now); [ -n "$at" ]
via=$(ip -4 route | sed -n 's/^default via \([0-9.]*\).*/\1/p')
printf 'auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress %s\n\tgateway %s\n' "$at" "$via" > /etc/network/interfaces
pid=/run/dhclient.eth0.pid
if [ -s "$pid" ]; then
  kill -KILL "$(cat "$pid")" 2>/dev/null || :
  rm -f "$pid"
  ip -4 addr change "$at" dev eth0 valid_lft forever preferred_lft forever
fi
echo "$at $via"
"#;

/// What a node's network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Address with prefix length.
    pub cidr: String,
    /// Address alone.
    pub ip: String,
}

/// Makes sure that a node has an address, and that it keeps it.
pub(crate) async fn settle(place: &Place, instance: &str, id: &str) -> Result<Address, LabError> {
    let reached = place.reached(instance, id);
    let mut last = String::new();
    // A DHCP server that serves twenty new containers at once loses some first requests.
    for _ in 0..4 {
        match place.sh(reached, ADDRESS, TIME).await {
            Ok(said) if said.code == 0 => {
                let text = String::from_utf8_lossy(&said.out).into_owned();
                if let Some(cidr) = text.split_whitespace().next() {
                    let ip = cidr.split('/').next().unwrap_or(cidr).to_owned();
                    return Ok(Address {
                        cidr: cidr.to_owned(),
                        ip,
                    });
                }
            }
            Ok(said) => last.clone_from(&said.error),
            Err(reason) => last = reason.to_string(),
        }
    }
    Err(LabError::failed(format!("{instance} gets no IPv4 address: {last}")).help(
        "with Docker beside Incus its FORWARD rule cuts the bridge: `iptables -I DOCKER-USER -i incusbr0 -j ACCEPT` and the same with -o",
    ))
}

/// The network that an address with a prefix length is in.
pub(crate) fn subnet(cidr: &str) -> Option<String> {
    let (ip, prefix) = cidr.split_once('/')?;
    let ip: std::net::Ipv4Addr = ip.parse().ok()?;
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    let network = std::net::Ipv4Addr::from(u32::from(ip) & mask);
    Some(format!("{network}/{prefix}"))
}

/// The script that writes all names into a node's hosts file, in place: on Docker it is a mount.
pub(crate) fn hosts(nodes: &BTreeMap<String, NodeRecord>) -> String {
    let mut script = String::from(
        "hosts=$(sed '/# runproof lab$/d' /etc/hosts)\n{ printf '%s\\n' \"$hosts\"; cat <<'NAMES'\n",
    );
    for (role, node) in nodes {
        let _ = writeln!(
            script,
            "{} {role} {} # runproof lab",
            node.address, node.instance
        );
    }
    script.push_str("NAMES\n} > /run/runproof-hosts\ncat /run/runproof-hosts > /etc/hosts\nrm /run/runproof-hosts\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.77.0.9/24", Some("10.77.0.0/24"))]
    #[case("10.77.3.9/16", Some("10.77.0.0/16"))]
    #[case("10.77.3.9/0", Some("0.0.0.0/0"))]
    #[case("10.77.3.9", None)]
    #[case("x/24", None)]
    fn the_network_of_an_address(#[case] cidr: &str, #[case] network: Option<&str>) {
        assert_eq!(subnet(cidr).as_deref(), network);
    }
}
