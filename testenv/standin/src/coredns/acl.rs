//! The access list: the first rule that fits a question and its sender decides; without one it is allowed.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::rr::{Name, RecordType};

use super::corefile::Directive;

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Allow,
    /// REFUSED.
    Block,
    /// NOERROR with nothing in it.
    Filter,
    /// No answer at all.
    Drop,
}

/// One `acl` of a block.
#[derive(Debug)]
pub struct Acl {
    zones: Vec<Name>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    action: Action,
    /// Empty: every type.
    types: Vec<RecordType>,
    /// Empty: everyone.
    nets: Vec<(IpAddr, u8)>,
}

impl Acl {
    /// From its directive, in the zones of the block unless it names others.
    pub fn new(directive: &Directive, block: &[Name]) -> Result<Self, String> {
        let zones = super::plugins::zones(&directive.args, block)?;
        let rules = directive
            .lines
            .iter()
            .map(|line| rule(line))
            .collect::<Result<_, _>>()?;
        Ok(Self { zones, rules })
    }

    /// Decides.
    pub fn decide(&self, name: &Name, kind: RecordType, from: IpAddr) -> Action {
        if !self.zones.iter().any(|zone| zone.zone_of(name)) {
            return Action::Allow;
        }
        self.rules
            .iter()
            .find(|rule| {
                (rule.types.is_empty() || rule.types.contains(&kind))
                    && (rule.nets.is_empty()
                        || rule
                            .nets
                            .iter()
                            .any(|(net, bits)| within(from, *net, *bits)))
            })
            .map_or(Action::Allow, |rule| rule.action)
    }
}

fn rule(line: &[String]) -> Result<Rule, String> {
    let mut words = line.iter().map(String::as_str);
    let action = match words.next().map(str::to_lowercase).as_deref() {
        Some("allow") => Action::Allow,
        Some("block") => Action::Block,
        Some("filter") => Action::Filter,
        Some("drop") => Action::Drop,
        other => {
            return Err(format!(
                "plugin/acl: unexpected token {:?}; expect 'allow', 'block', 'filter' or 'drop'",
                other.unwrap_or_default()
            ));
        }
    };
    let mut rule = Rule {
        action,
        types: Vec::new(),
        nets: Vec::new(),
    };
    let mut section = "";
    // `*` stands for everything even where others stand beside it.
    let (mut every_type, mut everyone) = (false, false);
    for word in words {
        match (section, word.to_lowercase().as_str()) {
            (_, "type") => section = "type",
            (_, "net") => section = "net",
            ("type", "*") => every_type = true,
            ("net", "*") => everyone = true,
            ("type", _) => rule
                .types
                .push(RecordType::from_str(&word.to_uppercase()).map_err(|_| {
                    format!("plugin/acl: unexpected token {word:?}; expect legal QTYPE")
                })?),
            ("net", text) => rule.nets.push(
                net(text).ok_or_else(|| format!("plugin/acl: illegal CIDR notation {word:?}"))?,
            ),
            _ => {
                return Err(format!(
                    "plugin/acl: unexpected token {word:?}; expect 'type | net'"
                ));
            }
        }
    }
    if every_type {
        rule.types.clear();
    }
    if everyone {
        rule.nets.clear();
    }
    Ok(rule)
}

/// An address or a network.
fn net(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address.to_canonical(), net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            u32::from(address) & mask == u32::from(net) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            u128::from(address) & mask == u128::from(net) & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(lines: &[&str]) -> Result<Acl, String> {
        let directive = Directive {
            name: "acl".to_owned(),
            args: Vec::new(),
            lines: lines
                .iter()
                .map(|line| line.split(' ').map(str::to_owned).collect())
                .collect(),
            line: 1,
        };
        Acl::new(&directive, &[Name::from_ascii("example.com.").unwrap()])
    }

    #[test]
    fn the_guides_list_answers_addresses_to_all_and_any_to_the_inside_only() {
        let acl = acl(&[
            "allow type ANY net 10.0.0.0/8 127.0.0.0/8",
            "allow type A net 0.0.0.0/0",
            "block",
        ])
        .unwrap();
        let name = Name::from_ascii("www.example.com.").unwrap();
        let decide = |kind, from: &str| acl.decide(&name, kind, from.parse().unwrap());
        assert_eq!(decide(RecordType::ANY, "10.1.2.3"), Action::Allow);
        assert_eq!(decide(RecordType::ANY, "192.0.2.1"), Action::Block);
        assert_eq!(decide(RecordType::A, "192.0.2.1"), Action::Allow);
        assert_eq!(decide(RecordType::A, "::ffff:192.0.2.1"), Action::Allow);
        assert_eq!(decide(RecordType::A, "2001:db8::1"), Action::Block);
        assert_eq!(decide(RecordType::TXT, "10.1.2.3"), Action::Block);
        let other = Name::from_ascii("example.org.").unwrap();
        assert_eq!(
            acl.decide(&other, RecordType::TXT, "192.0.2.1".parse().unwrap()),
            Action::Allow
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for line in [
            "deny",
            "allow type NOSUCH",
            "allow net 10.0.0.0/33",
            "allow net ten",
            "allow 10.0.0.0/8",
        ] {
            assert!(acl(&[line]).is_err(), "{line}");
        }
    }
}
