//! Canaries in every place of a lab where a secret lives, and nowhere else afterwards: not in what
//! runproof prints and writes, not in an argument, an environment or a file while it runs, and not in
//! what is left of it when it crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::planted::{LOOKS, PLANTED, canaries};
use common::watch::{Watch, files};
use common::{Engine, TestSite, runproof};

const ROLES: [&str; 9] = [
    "system",
    "tables",
    "vault",
    "drive",
    "proxy",
    "alm-ci",
    "directory",
    "vector",
    "llm",
];

/// A folder where one run of the program has its home, its temporary files and what it writes.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program with everything on that could make it talk.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = runproof();
        command
            .args(words)
            .current_dir(self.path())
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.path().join("tmp"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LIB_BACKTRACE", "full")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Every line of a text with a canary in it, and which.
fn leaks(canaries: &[String], place: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let of_a_line = |line: &str| {
        let found = canaries
            .iter()
            .find(|canary| line.contains(canary.as_str()))?;
        Some(format!("{found} in {place}: {line:.300}"))
    };
    text.lines().filter_map(of_a_line).collect()
}

fn leaks_of_output(canaries: &[String], words: &str, output: &Output) -> Vec<String> {
    let mut found = leaks(canaries, &format!("the output of {words}"), &output.stdout);
    found.extend(leaks(
        canaries,
        &format!("the messages of {words}"),
        &output.stderr,
    ));
    found
}

fn leaks_of_files(canaries: &[String], folder: &Path) -> Vec<String> {
    let of_a_file = |file: PathBuf| {
        leaks(
            canaries,
            &file.display().to_string(),
            &fs::read(&file).unwrap(),
        )
    };
    files(folder).into_iter().flat_map(of_a_file).collect()
}

#[test]
fn on_incus_no_canary_of_a_lab_is_seen_anywhere_else() {
    let (site, canaries) = planted(Engine::Incus);
    looked_at_in_every_way(&site, &canaries, Engine::Incus);
    crashed(&site, &canaries);
}

#[test]
fn on_docker_no_canary_of_a_lab_is_seen_anywhere_else() {
    let (site, canaries) = planted(Engine::Docker);
    looked_at_in_every_way(&site, &canaries, Engine::Docker);
}

fn planted(engine: Engine) -> (TestSite, Vec<String>) {
    let site = TestSite::up(engine, "incus", &ROLES);
    for (role, script) in PLANTED {
        site.sh(role, script);
    }
    let canaries = canaries(&site);
    assert!(canaries.len() > 45, "{}", canaries.len());
    (site, canaries)
}

fn looked_at_in_every_way(site: &TestSite, canaries: &[String], engine: Engine) {
    let room = Room::new();
    let file = site.file();
    let file = file.to_str().unwrap();
    let watch = Watch::begin(canaries.to_owned(), room.path().join("tmp"));
    let mut ran: Vec<(String, Output)> = Vec::new();
    let mut run = |words: &[&str]| {
        let output = room.command(words).output().unwrap();
        ran.push((words.join(" "), output));
    };
    for format in ["terminal", "json", "junit"] {
        let out = format!("{format}=out.{format}");
        run(&[
            "check", "-v", "--site", file, "--format", format, "--output", &out,
        ]);
    }
    run(&["check", "--plan", "--site", file]);
    run(&["record", "bundle.json", "-v", "--site", file]);
    run(&[
        "check",
        "-v",
        "--site",
        "bundle:bundle.json",
        "--profile",
        "incus",
    ]);
    let name = engine.name();
    let cli = site.reached_by("cli", &format!("{{ engine: {name}, via: cli }}"));
    run(&["check", "-v", "--site", cli.to_str().unwrap()]);
    for (role, query) in LOOKS {
        run(&["look", query, "--on", role, "-v", "--site", file]);
    }
    // Every door shut in turn: what went wrong is told, and told without the credential.
    for suite in ["vault", "db", "drive", "cache"] {
        run(&[
            "check",
            "-v",
            "--site",
            file,
            "--suite",
            suite,
            "--timeout",
            "1ms",
        ]);
    }
    let seen = watch.end();

    // The canaries were in sight: the values are known by their fingerprints.
    let bundle = fs::read_to_string(room.path().join("bundle.json")).unwrap();
    let known = bundle.matches("\"fingerprint\"").count();
    assert!(known >= 8, "{known} fingerprints");
    let mut found: Vec<String> = seen.found.into_iter().collect();
    found.extend(leaks_of_files(canaries, room.path()));
    for (words, output) in &ran {
        found.extend(leaks_of_output(canaries, words, output));
        if let Some(query) = words.strip_prefix("look ") {
            let code = output.status.code();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(code, Some(0 | 2)), "{query}: {code:?} {said}");
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    // The watch saw the program and what it starts: on this machine and in the nodes.
    for program in ["runproof", name, "sh"] {
        assert!(seen.programs.contains(program), "{:?}", seen.programs);
    }
}

/// Kills runs that hang on the database with every credential in memory, in ways that would like to
/// write it all down.
fn crashed(site: &TestSite, canaries: &[String]) {
    for way in [Way::Signal("-ABRT"), Way::Signal("-ILL"), Way::NoMemory] {
        // A run whose own deadline came before the blow has ended in peace, and another one is taken.
        let hit = (0..10).any(|_| crash(site, canaries, way));
        assert!(hit, "{way:?} never hit a run that still went on");
    }
    for credential in ["tables", "vault", "drive"] {
        panicked(site, canaries, credential);
    }
}

/// A panic of our own with the credential in hand: the backtrace that was asked for tells where, and
/// no value.
fn panicked(site: &TestSite, canaries: &[String], credential: &str) {
    let room = Room::new();
    let file = site.file();
    let mut command = room.command(&["check", "-v", "--site", file.to_str().unwrap()]);
    command.env("RUNPROOF_TEST_PANIC_AT", credential);
    let watch = Watch::begin(canaries.to_owned(), room.path().join("tmp"));
    let output = with_cores(&mut command).output().unwrap();
    let mut found: Vec<String> = watch.end().found.into_iter().collect();
    found.extend(leaks_of_output(
        canaries,
        &format!("a panic at {credential}"),
        &output,
    ));
    found.extend(leaks_of_files(canaries, room.path()));
    assert!(found.is_empty(), "{credential}: {}", found.join("\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{credential}: {said}");
    assert!(
        said.contains(&format!("a panic with the credential {credential}"))
            && said.contains("panic_when_asked"),
        "{credential}: {said}"
    );
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Signal(&'static str),
    /// No more memory than it has: the next buffer fails, and Rust's own way of crashing follows.
    NoMemory,
}

/// Whether a run crashed; it told nothing then.
fn crash(site: &TestSite, canaries: &[String], way: Way) -> bool {
    let room = Room::new();
    let database = |signal: &str| {
        site.sh(
            "tables",
            &format!("systemctl kill --signal={signal} postgresql@15-main"),
        );
    };
    let file = site.file();
    let mut command = room.command(&[
        "check",
        "-v",
        "--timeout",
        "60s",
        "--site",
        file.to_str().unwrap(),
    ]);
    database("STOP");
    let watch = Watch::begin(canaries.to_owned(), room.path().join("tmp"));
    // A core would be all of its memory, on disk.
    let mut run = with_cores(&mut command).spawn().unwrap();
    wait_until_it_hangs(site, &mut run);
    let pid = run.id().to_string();
    match way {
        Way::Signal(signal) => {
            let _ = Command::new("kill").args([signal, &pid]).status().unwrap();
        }
        Way::NoMemory => {
            let limits = ["--as=1", "--data=1", "--pid", &pid];
            let _ = Command::new("prlimit").args(limits).status().unwrap();
            database("CONT");
        }
    }
    let output = run.wait_with_output().unwrap();
    database("CONT");
    let mut found: Vec<String> = watch.end().found.into_iter().collect();
    found.extend(leaks_of_output(canaries, &format!("{way:?}"), &output));
    found.extend(leaks_of_files(canaries, room.path()));
    assert!(found.is_empty(), "{way:?}: {}", found.join("\n"));
    assert!(!output.status.core_dumped(), "{way:?}");
    let left = files(room.path());
    assert!(!left.iter().any(|file| is_core(file)), "{left:?}");
    // 70 is a panic: with its backtrace, which was asked for.
    output.status.signal().is_some() || output.status.code() == Some(70)
}

/// The program under a shell that allows cores of any size.
fn with_cores(command: &mut Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

fn is_core(file: &Path) -> bool {
    file.file_name()
        .unwrap()
        .to_string_lossy()
        .starts_with("core")
}

/// Waits until a connection to the stopped database has sent its first words.
fn wait_until_it_hangs(site: &TestSite, run: &mut Child) {
    let begun = Instant::now();
    // botserver and the forge wait too; we come from elsewhere.
    let waiting = r#"
others=$(getent hosts system alm | sed 's/^\([0-9.]*\) .*/ \1:/')
ss -Htn state established sport = :5432 | awk '$1 > 0' | grep -vF "$others" | wc -l"#;
    while run.try_wait().unwrap().is_none() && site.sh("tables", waiting).trim() == "0" {
        assert!(
            begun.elapsed() < Duration::from_secs(100),
            "it never asked the database"
        );
    }
}
