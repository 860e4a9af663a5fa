//! For tests: facts of this machine, gathered as they are on a node.

use std::io::Write as _;
use std::process::{Command, Stdio};

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::fact::{Context, Fact, Reading};
use crate::look::account;
use crate::reads::Reads;
use crate::script;
use crate::secret::Key;

/// A context with a fixed key.
pub fn context() -> Context {
    Context {
        key: Key::new([0; 32]),
    }
}

/// Does the looks in a shell of this machine, or in the one that the words of
/// `RUNPROOF_TEST_SHELL` start (`incus exec NODE -- sh`).
pub fn look(asks: &[Ask]) -> Answers {
    let boundary = "0123456789abcdef0123456789abcdef";
    let shell = std::env::var("RUNPROOF_TEST_SHELL").unwrap_or_else(|_| "sh".to_owned());
    let mut words = shell.split_whitespace();
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = script::compose(asks, boundary, script::Guard::Whole);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let why = Reason::new(ReasonKind::Unreachable, "the shell died");
    script::take_apart(asks, boundary, &output.stdout, &why).answers
}

/// The answers about a user, of which the line that begins with `id` tells the groups.
pub fn account(name: &str, out: &str) -> Answers {
    let (groups, entry): (Vec<&str>, Vec<&str>) = out
        .split_inclusive('\n')
        .partition(|line| line.starts_with("id "));
    let mut answers = Answers::new();
    for (ask, out) in account::asks(name).into_iter().zip([entry, groups]) {
        answers = answers.with(ask, 0, out.concat());
    }
    answers
}

/// A fact by its query, in two rounds at the most.
pub fn fact<F: Fact>(query: &F::Query) -> Observed<F> {
    F::check(query).unwrap();
    let mut answers = look(&F::asks(query));
    match F::read(query, &answers, &context()) {
        Reading::Done(fact) => fact,
        Reading::More(asks) => {
            answers.extend(look(&asks));
            match F::read(query, &answers, &context()) {
                Reading::Done(fact) => fact,
                Reading::More(_) => panic!("a third look was asked for"),
            }
        }
    }
}

/// A fact from given answers.
pub fn read<F: Fact>(query: &F::Query, answers: &Answers) -> F {
    match F::read(query, answers, &context()) {
        Reading::Done(Observed::Known(fact)) => fact,
        other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
    }
}

/// For a look at a node by hand:
/// `RUNPROOF_TEST_SHELL='docker exec -i NODE sh' RUNPROOF_TEST_FACTS='[{"os": {}}]' cargo test … -- --ignored --nocapture by_hand`.
#[test]
#[ignore = "prints facts of a node that somebody names"]
fn facts_by_hand() {
    let wanted = std::env::var("RUNPROOF_TEST_FACTS").unwrap();
    let wanted: Vec<serde_json::Value> = serde_json::from_str(&wanted).unwrap();
    for query in wanted {
        let fields = query.as_object().unwrap();
        let kind = crate::kinds()
            .iter()
            .find(|kind| fields.contains_key(kind.name))
            .unwrap();
        let probe = kind.probe(&query).unwrap();
        let start = std::time::Instant::now();
        let mut answers = look(&probe.asks(&Reads::All));
        let next = probe.next(&Reads::All, &answers, &context());
        if !next.is_empty() {
            answers.extend(look(&next));
        }
        let took = start.elapsed();
        let fact =
            serde_json::to_string_pretty(&probe.read(&Reads::All, &answers, &context())).unwrap();
        println!("{} {query} in {took:?}\n{fact}", kind.name);
    }
}
