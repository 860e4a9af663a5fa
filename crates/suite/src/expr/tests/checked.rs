//! What is refused or found wrong before anything runs, and what is read.

use std::sync::Arc;

use rstest::rstest;
use runproof_model::Verdict;
use serde_json::json;

use super::super::*;

fn scope() -> Scope {
    let unit = Type::object(
        "unit",
        [
            ("active", Type::String),
            ("restarts", Type::INT),
            ("enabled", Type::Bool),
            ("ports", Type::list(Type::INT)),
            ("names", Type::list(Type::String)),
            (
                "listeners",
                Type::list(Type::object(
                    "listener",
                    [("port", Type::INT), ("address", Type::String)],
                )),
            ),
            ("environment", Type::of_value(&json!({"BOTSERVER_URL": ""}))),
            ("labels", Type::Map(Arc::new(Type::String))),
        ],
    );
    Scope::default().with("ui", unit).with(
        "profile",
        Type::of_value(&json!({"port": 1, "glibc": "2.36"})),
    )
}

#[rstest]
#[case("ui.active == 'x' && ui.restarts < 3.5 && ui.enabled")]
#[case("ui.listeners.exists(l, l.port == profile.port && l.address != '::')")]
#[case("ui.environment.BOTSERVER_URL == 'http://localhost:' + string(profile.port)")]
#[case("ui.labels.anything == 'x' && 'BOTSERVER_URL' in ui.environment")]
#[case("ui.environment.all(k, k.size() > 0) && ui.environment['BOTSERVER_URL'] == ''")]
#[case("size(ui.listeners.map(l, l.port).filter(p, p > 80)) == 0")]
#[case("age(now) < 1.0 && now > 1 && subset(ui.ports, [1, 2])")]
#[case("(ui.enabled ? ui.active : 'x') == 'x' && max(ui.ports) < 3 && ui.ports[0] == 1")]
#[case("ui.listeners.map(l, l.port > 1, l.address).join(',') == ''")]
fn what_is_right_has_no_errors(#[case] source: &str) {
    assert_eq!(Expr::compile(source).unwrap().check(&scope()), []);
}

#[rstest]
#[case(
    "ui.actve == 'x'",
    "actve",
    "an object (unit) has no field actve",
    "did you mean `active`?"
)]
#[case("iu.active == 'x'", "iu", "iu is not known here", "did you mean `ui`?")]
#[case(
    "ui.environment.BOTSERVER_UR == ''",
    "BOTSERVER_UR",
    "key BOTSERVER_UR is not declared; list it where the map is asked for",
    "did you mean `BOTSERVER_URL`?"
)]
#[case(
    "'X' in ui.environment",
    "'X'",
    "key X is not declared; list it where the map is asked for",
    "there are: BOTSERVER_URL"
)]
#[case(
    "has(ui.actve)",
    "has(ui.actve)",
    "an object (unit) has no field actve",
    "did you mean `active`?"
)]
#[case(
    "ui.restarts",
    "ui.restarts",
    "an expectation is true or false, this is an int",
    "compare it with something"
)]
#[case(
    "ui.restarts == '3'",
    "ui.restarts == '3'",
    "== between an int and a string",
    "write string(…) around the number, or int(…) around the string"
)]
#[case(
    "ui.active < 3",
    "ui.active < 3",
    "< between a string and an int",
    "write string(…) around the number, or int(…) around the string"
)]
#[case(
    "ui.enabled < true",
    "ui.enabled",
    "< orders numbers or strings, this is a bool",
    ""
)]
#[case(
    "'p' + ui.restarts == ''",
    "'p' + ui.restarts",
    "+ between a string and an int",
    "write string(…) around the number, or int(…) around the string"
)]
#[case(
    "ui.active && true",
    "ui.active",
    "a side of && is true or false, this is a string",
    "compare it with something"
)]
#[case(
    "!ui.active",
    "ui.active",
    "what ! negates is true or false, this is a string",
    "compare it with something"
)]
#[case(
    "ui.listeners.port == 1",
    "port",
    "a list has no field port",
    "ask its elements: .exists(x, …), .all(x, …), or one of them: [0]"
)]
#[case(
    "ui.active.size == 1",
    "size",
    "a string has no field size",
    "write size(x) -> int"
)]
#[case(
    "ui.active.all(x, x == '')",
    "ui.active",
    "a loop goes through a list or map, this is a string",
    ""
)]
#[case(
    "ui.all(x, x == '')",
    "ui",
    "a loop goes through a list or map, this is an object (unit)",
    ""
)]
#[case(
    "ui.ports.all(ui, ui == 1)",
    "ui.ports",
    "ui already means something else; name the element otherwise",
    ""
)]
#[case(
    "ui.ports.all(p, p)",
    "p",
    "the condition of a loop is true or false, this is an int",
    "compare it with something"
)]
#[case(
    "ui.listeners.exists(l, l.prot == 1)",
    "prot",
    "an object (listener) has no field prot",
    "did you mean `port`?"
)]
#[case(
    "'x' in ui.ports",
    "'x' in ui.ports",
    "a string is never in a list of ints",
    ""
)]
#[case(
    "'x' in ui.active",
    "'x' in ui.active",
    "in searches a list or map, not a string",
    "write s.contains(part)"
)]
#[case(
    "ui.ports['x'] == 1",
    "'x'",
    "a list is indexed by an int, this is a string",
    ""
)]
#[case(
    "ui.restarts.contains('x')",
    "ui.restarts",
    "contains takes a string here, this is an int",
    "write string(…) around it"
)]
#[case(
    "subset(ui.ports, ui.names)",
    "ui.names",
    "lists of ints and of strings",
    ""
)]
#[case(
    "in_cidr(ui.active, '10.0.0.0')",
    "'10.0.0.0'",
    "not a CIDR network",
    ""
)]
#[case("version_compare(ui.active, 'new') > 0", "'new'", "not a version", "")]
#[case(
    "(ui.ports) + 1 == [1]",
    "(ui.ports) + 1",
    "+ between a list and an int",
    ""
)]
fn mistakes_are_found_before_anything_runs(
    #[case] source: &str,
    #[case] place: &str,
    #[case] message: &str,
    #[case] help: &str,
) {
    let errors = Expr::compile(source).unwrap().check(&scope());
    let error = &errors[0];
    assert_eq!(error.message, message);
    assert_eq!(error.help.as_deref().unwrap_or_default(), help);
    assert_eq!(&source[error.offset..error.offset + error.len], place);
}

#[rstest]
#[case("", 0, "an expression is expected")]
#[case("   // nothing", 0, "an expression is expected")]
#[case("a = 1", 2, "mismatched input '=' expecting end")]
#[case("a ==", 4, "mismatched input 'end' expecting expression")]
#[case("(a", 0, "this bracket is never closed")]
#[case("a)", 1, "nothing is open that this could close")]
#[case("(a]", 2, "nothing is open that this could close")]
#[case("a & b", 2, "unexpected single '&', expected '&&'")]
#[case("a == 'x", 5, "unterminated string literal")]
#[case("é == 1", 0, "unexpected character")]
#[case("frobnicate(a)", 0, "there is no function frobnicate")]
#[case("a.strtsWith('x')", 2, "there is no function strtsWith")]
#[case("startsWith('x', 'y')", 0, "startsWith is a method")]
#[case("a.age()", 2, "age is no method")]
#[case("age()", 0, "age has another number of arguments")]
#[case("a.all(x)", 2, "all is not used like this")]
#[case("has(a)", 4, "invalid argument to has() macro")]
#[case("a.matches('(')", 10, "not a regular expression: unclosed group")]
#[case("a.?b == 1", 1, "unsupported syntax '.?'")]
#[case("Foo{a: 1}", 0, "messages are not part of this language")]
#[case("a == b'x'", 5, "bytes are not part of this language; write a string")]
#[case(
    "a.all(x, x.all(x, true))",
    15,
    "x is already the name of an outer loop"
)]
#[case(".a == 1", 1, "a name cannot begin with a dot")]
#[case("a == 99999999999999999999", 5, "invalid int literal")]
#[case("a == 18446744073709551615u", 5, "this number is too large")]
#[case("{'a': 1, 'a': 2} == b", 9, "this key is there twice")]
#[case("a.if == 1 && if", 13, "reserved identifier: if")]
fn what_is_no_expression_is_refused_with_its_place(
    #[case] source: &str,
    #[case] offset: usize,
    #[case] message: &str,
) {
    let error = Expr::compile(source).unwrap_err();
    assert_eq!((error.message.as_str(), error.offset), (message, offset));
}

#[rstest]
#[case::field("f.a.b == 1", &["f.a.b"])]
#[case::whole("f == g", &["f", "g"])]
#[case::loop_over_elements("f.xs.exists(x, x.port == 1)", &["f.xs.*.port"])]
#[case::loop_that_asks_nothing_of_them("f.xs.exists(x, true)", &["f.xs"])]
#[case::elements_themselves("f.xs.all(x, x in f.ys)", &["f.xs.*", "f.ys"])]
#[case::filtered_and_counted("f.xs.filter(x, x.a).size() == 1", &["f.xs", "f.xs.*.a"])]
#[case::presence("has(f.a)", &["f.a"])]
#[case::key("f.m['k'] == 1", &["f.m.k"])]
#[case::computed_key("f.m[string(g.k)].z == 1", &["f.m", "f.m.*.z", "g.k"])]
#[case::least("min(f.xs) > 1", &["f.xs", "f.xs.*"])]
fn values_are_what_is_read_with_all_that_is_below(#[case] source: &str, #[case] expected: &[&str]) {
    let expr = Expr::compile(source).unwrap();
    let values: Vec<String> = expr.values().iter().map(|path| path.join(".")).collect();
    assert_eq!(values, expected);
}

#[test]
fn roots_and_paths_name_what_is_read() {
    let expr = Expr::compile(
        "ports.listeners.exists(l, l.port == profile.p['x']) && has(ui.a.b) && max(ui.list) < now && ui.map[string(ui.key)].z == 1",
    )
    .unwrap();
    assert_eq!(expr.roots(), ["ports", "profile", "ui", "now"]);
    let paths: Vec<String> = expr.paths().iter().map(|path| path.join(".")).collect();
    assert_eq!(
        paths,
        [
            "now",
            "ports.listeners",
            "ports.listeners.*.port",
            "profile.p.x",
            "ui.a.b",
            "ui.key",
            "ui.list",
            "ui.list.*",
            "ui.map.*.z"
        ]
    );
}

#[test]
fn a_value_can_be_asked_for() {
    let bots = Val::from_recorded(&json!({"bots": ["a", "b"], "gone": {"$absent": true}}));
    let env = Env::new(0.0).with("input", &bots);
    let list = Expr::compile("input.bots").unwrap().value(&env).unwrap();
    assert_eq!(list.show(), "[\"a\", \"b\"]");
    let outcome = Expr::compile("input.gone")
        .unwrap()
        .value(&env)
        .unwrap_err();
    assert_eq!(
        (outcome.verdict, outcome.message.as_str()),
        (Verdict::Fail, "input.gone is absent")
    );
}
