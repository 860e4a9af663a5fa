//! Rule sets in the format of `iptables-save`, and what becomes of a packet in them.
//!
//! [`parser`] reads the text, [`packet`] says whether a packet fits a rule, and
//! [`walk`] sends it through the chains in the order of the kernel. Whatever is
//! not understood stays in the rule as an opaque condition; a packet that reaches
//! it is undecided, never guessed.

pub mod lexer;
pub mod packet;
pub mod parser;
pub mod rule;
pub mod target;
mod values;
pub mod walk;

#[cfg(test)]
mod tests;

pub use packet::{Link, Packet, Tri};
pub use parser::parse;
pub use target::{MarkOp, Target};

/// The address family of a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// How many bits an address has.
    pub fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// All bits of an address.
    pub fn full(self) -> u128 {
        u128::MAX >> (128 - self.bits())
    }
}

/// A network: addresses whose bits under `mask` equal `addr`. IPv4 uses the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// The network's address, host bits cleared.
    pub addr: u128,
    /// The mask; iptables allows gaps in it.
    pub mask: u128,
}

impl Net {
    /// Whether an address lies in it.
    pub fn contains(&self, addr: u128) -> bool {
        addr & self.mask == self.addr
    }

    /// The lowest and the highest address.
    pub fn span(&self, family: Family) -> (u128, u128) {
        (self.addr, self.addr | (family.full() & !self.mask))
    }
}

/// Which end of a packet a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
    /// Either one fits.
    Either,
}

/// What one condition of a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The interface it came in by; a trailing `+` stands for any rest.
    InLink(String),
    /// The interface it leaves by.
    OutLink(String),
    /// Its address is in one of these networks.
    Address(Side, Vec<Net>),
    /// Its address is in this range, ends included.
    Range(Side, u128, u128),
    /// Its protocol number; 0 is any.
    Protocol(u8),
    /// It is a second or further fragment.
    Fragment,
    /// Its port is in one of these ranges, ends included.
    Port(Side, Vec<(u16, u16)>),
    /// Of the TCP flags in the first mask, exactly those in the second are set.
    TcpFlags(u8, u8),
    /// Its connection is in one of these states, see [`packet::state`].
    State(u8),
    /// It goes in the direction of the connection's first packet.
    Original,
    /// The type of its address is one of these; true when limited to one interface.
    AddrType(Side, Vec<String>, bool),
    /// Its mark under the mask has this value.
    Mark(u32, u32),
    /// The mark of its connection under the mask has this value.
    ConnMark(u32, u32),
    /// `recent --set`: adds its source to a list and always fits.
    RecentSet,
    /// Its source is in a list of recent sources.
    RecentSeen,
    /// It stays within a rate counted for its source alone (false: exceeds it).
    SourceRate(bool),
    /// Its source is in a set that holds sources only.
    SourceSet,
    /// It was sent to one host, to a group, or to all.
    PacketType(String),
    /// The way back to its source is the way that it came.
    ReversePath,
    /// It carries an IPv6 extension header.
    ExtensionHeader,
    /// Something that we cannot judge.
    Opaque,
}

/// A condition, perhaps turned around by `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Whether it stands behind `!`.
    pub not: bool,
    /// What it asks.
    pub condition: Condition,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// All of these have to fit.
    pub matches: Vec<Match>,
    /// What is done then.
    pub target: Target,
    /// The rule as an operator would type it: no counters, no comments, `-m tcp` implied.
    pub text: String,
    /// For comparison: the same with the options of each extension sorted.
    pub key: String,
    /// The protocol as written, `all` when none is.
    pub protocol: String,
    /// The destination ports as written, `any` when none are.
    pub ports: String,
    /// Line in the input, counted from 1.
    pub line: u32,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The policy of a built-in chain: `ACCEPT`, `DROP`; none for a chain of the user's.
    pub policy: Option<String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its chains, as they came.
    pub chains: Vec<Chain>,
    /// Whether its COMMIT was there.
    pub complete: bool,
}

impl Table {
    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// Whether it changes nothing: no rules, no chains of the user's, all policies ACCEPT.
    pub fn is_idle(&self) -> bool {
        self.chains
            .iter()
            .all(|chain| chain.rules.is_empty() && chain.policy.as_deref() == Some("ACCEPT"))
    }
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Line in the input, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub message: String,
}

/// A whole rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// Its tables, as they came.
    pub tables: Vec<Table>,
    /// The tool said that it cannot show everything that is in these tables.
    pub incompatible: Vec<String>,
    /// Lines that could not be read; a dump with any cannot be walked.
    pub errors: Vec<LineError>,
}

impl Dump {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// How many rules all tables have together.
    pub fn rule_count(&self) -> usize {
        self.tables
            .iter()
            .flat_map(|table| &table.chains)
            .map(|chain| chain.rules.len())
            .sum()
    }
}
