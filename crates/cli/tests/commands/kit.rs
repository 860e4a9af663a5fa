//! A room with a library and a site of its own, and bundles made from the reference.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Five invariants, one for each verdict.
pub const SUITE: &str = r#"suite: tiny
inputs:
  folder: { type: string, about: where the files of the test are, example: /x }
invariants:
  - id: tiny-pass
    title: the file is there
    profiles: [tiny]
    severity: high
    on: here
    facts: { f: { file: "{input.folder}/there" } }
    expect: f.exists
    why: it is asked for
    sources: []
  - id: tiny-fail
    title: the file is closed
    profiles: [tiny]
    severity: high
    on: here
    facts: { f: { file: "{input.folder}/there" } }
    expect: 'f.mode == "0600"'
    why: it is asked for
    fix: ["chmod 0600 {input.folder}/there"]
    sources: []
  - id: tiny-error
    title: the content is right
    profiles: [tiny]
    severity: medium
    on: here
    facts: { f: { file: /etc/shadow, lines: true } }
    expect: f.lines.size() > 0
    why: it is asked for
    sources: []
  - id: tiny-skip
    title: the other node has the file
    profiles: [tiny]
    severity: high
    on: away
    facts: { f: { file: "{input.folder}/there" } }
    expect: f.exists
    why: it is asked for
    sources: []
  - id: tiny-waived
    title: the file is a folder
    profiles: [tiny]
    severity: high
    on: here
    facts: { f: { file: "{input.folder}/there" } }
    expect: 'f.type == "dir"'
    why: it is asked for
    sources: []
"#;

const PROFILE: &str = "profile: tiny\ntitle: a test\nundocumented: a test makes it up\nroles: { required: [here], optional: [away] }\nparameters: { port: 80 }\n";

const WAIVERS: &str =
    "waivers:\n- { id: tiny-waived, until: 9998-12-31, reason: moving, by: ops }\n";

/// A program of a node that plays an engine: it runs everything on this machine,
/// with the node's own programs first.
const ENGINE: &str = r#"#!/bin/sh
case "$1 $2" in
"query "*/instances\?*) echo '[{"name":"one","status":"Running","config":{}}]' ;;
"query "*/instances/*) echo '{"name":"one","status":"Running","config":{}}' ;;
"query "*) echo '{"environment":{"server_name":"here"}}' ;;
"exec "*)
  while [ "$1" != -- ]; do shift; done
  shift
  PATH="${0%/*}/../node:$PATH" exec "$@" ;;
esac
"#;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// The program under test, far from any terminal.
pub fn runproof() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runproof"));
    command
        .env_remove("NO_COLOR")
        .env_remove("RUST_BACKTRACE")
        .env("COLUMNS", "100")
        .stdin(Stdio::null());
    command
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The report on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self:#?}"))
    }

    /// The verdict of an invariant.
    pub fn verdict(&self, id: &str) -> String {
        let report = self.json();
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["id"] == id);
        found.unwrap_or_else(|| panic!("no {id} in {report:#}"))["verdict"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the program with some words.
pub fn run(words: &[&str]) -> Ran {
    Ran::of(runproof().args(words))
}

/// A folder with suites, a site without an engine, and the files that it is about.
pub struct Room(tempfile::TempDir);

impl Room {
    pub fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        room.write("suites/tiny.yaml", SUITE);
        room.write("suites/profiles/tiny.yaml", PROFILE);
        // An empty ledger is read faster than the built-in one.
        room.write("suites/sources.yaml", "statements: []\n");
        room.write("suites/conflicts.yaml", "conflicts: []\n");
        room.write("waivers.yaml", WAIVERS);
        room.write("there", "x\n");
        fs::set_permissions(room.path("there"), fs::Permissions::from_mode(0o644)).unwrap();
        room.site("reach: { engine: local }", "");
        room
    }

    /// Writes the site file anew.
    pub fn site(&self, reach: &str, more: &str) {
        let folder = self.0.path().display();
        self.write(
            "site.yaml",
            &format!(
                "site: tiny\nprofile: tiny\n{reach}\nnodes: {{ here: one, away: {{ absent: not in this test }} }}\n\
                 inputs: {{ folder: {folder} }}\ncontent: [\"{folder}/**\"]\nwaivers: waivers.yaml\n{more}"
            ),
        );
    }

    /// Makes the node one of an engine of our own, with these programs before those of this machine.
    pub fn engine(&self, programs: &[(&str, &str)]) {
        self.site("reach: { engine: incus, via: cli }", "");
        self.program("bin/incus", ENGINE);
        for (name, body) in programs {
            self.program(&format!("node/{name}"), &format!("#!/bin/sh\n{body}\n"));
        }
    }

    pub fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program in this room.
    pub fn runproof(&self) -> Command {
        let mut command = runproof();
        let path = std::env::var("PATH").unwrap();
        command
            .current_dir(self.0.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()));
        command
    }

    /// Runs the program in this room.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.runproof().args(words))
    }

    /// `check` of the room's site with JSON on stdout.
    pub fn check(&self, words: &[&str]) -> Ran {
        let fixed = ["check", "--suites", "suites", "--site", "site.yaml"];
        self.run(&[&fixed, ["--format", "json"].as_slice(), words].concat())
    }
}

/// The recorded reference, to be edited.
pub fn reference() -> Value {
    let text = fs::read(root().join("fixtures/sites/reference/bundle.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The first recorded fact of a kind on a node whose query has all of these texts.
pub fn fact<'a>(bundle: &'a mut Value, role: &str, kind: &str, query: &[&str]) -> &'a mut Value {
    let facts = bundle["evidence"]["rounds"][0]["facts"]
        .as_array_mut()
        .unwrap();
    let found = facts.iter_mut().find(|fact| {
        let text = fact["query"].to_string();
        fact["role"] == role && fact["kind"] == kind && query.iter().all(|q| text.contains(q))
    });
    &mut found.unwrap()["fact"]
}

/// Every process of this machine whose arguments hold a word.
pub fn processes_with(word: &str) -> Vec<String> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|b| b.is_ascii_digit())
        })
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(word)
                .then(|| format!("{:?} {line}", entry.file_name()))
        })
        .collect()
}
