//! Evaluating: a plan and the evidence make findings. Pure.

use runproof_model::{Evidence, ExpectationOutcome, Finding, ReasonKind, Verdict, text};

use crate::expr::{Env, Expr, Outcome, Val};
use crate::facts::Facts;
use crate::plan::{Bound, Plan};
use crate::template::word;

/// Judges everything that was planned, in the order of the plan.
pub fn evaluate(plan: &Plan, evidence: &Evidence) -> Vec<Finding> {
    evaluate_facts(plan, &Facts::of(plan, evidence))
}

/// The same over facts that were decoded before, and perhaps changed since.
pub fn evaluate_facts(plan: &Plan, facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = plan
        .bound
        .iter()
        .map(|bound| judge(plan, bound, facts))
        .collect();
    crate::cause::explain(plan, &mut findings);
    findings
}

/// Judges one invariant on one node; who caused it is not asked.
pub fn judge(plan: &Plan, bound: &Bound, facts: &Facts) -> Finding {
    let invariant = &bound.invariant;
    let mut finding = Finding {
        node: bound.role.clone(),
        item: bound.item.as_ref().map(|item| item.label.clone()),
        level: bound.level(),
        severity: invariant.severity,
        title: invariant.title.clone(),
        document_defect: invariant
            .document_defect
            .as_ref()
            .map(|defect| defect.why.clone()),
        sources: invariant
            .sources
            .iter()
            .map(|source| source.value.clone())
            .collect(),
        fix: bound.fix.clone(),
        ..Finding::named(invariant.id.as_str(), &*bound.suite)
    };
    if let Some(settled) = &bound.settled {
        finding.verdict = settled.verdict;
        finding.message = settled.message.clone();
        return mark_defect(finding);
    }
    let outcomes = outcomes(plan, bound, facts, None);
    finding.verdict = Verdict::fold(outcomes.iter().map(|outcome| outcome.verdict));
    finding.message = outcomes
        .iter()
        .find(|outcome| outcome.verdict == finding.verdict)
        .map_or_else(
            || "it expects nothing".to_owned(),
            |outcome| match (outcome.verdict, outcome.defect) {
                (Verdict::Pass, _) => "holds".to_owned(),
                (_, true) => format!("defect of the suite: {}", outcome.message),
                (_, false) => outcome.message.clone(),
            },
        );
    if finding.verdict == Verdict::Fail {
        finding.reading = other_reading(plan, bound, facts, &outcomes);
    }
    finding.expectations = invariant
        .expect
        .0
        .iter()
        .zip(outcomes)
        .map(|(expectation, outcome)| ExpectationOutcome {
            expect: expectation.text().to_owned(),
            verdict: outcome.verdict,
            found: outcome.found,
            expected: outcome.expected,
        })
        .collect();
    mark_defect(finding)
}

/// The verdict of one expectation alone (pass, fail or error), and whether an error is a defect
/// of the suite: what [`judge`] says of it, without the cost of a reason. For mutants: `given` is
/// a name with what it stands for instead of what [`Plan::given`] says.
///
/// `None` when there is no such expectation.
pub fn verdict(
    plan: &Plan,
    bound: &Bound,
    facts: &Facts,
    expectation: usize,
    given: Option<(&str, &Val)>,
) -> Option<(Verdict, bool)> {
    let expectation = bound.invariant.expect.0.get(expectation)?;
    let nothing = nothing();
    let mut env = env(plan, bound, facts, &plan.profile_val, &nothing);
    if let Some((name, val)) = given {
        env.set(name, val);
    }
    Some(match expectation.compiled() {
        Ok(expr) => {
            if expr.reads_clock() {
                env.set_now(clock(plan, bound, facts, expr));
            }
            expr.verdict(&env)
        }
        Err(_) => (Verdict::Error, true),
    })
}

/// What a name stands for that the plan does not know.
fn nothing() -> Val {
    Val::unknown(ReasonKind::Defect, "the plan does not hold it")
}

/// What the expectations of a judgement see.
fn env<'a>(
    plan: &'a Plan,
    bound: &'a Bound,
    facts: &'a Facts,
    profile: &'a Val,
    nothing: &'a Val,
) -> Env<'a> {
    let mut env = Env::new(facts.now(&bound.role))
        .allow_empty(bound.invariant.allow_empty)
        .with("profile", profile)
        .with(
            "input",
            plan.input_vals.get(bound.inputs).unwrap_or(nothing),
        )
        .with("site", &plan.site_val);
    if let Some(item) = &bound.item {
        env.set(&item.variable, &item.val);
    }
    for (name, at) in bound.facts() {
        env.set(name, facts.get(at).unwrap_or(nothing));
    }
    env
}

/// Each expectation's outcome; `profile` stands for the profile when given.
fn outcomes(plan: &Plan, bound: &Bound, facts: &Facts, profile: Option<&Val>) -> Vec<Outcome> {
    let nothing = nothing();
    let profile = profile.unwrap_or(&plan.profile_val);
    let mut env = env(plan, bound, facts, profile, &nothing);
    bound
        .invariant
        .expect
        .0
        .iter()
        .map(|expectation| match expectation.compiled() {
            Ok(expr) => {
                if expr.reads_clock() {
                    env.set_now(clock(plan, bound, facts, expr));
                }
                expr.evaluate(&env)
            }
            Err(error) => Outcome {
                verdict: Verdict::Error,
                found: None,
                expected: None,
                message: error.to_string(),
                defect: true,
            },
        })
        .collect()
}

/// What time it is for an expectation: what the clock of the node says that its facts were
/// read on. Clocks of several nodes differ, so no time is right for facts of several.
fn clock(plan: &Plan, bound: &Bound, facts: &Facts, expr: &Expr) -> Val {
    let wanted = plan.wanted();
    let mut roles = bound
        .facts()
        .filter(|(name, _)| expr.roots().iter().any(|root| root == name))
        .filter_map(|(_, at)| wanted.get(at))
        .map(|wanted| wanted.role.as_str());
    let Some(first) = roles.next() else {
        return facts.now(&bound.role);
    };
    match roles.find(|role| *role != first) {
        None => facts.now(first),
        Some(other) => Val::unknown(
            ReasonKind::Unsupported,
            format!("the time: facts of {first} and {other} meet here, and each has its own clock"),
        ),
    }
}

/// A statement that cannot be true is never green, and what it says of the site is not the site's fault.
fn mark_defect(mut finding: Finding) -> Finding {
    if finding.document_defect.is_some() {
        match finding.verdict {
            Verdict::Pass => {
                finding.verdict = Verdict::Error;
                finding.message =
                    "document defect: documented as impossible, but it holds: revise the suite"
                        .to_owned();
            }
            Verdict::Fail | Verdict::Error => {
                finding.message = format!("document defect: {}", finding.message);
            }
            Verdict::Skip | Verdict::Waived => {}
        }
    }
    finding
}

/// Which other documented reading the site follows, if it follows one.
///
/// The proof is to judge again as if the profile had that reading: everything
/// that failed passes then, and nothing else stops passing. That needs the same
/// facts, so a parameter that steers a query cannot be proved so; then, and
/// else too, a found value that is the other reading itself says it as well.
fn other_reading(
    plan: &Plan,
    bound: &Bound,
    facts: &Facts,
    outcomes: &[Outcome],
) -> Option<String> {
    let parameter = bound.invariant.reading.as_ref()?.parameter.as_str();
    let dotted = format!("profile.{parameter}");
    let steers = bound.invariant.facts.iter().any(|(_, query)| {
        query.names().iter().any(|name| {
            name.strip_prefix(dotted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    });
    for (value, source) in plan.readings.get(parameter)? {
        let text = word(value);
        let found = outcomes.iter().any(|outcome| {
            outcome.verdict == Verdict::Fail
                && outcome
                    .found
                    .as_deref()
                    .is_some_and(|found| found.trim_matches('"') == text)
        });
        let passes = || {
            let mut parameters = plan.parameters.clone();
            if let Some(map) = parameters.as_object_mut() {
                map.insert(parameter.to_owned(), value.clone());
            }
            let profile = Val::from_recorded(&parameters);
            self::outcomes(plan, bound, facts, Some(&profile))
                .iter()
                .all(|outcome| outcome.verdict == Verdict::Pass)
        };
        if found || (!steers && passes()) {
            let text = text::one_line(&text, 120);
            return Some(format!("also documented as {text}, {source}"));
        }
    }
    None
}
