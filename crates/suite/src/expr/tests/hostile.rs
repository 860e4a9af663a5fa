//! What no source and no value may do: panic, hang, overflow the stack, or turn
//! what could not be seen into a pass.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;
use runproof_model::{ReasonKind, Verdict};

use super::super::*;

/// Compiles and judges on a stack of 512 KiB, a quarter of what a thread usually has.
fn on_a_small_stack(source: String) -> (Result<Verdict, String>, Duration) {
    let work = move || {
        let start = Instant::now();
        let result = Expr::compile(&source)
            .map_err(|error| error.message)
            .map(|expr| {
                let a = Val::map([("b", Val::from(1))]);
                let env = Env::new(0.0).with("a", &a);
                let _ = (expr.paths(), expr.check(&Scope::default()));
                expr.evaluate(&env).verdict
            });
        (result, start.elapsed())
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap()
}

#[rstest]
#[case::not("!", "a")]
#[case::minus("-", "a")]
#[case::not_minus("!-", "a")]
#[case::parens("(", "")]
#[case::lists("[", "")]
#[case::maps("{'a':", "")]
#[case::calls("f(", "")]
#[case::has("has(", "")]
#[case::selects("a.", "b")]
#[case::indexes("a[", "")]
#[case::ternaries("a?b:", "c")]
#[case::inner_ternaries("a?", "")]
#[case::ands("a&&", "b")]
#[case::ors("a||", "b")]
#[case::mixed_logic("a||b&&", "c")]
#[case::sums("a+", "b")]
#[case::comparisons("a==", "b")]
#[case::ins("a in ", "b")]
#[case::methods("a.size().", "b")]
#[case::loops("a.all(x,", "")]
#[case::loops_in_a_row("a.filter(x,x).", "b")]
#[case::macros_in_macros("has(a.b.all(c,", "")]
#[case::quotes("'", "")]
#[case::triple_quotes("'''", "")]
#[case::raw("r'\\", "")]
#[case::escapes("'\\u", "")]
#[case::commas(",", "")]
#[case::dots(".", "")]
#[case::numbers("1", "")]
#[case::points("1.", "")]
#[case::braces("a{", "")]
#[case::closed_parens("()", "")]
#[case::comments("//", "")]
#[case::backticks("`", "")]
#[case::not_ascii("é", "")]
fn four_kilobytes_of_anything_are_refused_or_judged_at_once(
    #[case] piece: &str,
    #[case] end: &str,
) {
    let closers = piece.chars().rev().filter_map(|c| match c {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        _ => None,
    });
    let closers: String = closers.collect();
    for count in [10, 20, 90, 300, 4096 / piece.len() - end.len()] {
        let (_, took) = on_a_small_stack(piece.repeat(count) + end);
        assert!(
            took < Duration::from_secs(60),
            "{piece} × {count}: {took:?}"
        );
        let count = count / 2;
        let closed = piece.repeat(count) + "a.b" + end + &closers.repeat(count);
        let (_, took) = on_a_small_stack(closed);
        assert!(
            took < Duration::from_secs(60),
            "{piece} × {count}: {took:?}"
        );
    }
}

#[test]
fn long_but_flat_expressions_are_fine() {
    let source = vec!["a.b == 1"; 300].join(" && ");
    assert_eq!(on_a_small_stack(source).0, Ok(Verdict::Pass));
    let source = format!("a.b in [{}]", vec!["1"; 1500].join(","));
    assert_eq!(on_a_small_stack(source).0, Ok(Verdict::Pass));
    assert_eq!(
        on_a_small_stack("x".repeat(4097)).0,
        Err("longer than 4096 bytes".to_owned())
    );
}

#[rstest]
#[case("n.all(a, n.all(b, n.all(c, a + b + c >= 0)))")]
#[case("n.all(a, n == n)")]
#[case("size(n.map(a, n.map(b, n))) == 0")]
#[case("lines.all(l, l.contains('y') || l.matches('(x+)+y') || true)")]
#[case("lines.map(l, l + l) == []")]
#[case("big.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') == ''")]
#[case("size(big.split('b')) == 0")]
#[case("n.all(a, 'x'.matches(string(a) + '(a{1,50}){1,50}') || true)")]
#[case("!n.exists(a, subset(n, n) && false)")]
#[case("n.all(a, sort(n) == n)")]
fn what_costs_too_much_is_a_defect_of_the_suite_and_ends_soon(#[case] source: &str) {
    let numbers = Val::from((0..2000).map(Val::Int).collect::<Vec<_>>());
    let lines = Val::from(vec![Val::from("x".repeat(1 << 20).as_str()); 1000]);
    let big = Val::from("ab".repeat(1 << 18).as_str());
    let env = Env::new(0.0)
        .with("n", &numbers)
        .with("lines", &lines)
        .with("big", &big);
    let start = Instant::now();
    let outcome = Expr::compile(source).unwrap().evaluate(&env);
    assert_eq!(
        (outcome.verdict, outcome.defect),
        (Verdict::Error, true),
        "{outcome:?}"
    );
    assert!(
        outcome.message.ends_with("costs too much to judge"),
        "{outcome:?}"
    );
    // Of an unoptimised build; a release takes a tenth.
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn deep_values_are_compared_and_shown_without_harm() {
    let mut json = serde_json::json!(1);
    for _ in 0..120 {
        json = serde_json::json!([json]);
    }
    let deep = Val::from_recorded(&json);
    let env = Env::new(0.0).with("d", &deep).with("e", &deep);
    let expr = Expr::compile("d == e").unwrap();
    assert_eq!(expr.evaluate(&env).verdict, Verdict::Error);
    let expr = Expr::compile("size(d) == 2").unwrap();
    assert_eq!(expr.evaluate(&env).verdict, Verdict::Fail);
}

/// Values of any sort, unknown and absent inside too.
fn value() -> impl Strategy<Value = Val> {
    let leaf = prop_oneof![
        Just(Val::Null),
        any::<bool>().prop_map(Val::Bool),
        (-3..4_i64).prop_map(Val::Int),
        Just(Val::Int(i64::MIN)),
        Just(Val::Int(i64::MAX)),
        (-3..4_i32).prop_map(|n| Val::Float(f64::from(n) / 2.0)),
        Just(Val::Float(1e308)),
        "[a-c]{0,2}".prop_map(|text| Val::from(text.as_str())),
        Just(Val::Absent),
        Just(Val::unknown(ReasonKind::Timeout, "")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Val::from),
            proptest::collection::btree_map("[a-c]", inner, 0..4).prop_map(Val::map),
        ]
    })
}

/// Values that could be seen, or are proved not to be there.
fn seen_value() -> impl Strategy<Value = Val> {
    value().prop_map(|val| clear(&val))
}

/// Every unknown becomes a number.
fn clear(val: &Val) -> Val {
    match val {
        Val::Unknown(_) => Val::Int(1),
        Val::List(items) => Val::List(items.iter().map(clear).collect()),
        Val::Map(map) => Val::map(map.iter().map(|(key, val)| (key.clone(), clear(val)))),
        Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Str(_) | Val::Absent => {
            val.clone()
        }
    }
}

/// Sources that read `p` and `q`.
fn source() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "p", "q", "p", "q", "p.a", "p['b']", "q[0]", "true", "false", "null", "'a'", "[1, 2]",
        "[]", "-1", "0", "1", "2", "1.5",
    ])
    .prop_map(str::to_owned);
    let templates = proptest::sample::select(vec![
        "($1) == ($2)",
        "($1) != ($2)",
        "($1) < ($2)",
        "($1) && ($2)",
        "($1) || ($2)",
        "!($1)",
        "!($1)",
        "($1) ? ($2) : ($1)",
        "($1) in ($2)",
        "($1) + ($2)",
        "($1) - ($2)",
        "-($1)",
        "has(p.a)",
        "!has(q.b)",
        "[$1, $2]",
        "{'a': $1}",
        "($1).all(x, x == ($2))",
        "($1).exists(x, x != ($2))",
        "($1).exists(x, true)",
        "!($1).all(x, false)",
        "($1).exists_one(x, x == ($2))",
        "($1).exists_one(x, true)",
        "($1).map(x, $2)",
        "($1).map(x, x == ($2))",
        "($1).filter(x, x != ($2))",
        "($1).filter(x, true)",
        "size($1)",
        "size($1) == 1",
        "size(($1).map(x, 1)) > 1",
        "min($1)",
        "max($1) == 2",
        "distinct($1)",
        "sort($1)",
        "flatten($1)",
        "subset($1, $2)",
        "disjoint($1, $2)",
        "same_set($1, $2)",
        "size(without($1, $2)) < 2",
        "intersection($1, $2)",
        "string($1)",
        "int($1)",
        "($1).contains($2)",
        "($1).split('a')",
        "($1).join('')",
        "version_compare($1, $2)",
        "age($1)",
    ]);
    leaf.prop_recursive(4, 24, 2, move |inner| {
        (templates.clone(), inner.clone(), inner)
            .prop_map(|(template, a, b)| template.replace("$1", &a).replace("$2", &b))
    })
}

fn judge(expr: &Expr, p: &Val, q: &Val) -> Outcome {
    expr.evaluate(&Env::new(10.0).with("p", p).with("q", q))
}

/// Replaces parts of a value by unknowns where the mask says so.
fn blur(val: &Val, mask: &mut impl Iterator<Item = bool>) -> Val {
    if mask.next().unwrap_or(false) {
        return Val::unknown(ReasonKind::Timeout, "");
    }
    match val {
        Val::List(items) => Val::List(items.iter().map(|item| blur(item, mask)).collect()),
        Val::Map(map) => Val::map(map.iter().map(|(key, val)| (key.clone(), blur(val, mask)))),
        Val::Null
        | Val::Bool(_)
        | Val::Int(_)
        | Val::Float(_)
        | Val::Str(_)
        | Val::Absent
        | Val::Unknown(_) => val.clone(),
    }
}

const WORDS: &[&str] = &[
    "a",
    ".",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "?",
    ":",
    "!",
    "-",
    "==",
    "=",
    "&&",
    "||",
    "in",
    "has(a.b)",
    ".all(x, ",
    ".map(x,",
    "size(",
    "1",
    "1.5",
    "0x1F",
    "'s'",
    "r'\\'",
    "'\\n'",
    "'\\ud800'",
    "null",
    "if",
    "é",
    " ",
    "//",
    "\n",
    "has(",
    "`a`",
    "1u",
    "b'x'",
    ".matches('",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn compiling_never_panics(source in ".{0,60}") {
        let _ = Expr::compile(&source);
    }

    #[test]
    fn compiling_what_looks_like_an_expression_never_panics(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..24),
    ) {
        let source = words.concat();
        if let Err(error) = Expr::compile(&source) {
            // The place can be shown.
            prop_assert!(source.get(error.offset..error.offset + error.len).is_some(), "{error:?}");
        }
    }

    #[test]
    fn judging_never_panics_and_always_says_why(source in source(), p in value(), q in value()) {
        let Ok(expr) = Expr::compile(&source) else { return Ok(()) };
        let outcome = judge(&expr, &p, &q);
        prop_assert!(!outcome.message.is_empty(), "{source}");
        let env = Env::new(10.0).with("p", &p).with("q", &q);
        prop_assert_eq!(expr.verdict(&env), (outcome.verdict, outcome.defect));
        prop_assert!(!outcome.defect || outcome.verdict == Verdict::Error);
        prop_assert!(matches!(outcome.verdict, Verdict::Pass | Verdict::Fail | Verdict::Error));
        let scope = Scope::default().with("p", Type::Any).with("q", Type::Any);
        for error in expr.check(&scope) {
            prop_assert!(source.get(error.offset..error.offset + error.len).is_some(), "{error:?}");
        }
        let _ = (expr.paths(), expr.type_in(&scope));
    }

    /// What passes with a part unseen passes whatever that part is.
    #[test]
    fn what_could_not_be_seen_never_makes_a_pass(
        source in source(),
        p in seen_value(),
        q in seen_value(),
        mask in proptest::collection::vec(proptest::bool::weighted(0.4), 1..8),
    ) {
        let Ok(expr) = Expr::compile(&source) else { return Ok(()) };
        let mut mask = mask.into_iter();
        let (blurred_p, blurred_q) = (blur(&p, &mut mask), blur(&q, &mut mask));
        if judge(&expr, &blurred_p, &blurred_q).verdict == Verdict::Pass {
            let clear = judge(&expr, &p, &q);
            prop_assert_eq!(
                clear.verdict, Verdict::Pass,
                "{}: {:?} {:?} {:?}", source, blurred_p, blurred_q, clear
            );
        }
    }

    /// A whole variable that nobody could see never makes a pass either.
    #[test]
    fn an_unreachable_node_never_makes_a_pass(
        source in source(),
        q in seen_value(),
        others in proptest::collection::vec(seen_value(), 4),
    ) {
        let Ok(expr) = Expr::compile(&source) else { return Ok(()) };
        let lost = Val::unknown(ReasonKind::Unreachable, "");
        if judge(&expr, &lost, &q).verdict == Verdict::Pass {
            for p in &others {
                let clear = judge(&expr, p, &q);
                prop_assert_eq!(clear.verdict, Verdict::Pass, "{}: {:?} {:?}", source, p, clear);
            }
        }
    }
}

/// `cargo test -p runproof-suite --release -- --ignored --nocapture speed`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let sources = [
        "ui.active == 'active'",
        "ui.environment.BOTSERVER_URL == 'http://localhost:' + string(profile.botserver_port)",
        "ports.listeners.exists(l, l.port == 80 && l.address in ['0.0.0.0', '10.0.2.7'])",
        "version_compare(ui.version, '2.36') >= 0 && ui.restarts <= 3 && ui.enabled",
    ];
    let vars = super::site();
    let mut env = Env::new(2000.0);
    for (name, val) in &vars {
        env.set(name, val);
    }
    for source in sources {
        let start = Instant::now();
        for _ in 0..1000 {
            let _ = std::hint::black_box(Expr::compile(source));
        }
        let compiled = start.elapsed() / 1000;
        let expr = Expr::compile(source).unwrap();
        let start = Instant::now();
        for _ in 0..100_000 {
            std::hint::black_box(expr.evaluate(&env));
        }
        let judged = start.elapsed() / 100_000;
        let verdict = expr.evaluate(&env).verdict.as_str();
        println!("compiled in {compiled:?}, judged in {judged:?} ({verdict}): {source}");
    }
}
