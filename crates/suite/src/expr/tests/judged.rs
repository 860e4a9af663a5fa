//! What passes, fails and errs.

use std::sync::Arc;

use rstest::rstest;
use runproof_model::{ReasonKind, Verdict};

use super::super::*;
use super::judge;

#[test]
fn every_example_of_the_reference_is_true() {
    for doc in FUNCTIONS {
        let outcome = judge(doc.example);
        assert_eq!(
            outcome.verdict,
            Verdict::Pass,
            "{}: {outcome:?}",
            doc.example
        );
        let expr = Expr::compile(doc.example).unwrap();
        assert_eq!(expr.check(&Scope::default()), [], "{}", doc.example);
    }
}

#[rstest]
// What is known.
#[case("ui.active == 'active'", "pass")]
#[case("ui.active != 'active'", "fail")]
#[case("ui.restarts <= 3 && ui.restarts > 2.5", "pass")]
#[case("ui.enabled", "pass")]
#[case("!ui.enabled", "fail")]
#[case("ui.enabled ? ui.restarts == 3 : ui.memory == 1", "pass")]
#[case("-ui.restarts == -3 && 7 % 4 == ui.restarts", "pass")]
#[case("!!ui.enabled && !(ui.active == 'x')", "pass")]
#[case("ui.environment['BOTSERVER_URL'].startsWith('https:')", "pass")]
// Absent: a failure, both ways round, unless asked for.
#[case("ui.environment.GONE == 'x'", "fail")]
#[case("ui.environment.GONE != 'x'", "fail")]
#[case("!(ui.environment.GONE == 'x')", "fail")]
#[case("ui.environment.NEVER == 'x'", "fail")]
#[case("gone.f == 1", "fail")]
#[case("gone == null", "fail")]
#[case("has(ui.environment.GONE)", "fail")]
#[case("!has(ui.environment.GONE)", "pass")]
#[case("!has(gone.f)", "pass")]
#[case("has(ui.active)", "pass")]
#[case("ports.listeners[7].port == 1", "fail")]
#[case("ports.listeners[-1].port == 1", "fail")]
#[case("min(ports.none) == 1", "fail")]
// Unknown: an error, however it is turned.
#[case("ui.memory == 1", "error")]
#[case("ui.memory != 1", "error")]
#[case("!(ui.memory == 1)", "error")]
#[case("has(ui.memory)", "error")]
#[case("!has(ui.memory)", "error")]
#[case("down.x == 1", "error")]
#[case("has(down.x)", "error")]
#[case("!has(down.x)", "error")]
#[case("size(mixed) == 3", "pass")]
#[case("mixed == [1, 2, 3]", "error")]
#[case("mixed == [2, 2, 3]", "fail")]
#[case("mixed != [2, 2, 3]", "pass")]
#[case("max(mixed) == 3", "error")]
#[case("sort(mixed) == [1, 2, 3]", "error")]
#[case("1 in mixed", "pass")]
#[case("2 in mixed", "error")]
#[case("!(2 in mixed)", "error")]
#[case("mixed.exists(x, x == 3)", "pass")]
#[case("mixed.exists(x, x == 4)", "error")]
#[case("mixed.all(x, x > 0)", "error")]
#[case("mixed.all(x, x > 1)", "fail")]
#[case("!mixed.all(x, x > 1)", "pass")]
#[case("mixed.exists_one(x, x > 0)", "fail")]
#[case("mixed.exists_one(x, x > 2)", "error")]
#[case("mixed.filter(x, x > 2) == [3]", "error")]
#[case("mixed.map(x, x + 1) == [2, 3, 4]", "error")]
#[case("subset([1], mixed)", "pass")]
#[case("subset([2], mixed)", "error")]
#[case("disjoint([1], mixed)", "fail")]
#[case("disjoint([2], mixed)", "error")]
#[case("same_set(mixed, [1, 2, 3])", "error")]
#[case("size(without(mixed, [1])) == 2", "error")]
// Maps: an absent key is not there, of an unknown one nobody knows.
#[case("'a' in keys", "pass")]
#[case("'b' in keys", "fail")]
#[case("!('b' in keys)", "pass")]
#[case("'c' in keys", "error")]
#[case("!('z' in keys)", "pass")]
#[case("size(keys) == 2", "error")]
#[case("keys.exists(k, k == 'a')", "pass")]
#[case("keys.exists(k, true)", "pass")]
#[case("keys.all(k, keys[k] == 1)", "error")]
#[case("!keys.all(k, false)", "pass")]
#[case("keys.map(k, 1) == [1, 1]", "error")]
#[case("keys == {'a': 1}", "error")]
#[case("keys == {'a': 2}", "fail")]
// Absorption, in both orders.
#[case("ui.memory == 1 && ui.active == 'x'", "fail")]
#[case("ui.active == 'x' && ui.memory == 1", "fail")]
#[case("ui.memory == 1 || ui.active == 'active'", "pass")]
#[case("ui.active == 'active' || ui.memory == 1", "pass")]
#[case("ui.memory == 1 && gone == 1", "fail")]
#[case("gone == 1 && ui.memory == 1", "fail")]
#[case("ui.memory == 1 || gone == 1", "error")]
#[case("gone == 1 || ui.memory == 1", "error")]
#[case("gone == 1 || ui.enabled", "pass")]
#[case("ui.enabled && gone == 1", "fail")]
#[case("1 == 'a' && gone == 1", "defect")]
#[case("gone == 1 && 1 == 'a'", "defect")]
#[case("1 == 'a' && ui.active == 'x'", "fail")]
#[case("1 == 'a' || ui.enabled", "pass")]
#[case("1 == 'a' || ui.memory == 1", "defect")]
#[case("gone == down", "fail")]
#[case("down == gone", "fail")]
// Nothing is not everything.
#[case("ports.none.all(p, p.port > 0)", "fail")]
#[case("!ports.none.all(p, p.port > 0)", "fail")]
#[case("size(ports.none) == 0 || ports.none.all(p, p.port > 0)", "pass")]
#[case("ports.numbers.filter(p, p > 1000).all(p, p < 2000)", "fail")]
#[case("ports.none.exists(p, p.port > 0)", "fail")]
#[case("!ports.none.exists(p, p.port > 0)", "pass")]
#[case("subset(ports.none, [1])", "fail")]
#[case("disjoint(ports.none, [1])", "pass")]
#[case("same_set(ports.none, profile.empty)", "pass")]
// Mistakes of the suite.
#[case("ui.restarts == '3'", "defect")]
#[case("ui.restarts != '3'", "defect")]
#[case("ui.restarts", "defect")]
#[case("!ui.restarts", "defect")]
#[case("nobody.knows == 1", "defect")]
#[case("ui.active.x == 1", "defect")]
#[case("ui.active < 3", "defect")]
#[case("1 / 0 == 1", "defect")]
#[case("1 % 0 == 1", "defect")]
#[case("1.0 / 0.0 == 1.0", "defect")]
#[case("9223372036854775807 + 1 == 0", "defect")]
#[case("-9223372036854775807 - 2 == 0", "defect")]
#[case("version_compare(ui.active, '1') > 0", "defect")]
#[case("in_cidr(ui.active, '10.0.0.0/8')", "defect")]
#[case("int('x') == 1", "defect")]
#[case("int(1e300) == 1", "defect")]
#[case("'abc'.matches(ui.active + '(')", "defect")]
// Numbers of both sorts.
#[case("3 == 3.0 && 3 < 3.5 && 9007199254740993 > 9007199254740992.0", "pass")]
#[case("9007199254740993 == 9007199254740992.0", "fail")]
#[case("ui.ratio * 2 == 1 && now - ui.since == 1000", "pass")]
#[case("age(ui.since) < 3600", "pass")]
#[case("[1, 2.0] == [1.0, 2] && {'a': 1} == {'a': 1.0}", "pass")]
#[case("null == null && ui.active != null", "pass")]
// Loops.
#[case(
    "ports.listeners.exists(l, l.port == 22 && l.address == '0.0.0.0')",
    "pass"
)]
#[case("ports.numbers.map(p, p > 22, p * 2) == [160, 886]", "pass")]
#[case("ports.numbers.filter(p, p in profile.ports) == [22, 80]", "pass")]
#[case("ports.numbers.all(p, ports.names.exists(n, n != string(p)))", "pass")]
#[case("ports.numbers.existsOne(p, p == 22)", "pass")]
#[case("port_of('http://localhost:5858/x') == profile.botserver_port", "pass")]
#[case("port_of('gopher://localhost') == 70", "fail")]
#[case(
    "['b', 'a'].sort().join('-') == 'a-b' && [[1], [2]].flatten().size() == 2",
    "pass"
)]
#[case("(1 + 2) * 3 == 9 && 2 - -1 == 3", "pass")]
#[case("ui.active == 'active' // and a remark", "pass")]
fn expectations_are_judged(#[case] source: &str, #[case] expected: &str) {
    let outcome = judge(source);
    let verdict = if outcome.defect {
        "defect"
    } else {
        outcome.verdict.as_str()
    };
    assert_eq!(verdict, expected, "{outcome:?}");
    assert!(!outcome.message.is_empty());
}

#[test]
fn nothing_may_be_enough_when_the_suite_says_so() {
    let none = Val::from(Vec::new());
    let env = Env::new(0.0).with("none", &none).allow_empty(true);
    for source in ["none.all(p, p > 0)", "subset(none, [1])"] {
        let outcome = Expr::compile(source).unwrap().evaluate(&env);
        assert_eq!(outcome.verdict, Verdict::Pass);
    }
}

#[rstest]
#[case("age(1000.0) < 1.0", Verdict::Pass)]
#[case("age(1119.0) == 0.0", Verdict::Pass)]
#[case("age(1121.0) < 10.0", Verdict::Error)]
#[case("age(1121.0) > 10.0", Verdict::Error)]
#[case("age(900.0) == 100.0", Verdict::Pass)]
fn a_time_ahead_of_the_clock_has_no_age(#[case] source: &str, #[case] verdict: Verdict) {
    let outcome = Expr::compile(source).unwrap().evaluate(&Env::new(1000.0));
    assert_eq!((outcome.verdict, outcome.defect), (verdict, false));
}

#[rstest]
#[case("seen_since(5.0, 5.0)", Verdict::Pass)]
#[case("seen_since(6, 5)", Verdict::Error)]
#[case("true || seen_since(6.0, 5.0)", Verdict::Pass)]
#[case("seen_since(6.0, 5.0) && 1 == 2", Verdict::Fail)]
fn what_was_not_read_says_nothing(#[case] source: &str, #[case] verdict: Verdict) {
    let outcome = Expr::compile(source).unwrap().evaluate(&Env::new(0.0));
    assert_eq!((outcome.verdict, outcome.defect), (verdict, false));
}

#[test]
fn without_the_nodes_clock_an_age_is_unknown() {
    let clock = Val::Unknown(Arc::new(runproof_model::Reason::new(
        ReasonKind::NotRecorded,
        "clock",
    )));
    let env = Env::new(clock);
    for source in ["age(5) < 10.0", "now > 5.0", "!(now > 5.0)"] {
        let outcome = Expr::compile(source).unwrap().evaluate(&env);
        assert_eq!((outcome.verdict, outcome.defect), (Verdict::Error, false));
    }
}
