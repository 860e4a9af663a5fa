//! Sockets that wait for somebody: who listens where.

mod holders;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::Nothing;
use crate::proc_table::{self, Part, Proc};
use crate::reads::{self, Reads};

use holders::Holders;
use table::Entry;

/// The fields of a socket that its holder tells.
const HELD: [&str; 5] = [
    "sockets.pid",
    "sockets.process",
    "sockets.exe",
    "sockets.unit",
    "sockets.user",
];

/// Listeners have no arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenersQuery {
    /// Nothing to say: all sockets are looked at.
    pub listeners: Nothing,
}

/// Everything that listens on the node's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listeners {
    /// Listening TCP sockets and unconnected UDP sockets, sorted by protocol, port, family, address.
    pub sockets: Observed<Vec<Socket>>,
}

/// A socket that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// 4 or 6. An IPv6 socket bound to an IPv4 address counts as 4.
    pub family: u8,
    /// The address it is bound to, `0.0.0.0` and `::` for all.
    pub address: String,
    /// The port.
    pub port: u16,
    /// Whether only this node can reach it.
    pub loopback: bool,
    /// Whether it is bound to all addresses of its family.
    pub wildcard: bool,
    /// Whether it takes IPv4 packets too. Of a socket on `::` that is unknown, unless another
    /// one holds the port for IPv4.
    pub accepts_ipv4: Observed<bool>,
    /// Number of the user who opened it.
    pub uid: u32,
    /// Number of the process that holds it; of several, their common parent, never systemd
    /// when somebody else holds it too. Unknown when the holder is hidden or outside the node.
    pub pid: Observed<i64>,
    /// Command name of that process.
    pub process: Observed<String>,
    /// The program that it runs; absent for a thread of the kernel.
    pub exe: Observed<String>,
    /// The systemd unit it belongs to; absent when it belongs to none.
    pub unit: Observed<String>,
    /// Name of the user it runs as; absent when the node has no name for the number.
    pub user: Observed<String>,
}

impl Fact for Listeners {
    const KIND: &'static str = "listeners";
    const ABOUT: &'static str =
        "Sockets that wait for connections or packets, with the process, program, unit and user.";
    type Query = ListenersQuery;

    fn check(_: &ListenersQuery) -> Result<(), String> {
        Ok(())
    }

    fn asks(query: &ListenersQuery) -> Vec<Ask> {
        Self::asks_for(query, &Reads::All)
    }

    fn asks_for(_: &ListenersQuery, reads: &Reads) -> Vec<Ask> {
        let mut asks = vec![table::ask()];
        if reads.want_any(&HELD) {
            asks.push(holders::ask());
            asks.extend(proc_table::asks(&[Part::Programs]));
        }
        asks
    }

    fn read(query: &ListenersQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        Self::read_for(query, &Reads::All, answers, context)
    }

    fn read_for(
        _: &ListenersQuery,
        reads: &Reads,
        answers: &Answers,
        _: &Context,
    ) -> Reading<Self> {
        let out = |ask: &Ask| answers.run(ask).map(|ran| ran.out);
        let entries = out(&table::ask()).and_then(|text| table::entries(&text));
        let found = if reads.want_any(&HELD) {
            let holders = out(&holders::ask()).and_then(|text| Holders::parse(&text));
            let processes = proc_table::read(answers);
            entries.and_then(|entries| Ok(sockets(&entries, Some(&holders?), &processes)))
        } else {
            entries.map(|entries| sockets(&entries, None, &reads::unread()))
        };
        Reading::Done(Observed::Known(Self {
            sockets: found.into(),
        }))
    }

    fn by_hand(_: &ListenersQuery) -> String {
        "ss -tulnp".to_owned()
    }
}

/// The sockets, sorted; without holders nobody asked who holds them.
fn sockets(
    entries: &[Entry],
    holders: Option<&Holders>,
    processes: &Observed<Vec<Proc>>,
) -> Vec<Socket> {
    let by_pid: Observed<BTreeMap<u32, &Proc>> = processes
        .as_ref()
        .map(|processes| processes.iter().map(|p| (p.pid, p)).collect());
    let four: BTreeSet<(&str, u16)> = entries
        .iter()
        .filter(|e| !e.six && e.addr.is_unspecified())
        .map(|e| (e.protocol, e.port))
        .collect();
    let mut found: Vec<Socket> = entries
        .iter()
        .map(|entry| socket(entry, holders, &by_pid, &four))
        .collect();
    found.sort_by(|a, b| {
        (&a.protocol, a.port, a.family, &a.address).cmp(&(
            &b.protocol,
            b.port,
            b.family,
            &b.address,
        ))
    });
    found
}

fn socket(
    entry: &Entry,
    holders: Option<&Holders>,
    processes: &Observed<BTreeMap<u32, &Proc>>,
    four: &BTreeSet<(&str, u16)>,
) -> Socket {
    let wildcard = entry.addr.is_unspecified();
    let accepts_ipv4 = match entry.addr {
        IpAddr::V4(_) => Observed::Known(true),
        IpAddr::V6(_) if !wildcard => Observed::Known(false),
        IpAddr::V6(_) if four.contains(&(entry.protocol, entry.port)) => Observed::Known(false),
        IpAddr::V6(_) if entry.six_only.is_some() => Observed::Known(entry.six_only == Some(false)),
        IpAddr::V6(_) => Observed::unknown(
            ReasonKind::Hidden,
            "the kernel's table does not show whether it is for IPv6 only",
        ),
    };
    let pid = match holders {
        Some(holders) => holders.pid(entry, processes),
        None => reads::unread(),
    };
    let process = pid.clone().and_then(|pid| match processes {
        Observed::Known(processes) => match processes.get(&pid) {
            Some(process) => Observed::Known((*process).clone()),
            None => Observed::unknown(ReasonKind::Hidden, format!("process {pid}")),
        },
        Observed::Absent => Observed::unknown(ReasonKind::Defect, "no table of processes"),
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    });
    Socket {
        protocol: entry.protocol.to_owned(),
        family: if entry.addr.is_ipv4() { 4 } else { 6 },
        address: entry.addr.to_string(),
        port: entry.port,
        loopback: entry.addr.is_loopback(),
        wildcard,
        accepts_ipv4,
        uid: entry.uid,
        pid: pid.map(i64::from),
        process: process.clone().map(|process| process.name),
        exe: process.clone().and_then(|process| process.exe),
        unit: process.clone().and_then(|process| process.unit),
        user: process.and_then(|process| process.user.into()),
    }
}

#[cfg(test)]
mod tests;
