//! Sockets that wait for somebody: who listens where.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use runproof_model::{Observed, Reason, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::{Ask, Command};
use crate::fact::{Context, Fact, Reading};
use crate::kind::Nothing;
use crate::proc_table::{self, Part, Proc};
use crate::reads::{self, Reads};

/// The sockets that wait. `ss` asks the kernel for these alone, where its tables in `/proc`
/// go through every bucket of all connections, which costs milliseconds. What `ss` says is
/// taken when it is sockets and nothing else. It says nothing where there is no socket and
/// where it could not ask, so that is believed only when the kernel counts none.
const TABLES: &str = r#"s=$(exec ss -Hltune 2>&1) || s=x
n=
case "
$s" in
*"
"[!tu]*) ;;
"
")
  if [ -r /proc/net/sockstat ] && { [ -r /proc/net/sockstat6 ] || [ ! -e /proc/net/if_inet6 ]; }; then
    while read -r k _ v _; do case $k in TCP: | UDP:) n=$n$v ;; esac; done </proc/net/sockstat
    [ ! -r /proc/net/sockstat6 ] || while read -r k _ v _; do case $k in TCP6: | UDP6:) n=$n$v ;; esac; done </proc/net/sockstat6
  fi ;;
*) n=0 ;;
esac
case $n in
0 | 00 | 0000) printf '==> ss <==\n%s\n' "$s" ;;
*) head -v -c 8388608 /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>&1 ;;
esac
printf '\n==> end <==\n'"#;

/// Which process holds which socket. Two processes, however many there are on the node.
/// Names that a process chose are escaped, so that none can forge a line; only lines that
/// hold a socket or a directory's heading are let through.
const HOLDERS: &str = r"QUOTING_STYLE=escape ls -ln /proc/[0-9]*/fd 2>&1 | grep -e '^/proc/[0-9]*/fd:$' -e ' -> socket:\[[0-9]*\]$' -e 'ermission denied$'
printf '\n==> end <==\n'";

/// The fields of a socket that its holder tells.
const HELD: [&str; 5] = [
    "sockets.pid",
    "sockets.process",
    "sockets.exe",
    "sockets.unit",
    "sockets.user",
];

/// The most bytes that are taken of one table; the text above says the same.
const TABLE_CAP: usize = 8_388_608;
/// A table of which so many bytes came may have been cut behind a line.
const NEARLY: usize = TABLE_CAP - 1024;

/// State of a TCP socket that listens.
const LISTEN: u8 = 0x0a;
/// State of a UDP socket that is not connected.
const UNCONNECTED: u8 = 0x07;

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
        let mut asks = vec![tables()];
        if reads.want_any(&HELD) {
            asks.push(holders());
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
        let entries = out(&tables()).and_then(|text| entries(&text));
        let found = if reads.want_any(&HELD) {
            let holders = out(&holders()).and_then(|text| Holders::parse(&text));
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

fn tables() -> Ask {
    Ask::Run(Command {
        cap: 40 << 20,
        ..Command::new("sockets", TABLES)
    })
}

fn holders() -> Ask {
    Ask::Run(Command {
        cap: 16 << 20,
        ..Command::new("holders", HOLDERS)
    })
}

fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("sockets: {what}"))
}

/// A line of one of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    protocol: &'static str,
    six: bool,
    addr: IpAddr,
    port: u16,
    uid: u32,
    inode: u64,
    /// Whether a socket of IPv6 takes nothing else; nobody says in `/proc`.
    six_only: Option<bool>,
}

/// Which processes hold which inode.
#[derive(Debug, Default)]
struct Holders {
    by_inode: BTreeMap<u64, BTreeSet<u32>>,
    /// Some processes did not show what they hold.
    hidden: bool,
}

impl Holders {
    fn parse(out: &str) -> Result<Self, Reason> {
        let text = out
            .strip_suffix("\n==> end <==\n")
            .ok_or_else(|| garbled("the list of their holders has no end"))?;
        let mut holders = Self::default();
        let mut pid: Option<u32> = None;
        for line in text.lines() {
            holders.line(line, &mut pid);
        }
        Ok(holders)
    }
}

/// The sockets that wait, of all tables.
fn entries(out: &str) -> Result<Vec<Entry>, Reason> {
    let mut entries = Vec::new();
    let mut part = "";
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut length = 0;
    for line in out.lines() {
        length += line.len() + 1;
        if part.starts_with("/proc/") && length > NEARLY {
            return Err(Reason::new(
                ReasonKind::CapReached,
                format!("sockets: {part} has more than is taken"),
            ));
        }
        if let Some(name) = line
            .strip_prefix("==> ")
            .and_then(|rest| rest.strip_suffix(" <=="))
        {
            if !seen.insert(name) {
                return Err(garbled("a part comes twice"));
            }
            part = name;
            length = 0;
            continue;
        }
        if line.is_empty() || line.trim_start().starts_with("sl ") {
            continue;
        }
        if let Some(error) = line.strip_prefix("head: ") {
            // A kernel without IPv6 has no tables for it.
            let of_ipv6 = error.contains("/proc/net/tcp6") || error.contains("/proc/net/udp6");
            if of_ipv6 && error.ends_with("No such file or directory") {
                continue;
            }
            return Err(Reason::new(ReasonKind::Failed, line));
        }
        let (protocol, six) = match part {
            "ss" => {
                let found = ss_line(line).ok_or_else(|| garbled("a line of ss makes no sense"))?;
                entries.push(found);
                continue;
            }
            "/proc/net/tcp" => ("tcp", false),
            "/proc/net/tcp6" => ("tcp", true),
            "/proc/net/udp" => ("udp", false),
            "/proc/net/udp6" => ("udp", true),
            _ => continue,
        };
        match entry(line, protocol, six) {
            Some(found) => entries.extend(found),
            None => return Err(garbled("a line of a table makes no sense")),
        }
    }
    let complete = |parts: &[&str]| parts.iter().all(|part| seen.contains(part));
    if complete(&["ss", "end"]) || complete(&["/proc/net/tcp", "/proc/net/udp", "end"]) {
        Ok(entries)
    } else {
        Err(garbled("a part is missing"))
    }
}

impl Holders {
    /// A line of `ls -ln /proc/[0-9]*/fd`.
    fn line(&mut self, line: &str, pid: &mut Option<u32>) {
        if line.ends_with("ermission denied") {
            self.hidden = true;
        } else if let Some(number) = line
            .strip_prefix("/proc/")
            .and_then(|rest| rest.strip_suffix("/fd:"))
        {
            *pid = number.parse().ok();
        } else if let Some((link, inode)) = line.rsplit_once(" -> socket:[")
        // busybox shows names as they are, and a file may be called `x -> socket:[7]`.
        && !link.contains(" -> ")
        && let Some(inode) = inode.strip_suffix(']').and_then(|n| n.parse().ok())
        && let Some(pid) = *pid
        {
            self.by_inode.entry(inode).or_default().insert(pid);
        }
    }
}

/// A line of a table; nothing for a socket that does not wait.
fn entry(line: &str, protocol: &'static str, six: bool) -> Option<Option<Entry>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
    let (addr, port) = address(fields.get(1)?, six)?;
    let (remote, remote_port) = address(fields.get(2)?, six)?;
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    let waits = match protocol {
        "tcp" => state == LISTEN,
        _ => state == UNCONNECTED && remote.is_unspecified() && remote_port == 0,
    };
    let uid = fields.get(7)?.parse().ok()?;
    let inode = fields.get(9)?.parse().ok()?;
    Some(waits.then_some(Entry {
        protocol,
        six,
        addr,
        port,
        uid,
        inode,
        six_only: None,
    }))
}

/// `tcp LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:* uid:101 ino:1067 sk:1 v6only:0 <->`.
fn ss_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let protocol = match (words.next()?, words.next()?) {
        ("tcp", "LISTEN") => "tcp",
        ("udp", "UNCONN") => "udp",
        _ => return None,
    };
    let (addr, port) = words.nth(2)?.rsplit_once(':')?;
    // The interface stands inside the brackets or behind them.
    let bare = addr.split_once('%').map_or(addr, |(addr, _)| addr);
    let bare = bare.trim_matches(['[', ']']);
    let addr: IpAddr = match bare {
        "*" => Ipv6Addr::UNSPECIFIED.into(),
        bare if addr.starts_with('[') => bare.parse::<Ipv6Addr>().ok()?.into(),
        bare => bare.parse::<Ipv4Addr>().ok()?.into(),
    };
    words.next()?;
    let (mut uid, mut inode, mut six_only) = (0, None, None);
    for word in words {
        match word.split_once(':') {
            Some(("uid", value)) => uid = value.parse().ok()?,
            Some(("ino", value)) => inode = Some(value.parse().ok()?),
            Some(("v6only", value)) => six_only = Some(value == "1"),
            Some(_) | None => {}
        }
    }
    let (addr, six) = match addr {
        IpAddr::V4(_) => (addr, false),
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(mapped) => (IpAddr::V4(mapped), true),
            None => (addr, true),
        },
    };
    Some(Entry {
        protocol,
        six,
        addr,
        port: port.parse().ok()?,
        uid,
        inode: inode?,
        six_only: six_only.filter(|_| six),
    })
}

/// `0100007F:18EB`: words of the address in the node's byte order (all architectures that we
/// know nodes of are little-endian), the port as a number.
fn address(text: &str, six: bool) -> Option<(IpAddr, u16)> {
    let (addr, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let addr = if six {
        if addr.len() != 32 || !addr.is_ascii() {
            return None;
        }
        let mut bytes = Vec::with_capacity(16);
        for at in (0..32).step_by(8) {
            let word = u32::from_str_radix(addr.get(at..at + 8)?, 16).ok()?;
            bytes.extend(word.to_le_bytes());
        }
        let addr = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
        match addr.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(addr),
        }
    } else {
        let word = u32::from_str_radix(addr, 16).ok()?;
        IpAddr::V4(Ipv4Addr::from(word.to_le_bytes()))
    };
    Some((addr, port))
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
        Some(holders) => pid(entry, holders, processes),
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

/// The process that a socket belongs to.
fn pid(
    entry: &Entry,
    holders: &Holders,
    processes: &Observed<BTreeMap<u32, &Proc>>,
) -> Observed<u32> {
    let hidden = holders.hidden;
    let Some(holders) = holders.by_inode.get(&entry.inode) else {
        let detail = if hidden {
            "this account may not see who holds the socket"
        } else {
            "held by the kernel or by a process outside this node"
        };
        return Observed::unknown(ReasonKind::Hidden, detail);
    };
    // systemd keeps the sockets that it hands out.
    let others: Vec<u32> = holders.iter().copied().filter(|pid| *pid != 1).collect();
    let parent_is_holder = |pid: u32| {
        processes
            .known()
            .and_then(|processes| processes.get(&pid))
            .is_some_and(|process| process.ppid != 1 && holders.contains(&process.ppid))
    };
    let first = others
        .iter()
        .copied()
        .find(|pid| !parent_is_holder(*pid))
        .or_else(|| holders.first().copied());
    match first {
        Some(pid) => Observed::Known(pid),
        None => Observed::unknown(ReasonKind::Defect, "nobody holds it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const SAMPLE: &str = "==> /proc/net/tcp <==
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1067 1 000000004a1d9d0d 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1068 1 000000004a1d9d0d 100 0 0 10 0
   2: 0502000A:E344 507100CB:0050 01 00000000:00000000 03:00001411 00000000     0        0 1069 3 000000007b467dc7

==> /proc/net/tcp6 <==
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1070 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1071 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:16E2 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1072 1 0 100 0 0 10 0
   3: 00000000000000000000000000000000:23F0 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1073 1 0 100 0 0 10 0

==> /proc/net/udp <==
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
15781: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 1074 2 0000000050292096 0
15782: 3500007F:9999 0100007F:0035 01 00000000:00000000 00:00000000 00000000   101        0 1075 2 0000000050292096 0
";

    fn whole(text: &str) -> String {
        format!("{text}\n==> end <==\n")
    }

    fn sample() -> Vec<Entry> {
        entries(&whole(SAMPLE)).unwrap()
    }

    fn proc(pid: u32, ppid: u32, name: &str) -> Proc {
        Proc {
            pid,
            ppid,
            uid: 0,
            user: Some("root".into()),
            name: name.into(),
            exe: Observed::Known(format!("/usr/bin/{name}")),
            argv: Observed::Absent,
            cgroup: Observed::Absent,
            unit: Observed::Known(format!("{name}.service")),
            started: Observed::Known(1.0),
        }
    }

    #[test]
    fn a_table_that_may_be_cut_is_not_believed() {
        let line = "   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1067 1 0 100 0 0 10 0\n";
        let lines = line.repeat(TABLE_CAP / line.len());
        let head = "==> /proc/net/tcp <==\n";
        let cut = whole(SAMPLE).replacen(head, &format!("{head}{lines}"), 1);
        assert_eq!(entries(&cut).unwrap_err().kind, ReasonKind::CapReached);
    }

    #[test]
    fn a_file_named_like_a_socket_holds_none() {
        let fds = "/proc/7/fd:\nlr-x------    1 0        0               64 Nov 21 04:46 5 -> /tmp/a?x -> socket:[1067]\n";
        let holders = Holders::parse(&whole(fds)).unwrap();
        assert!(holders.by_inode.is_empty(), "{holders:?}");
    }

    #[test]
    fn the_tables_are_read_with_their_byte_order() {
        let found: Vec<String> = sockets(&sample(), None, &reads::unread())
            .iter()
            .map(|s| {
                format!(
                    "{}{} {}:{} lo={} all={} four={:?}",
                    s.protocol,
                    s.family,
                    s.address,
                    s.port,
                    s.loopback,
                    s.wildcard,
                    s.accepts_ipv4.known()
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "tcp4 0.0.0.0:22 lo=false all=true four=Some(true)",
                "tcp6 :::22 lo=false all=true four=Some(false)",
                "tcp4 127.0.0.1:5858 lo=true all=false four=Some(true)",
                "tcp4 127.0.0.1:6379 lo=true all=false four=Some(true)",
                "tcp6 ::1:8080 lo=true all=false four=Some(false)",
                "tcp6 :::9200 lo=false all=true four=None",
                "udp4 127.0.0.53:53 lo=true all=false four=Some(true)",
            ]
        );
    }

    #[rstest]
    #[case::one(
        "/proc/77/fd:\nlrwx------ 1 0 0 64 Nov 21 03:06 5 -> socket:[1067]\n",
        Some(77)
    )]
    #[case::parent_of_workers(
        "/proc/77/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n/proc/78/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n",
        Some(77)
    )]
    #[case::systemd_hands_it_out(
        "/proc/1/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n/proc/77/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n",
        Some(77)
    )]
    #[case::systemd_alone("/proc/1/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n", Some(1))]
    #[case::nobody("", None)]
    #[case::hidden("ls: cannot open directory '/proc/1/fd': Permission denied\n", None)]
    fn the_holder_of_a_socket_is_found(#[case] fds: &str, #[case] pid: Option<i64>) {
        let processes = vec![
            proc(1, 0, "systemd"),
            proc(77, 1, "server"),
            proc(78, 77, "server"),
        ];
        let holders = Holders::parse(&whole(fds)).unwrap();
        let found = sockets(&sample(), Some(&holders), &Observed::Known(processes));
        let socket = found.iter().find(|s| s.port == 6379).unwrap();
        assert_eq!(socket.pid.known().copied(), pid);
        match pid {
            Some(77) => assert_eq!(socket.unit, Observed::Known("server.service".into())),
            Some(_) => assert_eq!(socket.process, Observed::Known("systemd".into())),
            None => {
                assert!(matches!(&socket.exe, Observed::Unknown(r) if r.kind == ReasonKind::Hidden))
            }
        }
    }

    #[rstest]
    #[case::v4(
        "tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* uid:105 ino:1067 sk:1 cgroup:/x <->",
        "tcp4 127.0.0.1:6379 105 1067 Some(true)"
    )]
    #[case::root(
        "udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* ino:5 sk:2 <->",
        "udp4 0.0.0.0:68 0 5 Some(true)"
    )]
    #[case::interface(
        "udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* uid:101 ino:5 sk:2",
        "udp4 127.0.0.53:53 101 5 Some(true)"
    )]
    #[case::scope(
        "udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:* ino:5 sk:2 v6only:1",
        "udp6 fe80::1:546 0 5 Some(false)"
    )]
    #[case::both(
        "tcp LISTEN 0 4096 *:9200 *:* ino:7 sk:3 v6only:0 <->",
        "tcp6 :::9200 0 7 Some(true)"
    )]
    #[case::six_only(
        "tcp LISTEN 0 128 [::]:22 [::]:* ino:7 sk:3 v6only:1 <->",
        "tcp6 :::22 0 7 Some(false)"
    )]
    #[case::nobody_says("tcp LISTEN 0 128 [::]:22 [::]:* ino:7 sk:3", "tcp6 :::22 0 7 None")]
    #[case::mapped(
        "tcp LISTEN 0 128 [::ffff:127.0.0.1]:22 *:* ino:7 sk:3 v6only:0",
        "tcp4 127.0.0.1:22 0 7 Some(true)"
    )]
    fn a_line_of_ss_is_a_socket(#[case] line: &str, #[case] expected: &str) {
        let entries = entries(&whole(&format!("==> ss <==\n{line}\n"))).unwrap();
        let found = sockets(&entries, None, &reads::unread());
        let told: Vec<String> = found
            .iter()
            .zip(&entries)
            .map(|(s, entry)| {
                format!(
                    "{}{} {}:{} {} {} {:?}",
                    s.protocol,
                    s.family,
                    s.address,
                    s.port,
                    s.uid,
                    entry.inode,
                    s.accepts_ipv4.known()
                )
            })
            .collect();
        assert_eq!(told, [expected]);
    }

    #[rstest]
    #[case::connection("tcp ESTAB 0 0 127.0.0.1:6379 127.0.0.1:5000 ino:1 sk:1")]
    #[case::no_inode("tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:*")]
    #[case::no_address("tcp LISTEN 0 511 here:6379 0.0.0.0:* ino:1")]
    #[case::no_port("tcp LISTEN 0 511 127.0.0.1:http 0.0.0.0:* ino:1")]
    #[case::words("usage: ss [ OPTIONS ]")]
    fn a_line_of_ss_that_is_no_socket_is_not_passed_over(#[case] line: &str) {
        assert!(entries(&whole(&format!("==> ss <==\n{line}\n"))).is_err());
    }

    #[test]
    fn the_tables_are_looked_at_where_ss_is_missing_or_says_something_else() {
        let dir = std::env::temp_dir().join(format!("runproof-ss-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
        let run = |script: &str| {
            std::fs::write(dir.join("ss"), script).unwrap();
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(dir.join("ss"), std::fs::Permissions::from_mode(0o755))
                .unwrap();
            let out = std::process::Command::new("sh")
                .args(["-c", TABLES])
                .env("PATH", &path)
                .output()
                .unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        let good = "tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* ino:1";
        assert!(run(&format!("#!/bin/sh\necho '{good}'\n")).starts_with("==> ss <=="));
        for bad in [
            "exit 127",
            "exit 0",
            "echo Cannot open netlink socket; exit 0",
        ] {
            assert!(
                run(&format!("#!/bin/sh\n{bad}\n")).starts_with("==> /proc/net/tcp"),
                "{bad}"
            );
        }
        let late = format!("#!/bin/sh\necho '{good}'\necho 'RTNETLINK answers: Invalid'\n");
        assert!(run(&late).starts_with("==> /proc/net/tcp"));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_kernel_without_ipv6_has_fewer_tables() {
        let text = "==> /proc/net/tcp <==\nhead: cannot open '/proc/net/tcp6' for reading: No such file or directory\n==> /proc/net/udp <==\n==> end <==\n";
        assert!(entries(text).unwrap().is_empty());
    }

    #[rstest]
    #[case::cut("==> /proc/net/tcp <==\n")]
    #[case::refused(
        "head: cannot open '/proc/net/tcp' for reading: Permission denied\n==> /proc/net/udp <==\n==> end <==\n"
    )]
    #[case::garbage("==> /proc/net/tcp <==\nhello\n==> /proc/net/udp <==\n==> end <==\n")]
    fn half_a_look_says_nothing(#[case] text: &str) {
        assert!(entries(text).is_err());
        assert!(Holders::parse(text.trim_end()).is_err());
    }

    #[test]
    fn the_real_look_finds_our_own_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let query = ListenersQuery {
            listeners: Nothing {},
        };
        let Observed::Known(fact) = crate::testing::fact::<Listeners>(&query) else {
            panic!("nothing")
        };
        let sockets = fact.sockets.known().unwrap();
        let ours = sockets.iter().find(|s| s.port == port).unwrap();
        assert_eq!(ours.pid, Observed::Known(i64::from(std::process::id())));
        assert!(ours.loopback && !ours.wildcard);
    }

    #[test]
    fn who_reads_only_ports_costs_one_look_and_knows_no_holder() {
        let query = ListenersQuery {
            listeners: Nothing {},
        };
        let mut reads = Reads::nothing();
        reads.add(["sockets", "*", "port"]);
        let asks = Listeners::asks_for(&query, &reads);
        assert_eq!(asks.len(), 1);
        let answers = Answers::new().with(asks[0].clone(), 0, whole(SAMPLE));
        let context = crate::testing::context();
        let Reading::Done(Observed::Known(fact)) =
            Listeners::read_for(&query, &reads, &answers, &context)
        else {
            panic!("nothing")
        };
        for socket in fact.sockets.known().unwrap() {
            assert!(
                matches!(&socket.process, Observed::Unknown(r) if r.kind == ReasonKind::NotRecorded)
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "( *0: [0-9A-F]{0,33}:[0-9A-Fé]{0,5} [0-9A-F]{0,33}:[0-9A-F]{4} 0A \\PC{0,40}\n)?\\PC{0,80}") {
            let _ = entries(&format!("==> /proc/net/tcp6 <==\n{text}\n==> end <==\n"));
            let _ = Holders::parse(&whole(&text));
        }
    }
}
