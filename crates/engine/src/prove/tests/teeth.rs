//! Expectations that nothing turns red, and those that hold where nobody could look.

use runproof_suite::Constants;
use runproof_suite::expr::{ObjectType, Range, Type, Val};

use super::*;

#[test]
fn no_mutant_is_a_number_that_its_field_cannot_hold() {
    let port = Range {
        least: Some(0),
        most: Some(65_535),
    };
    let constants = Constants {
        texts: Vec::new(),
        numbers: vec![0, 65_535],
    };
    let made = |before: Val, range: Range| -> Vec<i64> {
        let vals = change::same_type(&before, &Type::Int(range), &constants);
        let numbers = vals.iter().map(|val| {
            let Val::Int(number) = val else {
                panic!("{val:?}");
            };
            *number
        });
        numbers.collect()
    };
    let ports = made(Val::Int(80), port);
    assert!(ports.contains(&0) && ports.contains(&65_535), "{ports:?}");
    let missing = made(Val::Absent, port);
    assert!(!missing.is_empty() && ports.iter().chain(&missing).all(|one| port.holds(*one)));
    let any = made(Val::Int(80), Range::default());
    assert!(any.contains(&-1) && any.contains(&65_536), "{any:?}");
}

#[test]
fn what_comes_into_an_empty_list_has_every_text_with_both_truths() {
    let socket = ObjectType {
        name: "a socket".to_owned(),
        fields: [
            ("loopback".to_owned(), Type::Bool),
            ("protocol".to_owned(), Type::String),
        ]
        .into(),
        map: false,
    };
    let constants = Constants {
        texts: vec!["tcp".to_owned()],
        numbers: vec![22],
    };
    let of = Type::List(Type::Object(socket.into()).into());
    let lists = change::same_type(&Val::from(Vec::new()), &of, &constants);
    let lists: Vec<String> = lists.iter().map(|list| format!("{list:?}")).collect();
    for loopback in [true, false] {
        let wanted = Val::map([
            ("loopback", Val::Bool(loopback)),
            ("protocol", Val::from("tcp")),
        ]);
        let wanted = format!("{:?}", Val::from(vec![wanted]));
        assert!(lists.contains(&wanted), "{wanted} in {lists:?}");
    }
}

/// An invariant of its own, and what `prove` thinks of it.
fn weaknesses(invariant: &str) -> (usize, Vec<String>) {
    let kit = Kit::with(&format!(
        "
invariants:
  - id: of-a-test
    title: made up
    profiles: [incus]
    severity: low
    on: system
    facts:
      file: {{ file: /opt/gbo/bin/.env, as: gbuser }}
      server: {{ unit: botserver.service }}
      log: {{ log: /opt/gbo/logs/err.log, contains: [os error 110] }}
    {invariant}
    why: a test wants it
    sources: [production-guide/troubleshooting-quick-reference]
"
    ));
    let reference = Reference::new(&kit.plan, &kit.bundle.evidence);
    let at = |bound: &runproof_suite::Bound| bound.invariant.id.value == "of-a-test";
    let index = kit.plan.bound.iter().position(at).unwrap();
    let bound = &kit.plan.bound[index];
    let before = &reference.findings[index];
    assert_eq!(before.verdict, Verdict::Pass, "{}", before.message);
    let mutants = Lab::new(&kit.plan, &reference.facts).try_all(bound);
    let green = mutants.green_on_unknown.into_iter();
    (
        mutants.toothless.len(),
        green.map(|weakness| weakness.place).collect(),
    )
}

#[rstest::rstest]
#[case::plain("expect: file.exists && file.type == 'file'", 0, &[])]
#[case::a_truism("expect: file.size >= 0 || file.size < 0", 1, &[])]
#[case::one_of_two_is_a_truism("expect: [file.exists, file.size >= 0 || file.size < 0]", 1, &[])]
#[case::the_profile_decides("expect: profile.env_file != '' || file.exists", 1, &["every fact at once"])]
#[case::the_profile_alone_is_asked("expect: [file.exists, profile.env_file != '']", 0, &[])]
#[case::the_profile_decides_a_part("expect: [file.exists, profile.env_file != '' || file.exists]", 0, &[])]
#[case::the_profile_spares_a_truism("expect: [file.exists, profile.env_file != '' || file.size >= 0]", 1, &["every fact at once"])]
#[case::the_profile_spares_a_hole("expect: [file.exists, profile.env_file != '' || file.exists || server.active_state == 'active']", 1, &["every fact at once"])]
#[case::nobody_decides("expect: [file.exists, true || file.exists]", 1, &["every fact at once"])]
#[case::nobody_decides_and_no_fact_is_read("expect: [file.exists, 1 == 1]", 1, &[])]
#[case::every_profile_decides_alike("expect: [file.exists, profile.env_file == '' || profile.env_file != '']", 1, &[])]
#[case::never_below_nothing("expect: file.size >= 0", 1, &[])]
#[case::a_count_is_never_below_nothing("expect: log.levels.error >= 0", 1, &[])]
#[case::above_something("expect: file.size > 0", 0, &[])]
#[case::either_of_two("expect: file.exists || server.active_state == 'active'", 1, &[])]
fn a_weak_invariant_is_found(
    #[case] invariant: &str,
    #[case] toothless: usize,
    #[case] green: &[&str],
) {
    let (bites, open) = weaknesses(invariant);
    assert_eq!(
        (bites, open.iter().map(String::as_str).collect::<Vec<_>>()),
        (toothless, green.to_vec())
    );
}
