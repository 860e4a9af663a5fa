//! The extensions of a rule: what their options ask for.

use super::super::lexer::quote;
use super::super::values::{
    flags, flags_text, icmp_type, masked, ports, ports_text, protocol_number, range, states,
    states_text,
};
use super::super::{Condition, Match, Side};
use super::Reader;

/// What `-m` or the words since have opened.
#[derive(Default)]
pub(super) struct Module {
    pub(super) name: String,
    /// Each option with its values, as text.
    pub(super) options: Vec<String>,
    pub(super) conditions: Vec<Match>,
    /// Something in it is not understood.
    pub(super) opaque: bool,
    // Details that only the whole extension decides.
    pub(super) limited: bool,
    pub(super) over: Option<bool>,
    pub(super) by_source: bool,
}

impl Reader<'_> {
    pub(super) fn target_option(&mut self, not: bool, name: &str, values: &[String]) {
        // iptables-restore takes conditions behind the target too.
        let foreign = not
            || matches!(
                name,
                "--dport"
                    | "--destination-port"
                    | "--sport"
                    | "--source-port"
                    | "--dports"
                    | "--sports"
                    | "--ports"
                    | "--syn"
                    | "--tcp-flags"
                    | "--state"
                    | "--ctstate"
            );
        if foreign {
            self.option(not, name, values);
            return;
        }
        self.draft.options.push(name.to_owned());
        self.draft.options.extend(values.iter().cloned());
        let mut text = name.to_owned();
        for value in values {
            text.push(' ');
            text.push_str(&quote(value));
        }
        self.target_text.push(text);
    }

    pub(super) fn in_policy(&self) -> bool {
        self.current
            .and_then(|at| self.modules.get(at))
            .is_some_and(|module| module.name == "policy")
    }

    /// The extension that an option belongs to: ports and flags belong to the protocol's own,
    /// anything else to the one that is open.
    pub(super) fn module(&mut self, option: &str) -> &mut Module {
        let of_protocol = matches!(
            option,
            "--dport"
                | "--destination-port"
                | "--sport"
                | "--source-port"
                | "--syn"
                | "--tcp-flags"
                | "--tcp-option"
                | "--icmp-type"
                | "--icmpv6-type"
        );
        let at = match self.current {
            Some(at) if !of_protocol => at,
            _ => {
                let name = self.protocol.clone().unwrap_or_default();
                let known = self
                    .modules
                    .iter()
                    .position(|m| m.name == name || (name == "ipv6-icmp" && m.name == "icmp6"));
                known.unwrap_or_else(|| {
                    self.modules.push(Module {
                        name,
                        ..Module::default()
                    });
                    self.modules.len() - 1
                })
            }
        };
        &mut self.modules[at]
    }

    /// The text of an option goes to its extension.
    pub(super) fn note(&mut self, not: bool, name: &str, values: &[String]) {
        let mut text = format!("{}{name}", if not { "! " } else { "" });
        for value in values {
            text.push(' ');
            text.push_str(&quote(value));
        }
        self.module(name).options.push(text);
    }

    pub(super) fn option(&mut self, not: bool, name: &str, values: &[String]) {
        if name == "--comment" {
            return;
        }
        let family = self.family;
        let first = values.first().map_or("", String::as_str);
        let module = self.module(name).name.clone();
        let one = values.len() == 1;
        let port_like = matches!(
            module.as_str(),
            "" | "tcp"
                | "udp"
                | "sctp"
                | "dccp"
                | "udplite"
                | "multiport"
                | "mport"
                | "comment"
                | "conntrack"
                | "state"
                | "limit"
        );
        let mut shown: Vec<String> = values.to_vec();
        let mut shown_name = name;
        let mut shown_not = not;
        let condition = match name {
            "--dport"
            | "--destination-port"
            | "--sport"
            | "--source-port"
            | "--dports"
            | "--destination-ports"
            | "--sports"
            | "--source-ports"
            | "--ports"
            | "--port"
                if one && port_like =>
            {
                let (canonical, side) = match name {
                    "--dport" | "--destination-port" => ("--dport", Side::Destination),
                    "--sport" | "--source-port" => ("--sport", Side::Source),
                    "--dports" | "--destination-ports" => ("--dports", Side::Destination),
                    "--sports" | "--source-ports" => ("--sports", Side::Source),
                    _ => ("--ports", Side::Either),
                };
                shown_name = canonical;
                match ports(first) {
                    Some(ranges) => {
                        let text = ports_text(&ranges);
                        if side != Side::Source {
                            self.draft.ports = if not {
                                format!("!{text}")
                            } else {
                                text.clone()
                            };
                        }
                        shown = vec![text];
                        Some(Condition::Port(side, ranges))
                    }
                    None => {
                        if side != Side::Source {
                            self.draft.ports = first.to_owned();
                        }
                        None
                    }
                }
            }
            "--syn" => {
                shown_name = "--tcp-flags";
                shown = vec!["FIN,SYN,RST,ACK".to_owned(), "SYN".to_owned()];
                Some(Condition::TcpFlags(0x17, 0x02))
            }
            "--tcp-flags" => match (flags(first), values.get(1).and_then(|v| flags(v))) {
                (Some(mask), Some(set)) => {
                    shown = vec![flags_text(mask), flags_text(set)];
                    Some(Condition::TcpFlags(mask, set))
                }
                _ => None,
            },
            "--ctstate" | "--state" if one => {
                shown_name = "--ctstate";
                states(first).map(|bits| {
                    shown = vec![states_text(bits)];
                    Condition::State(bits)
                })
            }
            "--icmp-type" | "--icmpv6-type" if one => {
                if let Some(number) = icmp_type(family, first) {
                    shown = vec![number.to_owned()];
                }
                None
            }
            "--ctproto" if one => protocol_number(first).map(Condition::Protocol),
            "--ctdir" if one => {
                shown_not = not;
                match first {
                    "ORIGINAL" => Some(Condition::Original),
                    "REPLY" => {
                        // The other direction: turned around below.
                        self.module(name).conditions.push(Match {
                            not: !not,
                            condition: Condition::Original,
                        });
                        self.note(not, name, values);
                        return;
                    }
                    _ => None,
                }
            }
            "--src-type" | "--dst-type" if one => {
                let side = if name == "--src-type" {
                    Side::Source
                } else {
                    Side::Destination
                };
                let types: Vec<String> = first.split(',').map(str::to_ascii_uppercase).collect();
                Some(Condition::AddrType(side, types, false))
            }
            "--limit-iface-in" | "--limit-iface-out" => {
                self.module(name).limited = true;
                self.note(not, name, values);
                return;
            }
            "--src-range" | "--dst-range" if one => {
                let side = if name == "--src-range" {
                    Side::Source
                } else {
                    Side::Destination
                };
                range(family, first).map(|(low, high)| Condition::Range(side, low, high))
            }
            "--mark" if one && (module == "mark" || module == "connmark") => {
                masked(first).map(|(value, mask)| {
                    if module == "mark" {
                        Condition::Mark(value, mask)
                    } else {
                        Condition::ConnMark(value, mask)
                    }
                })
            }
            "--set" if module == "recent" => Some(Condition::RecentSet),
            "--rcheck" | "--update" | "--remove" if module == "recent" => {
                Some(Condition::RecentSeen)
            }
            "--seconds" | "--hitcount" | "--name" | "--mask" | "--rsource" | "--rttl"
            | "--reap"
                if module == "recent" && !not =>
            {
                self.note(not, name, values);
                return;
            }
            "--match-set" if module == "set" => values
                .get(1)
                .filter(|flags| flags.split(',').all(|flag| flag == "src"))
                .map(|_| Condition::SourceSet),
            "--pkt-type" if one => Some(Condition::PacketType(first.to_ascii_lowercase())),
            "--loose" | "--validmark" | "--accept-local" if module == "rpfilter" => {
                self.note(not, name, values);
                return;
            }
            "--invert" if module == "rpfilter" => {
                self.module(name).over = Some(true);
                self.note(not, name, values);
                return;
            }
            "--hashlimit-above" | "--connlimit-above" if one => {
                // The packet itself counts, so that "above 0" meets everybody.
                self.module(name).opaque |= first == "0";
                self.module(name).over = Some(!not);
                self.note(not, name, values);
                return;
            }
            "--hashlimit-upto" | "--hashlimit" | "--connlimit-upto" if one => {
                self.module(name).opaque |= first == "0";
                self.module(name).over = Some(not);
                self.note(not, name, values);
                return;
            }
            "--hashlimit-mode" if one => {
                self.module(name).by_source = first.split(',').any(|mode| mode == "srcip");
                self.note(not, name, values);
                return;
            }
            "--hashlimit-srcmask" | "--connlimit-mask" | "--connlimit-daddr" if !not => {
                // One bucket for many sources: a stranger may meet a full one.
                let whole = first.parse() == Ok(family.bits());
                if !whole {
                    self.module(name).opaque = true;
                }
                self.note(not, name, values);
                return;
            }
            "--hashlimit-burst"
            | "--hashlimit-name"
            | "--hashlimit-htable-size"
            | "--hashlimit-htable-max"
            | "--hashlimit-htable-expire"
            | "--hashlimit-htable-gcinterval"
            | "--hashlimit-dstmask"
            | "--connlimit-saddr" => {
                self.note(not, name, values);
                return;
            }
            "--rt-type" | "--rt-segsleft" | "--rt-len" | "--rt-0-res" | "--rt-0-addrs"
            | "--rt-0-not-strict" | "--hbh-len" | "--hbh-opts" | "--dst-len" | "--dst-opts"
            | "--fragid" | "--fraglen" | "--fragres" | "--fragfirst" | "--fragmore"
            | "--fraglast"
                if matches!(module.as_str(), "rt" | "hbh" | "dst" | "frag") =>
            {
                // Without the header the extension does not fit, whatever is turned around in it.
                self.note(not, name, values);
                return;
            }
            _ => None,
        };
        let open = self.module(name);
        match condition {
            Some(condition) => open.conditions.push(Match { not, condition }),
            None => open.opaque = true,
        }
        self.note(shown_not, shown_name, &shown);
    }
}

impl Module {
    /// The conditions of a finished extension.
    pub(super) fn settle(&mut self) -> Vec<Match> {
        let plain = |condition| Match {
            not: false,
            condition,
        };
        let mut conditions = std::mem::take(&mut self.conditions);
        if self.limited {
            for found in &mut conditions {
                if let Condition::AddrType(_, _, limited) = &mut found.condition {
                    *limited = true;
                }
            }
        }
        let known = match self.name.as_str() {
            "rpfilter" => {
                conditions.push(Match {
                    not: self.over == Some(true),
                    condition: Condition::ReversePath,
                });
                true
            }
            "rt" | "hbh" | "dst" | "frag" => {
                conditions.push(plain(Condition::ExtensionHeader));
                true
            }
            "hashlimit" => match self.over {
                Some(over) if self.by_source => {
                    conditions.push(plain(Condition::SourceRate(!over)));
                    true
                }
                _ => false,
            },
            "connlimit" => match self.over {
                Some(over) => {
                    conditions.push(plain(Condition::SourceRate(!over)));
                    true
                }
                None => false,
            },
            "" | "tcp" | "udp" | "icmp" | "icmp6" | "ipv6-icmp" | "sctp" | "dccp" | "udplite"
            | "comment" => true,
            _ => !conditions.is_empty(),
        };
        if self.opaque || !known {
            conditions.push(plain(Condition::Opaque));
        }
        conditions
    }
}
