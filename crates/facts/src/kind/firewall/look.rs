//! The look at a node's packet filter, and which answers can be believed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Command};
use crate::parse::iptables::{self, Dump, Family};
use crate::parse::nft;

/// Two generations of iptables may be active at once, each with its own rules. The older
/// one's tool is started only when the kernel names tables of its kind: starting it could
/// load a module. The plain name stands for one of the two and is used when the other
/// names are missing.
const TEXT: &str = r#"s() { printf '\n@@ %s\n' "$*"; }
while read -r k v r; do case $k in CapEff:) s "cap $v";; esac; done </proc/self/status
[ -e /proc/net/dev ] && s proc
[ -e /proc/net/if_inet6 ] && s ipv6
run() { s "begin $1 $2"; "$3" 2>&1; s "end $1 $2 $?"; }
has() { command -v "$1" >/dev/null 2>&1; }
family() {
  p=ip$2tables; f=/proc/net/ip$2_tables_names; old=; new=; legacy=
  if [ ! -e "$f" ]; then s "names-none $1"
  elif [ ! -r "$f" ]; then s "names-denied $1"; old=1
  else while read -r l; do s "name $1 $l"; old=1; done <"$f"; s "names-read $1"; fi
  if has "$p-nft-save"; then new=1; run "$1" nft "$p-nft-save"; fi
  if [ "$old" ] && has "$p-legacy-save"; then legacy=1; run "$1" legacy "$p-legacy-save"; fi
  if { [ ! "$new" ] || { [ "$old" ] && [ ! "$legacy" ]; }; } && has "$p-save"; then run "$1" plain "$p-save"; fi
}
family 4 ''
family 6 6
if has nft; then s 'begin nft list'; nft list ruleset 2>&1; s "end nft list $?"
else for l in /usr/lib/libnftables.so* /usr/lib/*/libnftables.so* /usr/lib64/libnftables.so* /lib/libnftables.so* /lib/*/libnftables.so*; do [ -e "$l" ] && s "libnftables $l"; done; fi
s finished"#;

/// The bit of `CAP_NET_ADMIN`, without which an empty answer proves nothing.
const CAP_NET_ADMIN: u32 = 12;

/// A table of nft that iptables does not show.
pub(super) type Native = nft::Table;

/// What the node said.
#[derive(Debug)]
pub(super) struct Look {
    /// Which tools answered.
    pub tool: Observed<String>,
    /// The IPv4 rule sets of all backends, the older backend's first.
    pub v4: Observed<Vec<Dump>>,
    /// The IPv6 rule sets; absent when the kernel has no IPv6.
    pub v6: Observed<Vec<Dump>>,
    /// The tables beside iptables that may take IPv4 packets.
    pub native_v4: Observed<Vec<Native>>,
    /// The tables beside iptables that may take IPv6 packets.
    pub native_v6: Observed<Vec<Native>>,
}

/// The look, the same for all queries.
pub(super) fn ask() -> Ask {
    Ask::Run(Command {
        seconds: 20,
        cap: 24 << 20,
        ..Command::new("packet-filter", TEXT)
    })
}

/// One tool's answer.
struct Output {
    code: Option<u8>,
    text: String,
}

/// The marks and outputs of the script.
#[derive(Default)]
struct Parts {
    marks: BTreeSet<String>,
    outputs: BTreeMap<String, Output>,
}

fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("packet filter: {what}"))
}

fn parts(out: &str) -> Result<Parts, Reason> {
    let mut parts = Parts::default();
    let mut open: Option<(String, String)> = None;
    for line in out.lines() {
        let Some(mark) = line.strip_prefix("@@ ") else {
            if let Some((_, text)) = &mut open {
                text.push_str(line);
                text.push('\n');
            }
            continue;
        };
        if let Some(name) = mark.strip_prefix("begin ") {
            if open.is_some() {
                return Err(garbled("an answer has no end"));
            }
            open = Some((name.to_owned(), String::new()));
        } else if let Some(rest) = mark.strip_prefix("end ") {
            let (name, code) = rest.rsplit_once(' ').ok_or_else(|| garbled("an end"))?;
            let Some((opened, text)) = open.take() else {
                return Err(garbled("an answer ends twice"));
            };
            let output = Output {
                code: code.parse().ok(),
                text,
            };
            if opened != name || parts.outputs.insert(opened, output).is_some() {
                return Err(garbled("an answer comes twice"));
            }
        } else if open.is_some() {
            return Err(garbled("a mark stands in an answer"));
        } else {
            parts.marks.insert(mark.trim().to_owned());
        }
    }
    if parts.marks.contains("finished") {
        Ok(parts)
    } else {
        Err(garbled("it has no end"))
    }
}

/// Takes the answers apart and says of each family what is known.
pub(super) fn read(answers: &Answers) -> Result<Look, Reason> {
    let ran = answers.run(&ask())?;
    parse(&ran.out)
}

pub(super) fn parse(out: &str) -> Result<Look, Reason> {
    let parts = parts(out)?;
    if !parts.marks.contains("proc") {
        return Err(Reason::new(
            ReasonKind::Unsupported,
            "/proc/net is not there",
        ));
    }
    let capable = parts
        .marks
        .iter()
        .find_map(|mark| mark.strip_prefix("cap "))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|bits| bits >> CAP_NET_ADMIN & 1 == 1);
    let v4 = family(&parts, Family::V4, capable);
    let v6 = if parts.marks.contains("ipv6") {
        family(&parts, Family::V6, capable)
    } else {
        Observed::Absent
    };
    let listing = listing(&parts, capable);
    Ok(Look {
        tool: tools(&parts),
        native_v4: native(&listing, &parts, Family::V4, &v4),
        native_v6: native(&listing, &parts, Family::V6, &v6),
        v4,
        v6,
    })
}

fn digit(family: Family) -> &'static str {
    match family {
        Family::V4 => "4",
        Family::V6 => "6",
    }
}

/// Whether the plain tool is the newer generation.
fn plain_is_nft(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with('#') && (line.contains("nf_tables") || line.contains("xtables-save"))
    })
}

fn tools(parts: &Parts) -> Observed<String> {
    let mut names = Vec::new();
    let answered = |name: &str| {
        parts
            .outputs
            .iter()
            .any(|(key, output)| key.ends_with(name) && output.code == Some(0))
    };
    for (suffix, name) in [
        (" legacy", "iptables-legacy"),
        (" nft", "iptables-nft"),
        (" plain", "iptables"),
        ("nft list", "nft"),
    ] {
        if answered(suffix) {
            names.push(name);
        }
    }
    if names.is_empty() {
        Observed::unknown(
            ReasonKind::MissingTool,
            "no tool of the packet filter answered",
        )
    } else {
        Observed::Known(names.join(", "))
    }
}

/// A tool that failed.
fn failure(name: &str, output: &Output) -> Reason {
    let text = output.text.trim();
    let denied = ["ermission denied", "not permitted", "must be root"]
        .iter()
        .any(|sign| text.contains(sign));
    let kind = if denied {
        ReasonKind::Permission
    } else {
        ReasonKind::Failed
    };
    let code = output
        .code
        .map_or_else(|| "?".to_owned(), |c| c.to_string());
    Reason::new(kind, format!("{name}: exit {code}: {text}"))
}

/// The rule sets of one family, or why they are not known.
fn family(parts: &Parts, family: Family, capable: bool) -> Observed<Vec<Dump>> {
    rule_sets(parts, family, capable).into()
}

fn rule_sets(parts: &Parts, family: Family, capable: bool) -> Result<Vec<Dump>, Reason> {
    let digit = digit(family);
    let marked = |mark: &str| parts.marks.contains(&format!("{mark} {digit}"));
    if marked("names-denied") {
        return Err(Reason::new(
            ReasonKind::Permission,
            "the kernel's list of tables may not be read",
        ));
    }
    if !marked("names-none") && !marked("names-read") {
        return Err(garbled("the kernel's list of tables is missing"));
    }
    let prefix = format!("name {digit} ");
    let loaded: Vec<&str> = parts
        .marks
        .iter()
        .filter_map(|mark| mark.strip_prefix(prefix.as_str()))
        .collect();
    let mut nft: Option<Dump> = None;
    let mut legacy: Option<Dump> = None;
    for backend in ["legacy", "nft", "plain"] {
        let Some(output) = parts.outputs.get(&format!("{digit} {backend}")) else {
            continue;
        };
        let name = format!("iptables ({backend}, IPv{digit})");
        if output.code != Some(0) {
            return Err(failure(&name, output));
        }
        let dump = iptables::parse(family, &output.text);
        if let Some(error) = dump.errors.first() {
            let detail = format!("{name}: line {}: {}", error.line, error.message);
            return Err(Reason::new(ReasonKind::Garbled, detail));
        }
        if let Some(table) = dump.tables.iter().find(|table| !table.complete) {
            return Err(garbled(&format!("{name}: table {} is cut", table.name)));
        }
        if dump.tables.is_empty() && !capable {
            return Err(Reason::new(
                ReasonKind::Permission,
                format!("{name} said nothing, and this account may not see rules"),
            ));
        }
        if let Some(table) = dump.incompatible.first() {
            let detail = format!("{name}: table {table} holds what only nft can show");
            return Err(Reason::new(ReasonKind::Unsupported, detail));
        }
        let is_nft = backend == "nft" || (backend == "plain" && plain_is_nft(&output.text));
        let place = if is_nft { &mut nft } else { &mut legacy };
        // The plain name may be the tool that already answered.
        if place.is_none() {
            *place = Some(dump);
        }
    }
    if let Some(missing) = loaded.iter().find(|name| {
        legacy
            .as_ref()
            .is_none_or(|dump| dump.table(name).is_none())
    }) {
        return Err(Reason::new(
            ReasonKind::MissingTool,
            format!("iptables-legacy, to see the table {missing} that the kernel has loaded"),
        ));
    }
    if nft.is_none() && legacy.is_none() && !parts.outputs.contains_key("nft list") {
        return Err(Reason::new(
            ReasonKind::MissingTool,
            format!("neither iptables nor nft for IPv{digit}"),
        ));
    }
    Ok(legacy.into_iter().chain(nft).collect())
}

/// All tables that nft lists; absent when nothing on the node could have made any.
fn listing(parts: &Parts, capable: bool) -> Observed<Vec<Native>> {
    match parts.outputs.get("nft list") {
        Some(output) if output.code != Some(0) => Observed::Unknown(failure("nft", output)),
        Some(output) => match nft::parse(&output.text) {
            Some(tables) if tables.is_empty() && !capable => Observed::unknown(
                ReasonKind::Permission,
                "nft said nothing, and this account may not see rules",
            ),
            Some(tables) => Observed::Known(tables),
            None => Observed::Unknown(garbled("nft's listing makes no sense")),
        },
        // Such tables are made by nft or by programs with its library.
        None => match parts
            .marks
            .iter()
            .find_map(|mark| mark.strip_prefix("libnftables "))
        {
            Some(path) => Observed::unknown(
                ReasonKind::MissingTool,
                format!("nft, to see tables that programs with {path} may have made"),
            ),
            None => Observed::Absent,
        },
    }
}

/// The tables of the listing that this family's packets meet and that no dump shows.
fn native(
    listing: &Observed<Vec<Native>>,
    parts: &Parts,
    family: Family,
    dumps: &Observed<Vec<Dump>>,
) -> Observed<Vec<Native>> {
    let (own, digit) = match family {
        Family::V4 => ("ip", "4"),
        Family::V6 => ("ip6", "6"),
    };
    // Only the newer generation's dump shows tables of nft.
    let by_nft = parts.outputs.contains_key(&format!("{digit} nft"))
        || parts
            .outputs
            .get(&format!("{digit} plain"))
            .is_some_and(|output| plain_is_nft(&output.text));
    let shown = |table: &Native| {
        by_nft
            && table.family == own
            && dumps
                .known()
                .and_then(|dumps| dumps.last())
                .is_some_and(|dump| dump.table(&table.name).is_some())
    };
    listing.clone().map(|tables| {
        tables
            .into_iter()
            .filter(|table| {
                [own, "inet", "netdev", "bridge"].contains(&table.family.as_str())
                    && !shown(table)
                    && !table.takes_at.is_empty()
            })
            .collect()
    })
}
