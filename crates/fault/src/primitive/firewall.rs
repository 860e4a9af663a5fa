//! Rules of the packet filter.

use runproof_facts::quote::sh;
use serde::Deserialize;

use crate::act::Act;
use crate::error::FaultError;

/// Changes one table of the packet filter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Firewall {
    /// Rules that are put in, as behind `iptables -I`: `INPUT 1 -i lo -j DROP`.
    #[serde(default)]
    pub insert: Vec<String>,
    /// Rules that are taken out, as behind `iptables -D`.
    #[serde(default)]
    pub delete: Vec<String>,
    /// All rules of the table are taken out.
    #[serde(default)]
    pub flush: bool,
    /// Of IPv4 when nothing is said.
    #[serde(default)]
    pub family: Family,
    /// `filter` when nothing is said.
    #[serde(default)]
    pub table: Table,
}

/// Which packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Which table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// What may pass.
    #[default]
    Filter,
    /// Whose address is changed.
    Nat,
}

impl Firewall {
    /// One rule of IPv4 more.
    pub(super) fn inserting(rule: String) -> Self {
        Self {
            insert: vec![rule],
            delete: Vec::new(),
            flush: false,
            family: Family::Ipv4,
            table: Table::Filter,
        }
    }

    pub(super) fn act(&self) -> Result<Act, FaultError> {
        let program = match self.family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        };
        let table = match self.table {
            Table::Filter => "filter",
            Table::Nat => "nat",
        };
        let mut inject = Vec::new();
        if self.flush {
            inject.push(format!("{program} -w -t {table} -F"));
        }
        for (option, rules) in [("-D", &self.delete), ("-I", &self.insert)] {
            for rule in rules {
                inject.push(format!("{program} -w -t {table} {option} {}", words(rule)?));
            }
        }
        if inject.is_empty() {
            return Err(FaultError::Unreadable(
                "a fault of the firewall inserts, deletes or flushes".to_owned(),
            ));
        }
        // Counters are no state.
        let state =
            format!("{program}-save -t {table} | sed -e '/^#/d' -e 's/\\[[0-9]*:[0-9]*\\]//'");
        Ok(Act {
            words: format!("changes the {table} table of {program}"),
            on: None,
            engine: None,
            needs: format!(
                "command -v {program} >/dev/null || {{ echo {program} is missing >&2; exit 1; }}"
            ),
            keep: format!(
                "{program}-save -c -t {table} >\"$KEPT/rules\" && ({state}) >\"$KEPT/before\""
            ),
            inject: inject.join(" && "),
            effect: format!(
                "({state}) >\"$KEPT/after\" && ! cmp -s \"$KEPT/before\" \"$KEPT/after\""
            ),
            restore: format!("{program}-restore -w -c -T {table} <\"$KEPT/rules\""),
            state,
        })
    }
}

/// The words of a rule, each quoted.
fn words(rule: &str) -> Result<String, FaultError> {
    let words: Vec<String> = rule.split_ascii_whitespace().map(sh).collect();
    if words.len() < 2 || rule.trim_start().starts_with('-') {
        return Err(FaultError::Unreadable(format!(
            "{rule:?} is no rule such as `INPUT 1 -i lo -j DROP`"
        )));
    }
    Ok(words.join(" "))
}
