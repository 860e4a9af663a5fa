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
    run_in(&mut Process::new("sh"), asks)
}

fn run_in(shell: &mut Process, asks: &[Ask]) -> Output {
    run_guarded(shell, asks, Guard::Each)
}

fn run_guarded(shell: &mut Process, asks: &[Ask], guard: Guard) -> Output {
    let script = compose(asks, BOUNDARY, guard);
    let mut child = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The shell answers while it reads, and neither end may wait for the other.
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    take_apart(asks, BOUNDARY, &output.stdout, &missing())
}

/// A folder of its own, removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("runproof-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// A program that stands first in the search path.
    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.file(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn first_in_path(&self, shell: &mut Process) {
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", self.0.display()));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// busybox's shell with its tools first in the search path; none where it is not installed.
fn busybox(applets: &Folder) -> Option<Process> {
    let installed = Process::new("busybox")
        .args(["--install", "-s"])
        .arg(&applets.0)
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        eprintln!("busybox is not installed: left out");
        return None;
    }
    let mut shell = Process::new("busybox");
    shell.arg("sh");
    applets.first_in_path(&mut shell);
    Some(shell)
}

#[test]
fn a_real_shell_answers_every_kind_of_look() {
    answers_every_kind_of_look(Process::new("sh"), "script");
}

#[test]
fn busybox_answers_every_kind_of_look() {
    let applets = Folder::new("applets");
    if let Some(shell) = busybox(&applets) {
        answers_every_kind_of_look(shell, "busybox");
    }
}

/// One of each sort of look that comes to its end.
fn one_of_each(folder: &Folder) -> Vec<Ask> {
    let path = folder.file("f", "one\ntwo");
    std::os::unix::fs::symlink("f", folder.path("link")).unwrap();
    let mut asks = vec![
        Ask::stat(&path),
        Ask::stat(folder.path("link")),
        Ask::read(folder.path("link")),
        Ask::read("/nonexistent/file"),
        Ask::Slice {
            path: path.clone(),
            offset: 4,
            len: 3,
        },
        list(folder.0.to_str().unwrap()),
        Ask::Digest { path },
        Ask::Run(
            crate::Command::new("echo", "set -u; cd /; printf '%s|' \"$@\"; exit 3")
                .args(["a b", "c'd", ""]),
        ),
        Ask::Run(crate::Command::new("becomes", "exec echo \"$1\"").args(["x"])),
        Ask::Run(crate::Command::new(
            "reads",
            "cat; exec 3>&1 >&-; echo 3 >&3",
        )),
        Ask::Run(crate::Command::new("none", "no-such-program-here")),
    ];
    asks.extend(together(
        crate::Batch::Each,
        "x=${x:-new}; printf '%s %s' \"$1\" \"$x\"; x=old",
        &["a", "b"],
    ));
    asks.extend(together(crate::Batch::Blocks, SHOW, &["a", "b"]));
    asks
}

#[test]
fn looks_in_one_shell_say_what_guarded_looks_say() {
    let folder = Folder::new("whole");
    let asks = one_of_each(&folder);
    let said = |shell: &mut Process, guard| {
        let output = run_guarded(shell, &asks, guard);
        assert!(output.complete && output.now.unwrap() > 1e9);
        assert_eq!(output.led.len(), 1);
        asks.iter()
            .map(|ask| match ask {
                Ask::Run(_) => format!("{:?}", output.answers.run(ask).map_err(|r| r.kind)),
                Ask::Stat { .. } => format!("{:?}", output.answers.stat(ask)),
                Ask::List { .. } => format!("{:?}", output.answers.list(ask)),
                Ask::Read { .. }
                | Ask::Slice { .. }
                | Ask::Digest { .. }
                | Ask::Instance
                | Ask::Service(_) => format!("{:?}", output.answers.bytes(ask)),
            })
            .collect::<Vec<_>>()
    };
    let guarded = said(&mut Process::new("sh"), Guard::Each);
    assert_eq!(said(&mut Process::new("sh"), Guard::Whole), guarded);
    let applets = Folder::new("whole-applets");
    if let Some(mut shell) = busybox(&applets) {
        let guarded = said(&mut shell, Guard::Each);
        assert_eq!(said(&mut shell, Guard::Whole), guarded);
    }
}

#[test]
fn a_shell_that_dies_keeps_what_was_said_and_leaves_the_rest_missing() {
    let asks = [
        Ask::Run(crate::Command::new("first", "echo here")),
        Ask::Run(crate::Command::new("kills", "kill -KILL \"$P\"; sleep 1")),
        Ask::Run(crate::Command::new("last", "echo never")),
    ];
    let output = run_guarded(&mut Process::new("sh"), &asks, Guard::Whole);
    assert!(!output.complete);
    assert_eq!(output.answers.run(&asks[0]).unwrap().out, "here\n");
    assert!(!output.answers.is_missing(&asks[0]));
    assert!(output.answers.is_missing(&asks[1]) && output.answers.is_missing(&asks[2]));
}

fn answers_every_kind_of_look(mut shell: Process, name: &str) {
    let folder = Folder::new(name);
    let path = folder.file("a file's name", b"one\ntwo\0three");
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
            path: folder.0.to_str().unwrap().to_owned(),
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
    } = run_in(&mut shell, &asks);
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

fn list(path: impl Into<String>) -> Ask {
    Ask::List { path: path.into() }
}

fn listed(shell: &mut Process, folder: &Folder) -> Observed<Vec<String>> {
    let ask = list(folder.0.to_str().unwrap());
    let output = run_in(shell, std::slice::from_ref(&ask));
    output
        .answers
        .list(&ask)
        .map(|entries| entries.into_iter().map(|(name, _)| name).collect())
}

#[test]
fn every_entry_of_a_directory_is_listed_whatever_its_name() {
    let folder = Folder::new("names");
    let odd = ["-c", ".hidden", "..two", "a b", "[x]", "*", "é", "x/y"];
    for name in odd.iter().filter(|name| !name.contains('/')) {
        folder.file(name, "");
    }
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    let expected: Vec<String> = ["*", "-c", "..two", ".hidden", "[x]", "a b", "dangling", "é"]
        .map(str::to_owned)
        .to_vec();
    let applets = Folder::new("names-applets");
    assert_eq!(
        listed(&mut Process::new("sh"), &folder),
        Observed::Known(expected.clone())
    );
    if let Some(mut shell) = busybox(&applets) {
        assert_eq!(listed(&mut shell, &folder), Observed::Known(expected));
    }
}

#[test]
fn a_name_with_a_newline_forges_no_entry() {
    let folder = Folder::new("newline");
    folder.file("plain", "");
    folder.file("x\n81a4:0:0:0:0:1:1:1:root:root", "");
    let names = listed(&mut Process::new("sh"), &folder);
    assert_eq!(
        names,
        Observed::Known(vec![
            "plain".to_owned(),
            "x\n81a4:0:0:0:0:1:1:1:root:root".to_owned()
        ])
    );
    let applets = Folder::new("newline-applets");
    if let Some(mut shell) = busybox(&applets) {
        assert!(matches!(listed(&mut shell, &folder),
            Observed::Unknown(r) if r.kind == ReasonKind::Garbled));
    }
}

#[test]
fn a_directory_of_many_entries_is_listed_whole() {
    let folder = Folder::new("many");
    for n in 0..1203 {
        folder.file(&n.to_string(), "");
    }
    let count = |shell: &mut Process| listed(shell, &folder).known().map(Vec::len);
    let empty = Folder::new("many-none");
    assert_eq!(count(&mut Process::new("sh")), Some(1203));
    assert_eq!(
        listed(&mut Process::new("sh"), &empty),
        Observed::Known(vec![])
    );
    let applets = Folder::new("many-applets");
    if let Some(mut shell) = busybox(&applets) {
        assert_eq!(count(&mut shell), Some(1203));
        assert_eq!(listed(&mut shell, &empty), Observed::Known(vec![]));
    }
}

#[test]
fn an_entry_that_goes_away_is_no_entry_and_anything_else_is_unknown() {
    let ask = list("/d");
    let seen = |code, out: &str| Answers::new().with(ask.clone(), code, out).list(&ask);
    let entry = "81a4:0:0:3:1700000000:1:2049:78:root:adm/b\n";
    let gone = "stat: cannot statx 'a': No such file or directory\n";
    assert_eq!(seen(3, &format!("{gone}{entry}")).known().unwrap().len(), 1);
    assert_eq!(seen(3, gone).known().unwrap().len(), 0);
    assert!(matches!(seen(0, gone), Observed::Unknown(_)));
    assert!(matches!(
        seen(3, "stat: cannot statx 'a': Input/output error\n"),
        Observed::Unknown(_)
    ));
    assert!(matches!(seen(124, entry), Observed::Unknown(r) if r.kind == ReasonKind::Timeout));
    assert!(matches!(seen(4, entry), Observed::Unknown(r) if r.kind == ReasonKind::CapReached));
    assert_eq!(seen(1, "cd: No such file or directory\n"), Observed::Absent);
}

#[test]
fn metadata_of_many_paths_is_one_process_and_links_keep_their_two_sides() {
    let folder = Folder::new("stat");
    let plain = folder.file("plain", "12345");
    let strange = folder.file("it's \"strange\" $HOME `x`", "1");
    std::os::unix::fs::symlink(&plain, folder.path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    let asks: Vec<Ask> = [
        plain,
        strange,
        folder.path("link"),
        folder.path("dangling"),
        folder.path("none"),
        folder.path("plain/below"),
    ]
    .map(Ask::stat)
    .to_vec();
    let check = |shell: &mut Process| {
        let answers = run_in(shell, &asks).answers;
        let told: Vec<String> = asks
            .iter()
            .map(|ask| match answers.stat(ask) {
                Observed::Known(seen) => format!(
                    "{} {}",
                    seen.itself.file_type(),
                    match seen.target {
                        Observed::Known(meta) => format!("{} {}", meta.file_type(), meta.size),
                        Observed::Absent => "absent".to_owned(),
                        Observed::Unknown(reason) => reason.to_string(),
                    }
                ),
                Observed::Absent => "absent".to_owned(),
                Observed::Unknown(reason) => reason.to_string(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "file file 5",
                "file file 1",
                "link file 5",
                "link absent",
                "absent",
                "absent"
            ]
        );
    };
    check(&mut Process::new("sh"));
    let applets = Folder::new("stat-applets");
    if let Some(mut shell) = busybox(&applets) {
        check(&mut shell);
    }
}

#[test]
fn a_link_that_is_also_read_is_followed_once_and_tells_the_same() {
    let folder = Folder::new("followed");
    folder.file("plain", "12345");
    std::fs::create_dir(folder.0.join("deep")).unwrap();
    folder.file("deep/in", "123");
    for (to, name) in [
        ("plain", "link"),
        ("nowhere", "dangling"),
        ("deep", "folder"),
        ("deep", "it's \"strange\" $HOME `x`"),
    ] {
        std::os::unix::fs::symlink(to, folder.path(name)).unwrap();
    }
    // A program that tells of each time it is started.
    let programs = Folder::new("followed-programs");
    programs.program(
        "stat",
        &format!(
            "#!/bin/sh\necho \"$*\" >>{}/called\nexec /usr/bin/stat \"$@\"\n",
            programs.0.display()
        ),
    );
    let asks: Vec<Ask> = [
        "link",
        "dangling",
        "folder/in",
        "it's \"strange\" $HOME `x`",
        "plain",
    ]
    .iter()
    .flat_map(|name| [Ask::stat(folder.path(name)), Ask::read(folder.path(name))])
    .collect();
    let told = |guard: Guard, shell: &mut Process| {
        let output = run_guarded(shell, &asks, guard);
        asks.iter()
            .map(|ask| format!("{:?}", output.answers.stat(ask)))
            .collect::<Vec<_>>()
    };
    let mut shell = Process::new("sh");
    programs.first_in_path(&mut shell);
    let whole = told(Guard::Whole, &mut shell);
    assert!(whole[0].contains("size: 5"), "{}", whole[0]);
    assert_eq!(whole, told(Guard::Each, &mut Process::new("sh")));
    // All paths and the ends of links in one go; the link that leads nowhere by itself.
    let called = std::fs::read_to_string(programs.path("called")).unwrap();
    assert_eq!(called.lines().count(), 3, "{called}");
    let applets = Folder::new("followed-applets");
    if let Some(mut shell) = busybox(&applets) {
        assert_eq!(whole, told(Guard::Whole, &mut shell));
    }
}

fn together(batch: crate::Batch, text: &'static str, args: &[&str]) -> Vec<Ask> {
    let ask = |arg: &&str| {
        Ask::Run(crate::Command {
            seconds: 2,
            cap: 1000,
            ..crate::Command::new("shared", text)
                .args([*arg])
                .batch(batch)
        })
    };
    args.iter().map(ask).collect()
}

fn told(asks: &[Ask], output: &Output) -> Vec<String> {
    asks.iter()
        .map(|ask| match output.answers.run(ask) {
            Ok(ran) => format!("{} {}", ran.code, ran.out.trim()),
            Err(reason) => reason.kind.as_str().to_owned(),
        })
        .collect()
}

#[test]
fn commands_in_one_process_keep_their_answers_apart() {
    let asks = together(
        crate::Batch::Each,
        "x=${x:-new}; printf '%s %s' \"$1\" \"$x\"; x=old; exit ${#1}",
        &["a", "b b", "", "it's"],
    );
    assert_eq!(
        told(&asks, &run(&asks)),
        ["1 a new", "3 b b new", "0 new", "4 it's new"]
    );
}

#[test]
fn a_command_that_hangs_or_floods_takes_no_answer_that_was_given() {
    let text = "case $1 in hang) sleep 60 ;; flood) yes ;; *) echo \"$1\" ;; esac";
    let asks = together(crate::Batch::Each, text, &["a", "hang", "b"]);
    let start = std::time::Instant::now();
    assert_eq!(told(&asks, &run(&asks)), ["0 a", "timed out", "timed out"]);
    let asks = together(crate::Batch::Each, text, &["a", "flood", "b"]);
    let seen = told(&asks, &run(&asks));
    assert_eq!(seen[0], "0 a");
    assert!(
        seen[1..].iter().all(|told| !told.starts_with('0')),
        "{seen:?}"
    );
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn a_hanging_look_ends_on_busybox_too() {
    let applets = Folder::new("hang-applets");
    if let Some(mut shell) = busybox(&applets) {
        let asks = together(
            crate::Batch::Each,
            "[ $1 = hang ] && sleep 60; echo $1",
            &["a", "hang", "b"],
        );
        let start = std::time::Instant::now();
        let seen = told(&asks, &run_in(&mut shell, &asks));
        // What busybox's head had not written when it was ended is lost too.
        assert!(["0 a", "timed out"].contains(&seen[0].as_str()), "{seen:?}");
        assert_eq!(seen[1..], ["timed out", "timed out"]);
        assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
    }
}

const SHOW: &str = r#"for u; do case $u in bad) echo "no $u"; exit 1 ;; esac; done
s=; for u; do printf "$s"; printf 'Id=%s\nText=one\n\ntwo\n' "$u"; s='\n'; done"#;

#[test]
fn one_process_answers_for_several_and_each_has_its_block() {
    let asks = together(crate::Batch::Blocks, SHOW, &["a", "b", "c"]);
    let seen = told(&asks, &run(&asks));
    assert_eq!(
        seen,
        ["a", "b", "c"].map(|u| format!("0 Id={u}\nText=one\n\ntwo"))
    );
}

#[test]
fn one_that_fails_spoils_no_other() {
    let asks = together(crate::Batch::Blocks, SHOW, &["a", "bad", "c"]);
    let seen = told(&asks, &run(&asks));
    assert_eq!(seen[1], "1 no bad");
    assert!(
        seen[0].starts_with("0 Id=a") && seen[2].starts_with("0 Id=c"),
        "{seen:?}"
    );
}

#[test]
fn blocks_that_cannot_be_told_apart_are_no_answers() {
    let asks = together(
        crate::Batch::Blocks,
        "printf 'Id=a\n\nId=b\n\nId=c\n'",
        &["a", "b"],
    );
    assert_eq!(told(&asks, &run(&asks)), ["answer makes no sense"; 2]);
}

#[test]
fn a_node_without_timeout_misses_a_tool_and_nothing_is_absent() {
    let tools = Folder::new("no-timeout");
    for tool in ["stat", "head", "tail", "date"] {
        tools.program(tool, "#!/bin/sh\necho no\n");
    }
    tools.program("timeout", "#!/bin/sh\nexit 127\n");
    let mut shell = Process::new("sh");
    tools.first_in_path(&mut shell);
    let asks = [
        Ask::stat("/etc/passwd"),
        Ask::read("/etc/passwd"),
        Ask::read("/nonexistent"),
    ];
    let answers = run_in(&mut shell, &asks).answers;
    for ask in &asks {
        assert!(
            matches!(answers.bytes(ask), Observed::Unknown(r) if r.kind == ReasonKind::MissingTool)
        );
    }
}

#[test]
fn long_lists_of_looks_are_spread_over_several_processes() {
    let asks: Vec<Ask> = (0..400)
        .map(|n| Ask::stat(format!("/{}{n}", "'x/".repeat(200))))
        .collect();
    assert!(batch::shared(&asks).len() > 1);
    let answers = run(&asks).answers;
    assert!(asks.iter().all(|ask| answers.stat(ask) == Observed::Absent));
}

proptest! {
    #[test]
    fn blocks_never_panic_and_lose_nothing(text in "(Id=|\n|[a-z =])*") {
        let blocks = batch::blocks(text.as_bytes());
        let joined: usize = blocks.iter().map(|block| block.len()).sum();
        prop_assert_eq!(joined + blocks.len() - 1, text.len());
    }
}
