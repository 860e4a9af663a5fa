//! Mutants: every field that an expectation reads, changed within its type, made absent, and
//! made unknown.
//!
//! An expectation that nothing within the types turns red would notice nothing. A field that can
//! be unknown while the expectation holds has to be one that does not matter to it: then no other
//! value of it matters either.

use std::collections::{BTreeMap, BTreeSet};

use runproof_facts::registry::kind;
use runproof_model::proof::Weakness;
use runproof_model::{ReasonKind, Verdict};
use runproof_suite::expr::{Expr, Type, Val};
use runproof_suite::{Bound, Constants, Facts, Plan, verdict};

use super::budget::Budget;
use super::change::{Place, at, few, places, same_type, spelled, type_at, with};

/// Said of an invariant whose mutants could not all be tried: it is not proved.
pub(super) const GIVEN_UP: &str = "given up, to try all its mutants costs too much";

/// What the mutants of one judgement showed.
#[derive(Debug, Default)]
pub(super) struct Mutants {
    /// Changes within a type.
    pub(super) tried: usize,
    /// Those that turned an expectation red.
    pub(super) red: usize,
    /// Those that made an error of the suite's own.
    pub(super) type_errors: usize,
    /// Fields made absent.
    pub(super) absent: usize,
    /// Fields made unknown.
    pub(super) unknown: usize,
    /// Expectations that nothing turned red, by their number; and the one at which it was given up.
    pub(super) toothless: Vec<(usize, Weakness)>,
    /// Fields that can be unknown and matter, and still it holds.
    pub(super) green_on_unknown: Vec<Weakness>,
}

/// Makes mutants of judgements that hold.
pub(super) struct Lab<'a> {
    plan: &'a Plan,
    facts: Facts,
    /// A name that stands for something else than the plan says.
    given: Option<(String, Val)>,
    types: BTreeMap<usize, Type>,
    unknown: Val,
    budget: Budget,
}

impl<'a> Lab<'a> {
    pub(super) fn new(plan: &'a Plan, facts: &Facts) -> Self {
        Self {
            plan,
            facts: facts.clone(),
            given: None,
            types: BTreeMap::new(),
            unknown: Val::unknown(ReasonKind::Failed, "a mutant: nobody could look"),
            budget: Budget::first(),
        }
    }

    /// Begins with another invariant.
    pub(super) fn begin(&mut self) {
        self.allow(self.budget.next());
    }

    /// What the mutants to come may cost.
    pub(super) fn allow(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// Tries everything on a judgement that holds.
    pub(super) fn try_all(&mut self, bound: &Bound) -> Mutants {
        let mut mutants = Mutants::default();
        let mut teeth = false;
        let mut last = (0, "");
        for (index, expectation) in bound.invariant.expect.0.iter().enumerate() {
            // A judgement that holds was compiled.
            if let Ok(expr) = expectation.compiled() {
                last = (index, expr.source());
                if !self.budget.is_spent() {
                    let constants = self.constants(bound, expr);
                    teeth |= self.expectation(bound, index, expr, &constants, &mut mutants);
                }
                if self.budget.is_spent() {
                    break;
                }
            }
        }
        let blind = self.blind(bound);
        if teeth {
            // What the profile or the inputs decide has its teeth elsewhere.
            let elsewhere = |at: usize| blind.iter().any(|one| one.index == at && one.decided);
            mutants.toothless.retain(|(index, _)| !elsewhere(*index));
        }
        let open = |expect: &str| Weakness {
            node: node_of(bound),
            expect: expect.to_owned(),
            place: "every fact at once".to_owned(),
        };
        if blind.len() == bound.invariant.expect.0.len() {
            mutants.green_on_unknown.push(open(""));
        } else {
            let loose = blind.iter().filter(|one| one.reads && !one.decided);
            let loose = loose.map(|one| open(one.expr.source()));
            mutants.green_on_unknown.extend(loose);
        }
        if self.budget.is_spent() {
            let (index, expect) = last;
            let given_up = Weakness {
                place: GIVEN_UP.to_owned(),
                ..open(expect)
            };
            mutants.toothless.push((index, given_up));
        }
        mutants
    }

    /// What goes into the mutants of an expectation.
    fn constants(&self, bound: &Bound, expr: &Expr) -> Constants {
        few(Constants::of(self.plan, bound, expr))
    }

    /// Tries everything on one expectation; whether anything turned it red.
    fn expectation(
        &mut self,
        bound: &Bound,
        index: usize,
        expr: &Expr,
        constants: &Constants,
        mutants: &mut Mutants,
    ) -> bool {
        let mut teeth = false;
        let mut green = BTreeSet::new();
        for (name, fact, place) in self.read_places(bound, expr) {
            let Some(whole) = self.facts.get(fact).cloned() else {
                continue;
            };
            let before = at(&whole, &place);
            let of = type_at(self.type_of(fact), &place);
            let mut matters = false;
            for new in same_type(&before, &of, constants) {
                let (verdict, defect) = self.with(bound, index, fact, &whole, &place, &new);
                if self.budget.is_spent() {
                    return teeth;
                }
                mutants.tried += 1;
                mutants.type_errors += usize::from(defect);
                matters |= verdict != Verdict::Pass && !defect;
                if verdict == Verdict::Fail {
                    mutants.red += 1;
                    teeth = true;
                }
            }
            mutants.absent += 1;
            let (absent, defect) = self.with(bound, index, fact, &whole, &place, &Val::Absent);
            matters |= absent != Verdict::Pass && !defect;
            mutants.unknown += 1;
            let unknown = self.unknown.clone();
            let (verdict, _) = self.with(bound, index, fact, &whole, &place, &unknown);
            if verdict == Verdict::Pass && matters {
                green.insert(spelled(&name, &place));
            }
        }
        let weakness = |place: String| Weakness {
            node: node_of(bound),
            expect: expr.source().to_owned(),
            place,
        };
        if !teeth {
            mutants.toothless.push((index, weakness(String::new())));
        }
        mutants
            .green_on_unknown
            .extend(green.into_iter().map(weakness));
        teeth
    }

    /// Every place that an expression reads: the fact's name, its place in the plan, and where.
    fn read_places(&self, bound: &Bound, expr: &Expr) -> BTreeSet<(String, usize, Place)> {
        let mut found = BTreeSet::new();
        for path in expr.paths() {
            let Some((root, steps)) = path.split_first() else {
                continue;
            };
            for (name, fact) in bound.facts().filter(|(name, _)| *name == root) {
                let val = self.facts.get(fact);
                for place in val.map(|val| places(val, steps)).unwrap_or_default() {
                    found.insert((name.to_owned(), fact, place));
                }
            }
        }
        found
    }

    /// The verdict with another value at a place.
    fn with(
        &mut self,
        bound: &Bound,
        index: usize,
        fact: usize,
        whole: &Val,
        place: &Place,
        new: &Val,
    ) -> (Verdict, bool) {
        self.facts.set(fact, with(whole, place, new));
        let judged = self.judge(bound, index);
        self.facts.set(fact, whole.clone());
        judged
    }

    /// The verdict as things are; a defect where it cannot be paid for any more.
    fn judge(&mut self, bound: &Bound, index: usize) -> (Verdict, bool) {
        if !self.budget.pay() {
            return (Verdict::Error, true);
        }
        let given = self.given.as_ref();
        let given = given.map(|(name, val)| (name.as_str(), val));
        let judged = verdict(self.plan, bound, &self.facts, index, given);
        judged.unwrap_or((Verdict::Error, true))
    }

    /// The expectations that hold with every fact unknown at once.
    fn blind<'b>(&mut self, bound: &'b Bound) -> Vec<Blind<'b>> {
        let mut blind = Vec::new();
        for (index, expectation) in bound.invariant.expect.0.iter().enumerate() {
            let Ok(expr) = expectation.compiled() else {
                continue;
            };
            if self.holds_blindly(bound, index) {
                let roots = expr.roots();
                blind.push(Blind {
                    index,
                    expr,
                    reads: bound
                        .facts()
                        .any(|(name, _)| roots.iter().any(|root| root == name)),
                    decided: self.is_decided(bound, index, expr),
                });
            }
        }
        blind
    }

    /// Whether an expectation holds with every fact unknown at once.
    fn holds_blindly(&mut self, bound: &Bound, index: usize) -> bool {
        let known: Vec<(usize, Val)> = bound
            .facts()
            .filter_map(|(_, fact)| Some((fact, self.facts.get(fact)?.clone())))
            .collect();
        for (fact, _) in &known {
            self.facts.set(*fact, self.unknown.clone());
        }
        let (verdict, _) = self.judge(bound, index);
        for (fact, val) in known {
            self.facts.set(fact, val);
        }
        verdict == Verdict::Pass
    }

    /// Whether the profile, the inputs or the item of the loop decide an expectation that holds
    /// blindly: with another value of theirs that it reads, it has teeth and needs its facts.
    fn is_decided(&mut self, bound: &Bound, index: usize, expr: &Expr) -> bool {
        let plan = self.plan;
        let constants = self.constants(bound, expr);
        for path in expr.paths() {
            let Some((root, steps)) = path.split_first() else {
                continue;
            };
            let Some(val) = plan.given(bound, root) else {
                continue;
            };
            for place in places(val, steps) {
                for new in same_type(&at(val, &place), &Type::Any, &constants) {
                    self.given = Some((root.clone(), with(val, &place, &new)));
                    let bites = self.bites(bound, index, expr, &constants);
                    self.given = None;
                    if bites || self.budget.is_spent() {
                        return bites;
                    }
                }
            }
        }
        false
    }

    /// Whether an expectation is red, or can become so by its facts and cannot hold without them.
    fn bites(&mut self, bound: &Bound, index: usize, expr: &Expr, constants: &Constants) -> bool {
        match self.judge(bound, index) {
            (Verdict::Fail, _) => true,
            (Verdict::Pass, _) if !self.holds_blindly(bound, index) => {
                let mut mutants = Mutants::default();
                self.expectation(bound, index, expr, constants, &mut mutants)
                    && mutants.green_on_unknown.is_empty()
            }
            (Verdict::Pass | Verdict::Error | Verdict::Skip | Verdict::Waived, _) => false,
        }
    }

    fn type_of(&mut self, fact: usize) -> &Type {
        let plan = self.plan;
        self.types.entry(fact).or_insert_with(|| {
            let wanted = plan.wanted().get(fact);
            wanted
                .and_then(|wanted| Some((kind(wanted.kind)?, wanted)))
                .map_or(Type::Any, |(kind, wanted)| {
                    Type::from_schema(kind.fact_schema().as_value(), &wanted.query)
                })
        })
    }
}

/// An expectation that holds with every fact unknown.
struct Blind<'b> {
    /// Its number.
    index: usize,
    expr: &'b Expr,
    /// Whether it reads a fact all the same.
    reads: bool,
    /// Whether the profile, the inputs or the item of the loop decide it.
    decided: bool,
}

/// The node of a judgement, with the item of its loop.
pub(super) fn node_of(bound: &Bound) -> String {
    match &bound.item {
        Some(item) => format!("{} [{}]", bound.role, item.label),
        None => bound.role.clone(),
    }
}
