//! Expectations that nothing turns red, and those that hold where nobody could look.

use runproof_suite::Constants;
use runproof_suite::expr::{ObjectType, Range, Type, Val};

use std::time::Duration;

use super::*;
use budget::Budget;
use mutants::{GIVEN_UP, Mutants};

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

#[rstest::rstest]
#[case(0)]
#[case(31)]
#[case(32)]
#[case(33)]
#[case(500)]
fn of_many_constants_some_are_tried_the_first_and_the_last_among_them(#[case] many: i64) {
    let few = change::few(Constants {
        texts: (0..many).map(|number| number.to_string()).collect(),
        numbers: (0..many).collect(),
    });
    assert_eq!(few.numbers.len() as i64, many.min(32));
    assert_eq!(few.texts.len(), few.numbers.len());
    if many > 0 {
        let ends = (few.numbers[0], *few.numbers.last().unwrap());
        assert_eq!(ends, (0, many - 1));
    }
    let gaps = few.numbers.windows(2).map(|two| two[1] - two[0]);
    let gaps: std::collections::BTreeSet<i64> = gaps.collect();
    assert!(gaps.len() <= 2 && !gaps.contains(&0), "{gaps:?}");
}

/// An invariant of its own, and what `prove` thinks of it.
fn weaknesses(invariant: &str) -> (usize, Vec<String>) {
    let mutants = mutants(invariant, None);
    let green = mutants.green_on_unknown.into_iter();
    (
        mutants.toothless.len(),
        green.map(|weakness| weakness.place).collect(),
    )
}

/// What the mutants of an invariant of its own show, within a budget where one is given.
fn mutants(invariant: &str, budget: Option<Budget>) -> Mutants {
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
    let mut lab = Lab::new(&kit.plan, &reference.facts);
    if let Some(budget) = budget {
        lab.allow(budget);
    }
    lab.try_all(bound)
}

#[rstest::rstest]
#[case::no_time(usize::MAX, Duration::ZERO)]
#[case::nothing(0, Duration::MAX)]
#[case::after_its_teeth(12, Duration::MAX)]
fn what_costs_too_much_is_given_up_and_not_proved(
    #[case] judgements: usize,
    #[case] time: Duration,
) {
    let expect = "expect: [file.exists && file.type == 'file', file.owner != '']";
    let whole = mutants(expect, None);
    assert!(whole.toothless.is_empty() && whole.tried > 12);
    let time = time.min(Duration::from_secs(3600));
    let mutants = mutants(expect, Some(Budget::of(judgements, time)));
    assert!(mutants.tried <= judgements.min(12));
    let (_, given_up) = mutants.toothless.last().unwrap();
    assert_eq!(given_up.place, GIVEN_UP);
    assert!(given_up.expect.starts_with("file."), "{given_up:?}");
    assert_eq!(mutants.toothless.len(), 1, "nothing is said of the rest");
    assert_eq!(judgements == 12, mutants.red > 0);
}

/// Hundreds of literals, and loops in loops over them.
#[test]
fn a_big_expectation_comes_to_an_end() {
    let list = |from: u32| {
        let literals: Vec<String> = (from..from + 80).map(|n| format!("'a{n}'")).collect();
        format!("[{}]", literals.join(", "))
    };
    let (one, other) = (list(100), list(500));
    let expect = format!(
        "expect: \"file.exists && {one}.all(a, {other}.all(b, file.owner != a + b && file.group != a))\""
    );
    let mutants = mutants(&expect, Some(Budget::of(100, Duration::from_secs(3600))));
    let places = mutants.toothless.iter().map(|(_, weak)| &weak.place);
    assert_eq!(places.collect::<Vec<_>>(), [GIVEN_UP]);
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
