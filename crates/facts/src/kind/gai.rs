//! The order of addresses, as glibc's getaddrinfo(3) reads gai.conf(5).

use std::net::Ipv6Addr;

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::quote::sh;

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaiQuery {
    /// Absolute path, `/etc/gai.conf` when left out.
    #[serde(default = "usual")]
    pub gai: String,
}

fn usual() -> String {
    "/etc/gai.conf".to_owned()
}

/// The order of addresses. Programs that do not use glibc's resolver do not follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gai {
    /// Whether the file is there.
    pub exists: Observed<bool>,
    /// The valid `precedence` lines, in order.
    pub precedence: Observed<Vec<GaiEntry>>,
    /// The valid `label` lines, in order.
    pub labels: Observed<Vec<GaiEntry>>,
    /// Whether an IPv4 address comes before a global IPv6 address, by precedence. Any
    /// `precedence` line replaces the whole built-in table, in which IPv6 comes first.
    pub ipv4_preferred: Observed<bool>,
    /// Whether programs look for a changed file at each call.
    pub reload: Observed<bool>,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaiEntry {
    /// The prefix, such as `::ffff:0.0.0.0/96`.
    pub prefix: String,
    /// Its value.
    pub value: u32,
}

impl Fact for Gai {
    const KIND: &'static str = "gai";
    const ABOUT: &'static str = "The order of addresses that getaddrinfo gives: precedences, labels, whether IPv4 comes first.";
    type Query = GaiQuery;

    fn check(query: &GaiQuery) -> Result<(), String> {
        check_path(&query.gai)
    }

    fn asks(query: &GaiQuery) -> Vec<Ask> {
        vec![Ask::read(&query.gai)]
    }

    fn read(query: &GaiQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let text = answers.text(&Ask::read(&query.gai));
        let exists = text.exists();
        // Without the file, the built-in tables hold; that is known, not absent.
        let effective = match &text {
            Observed::Absent => Observed::Known(Parsed::default()),
            Observed::Known(text) => Observed::Known(parse(text)),
            Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
        };
        let parsed = text.map(|text| parse(&text));
        Reading::Done(Observed::Known(Self {
            exists,
            precedence: parsed.clone().map(|parsed| shown(&parsed.precedence)),
            labels: parsed.map(|parsed| shown(&parsed.labels)),
            ipv4_preferred: effective.clone().map(|parsed| parsed.ipv4_preferred()),
            reload: effective.map(|parsed| parsed.reload),
        }))
    }

    fn by_hand(query: &GaiQuery) -> String {
        format!("grep -v '^#' {}", sh(&query.gai))
    }
}

/// A prefix with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    addr: u128,
    bits: u32,
    value: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parsed {
    precedence: Vec<Entry>,
    labels: Vec<Entry>,
    reload: bool,
}

/// The built-in precedences.
const BUILT_IN: [Entry; 5] = [
    Entry {
        addr: 1,
        bits: 128,
        value: 50,
    },
    Entry {
        addr: 0x2002 << 112,
        bits: 16,
        value: 30,
    },
    Entry {
        addr: 0,
        bits: 96,
        value: 20,
    },
    Entry {
        addr: MAPPED,
        bits: 96,
        value: 10,
    },
    Entry {
        addr: 0,
        bits: 0,
        value: 40,
    },
];
/// `::ffff:0:0`, under which IPv4 addresses stand.
const MAPPED: u128 = 0xffff << 32;
/// `2000::`, under which global IPv6 addresses stand.
const GLOBAL: u128 = 0x2000 << 112;

impl Entry {
    fn covers(&self, addr: u128) -> bool {
        let mask = match self.bits {
            0 => 0,
            bits => u128::MAX << (128 - bits),
        };
        self.addr & mask == addr & mask
    }
}

impl Parsed {
    /// Whether an IPv4 address that no narrower prefix covers has a higher precedence than
    /// a global IPv6 address that no narrower prefix covers.
    fn ipv4_preferred(&self) -> bool {
        let table = if self.precedence.is_empty() {
            &BUILT_IN[..]
        } else {
            &self.precedence
        };
        // The longest prefix decides; of equal ones, the first. What no line covers has 40.
        let value = |addr: u128, most: u32| {
            let mut best: Option<&Entry> = None;
            for entry in table.iter().filter(|e| e.bits <= most && e.covers(addr)) {
                if best.is_none_or(|best| entry.bits > best.bits) {
                    best = Some(entry);
                }
            }
            best.map_or(40, |entry| entry.value)
        };
        value(MAPPED, 96) > value(GLOBAL, 3)
    }
}

fn shown(entries: &[Entry]) -> Vec<GaiEntry> {
    entries
        .iter()
        .map(|entry| GaiEntry {
            prefix: format!("{}/{}", Ipv6Addr::from(entry.addr), entry.bits),
            value: entry.value,
        })
        .collect()
}

fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for line in text.lines() {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut words = line.split_ascii_whitespace();
        let (Some(keyword), Some(first)) = (words.next(), words.next()) else {
            continue;
        };
        let entry = || entry(first, words.clone().next()?);
        match keyword {
            "precedence" => parsed.precedence.extend(entry()),
            "label" => parsed.labels.extend(entry()),
            "reload" => parsed.reload = first == "yes",
            _ => {}
        }
    }
    parsed
}

/// An IPv6 prefix and a number; glibc leaves out a line whose address or number is none.
fn entry(prefix: &str, value: &str) -> Option<Entry> {
    let (addr, bits) = match prefix.split_once('/') {
        Some((addr, bits)) => (addr, bits.parse().ok().filter(|bits| *bits <= 128)?),
        None => (prefix, 128),
    };
    Some(Entry {
        addr: addr.parse::<Ipv6Addr>().ok()?.into(),
        bits,
        value: value
            .parse()
            .ok()
            .filter(|value| *value <= i32::MAX as u32)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use proptest::prelude::*;
    use rstest::rstest;

    fn read(code: u8, text: &str) -> Gai {
        let query: GaiQuery = serde_json::from_str("{}").unwrap();
        let answers = Answers::new().with(Ask::read("/etc/gai.conf"), code, text);
        let context = Context {
            key: Key::new([0; 32]),
        };
        match Gai::read(&query, &answers, &context) {
            Reading::Done(Observed::Known(fact)) => fact,
            other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::documented("precedence ::ffff:0:0/96  100\n", true)]
    #[case::commented_out("#precedence ::ffff:0:0/96  100\n", false)]
    #[case::empty("", false)]
    #[case::the_debian_file(
        "precedence  ::1/128       50\nprecedence  ::/0          40\nprecedence ::ffff:0:0/96  10\n",
        false
    )]
    #[case::too_low("precedence ::ffff:0:0/96 30\n", false)]
    #[case::just_as_high("precedence ::ffff:0:0/96 40\n", false)]
    #[case::six_lowered("precedence ::/0 5\nprecedence ::ffff:0:0/96 10\n", true)]
    #[case::global_raised("precedence 2000::/3 200\nprecedence ::ffff:0:0/96 100\n", false)]
    #[case::a_broken_line("precedence ::ffff:0:0/96 high\n", false)]
    #[case::a_trailing_comment("precedence ::ffff:0:0/96 100 # IPv4 first\n", true)]
    #[case::a_narrow_prefix("precedence ::ffff:10.0.0.0/104 100\n", false)]
    fn ipv4_goes_first_when_glibc_says_so(#[case] text: &str, #[case] preferred: bool) {
        assert_eq!(read(0, text).ipv4_preferred, Observed::Known(preferred));
    }

    #[test]
    fn the_tables_are_shown() {
        let fact = read(
            0,
            "reload yes\nlabel ::1/128 0\nprecedence ::ffff:0:0/96 100\n",
        );
        assert_eq!(fact.reload, Observed::Known(true));
        let expected = GaiEntry {
            prefix: "::ffff:0.0.0.0/96".into(),
            value: 100,
        };
        assert_eq!(fact.precedence, Observed::Known(vec![expected]));
        assert_eq!(fact.labels.known().unwrap().len(), 1);
    }

    #[test]
    fn without_the_file_the_built_in_order_holds() {
        let fact = read(
            1,
            "head: cannot open '/etc/gai.conf' for reading: No such file or directory\n",
        );
        assert_eq!(fact.exists, Observed::Known(false));
        assert_eq!(fact.ipv4_preferred, Observed::Known(false));
        assert_eq!(fact.precedence, Observed::Absent);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "((precedence|label|reload) )?\\PC{0,80}") {
            let _ = parse(&text).ipv4_preferred();
        }
    }
}
