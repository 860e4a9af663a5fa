//! What is said about it.

use rstest::rstest;

use super::super::*;
use super::judge;

#[rstest]
#[case(
    "ui.environment.BOTSERVER_URL == 'http://localhost:' + string(profile.botserver_port)",
    "ui.environment.BOTSERVER_URL is \"https://system.example.com\", expected \"http://localhost:5858\""
)]
#[case(
    "profile.botserver_port < ui.restarts",
    "ui.restarts is 3, expected more than 5858"
)]
#[case(
    "ui.active == 'active' && ui.restarts == 0",
    "ui.restarts is 3, expected 0"
)]
#[case(
    "ui.restarts == 0 || ui.active == 'failed'",
    "ui.restarts is 3, expected 0; and ui.active is \"active\", expected \"failed\""
)]
#[case(
    "!(ui.active != 'failed' && ui.restarts == 3)",
    "ui.active is \"active\", expected \"failed\"; and ui.restarts is 3, expected anything but 3"
)]
#[case(
    "version_compare(ui.version, profile.glibc) <= 0",
    "ui.version is \"2.38\", expected at most \"2.36\""
)]
#[case(
    "0 <= version_compare(profile.glibc, ui.version)",
    "ui.version is \"2.38\", expected at most \"2.36\""
)]
#[case(
    "ui.restarts in profile.ports",
    "ui.restarts is 3, expected one of [22, 80]"
)]
#[case(
    "!(22 in ports.numbers)",
    "ports.numbers is [22, 80, 443], expected 22 not to be there"
)]
#[case(
    "ui.environment.BOTSERVER_URL.startsWith('http://')",
    "ui.environment.BOTSERVER_URL is \"https://system.example.com\", expected something that begins with \"http://\""
)]
#[case("!ui.enabled", "ui.enabled is true, expected false")]
#[case(
    "has(ui.environment.GONE)",
    "ui.environment.GONE is absent, expected present"
)]
#[case(
    "has(ui.memory)",
    "ui.memory is unknown: timed out: 5 s, expected present"
)]
#[case("!has(ui.active)", "ui.active is \"active\", expected absent")]
#[case("gone.f == 1", "gone is absent; gone.f: expected 1")]
#[case(
    "ui.memory <= 10",
    "ui.memory is unknown: timed out: 5 s, expected at most 10"
)]
#[case(
    "ports.none.all(p, p.port > 0)",
    "ports.none is empty: nothing was checked"
)]
#[case(
    "ports.numbers.all(p, p > 22)",
    "1 of 3 in ports.numbers: 22: p is 22, expected more than 22"
)]
#[case(
    "!ports.numbers.exists(p, p > 22)",
    "2 of 3 in ports.numbers: 80, 443, expected none with p > 22"
)]
#[case(
    "ports.numbers.exists(p, p == 8080)",
    "ports.numbers is [22, 80, 443], expected one with p == 8080"
)]
#[case(
    "ports.listeners.filter(l, l.port == 22).exists(l, l.process == 'botui' && l.port == profile.botserver_port + 1)",
    "ports.listeners.filter(l, l.port == 22) is [{port: 22, process: \"sshd\"}], expected one with l.process == 'botui' && l.port == 5859"
)]
#[case(
    "ports.listeners.filter(l, l.port != 5858 && l.port < 80).exists(l, l.port in profile.ports && l.address == '127.0.0.1')",
    "ports.listeners.filter(l, l.port != 5858 && l.port < 80) is [{address: \"0.0.0.0\", port: 22}], expected one with l.port in [22, 80] && l.address == '127.0.0.1'"
)]
#[case(
    "ports.listeners.exists(l, l.port == 80 && l.address == '0.0.0.0')",
    "ports.listeners is [{address: \"0.0.0.0\", port: 22}, {address: \"10.0.2.7\", port: 80}, {address: \"127.0.0.1\", port: 5858}], expected one with l.port == 80 && l.address == '0.0.0.0'"
)]
#[case(
    "mixed.all(x, x > 0)",
    "1 of 3 in mixed: unknown (probe failed: x): x is unknown: probe failed: x, expected more than 0"
)]
#[case(
    "subset(ports.numbers, profile.ports)",
    "ports.numbers has also [443], expected only [22, 80]"
)]
#[case(
    "same_set(ports.numbers, [22, 80, 25])",
    "ports.numbers has also [443] and lacks [25], expected [22, 80, 25]"
)]
#[case(
    "disjoint(ports.numbers, profile.ports)",
    "ports.numbers has [22, 80], expected none of [22, 80]"
)]
#[case(
    "size(ports.listeners) >= 5",
    "size(ports.listeners) is 3, expected at least 5"
)]
#[case(
    "ui.restarts == '3'",
    "compares an int with a string (in ui.restarts == '3')"
)]
#[case("1 / 0 == 1", "division by zero (in 1 / 0)")]
#[case(
    "gone.f == 1 || ui.memory == 1",
    "ui.memory is unknown: timed out: 5 s, expected 1"
)]
fn the_message_names_the_conjunct_and_both_sides(#[case] source: &str, #[case] message: &str) {
    assert_eq!(judge(source).message, message);
}

#[test]
fn found_and_expected_are_shown_as_values() {
    let outcome = judge("ui.restarts >= 5 && true");
    assert_eq!(outcome.found.as_deref(), Some("3"));
    assert_eq!(outcome.expected.as_deref(), Some("at least 5"));
    let outcome = judge("ui.active == profile.glibc");
    assert_eq!(outcome.found, Some(Val::from("active").show()));
    assert_eq!(outcome.expected, Some(Val::from("2.36").show()));
}

#[test]
fn what_a_hostile_node_says_cannot_hurt_the_message() {
    let evil = Val::from(format!("\u{1b}[31m\n\u{202e}{}", "x".repeat(5000)).as_str());
    let env = Env::new(0.0).with("evil", &evil);
    let outcome = Expr::compile("evil == 'good'").unwrap().evaluate(&env);
    let clean = |text: &str| !text.chars().any(|c| c.is_control() || c == '\u{202e}');
    assert!(clean(&outcome.message) && clean(&outcome.found.unwrap()));
    assert!(outcome.message.chars().count() < 700);
}
