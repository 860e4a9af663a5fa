//! One rule: its words become conditions, a target and a normalised text.

use super::lexer::{Word, quote};
use super::values::{net, net_text, protocol_name, protocol_number};
use super::{Condition, Family, Match, Net, Side};

mod extension;
mod options;

use extension::Module;
use options::{FLAGS, PAIRS, TEXTS};

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
