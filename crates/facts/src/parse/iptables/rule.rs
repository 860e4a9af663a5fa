//! One rule: its words become conditions, a target and a normalised text.

use super::lexer::{Word, quote};
use super::values::{
    flags, flags_text, icmp_type, masked, net, net_text, ports, ports_text, protocol_name,
    protocol_number, range, states, states_text,
};
use super::{Condition, Family, Match, Net, Side};

/// A rule whose target is still a name.
#[derive(Debug, Default)]
pub struct Draft {
    /// What has to fit.
    pub matches: Vec<Match>,
    /// The target's name, when there is one.
    pub target: Option<String>,
    /// Whether it is a goto.
    pub goto: bool,
    /// The words behind the target.
    pub options: Vec<String>,
    /// See [`super::Rule`].
    pub text: String,
    /// See [`super::Rule`].
    pub key: String,
    /// See [`super::Rule`].
    pub protocol: String,
    /// See [`super::Rule`].
    pub ports: String,
    /// Line in the input.
    pub line: u32,
    /// Whether words were left over that belong to nothing.
    pub garbled: bool,
}

/// Options without a value, of any extension.
const FLAGS: &[&str] = &[
    "--syn",
    "--set",
    "--rcheck",
    "--update",
    "--remove",
    "--rsource",
    "--rdest",
    "--rttl",
    "--reap",
    "--limit-iface-in",
    "--limit-iface-out",
    "--connlimit-saddr",
    "--connlimit-daddr",
    "--loose",
    "--validmark",
    "--accept-local",
    "--invert",
    "--transparent",
    "--nowildcard",
    "--restore-skmark",
    "--physdev-is-in",
    "--physdev-is-out",
    "--physdev-is-bridged",
    "--socket-exists",
    "--suppl-groups",
    "--strict",
    "--next",
    "--icase",
    "--kerneltz",
    "--utc",
    "--localtz",
    "--contiguous",
    "--soft",
    "--log-tcp-sequence",
    "--log-tcp-options",
    "--log-ip-options",
    "--log-uid",
    "--log-macdecode",
    "--random",
    "--random-fully",
    "--persistent",
    "--queue-bypass",
    "--queue-cpu-fanout",
    "--notrack",
    "--clamp-mss-to-pmtu",
    "--save-mark",
    "--restore-mark",
    "--checksum-fill",
    "--exist",
    "--save",
    "--restore",
    "--sack-perm",
    "--timestamp",
    "--ecn",
    "--ecn-tcp-remove",
    "--ecn-tcp-cwr",
    "--ecn-tcp-ece",
    "--return-nomatch",
    "--rt-0-res",
    "--rt-0-not-strict",
    "--hbh-not-strict",
    "--dst-not-strict",
    "--fragres",
    "--fragfirst",
    "--fragmore",
    "--fraglast",
    "--ahres",
    "--update-counters",
    "--bytes-gt-disabled",
    "--rateest-delta",
    "--rateest-lt",
    "--rateest-gt",
    "--rateest-eq",
    "--no-change",
    "--alarm",
    "--led-always-blink",
    "--hashlimit-rate-match",
    "--update-subcounters",
    "--genre-loose",
];

/// Options with two values.
const PAIRS: &[&str] = &[
    "--tcp-flags",
    "--match-set",
    "--set-counters",
    "--chunk-types",
    "--add-set",
    "--del-set",
    "--map-set",
];

/// Options with one value that may begin with a dash.
const TEXTS: &[&str] = &[
    "--comment",
    "--log-prefix",
    "--nflog-prefix",
    "--ulog-prefix",
    "--string",
    "--hex-string",
    "--name",
    "--hashlimit-name",
    "--rateest-name",
    "--rateest",
    "--rateest1",
    "--rateest2",
    "--label",
    "--led-trigger-id",
    "--helper",
    "--u32",
    "--bytecode",
    "--object-pinned",
    "--path",
    "--selctx",
    "--nfacct-name",
    "--genre",
];

/// What `-m` or the words since have opened.
#[derive(Default)]
struct Module {
    name: String,
    /// Each option with its values, as text.
    options: Vec<String>,
    conditions: Vec<Match>,
    /// Something in it is not understood.
    opaque: bool,
    // Details that only the whole extension decides.
    limited: bool,
    over: Option<bool>,
    by_source: bool,
}

struct Reader<'a> {
    family: Family,
    words: &'a [Word],
    at: usize,
    head: Head,
    modules: Vec<Module>,
    /// The extension that the last `-m` opened.
    current: Option<usize>,
    draft: Draft,
    protocol: Option<String>,
    in_target: bool,
    target_text: Vec<String>,
}

/// The parts that stand first, in the order of iptables-save.
#[derive(Default)]
struct Head {
    source: Option<String>,
    destination: Option<String>,
    input: Option<String>,
    output: Option<String>,
    protocol: Option<String>,
    fragment: Option<String>,
}

/// Reads the words behind `-A CHAIN`.
pub fn draft(family: Family, chain: &str, words: &[Word], line: u32) -> Draft {
    let mut reader = Reader {
        family,
        words,
        at: 0,
        head: Head::default(),
        modules: Vec::new(),
        current: None,
        draft: Draft {
            line,
            protocol: "all".to_owned(),
            ports: "any".to_owned(),
            ..Draft::default()
        },
        protocol: None,
        in_target: false,
        target_text: Vec::new(),
    };
    while reader.at < words.len() {
        reader.part();
    }
    reader.finish(chain)
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    /// The next word as a value.
    fn value(&mut self) -> Option<String> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word.text.clone())
    }

    /// A value that may have its `!` in front, as old rules have it.
    fn negated_value(&mut self, not: &mut bool) -> Option<String> {
        if self.peek().is_some_and(|w| !w.quoted && w.text == "!") {
            self.at += 1;
            *not = !*not;
        }
        self.value()
    }

    fn push(&mut self, not: bool, condition: Condition) {
        self.draft.matches.push(Match { not, condition });
    }

    /// One option with its values.
    fn part(&mut self) {
        let mut not = false;
        while self.peek().is_some_and(|w| !w.quoted && w.text == "!") {
            self.at += 1;
            not = !not;
        }
        let Some(word) = self.words.get(self.at) else {
            self.draft.garbled = true;
            return;
        };
        self.at += 1;
        if word.quoted && !word.text.starts_with('-') || !word.text.starts_with('-') {
            // A word that no option took.
            self.draft.garbled = true;
            self.note(not, &word.text.clone(), &[]);
            return;
        }
        let (name, attached) = split(&word.text);
        let take = |this: &mut Self, not: &mut bool| match attached.clone() {
            Some(value) => Some(value),
            None => this.negated_value(not),
        };
        let mark = |not: bool| if not { "! " } else { "" };
        match name.as_str() {
            "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" => {
                let source = name == "-s" || name.starts_with("--s");
                let value = take(self, &mut not);
                self.address(source, not, value.as_deref());
            }
            "-i" | "--in-interface" => match take(self, &mut not) {
                Some(link) => {
                    self.head.input = Some(format!("{}-i {}", mark(not), quote(&link)));
                    self.push(not, Condition::InLink(link));
                }
                None => self.draft.garbled = true,
            },
            "-o" | "--out-interface" => match take(self, &mut not) {
                Some(link) => {
                    self.head.output = Some(format!("{}-o {}", mark(not), quote(&link)));
                    self.push(not, Condition::OutLink(link));
                }
                None => self.draft.garbled = true,
            },
            // `-m policy` has a `--proto` of its own.
            "-p" | "--protocol" | "--proto" if name != "--proto" || !self.in_policy() => {
                match take(self, &mut not) {
                    Some(value) => self.protocol(not, &value),
                    None => self.draft.garbled = true,
                }
            }
            "-f" | "--fragment" if self.family == Family::V4 => {
                self.head.fragment = Some(format!("{}-f", mark(not)));
                self.push(not, Condition::Fragment);
            }
            "-m" | "--match" => match take(self, &mut not) {
                Some(value) => {
                    self.in_target = false;
                    self.current = Some(self.modules.len());
                    self.modules.push(Module {
                        name: value,
                        ..Module::default()
                    });
                }
                None => self.draft.garbled = true,
            },
            "-j" | "--jump" | "-g" | "--goto" => match take(self, &mut not) {
                Some(value) if self.draft.target.is_none() && !not => {
                    self.draft.goto = name.contains('g');
                    self.draft.target = Some(value);
                    self.in_target = true;
                }
                _ => self.draft.garbled = true,
            },
            "-c" | "--set-counters" => {
                // `-c 1 2` or `-c 1,2`
                let first = take(self, &mut not).unwrap_or_default();
                if !first.contains(',') {
                    self.at += 1;
                }
            }
            _ => {
                let values = match attached {
                    Some(value) => vec![value],
                    None => self.values(&name, &mut not),
                };
                if self.in_target {
                    self.target_option(not, &name, &values);
                } else {
                    self.option(not, &name, &values);
                }
            }
        }
    }

    /// The values of an option of an extension.
    fn values(&mut self, name: &str, not: &mut bool) -> Vec<String> {
        if FLAGS.contains(&name) {
            return Vec::new();
        }
        if PAIRS.contains(&name) {
            let first = self.negated_value(not);
            return first.into_iter().chain(self.value()).collect();
        }
        if TEXTS.contains(&name) {
            return self.negated_value(not).into_iter().collect();
        }
        let mut values: Vec<String> = Vec::new();
        while let Some(word) = self.peek() {
            let option = !word.quoted
                && word.text.starts_with('-')
                && word.text[1..].starts_with(|c: char| c == '-' || c.is_ascii_alphabetic());
            if !word.quoted && word.text == "!" {
                // `--dport ! 22` turns the value around; `--syn ! -i` belongs to what follows.
                let next_is_value = self
                    .words
                    .get(self.at + 1)
                    .is_some_and(|next| !next.text.starts_with('-'));
                if values.is_empty() && next_is_value {
                    self.at += 1;
                    *not = !*not;
                    continue;
                }
                break;
            }
            if option {
                break;
            }
            values.push(word.text.clone());
            self.at += 1;
        }
        values
    }

    fn address(&mut self, source: bool, not: bool, value: Option<&str>) {
        let Some(value) = value else {
            self.draft.garbled = true;
            return;
        };
        let side = if source {
            Side::Source
        } else {
            Side::Destination
        };
        let nets: Option<Vec<Net>> = value.split(',').map(|v| net(self.family, v)).collect();
        let everything = nets
            .as_ref()
            .is_some_and(|nets| nets.iter().any(|net| net.mask == 0));
        let text = match &nets {
            Some(nets) => {
                let nets: Vec<String> = nets.iter().map(|n| net_text(self.family, n)).collect();
                nets.join(",")
            }
            None => value.to_owned(),
        };
        if !everything || not {
            let option = if source { "-s" } else { "-d" };
            let text = format!("{}{option} {text}", if not { "! " } else { "" });
            *if source {
                &mut self.head.source
            } else {
                &mut self.head.destination
            } = Some(text);
        }
        self.push(
            not,
            match nets {
                Some(nets) => Condition::Address(side, nets),
                None => Condition::Opaque,
            },
        );
    }

    fn protocol(&mut self, not: bool, value: &str) {
        let number = protocol_number(value);
        let name = number
            .and_then(protocol_name)
            .map_or_else(|| value.to_owned(), str::to_owned);
        if number != Some(0) {
            self.head.protocol = Some(format!("{}-p {name}", if not { "! " } else { "" }));
            self.draft.protocol = if not {
                format!("!{name}")
            } else {
                name.clone()
            };
        }
        if !not {
            self.protocol = Some(name);
        }
        self.push(
            not,
            match number {
                Some(number) => Condition::Protocol(number),
                None => Condition::Opaque,
            },
        );
    }

    fn target_option(&mut self, not: bool, name: &str, values: &[String]) {
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

    fn in_policy(&self) -> bool {
        self.current
            .and_then(|at| self.modules.get(at))
            .is_some_and(|module| module.name == "policy")
    }

    /// The extension that an option belongs to: ports and flags belong to the protocol's own,
    /// anything else to the one that is open.
    fn module(&mut self, option: &str) -> &mut Module {
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
    fn note(&mut self, not: bool, name: &str, values: &[String]) {
        let mut text = format!("{}{name}", if not { "! " } else { "" });
        for value in values {
            text.push(' ');
            text.push_str(&quote(value));
        }
        self.module(name).options.push(text);
    }

    fn option(&mut self, not: bool, name: &str, values: &[String]) {
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

    fn finish(mut self, chain: &str) -> Draft {
        for module in &mut self.modules {
            self.draft.matches.extend(module.settle());
        }
        let head = [
            self.head.source,
            self.head.destination,
            self.head.input,
            self.head.output,
            self.head.protocol,
            self.head.fragment,
        ];
        let mut text = format!("-A {}", quote(chain));
        for part in head.into_iter().flatten() {
            text.push(' ');
            text.push_str(&part);
        }
        let mut key = text.clone();
        for module in &self.modules {
            let name = match module.name.as_str() {
                "comment" => continue,
                "state" => "conntrack",
                name => name,
            };
            let implied = self.protocol.as_deref() == Some(name)
                || (name == "icmp6" && self.protocol.as_deref() == Some("ipv6-icmp"))
                || name.is_empty();
            let mut sorted: Vec<&str> = module.options.iter().map(String::as_str).collect();
            let say = |out: &mut String, options: &[&str]| {
                if !implied {
                    out.push_str(" -m ");
                    out.push_str(&quote(name));
                }
                for option in options {
                    out.push(' ');
                    out.push_str(option);
                }
            };
            say(&mut text, &sorted);
            sorted.sort_unstable();
            say(&mut key, &sorted);
        }
        if let Some(target) = &self.draft.target {
            let option = if self.draft.goto { " -g " } else { " -j " };
            // What REJECT does when nothing is said.
            self.target_text.retain(|option| {
                !(target == "REJECT"
                    && matches!(
                        option.as_str(),
                        "--reject-with icmp-port-unreachable"
                            | "--reject-with icmp6-port-unreachable"
                    ))
            });
            for out in [&mut text, &mut key] {
                out.push_str(option);
                out.push_str(&quote(target));
            }
            for option in &self.target_text {
                text.push(' ');
                text.push_str(option);
            }
            self.target_text.sort_unstable();
            for option in &self.target_text {
                key.push(' ');
                key.push_str(option);
            }
        }
        self.draft.text = text;
        self.draft.key = key;
        self.draft
    }
}

impl Module {
    /// The conditions of a finished extension.
    fn settle(&mut self) -> Vec<Match> {
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

/// The option's name, and a value that hangs on it: `-ieth0`, `--dport=22`.
fn split(word: &str) -> (String, Option<String>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        };
    }
    let mut chars = word.chars();
    let short: String = chars.by_ref().take(2).collect();
    let rest = chars.as_str();
    if !rest.is_empty()
        && matches!(
            short.as_str(),
            "-s" | "-d" | "-i" | "-o" | "-p" | "-m" | "-j" | "-g"
        )
    {
        (short, Some(rest.to_owned()))
    } else {
        (word.to_owned(), None)
    }
}
