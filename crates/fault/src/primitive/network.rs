//! The network of a node: a way that is cut, no address, no resolver, slow or lossy packets.

use runproof_facts::quote::sh;
use serde::Deserialize;

use super::firewall::Firewall;
use crate::act::Act;
use crate::error::FaultError;
use crate::settle::Empty;

/// What is wrong with the network; one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The node of this role cannot be reached.
    Cut(String),
    /// The node has no address and no route of IPv4.
    #[serde(rename = "no-ipv4")]
    NoIpv4(True),
    /// The resolver is an address at which nobody answers.
    Resolver(Resolver),
    /// Every packet that leaves waits so many milliseconds.
    DelayMs(u16),
    /// So many of a hundred packets that come in from elsewhere are lost.
    LossPercent(u8),
}

/// The word `true`: what is switched on by being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "bool")]
pub struct True(Empty);

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(Self(Empty {}))
        } else {
            Err("only `true` can stand here; without the fault the line is left out")
        }
    }
}

/// What becomes of the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// It does not answer.
    Broken,
}

/// The file that names the resolver. It is written in place: an engine may have mounted it.
const RESOLV: &str = "/etc/resolv.conf";
/// An address of the documentation's network: nobody has it.
const NOBODY: &str = "192.0.2.1";
/// Addresses and routes without the times that a lease has left.
pub(super) const ADDRESSES: &str = "ip -4 -o addr show scope global | awk '{print $2, $4}' | sort; ip -4 route show proto kernel | sed 's/ *$//' | sort; ip -4 route show | grep -v 'proto kernel' | sed 's/ linkdown//; s/ *$//' | sort";
/// Keeps them. Routes that the kernel makes come with the address.
pub(super) const KEEP: &str = "ip -4 -o addr show scope global >\"$KEPT/addresses\" && ip -4 route show >\"$KEPT/all\" && { grep -v 'proto kernel' \"$KEPT/all\" | sed 's/ linkdown//' >\"$KEPT/routes\"; :; }";
/// Puts them back. Each line is split into the words of `ip`, which wrote it. What a lease has left
/// of its life is not given back: a lab's addresses are fixed.
pub(super) const RESTORE: &str = "while read -r _ dev _ address rest; do\n\
     brd=$(printf %s \"$rest\" | sed -n 's/.*brd \\([0-9.]*\\) .*/\\1/p')\n\
     ip -4 addr replace \"$address\" ${brd:+brd \"$brd\"} dev \"$dev\" && ip link set dev \"$dev\" up || exit\n\
     done <\"$KEPT/addresses\" && while read -r route; do ip -4 route replace $route || exit; done <\"$KEPT/routes\"";
/// The network card of the default route.
const DEVICE: &str = "dev=$(ip -4 route show default | sed -n '1s/.* dev \\([^ ]*\\).*/\\1/p')";

impl Network {
    /// `address` tells the address of a role's node.
    pub(super) fn act(&self, address: impl Fn(&str) -> Option<String>) -> Result<Act, FaultError> {
        match self {
            Self::Cut(role) => {
                let address = address(role).ok_or_else(|| {
                    FaultError::Unreadable(format!("the lab has no node {role} to cut off"))
                })?;
                Ok(cut(role, &address))
            }
            Self::NoIpv4(True(Empty {})) => Ok(no_ipv4()),
            Self::Resolver(Resolver::Broken) => Ok(resolver()),
            Self::DelayMs(0) | Self::LossPercent(0) => Err(FaultError::Unreadable(
                "a delay or loss of 0 is no fault".to_owned(),
            )),
            Self::LossPercent(percent) if *percent > 100 => Err(FaultError::Unreadable(format!(
                "{percent} of a hundred packets cannot be lost"
            ))),
            Self::DelayMs(ms) => Ok(delay(*ms)),
            Self::LossPercent(percent) => loss(*percent),
        }
    }
}

fn cut(role: &str, address: &str) -> Act {
    let to = sh(&format!("{address}/32"));
    let show = format!("ip -4 route show exact {to}");
    Act {
        words: format!("cuts the way to {role}"),
        on: None,
        engine: None,
        needs: format!(
            "command -v ip >/dev/null || {{ echo 'ip is missing' >&2; exit 1; }}\n\
             [ -z \"$({show})\" ] || {{ echo {to} 'has a route of its own' >&2; exit 1; }}"
        ),
        state: format!("{show} | sed 's/ *$//'"),
        keep: ":".to_owned(),
        inject: format!("ip -4 route replace unreachable {to}"),
        effect: format!("! ip -4 route get {} >/dev/null 2>&1", sh(address)),
        restore: format!("ip -4 route del unreachable {to} 2>/dev/null; :"),
    }
}

fn no_ipv4() -> Act {
    Act {
        words: "takes the addresses of IPv4".to_owned(),
        on: None,
        engine: None,
        needs: "[ -n \"$(ip -4 -o addr show scope global)\" ] || { echo 'there is no address of IPv4' >&2; exit 1; }".to_owned(),
        state: ADDRESSES.to_owned(),
        keep: KEEP.to_owned(),
        inject: "awk '{print $2}' \"$KEPT/addresses\" | sort -u | while read -r dev; do ip -4 addr flush dev \"$dev\" scope global || exit; done".to_owned(),
        effect: "[ -z \"$(ip -4 -o addr show scope global)\" ]".to_owned(),
        restore: RESTORE.to_owned(),
    }
}

fn resolver() -> Act {
    Act {
        words: "breaks the resolver".to_owned(),
        on: None,
        engine: None,
        needs: format!("[ -e {RESOLV} ] || {{ echo '{RESOLV} is not there' >&2; exit 1; }}"),
        state: format!("readlink {RESOLV}; cat {RESOLV}"),
        keep: format!("cat {RESOLV} >\"$KEPT/resolv\""),
        inject: format!("echo 'nameserver {NOBODY}' >{RESOLV}"),
        effect: format!("[ \"$(cat {RESOLV})\" = 'nameserver {NOBODY}' ]"),
        restore: format!("cat \"$KEPT/resolv\" >{RESOLV}"),
    }
}

/// By the packet filter, and of what comes in: who sends would be told of a packet that is dropped on
/// its way out, and the wire tells nobody.
fn loss(percent: u8) -> Result<Act, FaultError> {
    let chance = f64::from(percent) / 100.0;
    let matched = format!("-m statistic --mode random --probability {chance}");
    let mut act = Firewall::inserting(format!("INPUT 1 ! -i lo {matched} -j DROP")).act()?;
    act.words = format!("loses {percent} % of what comes in");
    // Tried in a network of its own, so that a kernel without it leaves no trace here.
    act.needs.push_str(&format!(
        "\nunshare -n iptables -A INPUT {matched} -j DROP 2>/dev/null || {{ echo 'the packet filter cannot lose packets by chance' >&2; exit 1; }}"
    ));
    Ok(act)
}

fn delay(ms: u16) -> Act {
    let how = format!("delay {ms}ms");
    // A handle is a number that the kernel counts on.
    let show = "tc qdisc show dev \"$dev\" root | sed -e 's/^qdisc \\([a-z_]*\\) [0-9a-f]*:/\\1/' -e 's/ refcnt [0-9]*//' -e 's/ seed [0-9]*//'";
    Act {
        words: format!("delays what leaves by {ms} ms"),
        on: None,
        engine: None,
        // Tried in a network of its own, so that a kernel without it leaves no trace here.
        needs: format!(
            "{DEVICE}; [ -n \"$dev\" ] || {{ echo 'there is no default route' >&2; exit 1; }}\n\
             unshare -n tc qdisc add dev lo root netem {how} 2>/dev/null || {{ echo 'this kernel has no netem' >&2; exit 1; }}\n\
             case $(tc qdisc show dev \"$dev\" root) in *netem*) echo 'there is a netem already' >&2; exit 1 ;; esac"
        ),
        state: format!("{DEVICE}; {show}; :"),
        keep: format!("{DEVICE}; echo \"$dev\" >\"$KEPT/dev\""),
        inject: format!("read -r dev <\"$KEPT/dev\"; tc qdisc replace dev \"$dev\" root netem {how}"),
        effect: "read -r dev <\"$KEPT/dev\"; tc qdisc show dev \"$dev\" root | grep -q delay"
            .to_owned(),
        restore: "read -r dev <\"$KEPT/dev\"; case $(tc qdisc show dev \"$dev\" root) in *netem*) tc qdisc del dev \"$dev\" root ;; esac".to_owned(),
    }
}
