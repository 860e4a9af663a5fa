//! Reads what iptables-save and ip6tables-save print, and what people write for
//! iptables-restore.

use std::collections::HashMap;

use super::lexer::{self, Word};
use super::rule::{Draft, draft};
use super::{Chain, Condition, Dump, Family, LineError, Match, Rule, Table, Target};

/// More rules than this are not read.
const MAX_RULES: usize = 100_000;
/// More rules than this are not put in before others, and no more words are taken in
/// one rule: each costs as much as there are.
const MAX_INSERTED: usize = 2_000;
const MAX_WORDS: usize = 4_000;
/// More tables than this are not kept; the kernel has five.
const MAX_TABLES: usize = 64;
/// More bad lines than this are not listed.
const MAX_ERRORS: usize = 100;

/// Reads a rule set. Never fails as a whole: what cannot be read is in `errors`.
pub fn parse(family: Family, text: &str) -> Dump {
    let mut reader = Reader {
        family,
        dump: Dump::default(),
        open: None,
        rules: 0,
        inserted: 0,
    };
    let mut number = 0_u32;
    for line in text.lines() {
        number = number.saturating_add(1);
        if let Err(message) = reader.line(line.trim(), number) {
            reader.error(number, message);
        }
        if reader.rules > MAX_RULES {
            reader.error(number, format!("more than {MAX_RULES} rules"));
            break;
        }
    }
    reader.close(false);
    reader.dump
}

/// A table while its lines come in.
struct Open {
    name: String,
    chains: Vec<(Chain, Vec<Draft>)>,
    /// Name of a chain → its place.
    places: HashMap<String, usize>,
}

struct Reader {
    family: Family,
    dump: Dump,
    open: Option<Open>,
    rules: usize,
    inserted: usize,
}

impl Reader {
    fn error(&mut self, line: u32, message: String) {
        if self.dump.errors.len() < MAX_ERRORS {
            self.dump.errors.push(LineError { line, message });
        }
    }

    fn line(&mut self, line: &str, number: u32) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            // "# Table `filter' is incompatible, use 'nft' tool."
            if comment.contains("use 'nft' tool") {
                let name = comment.split(['`', '\'']).nth(1).unwrap_or("?");
                if self.dump.incompatible.len() < MAX_ERRORS {
                    self.dump.incompatible.push(name.to_owned());
                }
            }
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix('*') {
            let name = name.trim();
            let left_open = self.open.is_some();
            self.close(false);
            self.open = Some(Open {
                name: name.to_owned(),
                chains: Vec::new(),
                places: HashMap::new(),
            });
            if self.dump.tables.len() > MAX_TABLES {
                self.open = None;
                return Err(format!("more than {MAX_TABLES} tables"));
            }
            if left_open {
                return Err("a table begins before COMMIT".to_owned());
            }
            if self.dump.table(name).is_some() {
                return Err(format!("table {name} comes twice"));
            }
            return Ok(());
        }
        if line == "COMMIT" {
            if self.open.is_none() {
                return Err("COMMIT without a table".to_owned());
            }
            self.close(true);
            return Ok(());
        }
        if self.open.is_none() {
            return Err("stands in no table".to_owned());
        }
        if let Some(rest) = line.strip_prefix(':') {
            return self.declare(rest);
        }
        self.command(line, number)
    }

    /// `:INPUT ACCEPT [0:0]`
    fn declare(&mut self, rest: &str) -> Result<(), String> {
        let mut words = rest.split_ascii_whitespace();
        let (Some(name), Some(policy)) = (words.next(), words.next()) else {
            return Err("a chain needs a name and a policy".to_owned());
        };
        let chain = self.chain(name).ok_or("stands in no table")?;
        chain.0.policy = match policy {
            "-" => None,
            policy => Some(policy.to_owned()),
        };
        chain.1.clear();
        Ok(())
    }

    /// The chain of that name, made when it is not there.
    fn chain(&mut self, name: &str) -> Option<&mut (Chain, Vec<Draft>)> {
        let open = self.open.as_mut()?;
        let at = match open.places.get(name) {
            Some(at) => *at,
            None => {
                open.places.insert(name.to_owned(), open.chains.len());
                open.chains.push((
                    Chain {
                        name: name.to_owned(),
                        policy: None,
                        rules: Vec::new(),
                    },
                    Vec::new(),
                ));
                open.chains.len() - 1
            }
        };
        open.chains.get_mut(at)
    }

    fn command(&mut self, line: &str, number: u32) -> Result<(), String> {
        // Counters may stand before the command.
        let line = match line.strip_prefix('[') {
            Some(rest) => rest
                .split_once(']')
                .map(|(_, rest)| rest.trim_start())
                .ok_or("counters are not closed")?,
            None => line,
        };
        let mut words = lexer::words(line).ok_or("a quote is not closed")?;
        // `-4` and `-6` before or behind the command keep a line to one family.
        let mut skip = false;
        words.retain(|word| {
            if word.quoted {
                return true;
            }
            match word.text.as_str() {
                "-4" | "--ipv4" => {
                    skip |= self.family == Family::V6;
                    false
                }
                "-6" | "--ipv6" => {
                    skip |= self.family == Family::V4;
                    false
                }
                _ => true,
            }
        });
        if skip {
            return Ok(());
        }
        let mut rest = words.into_iter();
        let command = rest.next().ok_or("empty")?;
        let name = rest.next().ok_or("the command names no chain")?.text;
        let mut rest: Vec<Word> = rest.collect();
        match command.text.as_str() {
            "-N" | "--new-chain" | "--new" => {
                self.chain(&name);
                Ok(())
            }
            "-P" | "--policy" => {
                let policy = rest.first().ok_or("the policy is missing")?.text.clone();
                self.chain(&name).ok_or("stands in no table")?.0.policy = Some(policy);
                Ok(())
            }
            command @ ("-A" | "--append" | "-I" | "--insert") => {
                let mut at = None;
                if command.starts_with("-I") || command == "--insert" {
                    at = Some(0);
                    if let Some(position) = rest.first().and_then(|w| w.text.parse().ok()) {
                        let position: usize = position;
                        at = Some(position.saturating_sub(1));
                        rest.remove(0);
                    }
                }
                if rest.len() > MAX_WORDS {
                    return Err(format!("more than {MAX_WORDS} words in a rule"));
                }
                if at.is_some() {
                    self.inserted += 1;
                    if self.inserted > MAX_INSERTED {
                        return Err(format!("more than {MAX_INSERTED} rules are inserted"));
                    }
                }
                let new = draft(self.family, &name, &rest, number);
                self.rules += 1;
                let drafts = &mut self.chain(&name).ok_or("stands in no table")?.1;
                match at {
                    Some(at) if at > drafts.len() => {
                        return Err("inserted behind the end of its chain".to_owned());
                    }
                    Some(at) => drafts.insert(at, new),
                    None => drafts.push(new),
                }
                Ok(())
            }
            other => Err(format!("not a command of a rule set: {other}")),
        }
    }

    /// Ends the table: targets that name a chain become jumps.
    fn close(&mut self, complete: bool) {
        let Some(open) = self.open.take() else {
            return;
        };
        let index = open.places;
        let chains = open
            .chains
            .into_iter()
            .map(|(mut chain, drafts)| {
                chain.rules = drafts
                    .into_iter()
                    .map(|draft| resolve(draft, &index))
                    .collect();
                chain
            })
            .collect();
        self.dump.tables.retain(|table| table.name != open.name);
        self.dump.tables.push(Table {
            name: open.name,
            chains,
            complete,
        });
    }
}

fn resolve(draft: Draft, index: &HashMap<String, usize>) -> Rule {
    let target = match (&draft.target, draft.goto) {
        (None, _) => Target::Continue,
        (Some(name), goto) => match (index.get(name), goto) {
            (Some(&at), true) => Target::Goto(at),
            (Some(&at), false) => Target::Jump(at),
            (None, true) => Target::Elsewhere(name.clone()),
            (None, false) => Target::known(name, &draft.options),
        },
    };
    let mut matches = draft.matches;
    if draft.garbled {
        matches.push(Match {
            not: false,
            condition: Condition::Opaque,
        });
    }
    Rule {
        matches,
        target,
        text: draft.text,
        key: draft.key,
        protocol: draft.protocol,
        ports: draft.ports,
        line: draft.line,
    }
}
