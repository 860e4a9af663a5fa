//! The resolver's configuration, as glibc reads resolv.conf(5).

use std::net::{Ipv4Addr, Ipv6Addr};

use runproof_model::Observed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::quote::sh;

/// glibc asks no more name servers than this.
const MAX_USED: usize = 3;

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvQuery {
    /// Absolute path, `/etc/resolv.conf` when left out; a symbolic link is followed.
    #[serde(default = "usual")]
    pub resolv: String,
}

fn usual() -> String {
    "/etc/resolv.conf".to_owned()
}

/// The resolver's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolv {
    /// Whether the path leads to a file.
    pub exists: Observed<bool>,
    /// The addresses of all valid `nameserver` lines, in order.
    pub nameservers: Observed<Vec<String>>,
    /// The first three of them, which are the ones that are asked. With none, the resolver
    /// asks 127.0.0.1.
    pub used: Observed<Vec<String>>,
    /// The domains that are tried in turn: of the last `search` or `domain` line.
    pub search: Observed<Vec<String>>,
    /// The words of all `options` lines, in order, such as `ndots:2`.
    pub options: Observed<Vec<String>>,
}

impl Fact for Resolv {
    const KIND: &'static str = "resolv";
    const ABOUT: &'static str =
        "The resolver's configuration: name servers, those that are asked, search list, options.";
    type Query = ResolvQuery;

    fn check(query: &ResolvQuery) -> Result<(), String> {
        check_path(&query.resolv)
    }

    fn asks(query: &ResolvQuery) -> Vec<Ask> {
        vec![Ask::read(&query.resolv)]
    }

    fn read(query: &ResolvQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let text = answers.text(&Ask::read(&query.resolv));
        let exists = text.exists();
        let parsed = text.map(|text| parse(&text));
        let used = parsed.clone().map(|parsed| {
            let mut used = parsed.nameservers;
            used.truncate(MAX_USED);
            used
        });
        Reading::Done(Observed::Known(Self {
            exists,
            used,
            nameservers: parsed.clone().map(|parsed| parsed.nameservers),
            search: parsed.clone().map(|parsed| parsed.search),
            options: parsed.map(|parsed| parsed.options),
        }))
    }

    fn by_hand(query: &ResolvQuery) -> String {
        format!("cat {}", sh(&query.resolv))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parsed {
    nameservers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
}

/// The keyword has to stand at the very start of its line, with a blank behind it.
fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for line in text.lines() {
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((keyword, rest)) = line.split_once([' ', '\t']) else {
            continue;
        };
        let mut words = rest.split_ascii_whitespace();
        match keyword {
            "nameserver" => {
                if let Some(word) = words.next()
                    && is_address(word)
                {
                    parsed.nameservers.push(word.to_owned());
                }
            }
            "domain" => {
                if let Some(word) = words.next() {
                    parsed.search = vec![word.to_owned()];
                }
            }
            "search" => {
                let domains: Vec<String> = words.map(str::to_owned).collect();
                if !domains.is_empty() {
                    parsed.search = domains;
                }
            }
            "options" => parsed.options.extend(words.map(str::to_owned)),
            _ => {}
        }
    }
    parsed
}

/// An IPv6 address may carry the interface it is reached by, `fe80::1%eth0`.
fn is_address(word: &str) -> bool {
    let bare = word.split_once('%').map_or(word, |(bare, _)| bare);
    word.parse::<Ipv4Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use proptest::prelude::*;
    use rstest::rstest;
    use runproof_model::ReasonKind;

    fn read(code: u8, text: &str) -> Resolv {
        let query: ResolvQuery = serde_json::from_str("{}").unwrap();
        let answers = Answers::new().with(Ask::read("/etc/resolv.conf"), code, text);
        let context = Context {
            key: Key::new([0; 32]),
        };
        match Resolv::read(&query, &answers, &context) {
            Reading::Done(Observed::Known(fact)) => fact,
            other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::usual(
        "# made by hand\nnameserver 10.0.2.53\nsearch example.com incus\noptions ndots:2 edns0\n",
        "10.0.2.53 | example.com incus | ndots:2 edns0"
    )]
    #[case::last_search_wins("search a.example.com\ndomain b.example.com\n", " | b.example.com | ")]
    #[case::indented_lines_do_not_count(" nameserver 10.0.2.53\n", " |  | ")]
    #[case::comment_signs(
        "; nameserver 10.0.2.53\nnameserver 10.0.2.54 # ours\n",
        "10.0.2.54 |  | "
    )]
    #[case::names_do_not_count("nameserver dns.example.com\n", " |  | ")]
    #[case::six(
        "nameserver fe80::1%eth0\nnameserver\tfd00::1\n",
        "fe80::1%eth0 fd00::1 |  | "
    )]
    #[case::options_add_up("options rotate\noptions timeout:1\n", " |  | rotate timeout:1")]
    fn the_file_is_read_as_glibc_does(#[case] text: &str, #[case] expected: &str) {
        let parsed = parse(text);
        let found = [parsed.nameservers, parsed.search, parsed.options].map(|list| list.join(" "));
        assert_eq!(found.join(" | "), expected);
    }

    #[test]
    fn only_three_name_servers_are_asked() {
        let fact = read(
            0,
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
        );
        assert_eq!(fact.nameservers.known().unwrap().len(), 4);
        assert_eq!(fact.used.known().unwrap().len(), 3);
    }

    #[test]
    fn a_missing_file_is_absent_and_a_closed_one_unknown() {
        let gone = read(
            1,
            "head: cannot open '/etc/resolv.conf' for reading: No such file or directory\n",
        );
        assert_eq!(gone.exists, Observed::Known(false));
        assert_eq!(gone.nameservers, Observed::Absent);
        let closed = read(
            1,
            "head: cannot open '/etc/resolv.conf' for reading: Permission denied\n",
        );
        assert!(matches!(closed.exists, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "((nameserver|search|options|domain)[ \t])?\\PC{0,80}") {
            let _ = parse(&text);
        }
    }
}
