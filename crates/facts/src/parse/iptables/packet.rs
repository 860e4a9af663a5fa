//! Whether a packet fits the conditions of a rule.

use super::{Condition, Family, Match, Net, Side};

/// States of a connection, as bits.
pub mod state {
    /// Belongs to no connection that could be.
    pub const INVALID: u8 = 1;
    /// The first packet of a connection.
    pub const NEW: u8 = 2;
    /// Belongs to another connection.
    pub const RELATED: u8 = 4;
    /// Belongs to a connection that saw packets both ways.
    pub const ESTABLISHED: u8 = 8;
    /// Is not tracked.
    pub const UNTRACKED: u8 = 16;
    /// Its source was replaced.
    pub const SNAT: u8 = 32;
    /// Its destination was replaced.
    pub const DNAT: u8 = 64;
}

/// Yes, no, or not to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tri {
    /// Certainly.
    Yes,
    /// Certainly not.
    No,
    /// Cannot be known.
    Maybe,
}

impl Tri {
    /// Turned around when `not`.
    fn flip(self, not: bool) -> Self {
        match (self, not) {
            (Self::Yes, true) => Self::No,
            (Self::No, true) => Self::Yes,
            (same, _) => same,
        }
    }

    fn known(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// An interface as the packet sees it at one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// None at this hook.
    None,
    /// The loopback interface.
    Loopback,
    /// One of this name.
    Named(String),
    /// One that is not the loopback interface; its name is not known.
    Other,
}

/// The packet that is sent through the chains; what is `None` or empty is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its family.
    pub family: Family,
    /// Where it comes in.
    pub input: Link,
    /// Where it goes out.
    pub output: Link,
    /// Its source.
    pub source: Option<u128>,
    /// All addresses that it may be sent to.
    pub destinations: Vec<u128>,
    /// Whether it is a SYN to this TCP port, the first of its connection.
    pub port: Option<u16>,
    /// Whether it stays on this node.
    pub local: bool,
    /// Whether its source was seen before is known: a stranger was not.
    pub stranger: bool,
    /// Whether connection tracking has looked at it yet.
    pub tracked: bool,
}

/// What the rules themselves change about a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its mark.
    pub mark: Option<u32>,
    /// The mark of its connection.
    pub connmark: Option<u32>,
    /// Whether a rule took it out of connection tracking.
    pub untracked: Tri,
    /// Whether its source is still the one it was sent with.
    pub same_source: bool,
}

impl State {
    /// A packet that no rule has touched.
    pub fn fresh() -> Self {
        Self {
            mark: Some(0),
            connmark: Some(0),
            untracked: Tri::No,
            same_source: true,
        }
    }

    /// What is known when it may be either.
    pub fn join(self, other: Self) -> Self {
        Self {
            mark: self.mark.filter(|_| self.mark == other.mark),
            connmark: self.connmark.filter(|_| self.connmark == other.connmark),
            untracked: if self.untracked == other.untracked {
                self.untracked
            } else {
                Tri::Maybe
            },
            same_source: self.same_source && other.same_source,
        }
    }
}

/// TCP flags of a first packet.
const SYN: u8 = 2;
/// The number of TCP.
const TCP: u8 = 6;

impl Packet {
    /// Whether all conditions fit.
    pub fn fits(&self, matches: &[Match], state: &State) -> Tri {
        let mut all = Tri::Yes;
        for condition in matches {
            match self.ask(&condition.condition, state).flip(condition.not) {
                Tri::No => return Tri::No,
                Tri::Maybe => all = Tri::Maybe,
                Tri::Yes => {}
            }
        }
        all
    }

    fn ask(&self, condition: &Condition, state: &State) -> Tri {
        match condition {
            Condition::InLink(pattern) => link(&self.input, pattern),
            Condition::OutLink(pattern) => link(&self.output, pattern),
            Condition::Address(side, nets) => self.address(
                *side,
                state,
                |addr| nets.iter().any(|net| net.contains(addr)),
                nets.iter().any(|net| net.mask == 0),
            ),
            Condition::Range(side, low, high) => self.address(
                *side,
                state,
                |addr| (*low..=*high).contains(&addr),
                *low == 0 && *high == self.family.full(),
            ),
            Condition::Protocol(0) => Tri::Yes,
            Condition::Protocol(number) => match self.port {
                Some(_) => Tri::known(*number == TCP),
                None => Tri::Maybe,
            },
            Condition::Fragment => match self.port {
                Some(_) => Tri::No,
                None => Tri::Maybe,
            },
            Condition::Port(side, ranges) => self.ports(*side, ranges),
            Condition::TcpFlags(mask, set) => match self.port {
                Some(_) => Tri::known(SYN & mask == *set),
                None => Tri::Maybe,
            },
            Condition::State(wanted) => self.state(*wanted, state),
            Condition::Original => match self.port {
                Some(_) if self.tracked => Tri::Yes,
                _ => Tri::Maybe,
            },
            Condition::AddrType(side, types, limited) => self.addr_type(*side, types, *limited),
            Condition::Mark(value, mask) => has_mark(state.mark, *value, *mask),
            Condition::ConnMark(value, mask) => has_mark(state.connmark, *value, *mask),
            Condition::RecentSet => Tri::Yes,
            Condition::RecentSeen | Condition::SourceSet => {
                if self.stranger {
                    Tri::No
                } else {
                    Tri::Maybe
                }
            }
            Condition::SourceRate(within) => {
                if self.stranger {
                    Tri::known(*within)
                } else {
                    Tri::Maybe
                }
            }
            Condition::PacketType(name) => match (self.port, name.as_str()) {
                (Some(_), "unicast" | "host") => Tri::Yes,
                (Some(_), "broadcast" | "multicast") => Tri::No,
                _ => Tri::Maybe,
            },
            Condition::ReversePath => match (&self.input, self.local) {
                (Link::Loopback, true) => Tri::Yes,
                (Link::Named(_), false) if self.stranger => Tri::Yes,
                _ => Tri::Maybe,
            },
            Condition::ExtensionHeader => match self.port {
                Some(_) => Tri::No,
                None => Tri::Maybe,
            },
            Condition::Opaque => Tri::Maybe,
        }
    }

    fn address(
        &self,
        side: Side,
        state: &State,
        inside: impl Fn(u128) -> bool,
        everything: bool,
    ) -> Tri {
        if everything {
            return Tri::Yes;
        }
        match side {
            Side::Source => match self.source {
                Some(addr) if state.same_source => Tri::known(inside(addr)),
                _ => Tri::Maybe,
            },
            Side::Destination => {
                let fitting = self.destinations.iter().filter(|&&a| inside(a)).count();
                if self.destinations.is_empty() {
                    Tri::Maybe
                } else if fitting == self.destinations.len() {
                    Tri::Yes
                } else if fitting == 0 {
                    Tri::No
                } else {
                    Tri::Maybe
                }
            }
            Side::Either => Tri::Maybe,
        }
    }

    fn ports(&self, side: Side, ranges: &[(u16, u16)]) -> Tri {
        let Some(port) = self.port else {
            return Tri::Maybe;
        };
        let destination = || {
            Tri::known(
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&port)),
            )
        };
        // The source port is any that a client may get: 1024 and above.
        let source = || {
            if ranges
                .iter()
                .any(|(low, high)| *low <= 1024 && *high == u16::MAX)
            {
                Tri::Yes
            } else if ranges.iter().all(|(_, high)| *high < 1024) {
                Tri::No
            } else {
                Tri::Maybe
            }
        };
        match side {
            Side::Destination => destination(),
            Side::Source => source(),
            Side::Either => match (destination(), source()) {
                (Tri::Yes, _) | (_, Tri::Yes) => Tri::Yes,
                (Tri::No, Tri::No) => Tri::No,
                _ => Tri::Maybe,
            },
        }
    }

    fn state(&self, wanted: u8, state: &State) -> Tri {
        if self.port.is_none() || !self.tracked {
            return Tri::Maybe;
        }
        // A rule that replaces the source lets us no longer tell whether it counts as replaced.
        if wanted & state::SNAT != 0 && !state.same_source {
            return Tri::Maybe;
        }
        let new = Tri::known(wanted & state::NEW != 0);
        let untracked = Tri::known(wanted & state::UNTRACKED != 0);
        match state.untracked {
            Tri::No => new,
            Tri::Yes => untracked,
            Tri::Maybe if new == untracked => new,
            Tri::Maybe => Tri::Maybe,
        }
    }

    fn addr_type(&self, side: Side, types: &[String], limited: bool) -> Tri {
        if self.port.is_none() || (limited && !self.local) {
            return Tri::Maybe;
        }
        let fits = |name: &str| types.iter().any(|t| t == name);
        match side {
            Side::Destination => Tri::known(fits("LOCAL")),
            Side::Source if self.local => Tri::known(fits("LOCAL")),
            // A route decides the type of a stranger's address; it is neither ours nor a group.
            Side::Source
                if types.iter().all(|t| {
                    matches!(
                        t.as_str(),
                        "LOCAL" | "BROADCAST" | "ANYCAST" | "MULTICAST" | "UNSPEC"
                    )
                }) =>
            {
                Tri::No
            }
            Side::Source if fits("UNICAST") && self.stranger => Tri::Yes,
            Side::Source | Side::Either => Tri::Maybe,
        }
    }
}

fn has_mark(mark: Option<u32>, value: u32, mask: u32) -> Tri {
    match mark {
        Some(mark) => Tri::known(mark & mask == value),
        None if mask == 0 => Tri::known(value == 0),
        None => Tri::Maybe,
    }
}

fn link(link: &Link, pattern: &str) -> Tri {
    let fits = |name: &str| match pattern.strip_suffix('+') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    match link {
        Link::None => Tri::known(pattern == "+"),
        Link::Loopback => Tri::known(fits("lo")),
        Link::Named(name) => Tri::known(fits(name)),
        Link::Other => match pattern {
            "+" => Tri::Yes,
            "lo" => Tri::No,
            _ => Tri::Maybe,
        },
    }
}

/// A source that lies in none of the networks and ranges (which leave out "everywhere"),
/// nor in what no stranger can have; none when they cover everything.
pub fn stranger(family: Family, spans: &[(u128, u128)]) -> Option<u128> {
    let net = |addr: u128, bits: u32| {
        let mask = family.full() & !(family.full() >> bits);
        Net { addr, mask }.span(family)
    };
    let mut taken = spans.to_vec();
    match family {
        Family::V4 => {
            // This network, loopback, link-local, groups and the rest.
            taken.push(net(0, 8));
            taken.push(net(127 << 24, 8));
            taken.push(net(0xa9fe_0000, 16));
            taken.push(net(0xe000_0000, 3));
        }
        Family::V6 => {
            // Only global unicast, 2000::/3, is anybody's.
            taken.push((0, (0x2000_u128 << 112) - 1));
            taken.push((0x4000_u128 << 112, u128::MAX));
        }
    }
    taken.sort_unstable();
    let mut next = 0_u128;
    for (low, high) in taken {
        if low > next {
            return Some(next);
        }
        next = next.max(high.checked_add(1)?);
    }
    (next <= family.full()).then_some(next)
}
