use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

fn begin(id: &str) -> Event {
    begin_with(id, None)
}

fn begin_with(id: &str, engine: Option<EngineAct>) -> Event {
    Event::Begin(Box::new(Undo {
        id: id.to_owned(),
        scenario: "s".to_owned(),
        pid: 1,
        pid_started: 2,
        boot: "b".to_owned(),
        deadline: 3,
        acts: vec![UndoAct {
            role: "system".to_owned(),
            node: "n".to_owned(),
            words: "edits /etc/hosts".to_owned(),
            state: ":".to_owned(),
            before: "0".to_owned(),
            restore: ":".to_owned(),
            engine,
        }],
        settle: String::new(),
        anew: Vec::new(),
    }))
}

fn doing(id: &str) -> Event {
    Event::Doing {
        id: id.to_owned(),
        act: 0,
    }
}

fn done(id: &str) -> Event {
    Event::Done {
        id: id.to_owned(),
        act: 0,
        state: "1".to_owned(),
    }
}

fn fixing(id: &str) -> Event {
    Event::Fixing { id: id.to_owned() }
}

fn fixed(id: &str) -> Event {
    Event::Fixed {
        id: id.to_owned(),
        states: vec!["2".to_owned()],
    }
}

fn undone(id: &str) -> Event {
    Event::Undone {
        id: id.to_owned(),
        anew: Vec::new(),
    }
}

fn written(events: impl IntoIterator<Item = Event>) -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(home.path()).unwrap();
    for event in events {
        journal.write(event).unwrap();
    }
    let text = fs::read_to_string(home.path().join(FILE)).unwrap();
    (home, text)
}

#[test]
fn a_fault_is_open_until_it_is_undone() {
    let (home, _) = written([begin("a"), doing("a"), done("a"), begin("b"), undone("b")]);
    let open = Journal::read(home.path()).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].undo.id, "a");
    assert_eq!(
        open[0].acts,
        [Progress {
            doing: true,
            seen: vec!["1".to_owned()]
        }]
    );
}

#[rstest]
#[case::before_the_act(&[], true)]
#[case::in_the_act(&[doing("a")], false)]
#[case::before_it_settled(&[doing("a"), done("a")], false)]
#[case::settled(&[doing("a"), done("a"), fixed("a")], true)]
#[case::in_a_fix(&[doing("a"), done("a"), fixed("a"), fixing("a")], false)]
#[case::after_a_fix(&[doing("a"), done("a"), fixed("a"), fixing("a"), fixed("a")], true)]
fn a_fault_has_settled_unless_an_act_or_a_fix_is_under_way(
    #[case] events: &[Event],
    #[case] settled: bool,
) {
    let (home, _) = written([begin("a")].iter().chain(events).cloned());
    assert_eq!(Journal::read(home.path()).unwrap()[0].settled, settled);
}

/// A card that the fault takes the address of.
fn card() -> EngineAct {
    let stands = |own: Value| {
        let device = json!({ "part": "device", "name": "eth0", "own": own, "of_profile": true, "hwaddr": "10:66:6a:00:00:01" });
        serde_json::from_value(device).unwrap()
    };
    EngineAct {
        before: stands(json!({ "ipv4.address": "10.0.0.9", "type": "nic" })),
        after: stands(json!({ "type": "nic" })),
    }
}

#[test]
fn what_the_engine_puts_back_is_in_the_journal_whole_however_the_line_after_it_is_torn() {
    let (home, text) = written([begin_with("a", Some(card())), doing("a")]);
    let first = text.find('\n').unwrap() + 1;
    for cut in first..=text.len() {
        fs::write(home.path().join(FILE), &text[..cut]).unwrap();
        let open = Journal::read(home.path()).unwrap();
        assert_eq!(open[0].undo.acts[0].engine, Some(card()));
        assert_eq!(open[0].acts[0].doing, cut == text.len());
    }
    for cut in 0..first {
        fs::write(home.path().join(FILE), &text[..cut]).unwrap();
        assert!(Journal::read(home.path()).unwrap().is_empty());
    }
}

/// One that the version before acts of the engine wrote.
const OLD: &str = r#"{"seq":0,"sum":"d5f58f59bf4eacb5","event":"begin","id":"a","scenario":"s","pid":1,"pid_started":2,"boot":"b","deadline":3,"acts":[{"role":"system","node":"n","words":"edits /etc/hosts","state":":","before":"0","restore":":"}],"settle":""}"#;

#[test]
fn a_journal_of_before_there_were_acts_of_the_engine_is_read_and_written_the_same() {
    let (home, text) = written([begin("a")]);
    assert_eq!(text, format!("{OLD}\n"));
    fs::write(home.path().join(FILE), format!("{OLD}\n")).unwrap();
    assert_eq!(
        Journal::read(home.path()).unwrap()[0].undo.acts[0].engine,
        None
    );
}

#[test]
fn a_torn_last_line_says_nothing_and_is_cut_off() {
    let (home, text) = written([begin("a"), doing("a"), done("a")]);
    let second = text.find('\n').unwrap() + 1;
    let third = second + text[second..].find('\n').unwrap() + 1;
    for cut in third..text.len() {
        fs::write(home.path().join(FILE), &text[..cut]).unwrap();
        let open = Journal::read(home.path()).unwrap();
        assert!(open[0].acts[0].doing && open[0].acts[0].seen.is_empty());
    }
    let mut journal = Journal::open(home.path()).unwrap();
    journal.write(undone("a")).unwrap();
    assert!(Journal::read(home.path()).unwrap().is_empty());
}

#[test]
fn a_line_that_came_twice_is_one() {
    let (home, text) = written([begin("a"), doing("a")]);
    let twice: String = text
        .lines()
        .map(|line| format!("{line}\n{line}\n"))
        .collect();
    fs::write(home.path().join(FILE), twice).unwrap();
    assert_eq!(Journal::read(home.path()).unwrap().len(), 1);
    let mut journal = Journal::open(home.path()).unwrap();
    journal.write(undone("a")).unwrap();
    assert!(Journal::read(home.path()).unwrap().is_empty());
}

#[rstest]
#[case::torn_in_the_middle(|lines: &mut Vec<String>| { let half = lines[0].len() / 2; lines[0].truncate(half); })]
#[case::lost(|lines: &mut Vec<String>| { lines.remove(1); })]
#[case::the_first_is_lost(|lines: &mut Vec<String>| { lines.remove(0); })]
#[case::out_of_order(|lines: &mut Vec<String>| lines.swap(1, 2))]
#[case::changed(|lines: &mut Vec<String>| lines[0] = lines[0].replace("hosts", "shadow"))]
#[case::another_address(|lines: &mut Vec<String>| lines[0] = lines[0].replace("10.0.0.9", "10.0.0.8"))]
#[case::without_what_the_engine_puts_back(|lines: &mut Vec<String>| { let at = lines[0].find(r#","engine""#).unwrap(); let end = lines[0].find(r#"],"settle""#).unwrap(); lines[0].replace_range(at..end, "}"); })]
#[case::again_later(|lines: &mut Vec<String>| { let first = lines[0].clone(); lines.push(first); })]
#[case::garbage(|lines: &mut Vec<String>| lines.insert(1, "\u{0}\u{1}".to_owned()))]
fn a_journal_that_cannot_be_believed_is_an_error(#[case] spoil: fn(&mut Vec<String>)) {
    let (home, text) = written([begin_with("a", Some(card())), doing("a"), done("a")]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    spoil(&mut lines);
    fs::write(home.path().join(FILE), lines.join("\n") + "\n").unwrap();
    assert!(Journal::read(home.path()).is_err());
    assert!(Journal::open(home.path()).is_err());
}

#[test]
fn events_of_a_fault_that_never_began_are_an_error() {
    let (home, _) = written([doing("x")]);
    assert!(Journal::read(home.path()).is_err());
}

proptest! {
    #[test]
    fn a_cut_anywhere_leaves_a_beginning_of_what_happened(cut in 0_usize..2000) {
        let (home, text) = written([begin("a"), doing("a"), done("a"), undone("a"), begin("b")]);
        fs::write(home.path().join(FILE), &text[..cut.min(text.len())]).unwrap();
        let open = Journal::read(home.path()).unwrap();
        prop_assert!(open.len() <= 1);
    }

    #[test]
    fn no_journal_panics(text in ".{0,400}") {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), text).unwrap();
        let _ = Journal::read(home.path());
    }
}
