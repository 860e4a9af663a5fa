use super::*;
use proptest::prelude::*;
use runproof_model::Observed;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";

fn missing() -> Reason {
    Reason::new(ReasonKind::Unreachable, "gone")
}

fn run(asks: &[Ask]) -> Output {
    let script = compose(asks, BOUNDARY);
    let mut child = Process::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    take_apart(asks, BOUNDARY, &output.stdout, &missing())
}

#[test]
fn a_real_shell_answers_every_kind_of_look() {
    let dir = std::env::temp_dir().join(format!("runproof-script-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("a file's name");
    std::fs::write(&file, b"one\ntwo\0three").unwrap();
    let path = file.to_str().unwrap().to_owned();
    let asks = [
        Ask::stat(&path),
        Ask::read(&path),
        Ask::Read {
            path: path.clone(),
            cap: 5,
            end: End::Tail,
        },
        Ask::Read {
            path: path.clone(),
            cap: 3,
            end: End::Head,
        },
        Ask::Slice {
            path: path.clone(),
            offset: 4,
            len: 3,
        },
        Ask::List {
            path: dir.to_str().unwrap().to_owned(),
        },
        Ask::Digest { path: path.clone() },
        Ask::Run(
            crate::Command::new("echo", "printf '%s|' \"$@\"; exit 3").args(["a b", "c'd", ""]),
        ),
        Ask::read("/nonexistent/file"),
        Ask::read("/dev/null"),
        Ask::stat("/nonexistent/file"),
        Ask::List {
            path: "/nonexistent".into(),
        },
        Ask::Run(crate::Command {
            seconds: 1,
            ..crate::Command::new("hang", "sleep 60")
        }),
        Ask::Run(crate::Command {
            cap: 1000,
            ..crate::Command::new("flood", "yes")
        }),
        Ask::Run(crate::Command::new("none", "no-such-program-here")),
    ];
    let Output {
        answers,
        now,
        complete,
        ..
    } = run(&asks);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(complete && now.unwrap() > 1e9);
    let Observed::Known(seen) = answers.stat(&asks[0]) else {
        panic!("stat")
    };
    assert_eq!((seen.itself.size, seen.itself.file_type()), (13, "file"));
    assert_eq!(answers.bytes(&asks[1]).known().unwrap(), b"one\ntwo\0three");
    assert_eq!(answers.bytes(&asks[2]).known().unwrap(), b"three");
    assert!(
        matches!(answers.bytes(&asks[3]), Observed::Unknown(r) if r.kind == ReasonKind::CapReached)
    );
    assert_eq!(answers.bytes(&asks[4]).known().unwrap(), b"two");
    let listed = answers.list(&asks[5]);
    assert_eq!(listed.known().unwrap()[0].0, "a file's name");
    assert_eq!(answers.digest(&asks[6]).known().unwrap().len(), 64);
    let ran = answers.run(&asks[7]).unwrap();
    assert_eq!((ran.code, ran.out.as_str()), (3, "a b|c'd||"));
    assert_eq!(answers.text(&asks[8]), Observed::Absent);
    assert!(
        matches!(answers.text(&asks[9]), Observed::Unknown(r) if r.kind == ReasonKind::Unsupported)
    );
    assert_eq!(answers.stat(&asks[10]), Observed::Absent);
    assert_eq!(answers.list(&asks[11]), Observed::Absent);
    assert_eq!(
        answers.run(&asks[12]).unwrap_err().kind,
        ReasonKind::Timeout
    );
    assert_eq!(
        answers.run(&asks[13]).unwrap_err().kind,
        ReasonKind::CapReached
    );
    assert_eq!(
        answers.run(&asks[14]).unwrap_err().kind,
        ReasonKind::MissingTool
    );
}

#[test]
fn a_node_that_dies_in_the_middle_leaves_unknowns() {
    let asks = [Ask::read("/a"), Ask::read("/b")];
    let output = format!("\n{BOUNDARY} 0\nhello\n{BOUNDARY} 0 0\n\n{BOUNDARY} 1\nhal");
    let output = take_apart(&asks, BOUNDARY, output.as_bytes(), &missing());
    assert!(!output.complete);
    assert_eq!(
        output.answers.text(&asks[0]),
        Observed::Known("hello".into())
    );
    assert_eq!(output.answers.text(&asks[1]), Observed::Unknown(missing()));
}

#[test]
fn an_answer_that_comes_twice_is_no_answer() {
    let asks = [Ask::read("/a")];
    let one = format!("\n{BOUNDARY} 0\nx\n{BOUNDARY} 0 0\n");
    let output = take_apart(&asks, BOUNDARY, one.repeat(2).as_bytes(), &missing());
    assert!(
        matches!(output.answers.text(&asks[0]), Observed::Unknown(r) if r.kind == ReasonKind::Garbled)
    );
}

proptest! {
    #[test]
    fn garbage_never_panics_and_never_answers(garbage in proptest::collection::vec(any::<u8>(), 0..400)) {
        let asks = [Ask::read("/a")];
        let output = take_apart(&asks, BOUNDARY, &garbage, &missing());
        prop_assert!(matches!(output.answers.text(&asks[0]), Observed::Unknown(_)));
    }

    #[test]
    fn any_content_comes_back_as_it_was(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        let asks = [Ask::read("/a")];
        let mut output = format!("\n{BOUNDARY} 0\n").into_bytes();
        output.extend_from_slice(&content);
        output.extend_from_slice(format!("\n{BOUNDARY} 0 0\n").as_bytes());
        let output = take_apart(&asks, BOUNDARY, &output, &missing());
        let seen = output.answers.bytes(&asks[0]);
        prop_assert_eq!(*seen.known().unwrap(), content.as_slice());
    }
}
