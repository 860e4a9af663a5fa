//! Real test sites for tests: labs, removed when dropped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod holdings;
pub mod planted;
pub mod sshd;
pub mod watch;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The engine that runs the nodes of a test site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Incus,
}

impl Engine {
    /// Its name, in commands and in site files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Incus => "incus",
        }
    }

    /// A command line that runs something in a node with our standard input.
    pub fn exec(self, node: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Docker => &["docker", "exec", "-i", node],
            Self::Incus => &["incus", "exec", node, "--"],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// The program under test.
pub fn runproof() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runproof"));
    command.env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
    command
}

/// The stand-in's program, built when it is missing.
pub fn standin() -> PathBuf {
    let standin = Path::new(env!("CARGO_BIN_EXE_runproof")).with_file_name("runproof-standin");
    if !standin.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "runproof-standin"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(built.success());
    }
    standin
}

/// A site of real nodes: a lab; gone when dropped.
pub struct TestSite {
    pub engine: Engine,
    pub prefix: String,
    pub folder: tempfile::TempDir,
}

impl TestSite {
    /// Boots the roles as the guides describe them.
    pub fn up(engine: Engine, profile: &str, roles: &[&str]) -> Self {
        Self::up_with(engine, profile, roles, &[])
    }

    /// The same with more arguments of `lab up`.
    pub fn up_with(engine: Engine, profile: &str, roles: &[&str], more: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        reap();
        let prefix = format!(
            "rpt{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let site = Self {
            engine,
            prefix,
            folder: tempfile::tempdir().unwrap(),
        };
        let mut up = site.lab("up");
        up.args(["--engine", engine.name(), "--profile", profile])
            .args(more);
        // None named are all.
        if !roles.is_empty() {
            up.args(["--roles", &roles.join(",")]);
        }
        let output = up.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        site
    }

    /// A command on this lab.
    fn lab(&self, verb: &str) -> Command {
        let mut command = self.runproof();
        command.args(["lab", verb, "--name", &self.prefix]);
        command
    }

    /// The program, where it finds this lab.
    pub fn runproof(&self) -> Command {
        let mut command = runproof();
        command
            .env("XDG_STATE_HOME", self.folder.path())
            .env("RUNPROOF_STANDIN", standin());
        command
    }

    /// What the lab keeps.
    pub fn kept(&self) -> PathBuf {
        self.folder.path().join("runproof/labs").join(&self.prefix)
    }

    /// Where its site file is.
    fn sites(&self) -> PathBuf {
        self.kept().join("sites")
    }

    /// Its site file.
    pub fn file(&self) -> PathBuf {
        self.sites().join(format!("{}.yaml", self.prefix))
    }

    /// The instance that plays a role.
    pub fn node(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix)
    }

    /// Runs a script in a node and returns what it printed; it has to succeed.
    pub fn sh(&self, role: &str, script: &str) -> String {
        self.by_shell("sh", role, script)
    }

    /// The same by bash, for a node whose `sh` is broken.
    pub fn bash(&self, role: &str, script: &str) -> String {
        self.by_shell("/bin/bash", role, script)
    }

    fn by_shell(&self, shell: &str, role: &str, script: &str) -> String {
        let words = self.engine.exec(&self.node(role));
        // The command line of Incus loses the output of what ends within milliseconds.
        let whole = format!("trap 'sleep 0.05' EXIT\n{script}");
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args([shell, "-eu", "-s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(whole.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{script}\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// Puts a file into a node.
    pub fn push(&self, role: &str, from: &Path, to: &str) {
        let words = self.engine.exec(&self.node(role));
        let status = Command::new(&words[0])
            .args(&words[1..])
            .args(["sh", "-c", &format!("cat > {to}.new && mv {to}.new {to}")])
            .stdin(std::fs::File::open(from).unwrap())
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// `runproof check` on this site with more arguments.
    pub fn check(&self, arguments: &[&str]) -> Checked {
        self.check_as(&self.file(), arguments)
    }

    /// The same by another site file.
    pub fn check_as(&self, file: &Path, arguments: &[&str]) -> Checked {
        Checked::of(
            runproof()
                .args(["check", "--format", "json", "--site"])
                .arg(file)
                .args(arguments),
        )
    }

    /// A copy of the site file in which the nodes are reached in another way.
    pub fn reached_by(&self, name: &str, reach: &str) -> PathBuf {
        let file = self.sites().join(format!("{name}.yaml"));
        std::fs::write(&file, self.with_line("reach:", &format!("reach: {reach}"))).unwrap();
        file
    }

    /// The site file with another line in the place of the one that begins so; an empty one leaves it out.
    pub fn with_line(&self, begins: &str, line: &str) -> String {
        let text = std::fs::read_to_string(self.file()).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|old| if old.starts_with(begins) { line } else { old })
            .filter(|line| !line.is_empty())
            .collect();
        lines.join("\n") + "\n"
    }
}

impl Drop for TestSite {
    fn drop(&mut self) {
        let _ = self.lab("down").stderr(Stdio::null()).status();
    }
}

/// Removes the labs of tests that were killed: those whose process is gone.
fn reap() {
    let output = runproof()
        .args(["lab", "list", "--format", "json"])
        .output()
        .unwrap();
    let labs: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for lab in labs.as_array().into_iter().flatten() {
        let name = lab["name"].as_str().unwrap_or_default();
        let pid = name
            .strip_prefix("rpt")
            .and_then(|rest| rest.split('-').next());
        let gone = pid.is_some_and(|pid| {
            pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()
        });
        if gone && lab["state"] == "stray" {
            let _ = runproof().args(["lab", "down", "--name", name]).status();
        }
    }
}

/// A finished `check`.
#[derive(Debug)]
pub struct Checked {
    pub code: i32,
    pub report: Value,
    pub stderr: String,
    /// The most memory that the program had, in KiB.
    pub peak_kib: u64,
}

/// Follows a program's largest resident set until it has ended.
fn watch_memory(pid: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = std::fs::read_to_string(format!("/proc/{pid}/status"))
            .ok()
            .and_then(|status| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmHWM:"))?;
                line.split_whitespace().next()?.parse().ok()
            })
        {
            peak = peak.max(now);
            std::thread::sleep(Duration::from_millis(2));
        }
        peak
    })
}

impl Checked {
    /// Runs a command that prints a JSON report.
    pub fn of(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let memory = watch_memory(child.id());
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Self {
            code: status.code().unwrap_or(-1),
            report: serde_json::from_slice(&stdout)
                .unwrap_or_else(|error| panic!("{error}\n{stderr}")),
            stderr,
            peak_kib: memory.join().unwrap(),
        }
    }

    /// Every finding.
    pub fn findings(&self) -> &[Value] {
        self.report["findings"].as_array().unwrap()
    }

    /// The findings of a verdict, as `id@node`, those that follow from another one left out.
    pub fn roots(&self, verdict: &str) -> Vec<String> {
        self.findings()
            .iter()
            .filter(|f| {
                f["verdict"] == verdict
                    && f["because_of"].is_null()
                    && f["document_defect"].is_null()
            })
            .map(|f| {
                format!(
                    "{}@{}",
                    f["id"].as_str().unwrap(),
                    f["node"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// Which root causes the findings that are not green name.
    pub fn causes(&self) -> Vec<&str> {
        self.findings()
            .iter()
            .filter_map(|f| f["because_of"].as_str())
            .collect()
    }

    /// The finding of an invariant.
    pub fn finding(&self, id: &str) -> &Value {
        self.findings()
            .iter()
            .find(|f| f["id"] == id)
            .unwrap_or_else(|| panic!("no finding {id}"))
    }

    /// The message of an invariant's finding.
    pub fn message(&self, id: &str) -> &str {
        self.finding(id)["message"].as_str().unwrap()
    }
}
