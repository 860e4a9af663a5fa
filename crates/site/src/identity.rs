//! Is this the right environment? Asked before anything else.

use std::net::Ipv4Addr;
use std::str::FromStr;

use runproof_model::Site;
use runproof_model::site::NodeRef;
use runproof_model::text::one_line;

use crate::backend::{Backend, Listed};
use crate::host::{Errand, Host};
use crate::session::OpenError;
use crate::sink::Sink;
use crate::trouble::Trouble;

/// An IPv4 network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    network: u32,
    mask: u32,
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{:?} is no IPv4 network such as 10.0.2.0/24",
                one_line(text, 40)
            )
        };
        let (address, length) = text.split_once('/').ok_or_else(refuse)?;
        let address: Ipv4Addr = address.parse().map_err(|_| refuse())?;
        let length: u32 = length.parse().map_err(|_| refuse())?;
        let mask = match length {
            0 => 0,
            1..=32 => u32::MAX << (32 - length),
            _ => return Err(refuse()),
        };
        Ok(Self {
            network: u32::from(address) & mask,
            mask,
        })
    }
}

impl Subnet {
    /// Whether an address lies in it.
    pub fn holds(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask == self.network
    }
}

/// Refuses the wrong machine.
pub(crate) async fn check_hostname(
    site: &Site,
    host: &Host,
    engine: Option<&dyn Backend>,
) -> Result<(), OpenError> {
    let Some(expected) = &site.identity.hostname else {
        return Ok(());
    };
    let found = match engine {
        Some(engine) => engine.hostname().await,
        None => ask(host, &["uname", "-n"]).await,
    }
    .map_err(|trouble| OpenError::Unreachable(trouble.reason))?;
    let found = found.trim();
    if found == expected {
        Ok(())
    } else {
        Err(OpenError::WrongSite {
            what: "host name",
            expected: expected.clone(),
            found: one_line(found, 100),
        })
    }
}

/// Refuses a site whose running nodes have addresses elsewhere. A node without
/// any address says nothing (having none is a documented breakdown), but one
/// at least must speak for the site.
pub(crate) fn check_subnet(site: &Site, listed: &[Listed]) -> Result<(), OpenError> {
    let Some(text) = &site.identity.subnet else {
        return Ok(());
    };
    let subnet = parse_subnet(text)?;
    let mapped: Vec<&str> = site
        .nodes
        .values()
        .filter_map(|node| match node {
            NodeRef::Instance(name) => Some(name.as_str()),
            NodeRef::Absent(_) | NodeRef::Hypervisor(_) => None,
        })
        .collect();
    let with_address: Vec<&Listed> = listed
        .iter()
        .filter(|one| mapped.contains(&one.name.as_str()) && !one.ipv4.is_empty())
        .collect();
    let wrong = |found: String| {
        Err(OpenError::WrongSite {
            what: "network",
            expected: text.clone(),
            found,
        })
    };
    for one in &with_address {
        if !one.ipv4.iter().any(|&address| subnet.holds(address)) {
            let addresses: Vec<String> = one.ipv4.iter().map(Ipv4Addr::to_string).collect();
            return wrong(one_line(
                &format!("{} has {}", one.name, addresses.join(", ")),
                200,
            ));
        }
    }
    if with_address.is_empty() {
        return wrong("no node of the site with an address".to_owned());
    }
    Ok(())
}

/// The same for a site without an engine: the machine itself has the address.
pub(crate) async fn check_machine_subnet(site: &Site, host: &Host) -> Result<(), OpenError> {
    let Some(text) = &site.identity.subnet else {
        return Ok(());
    };
    let subnet = parse_subnet(text)?;
    let answer = ask(
        host,
        &["sh", "-c", "ip -4 -o addr show 2>/dev/null || hostname -I"],
    )
    .await
    .map_err(|trouble| OpenError::Unreachable(trouble.reason))?;
    let addresses: Vec<Ipv4Addr> = answer
        .split_whitespace()
        .filter_map(|word| word.split('/').next()?.parse().ok())
        .filter(|address: &Ipv4Addr| !address.is_loopback())
        .collect();
    if addresses.iter().any(|&address| subnet.holds(address)) {
        return Ok(());
    }
    let found: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
    Err(OpenError::WrongSite {
        what: "network",
        expected: text.clone(),
        found: one_line(&found.join(", "), 200),
    })
}

/// The subnet of the site file.
pub(crate) fn parse_subnet(text: &str) -> Result<Subnet, OpenError> {
    text.parse()
        .map_err(|message| OpenError::BadSite(format!("identity.subnet: {message}")))
}

async fn ask(host: &Host, words: &[&str]) -> Result<String, Trouble> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let sink = Sink::new(64 << 10);
    let code = host.run(&words, b"", &sink, Errand::Question).await?;
    if code != 0 {
        return Err(Trouble::refusal(&sink.error_text()));
    }
    Ok(String::from_utf8_lossy(&sink.into_output().out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("10.0.2.0/24", "10.0.2.7", true)]
    #[case("10.0.2.0/24", "10.0.3.7", false)]
    #[case("10.0.2.9/24", "10.0.2.7", true)]
    #[case("0.0.0.0/0", "203.0.113.9", true)]
    #[case("10.0.2.7/32", "10.0.2.7", true)]
    fn a_subnet_holds_its_own(#[case] subnet: &str, #[case] address: &str, #[case] held: bool) {
        let subnet: Subnet = subnet.parse().unwrap();
        assert_eq!(subnet.holds(address.parse().unwrap()), held);
    }

    fn site(subnet: &str) -> Site {
        serde_json::from_value(serde_json::json!({
            "site": "s", "profile": "incus", "identity": { "subnet": subnet },
            "reach": { "engine": "incus" },
            "nodes": { "system": "sys", "tables": "tab", "video": { "absent": "none" } },
        }))
        .unwrap()
    }

    fn node(name: &str, addresses: &[&str]) -> Listed {
        Listed {
            name: name.into(),
            state: "running".into(),
            image: None,
            ipv4: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }
    }

    #[rstest]
    #[case::all_inside(&[node("sys", &["10.0.2.1"]), node("tab", &["10.0.2.2"])], true)]
    #[case::one_without_an_address(&[node("sys", &["10.0.2.1"]), node("tab", &[])], true)]
    #[case::one_elsewhere(&[node("sys", &["10.0.2.1"]), node("tab", &["10.9.2.2"])], false)]
    #[case::a_strangers_node_does_not_count(&[node("sys", &["10.0.2.1"]), node("other", &["10.9.2.2"])], true)]
    #[case::nobody_speaks_for_the_site(&[node("sys", &[]), node("other", &["10.0.2.2"])], false)]
    #[case::two_addresses(&[node("sys", &["172.17.0.2", "10.0.2.1"])], true)]
    fn running_nodes_lie_in_the_network(#[case] listed: &[Listed], #[case] right: bool) {
        assert_eq!(check_subnet(&site("10.0.2.0/24"), listed).is_ok(), right);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9./]{0,24}|.*") {
            let _ = text.parse::<Subnet>();
        }
    }
}
