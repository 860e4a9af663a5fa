//! Sends a packet through the rule sets in the order of the kernel.
//!
//! A condition that cannot be judged splits the way in two; both are followed,
//! and what is known of the packet afterwards is what both ways agree on. So a
//! walk costs one visit a rule and jump, and a verdict is given only when every
//! way leads to it.

use runproof_model::{Observed, Reason, ReasonKind};

use super::packet::State;
use super::{Chain, Condition, Dump, Link, Packet, Rule, Table, Target, Tri};

/// Chains may call chains so deep.
const MAX_DEPTH: usize = 64;
/// A packet may meet so many rules.
const MAX_STEPS: usize = 300_000;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It arrives.
    Accept,
    /// It is gone.
    Drop,
    /// It is gone and its sender is told.
    Reject,
}

impl Verdict {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// A verdict, and what gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the packet.
    pub verdict: Observed<Verdict>,
    /// The rule that decided, or `policy`; unknown when it may be one of several.
    pub rule: Observed<String>,
    /// The rule of INPUT in the filter table through which it was met, counted
    /// from 1; absent when a policy or another chain decided.
    pub position: Observed<u64>,
}

/// Where a way ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    verdict: Option<Verdict>,
    rule: String,
    position: Option<u64>,
}

/// A walk through one or more chains.
struct Walk<'a> {
    packet: &'a Packet,
    /// Ways that end in a drop, a reject or (no verdict) out of our sight; one of each sort.
    ends: Vec<End>,
    /// Ways on which the chain in hand was passed, by rule or policy; the first two.
    passes: Vec<End>,
    /// What is known of the packet on all these ways.
    passed: Option<State>,
    /// The first condition that could not be judged.
    doubt: Option<String>,
    steps: usize,
    counts_positions: bool,
}

fn join(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.join(b)),
        (a, b) => a.or(b),
    }
}

impl<'a> Walk<'a> {
    fn new(packet: &'a Packet) -> Self {
        Self {
            packet,
            ends: Vec::new(),
            passes: Vec::new(),
            passed: None,
            doubt: None,
            steps: 0,
            counts_positions: false,
        }
    }

    fn end(&mut self, verdict: Option<Verdict>, rule: &str, position: Option<u64>) {
        let same = self
            .ends
            .iter()
            .filter(|end| end.verdict == verdict)
            .count();
        let new = End {
            verdict,
            rule: rule.to_owned(),
            position,
        };
        // Two of a sort are enough to know that there are several.
        if same < 2 && !self.ends.contains(&new) {
            self.ends.push(new);
        }
    }

    fn pass(&mut self, state: State, rule: &str, position: Option<u64>) {
        self.passed = join(self.passed, Some(state));
        let new = End {
            verdict: Some(Verdict::Accept),
            rule: rule.to_owned(),
            position,
        };
        if self.passes.len() < 2 && !self.passes.contains(&new) {
            self.passes.push(new);
        }
    }

    /// Walks a built-in chain with its policy. Afterwards `passed` tells whether,
    /// and how, the packet gets on.
    fn built_in(&mut self, table: &Table, chain: &Chain, state: State) {
        self.passes.clear();
        self.passed = None;
        self.counts_positions = table.name == "filter" && chain.name == "INPUT";
        if let Some(state) = self.chain(table, chain, state, 0, None) {
            match chain.policy.as_deref() {
                Some("ACCEPT") => self.pass(state, "policy", None),
                Some("DROP") => self.end(Some(Verdict::Drop), "policy", None),
                other => {
                    let text = format!("policy {} of {}", other.unwrap_or("-"), chain.name);
                    self.end(None, &text, None);
                }
            }
        }
    }

    /// Walks a chain; what is known of the packet when it comes back, if it can.
    fn chain(
        &mut self,
        table: &Table,
        chain: &Chain,
        mut state: State,
        depth: usize,
        position: Option<u64>,
    ) -> Option<State> {
        let mut back: Option<State> = None;
        for (index, rule) in chain.rules.iter().enumerate() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.end(None, "more rules than can be followed", None);
                return None;
            }
            let position = position
                .or_else(|| (self.counts_positions && depth == 0).then(|| index as u64 + 1));
            let fits = self.packet.fits(&rule.matches, &state);
            if fits == Tri::No {
                continue;
            }
            let certain = fits == Tri::Yes;
            if !certain && self.doubt.is_none() && !matches!(rule.target, Target::Continue) {
                self.doubt = Some(rule.text.clone());
            }
            match &rule.target {
                Target::Accept => {
                    self.pass(state, &rule.text, position);
                    if certain {
                        return back;
                    }
                }
                Target::Disguise => {
                    let changed = State {
                        same_source: false,
                        ..state
                    };
                    self.pass(changed, &rule.text, position);
                    if certain {
                        return back;
                    }
                }
                Target::Drop | Target::Reject => {
                    let verdict = if rule.target == Target::Drop {
                        Verdict::Drop
                    } else {
                        Verdict::Reject
                    };
                    self.end(Some(verdict), &rule.text, position);
                    if certain {
                        return back;
                    }
                }
                Target::Redirect => {
                    let text = format!("sent elsewhere by {}", rule.text);
                    self.end(None, &text, position);
                    if certain {
                        return back;
                    }
                }
                Target::Elsewhere(name) => {
                    let text = format!("{name} decides in {}", rule.text);
                    self.end(None, &text, position);
                    if certain {
                        return back;
                    }
                }
                Target::Return => {
                    back = join(back, Some(state));
                    if certain {
                        return back;
                    }
                }
                Target::Jump(at) | Target::Goto(at) => {
                    let returned = match table.chains.get(*at) {
                        Some(next) if depth < MAX_DEPTH => {
                            self.chain(table, next, state, depth + 1, position)
                        }
                        _ => {
                            self.end(None, "chains call each other too deep", position);
                            return None;
                        }
                    };
                    if matches!(rule.target, Target::Goto(_)) {
                        back = join(back, returned);
                        if certain {
                            return back;
                        }
                    } else if certain {
                        match returned {
                            Some(returned) => state = returned,
                            None => return back,
                        }
                    } else if let Some(returned) = returned {
                        state = state.join(returned);
                    }
                }
                Target::Continue => {}
                Target::Mark(op) => {
                    let changed = State {
                        mark: state.mark.map(|mark| (mark & op.keep) ^ op.flip),
                        ..state
                    };
                    state = settle(state, changed, certain);
                }
                Target::ConnMark(op) => {
                    let changed = State {
                        connmark: state.connmark.map(|mark| (mark & op.keep) ^ op.flip),
                        ..state
                    };
                    state = settle(state, changed, certain);
                }
                Target::SaveMark => {
                    let changed = State {
                        connmark: state.mark,
                        ..state
                    };
                    state = settle(state, changed, certain);
                }
                Target::RestoreMark => {
                    let changed = State {
                        mark: state.connmark,
                        ..state
                    };
                    state = settle(state, changed, certain);
                }
                Target::Untrack => {
                    let changed = State {
                        untracked: Tri::Yes,
                        ..state
                    };
                    state = settle(state, changed, certain);
                }
            }
        }
        join(back, Some(state))
    }
}

fn settle(before: State, after: State, certain: bool) -> State {
    if certain { after } else { before.join(after) }
}

/// One stop on a packet's way: a chain of the same name in each of these tables.
struct Hook {
    chain: &'static str,
    tables: &'static [&'static str],
    tracked: bool,
    outgoing: bool,
}

const fn hook(chain: &'static str, tables: &'static [&'static str]) -> Hook {
    Hook {
        chain,
        tables,
        tracked: true,
        outgoing: false,
    }
}

/// The way of a packet that comes in from outside. Of the table `nat` only what
/// may send the packet elsewhere counts.
const FROM_OUTSIDE: &[Hook] = &[
    Hook {
        tracked: false,
        ..hook("PREROUTING", &["raw"])
    },
    hook("PREROUTING", &["mangle", "nat"]),
    hook("INPUT", &["mangle", "filter", "security"]),
];

/// The way of a packet that stays here: out by `lo`, and in again with its
/// connection known, so that `nat` is not asked twice.
const LOCAL: &[Hook] = &[
    Hook {
        tracked: false,
        outgoing: true,
        ..hook("OUTPUT", &["raw"])
    },
    Hook {
        outgoing: true,
        ..hook("OUTPUT", &["mangle", "nat", "filter", "security"])
    },
    Hook {
        outgoing: true,
        ..hook("POSTROUTING", &["mangle", "nat"])
    },
    hook("PREROUTING", &["raw", "mangle"]),
    hook("INPUT", &["mangle", "filter", "security"]),
];

/// What becomes of a packet in all of these rule sets together: each of them filters.
pub fn decide(dumps: &[&Dump], packet: &Packet) -> Decision {
    let hooks = if packet.local { LOCAL } else { FROM_OUTSIDE };
    let mut packet = packet.clone();
    let (input, output) = (packet.input.clone(), packet.output.clone());
    let mut state = Some(State::fresh());
    let mut ends: Vec<End> = Vec::new();
    let mut passes: Vec<End> = Vec::new();
    let mut doubt = None;
    for hook in hooks {
        (packet.input, packet.output) = if hook.outgoing {
            (Link::None, output.clone())
        } else {
            (input.clone(), Link::None)
        };
        packet.tracked = hook.tracked;
        for name in hook.tables {
            for dump in dumps {
                let (Some(now), Some(table)) = (state, dump.table(name)) else {
                    continue;
                };
                let Some(chain) = table.chain(hook.chain) else {
                    continue;
                };
                let mut walk = Walk::new(&packet);
                walk.built_in(table, chain, now);
                state = walk.passed;
                for end in walk.ends {
                    if !ends.contains(&end) {
                        ends.push(end);
                    }
                }
                if walk.counts_positions && walk.passed.is_some() {
                    // With two backends, a rule says more than the other one's policy.
                    let by_rule = walk.passes.iter().any(|pass| pass.rule != "policy");
                    if passes.is_empty() || by_rule {
                        passes = walk.passes;
                    }
                }
                doubt = doubt.or(walk.doubt);
            }
        }
    }
    if state.is_some() {
        if passes.is_empty() {
            passes.push(End {
                verdict: Some(Verdict::Accept),
                rule: "policy".to_owned(),
                position: None,
            });
        }
        ends.append(&mut passes);
    }
    settle_ends(&ends, doubt)
}

fn settle_ends(ends: &[End], doubt: Option<String>) -> Decision {
    if let Some(lost) = ends.iter().find(|end| end.verdict.is_none()) {
        return Decision::unknown(&Reason::new(ReasonKind::Unsupported, &lost.rule));
    }
    let Some(first) = ends.first() else {
        return Decision::unknown(&Reason::new(ReasonKind::Defect, "the packet went nowhere"));
    };
    if ends.iter().any(|end| end.verdict != first.verdict) {
        let detail = format!("depends on {}", doubt.unwrap_or_default());
        return Decision::unknown(&Reason::new(ReasonKind::Unsupported, detail));
    }
    let several = || Reason::new(ReasonKind::Unsupported, "one of several rules");
    let one_rule = ends.iter().all(|end| end.rule == first.rule);
    let one_position = ends.iter().all(|end| end.position == first.position);
    Decision {
        verdict: match first.verdict {
            Some(verdict) => Observed::Known(verdict),
            None => Observed::Unknown(several()),
        },
        rule: if one_rule {
            Observed::Known(first.rule.clone())
        } else {
            Observed::Unknown(several())
        },
        position: if one_position {
            first.position.into()
        } else {
            Observed::Unknown(several())
        },
    }
}

impl Decision {
    /// Nothing is known of it.
    pub fn unknown(reason: &Reason) -> Self {
        Self {
            verdict: Observed::Unknown(reason.clone()),
            rule: Observed::Unknown(reason.clone()),
            position: Observed::Unknown(reason.clone()),
        }
    }
}

/// Whether whatever comes in by `lo` meets a rule of INPUT that accepts it before
/// any that could drop or reject it.
pub fn loopback_accepted_first(dump: &Dump) -> Observed<bool> {
    let Some((table, chain)) = dump
        .table("filter")
        .and_then(|table| Some((table, table.chain("INPUT")?)))
    else {
        return Observed::Known(false);
    };
    let anything = Packet {
        family: super::Family::V4,
        input: Link::Loopback,
        output: Link::None,
        source: None,
        destinations: Vec::new(),
        port: None,
        local: true,
        stranger: false,
        tracked: true,
    };
    let unknown_state = State {
        mark: None,
        connmark: None,
        untracked: Tri::Maybe,
        same_source: false,
    };
    let mut walk = Walk::new(&anything);
    walk.built_in(table, chain, unknown_state);
    let dropped = walk
        .ends
        .iter()
        .any(|end| end.verdict.is_some() && end.rule != "policy");
    let by_policy = walk
        .ends
        .iter()
        .chain(&walk.passes)
        .any(|end| end.rule == "policy");
    if dropped || by_policy {
        return Observed::Known(false);
    }
    match walk.ends.iter().find(|end| end.verdict.is_none()) {
        Some(lost) => Observed::unknown(ReasonKind::Unsupported, &lost.rule),
        None => Observed::Known(!walk.passes.is_empty()),
    }
}

/// A rule that drops or rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropping<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The rule of INPUT through which it is reached, counted from 1.
    pub position: u64,
}

/// The rules that drop or reject, in INPUT and the chains that it leads to, in the
/// order in which they are first reached; at most `max`, else none.
pub fn dropping(dump: &Dump, max: usize) -> Option<Vec<Dropping<'_>>> {
    let mut found = Vec::new();
    let Some((table, input)) = dump
        .table("filter")
        .and_then(|table| Some((table, table.chain("INPUT")?)))
    else {
        return Some(found);
    };
    let mut visited = vec![false; table.chains.len()];
    for (index, rule) in input.rules.iter().enumerate() {
        let position = index as u64 + 1;
        let mut stack = vec![rule];
        while let Some(rule) = stack.pop() {
            match rule.target {
                Target::Drop | Target::Reject => {
                    if found.len() >= max {
                        return None;
                    }
                    found.push(Dropping { rule, position });
                }
                Target::Jump(at) | Target::Goto(at) => {
                    if let (Some(chain), Some(seen @ false)) =
                        (table.chains.get(at), visited.get_mut(at))
                    {
                        *seen = true;
                        stack.extend(chain.rules.iter().rev());
                    }
                }
                Target::Accept
                | Target::Return
                | Target::Continue
                | Target::Mark(_)
                | Target::ConnMark(_)
                | Target::SaveMark
                | Target::RestoreMark
                | Target::Untrack
                | Target::Redirect
                | Target::Disguise
                | Target::Elsewhere(_) => {}
            }
        }
    }
    Some(found)
}

/// The networks and ranges of sources that the rules name, "everywhere" left out.
pub fn named_sources(dumps: &[&Dump], family: super::Family) -> Vec<(u128, u128)> {
    let mut spans = Vec::new();
    let rules = dumps
        .iter()
        .flat_map(|dump| &dump.tables)
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules);
    for found in rules.flat_map(|rule| &rule.matches) {
        if let Condition::Address(super::Side::Source, nets) = &found.condition {
            let narrow = nets.iter().filter(|net| net.mask != 0);
            spans.extend(narrow.map(|net| net.span(family)));
        } else if let Condition::Range(super::Side::Source, low, high) = &found.condition {
            spans.push((*low, *high));
        }
    }
    spans
}
