//! What `nft list ruleset` says of tables that iptables does not show.
//!
//! Their rules are not walked. It is only told whether they could take a packet
//! away: whether a base chain at a hook that matters, or a chain that it leads to,
//! holds a word that drops, rejects or diverts.

use std::collections::{BTreeMap, BTreeSet};

/// A table as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `ip`, `ip6`, `inet`, `bridge`, `netdev` or `arp`.
    pub family: String,
    /// Its name.
    pub name: String,
    /// Hooks at which it could take a packet away.
    pub takes_at: BTreeSet<String>,
}

/// Words by which a chain takes a packet away, or sends it somewhere else.
const TAKING: &[&str] = &[
    "drop", "reject", "queue", "dnat", "redirect", "tproxy", "synproxy", "fwd",
];

#[derive(Default)]
struct Chain {
    hook: Option<String>,
    takes: bool,
    leads_to: Vec<String>,
}

/// Reads a listing. None when its braces do not fit together.
pub fn parse(text: &str) -> Option<Vec<Table>> {
    let mut tables = Vec::new();
    let mut table: Option<(String, String)> = None;
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    let mut chain: Option<String> = None;
    let mut maps_take = false;
    let mut depth = 0_usize;
    for line in text.lines() {
        let line = unquoted(line);
        // What nft cannot show of an iptables rule stands behind `#`, as `# xt_NAME`.
        let hidden = line
            .split(['#', ' ', '\t'])
            .any(|w| w == "xt" || w.starts_with("xt_"));
        let line = line.split_once('#').map_or(line.as_str(), |(line, _)| line);
        let line = line.trim();
        if line.is_empty() && !hidden {
            continue;
        }
        let words: Vec<&str> = line
            .split(|c: char| c.is_ascii_whitespace() || matches!(c, ';' | ',' | '(' | ')'))
            .filter(|word| !word.is_empty())
            .collect();
        if depth == 0 {
            match words.as_slice() {
                ["table", family, name, "{"] => {
                    table = Some(((*family).to_owned(), (*name).to_owned()));
                    chains.clear();
                    maps_take = false;
                }
                _ => return None,
            }
        } else if depth == 1 && words.first() == Some(&"chain") {
            let name = (*words.get(1)?).to_owned();
            chains.insert(name.clone(), Chain::default());
            chain = Some(name);
        } else if let Some(open) = chain.as_ref().and_then(|name| chains.get_mut(name)) {
            if words.first() == Some(&"type")
                && let Some(at) = words.iter().position(|word| *word == "hook")
            {
                open.hook = words.get(at + 1).map(|hook| (*hook).to_owned());
            }
            open.takes |= hidden || words.iter().any(|word| TAKING.contains(word));
            for pair in words.windows(2) {
                match pair {
                    ["jump" | "goto", name] => open.leads_to.push((*name).to_owned()),
                    ["vmap", map] if map.starts_with('@') => {
                        // The map's elements stand elsewhere in the table.
                        open.leads_to.push("@".to_owned());
                    }
                    _ => {}
                }
            }
        } else if words
            .iter()
            .any(|word| TAKING.contains(word) || matches!(*word, "jump" | "goto"))
        {
            // An element of a map of verdicts.
            maps_take = true;
        }
        let opened = line.matches('{').count();
        let closed = line.matches('}').count();
        depth = (depth + opened).checked_sub(closed)?;
        if depth <= 1 {
            chain = None;
        }
        if depth == 0
            && let Some((family, name)) = table.take()
        {
            tables.push(Table {
                family,
                name,
                takes_at: taking_hooks(&chains, maps_take),
            });
        }
    }
    (depth == 0).then_some(tables)
}

/// The line with the text between double quotes left out: a comment may say "drop".
fn unquoted(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
        } else {
            out.push('_');
        }
    }
    out
}

fn taking_hooks(chains: &BTreeMap<String, Chain>, maps_take: bool) -> BTreeSet<String> {
    let mut hooks = BTreeSet::new();
    for (name, chain) in chains {
        let Some(hook) = &chain.hook else { continue };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut todo = vec![name.as_str()];
        while let Some(name) = todo.pop() {
            if !seen.insert(name) {
                continue;
            }
            let takes = match chains.get(name) {
                Some(chain) => {
                    todo.extend(chain.leads_to.iter().map(String::as_str));
                    chain.takes
                }
                None if name == "@" => maps_take,
                // A chain that is not in the listing.
                None => true,
            };
            if takes {
                hooks.insert(hook.clone());
                break;
            }
        }
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    macro_rules! corpus {
        ($name:literal) => {
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../fixtures/corpora/iptables/",
                $name
            ))
        };
    }

    #[rstest]
    #[case::native(corpus!("native.nft"), "inet filter forward+input")]
    #[case::firewalld(corpus!("firewalld.nft"), "inet firewalld forward+input+output+prerouting")]
    #[case::ufw(corpus!("ufw.nft"), "ip filter forward+input; ip6 filter forward+input+output")]
    #[case::harmless(
        "table inet x {\n\tchain i {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tcounter comment \"drop\"\n\t}\n\tchain lost {\n\t\tdrop\n\t}\n}\n",
        "inet x "
    )]
    #[case::map(
        "table ip x {\n\tmap m {\n\t\ttype inet_service : verdict\n\t\telements = { 22 : accept,\n\t\t\t     6379 : drop }\n\t}\n\tchain i {\n\t\ttype filter hook input priority 0; policy accept;\n\t\ttcp dport vmap @m\n\t}\n}\n",
        "ip x input"
    )]
    #[case::nothing("", "")]
    fn tables_that_take_packets_are_told(#[case] text: &str, #[case] expected: &str) {
        let found: Vec<String> = parse(text)
            .unwrap()
            .into_iter()
            .map(|t| {
                let hooks: Vec<String> = t.takes_at.into_iter().collect();
                format!("{} {} {}", t.family, t.name, hooks.join("+"))
            })
            .collect();
        assert_eq!(found.join("; "), expected);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(table ip x \\{\n)?[ -~\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
