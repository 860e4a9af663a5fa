//! Labs on real engines: up, judged, looked at, made anew, killed half-way, and gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{Engine, runproof, standin};
use serde_json::Value;

/// A place for labs of one test; whatever is left in it is removed at the end.
struct Labs {
    state: tempfile::TempDir,
    names: Vec<String>,
}

impl Labs {
    fn new(names: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            state: tempfile::tempdir().unwrap(),
            names: names
                .iter()
                .map(|name| format!("rpt{}-{next}{name}", std::process::id()))
                .collect(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = runproof();
        command
            .args(words)
            .env("XDG_STATE_HOME", self.state.path())
            .env("RUNPROOF_STANDIN", standin())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs it; it has to succeed.
    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.state.path().join("runproof/labs").join(name)
    }

    fn status(&self, name: &str) -> Value {
        let output = self.run(&["lab", "status", "--name", name, "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Labs {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.run(&["lab", "down", "--name", name]);
        }
    }
}

/// What an engine has of a lab: instances and networks.
fn left(engine: Engine, name: &str) -> Vec<String> {
    let lines = |words: &[&str]| -> Vec<String> {
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        assert!(output.status.success(), "{words:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let label = format!("label=runproof-lab={name}");
    match engine {
        Engine::Incus => lines(&[
            "incus",
            "list",
            "-f",
            "csv",
            "-c",
            "n",
            &format!("user.runproof-lab={name}"),
        ]),
        Engine::Docker => {
            let mut found = lines(&["docker", "ps", "-aq", "--filter", &label]);
            found.extend(lines(&[
                "docker", "network", "ls", "-q", "--filter", &label,
            ]));
            found
        }
    }
}

/// The children of killed commands that are still about: scripts and what they build in.
fn assert_nothing(labs: &Labs, engine: Engine, name: &str, when: &str) {
    assert_eq!(left(engine, name), Vec::<String>::new(), "{when}");
    assert!(!labs.folder(name).exists(), "{when}");
    let kept = common::watch::files(labs.state.path());
    assert!(
        !kept
            .iter()
            .any(|file| file.to_string_lossy().contains(name)),
        "{when}: {kept:?}"
    );
}

impl Labs {
    /// What is red or unknown and is no defect of a document.
    fn not_green(&self, name: &str) -> Vec<String> {
        let output = self.run(&["check", "--site", name, "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().any(|one| one["verdict"] == "pass"));
        findings
            .iter()
            .filter(|one| one["verdict"] == "fail" || one["verdict"] == "error")
            .filter(|one| one["document_defect"].is_null())
            .map(|one| format!("{}: {}", one["id"], one["message"]))
            .collect()
    }
}

fn a_lab_lives(engine: Engine) {
    let labs = Labs::new(&["a"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab",
        "up",
        "--engine",
        engine.name(),
        "--name",
        name,
        "--roles",
        "system,dns,drive",
    ]);
    let status = labs.status(name);
    assert_eq!(status["engine"], engine.name());
    for role in ["system", "dns", "drive"] {
        assert_eq!(status["nodes"][role]["state"], "running", "{status}");
    }
    assert_eq!(status["nodes"]["drive"]["standin"], true);
    assert_eq!(status["nodes"]["tables"]["standin"], false);

    // Both ways to name it, and the verdict of a lab that nobody has broken.
    for site in [name.to_owned(), format!("lab:{name}")] {
        let output = labs.run(&[
            "check", "--site", &site, "--suite", "drive", "--suite", "fw", "--suite", "env",
            "--format", "json",
        ]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let standins: Vec<&str> = report["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node["standin"] == true)
            .map(|node| node["role"].as_str().unwrap())
            .collect();
        assert_eq!(standins, ["drive", "system"]);
        assert_eq!(report["recorded"], false);
    }

    // Roles and containers are names in every node.
    let names = format!("getent hosts system drive {name}-dns | wc -l");
    assert_eq!(
        labs.ok(&[
            "lab", "shell", "dns", "--name", name, "--", "sh", "-c", &names
        ])
        .trim(),
        "3"
    );

    // No lease ends while somebody works.
    let fixed = "ip -4 -o addr show scope global; ps -e -o comm=";
    for role in ["system", "dns", "drive"] {
        let said = labs.ok(&[
            "lab", "shell", role, "--name", name, "--", "sh", "-c", fixed,
        ]);
        assert!(
            said.contains("valid_lft forever")
                && !said.contains(" dynamic ")
                && !said.contains("dhclient"),
            "{role}: {said}"
        );
    }

    // A second up of the same leaves it alone; another one is refused.
    labs.ok(&["lab", "up", "--name", name]);
    let other = labs.run(&["lab", "up", "--name", name, "--roles", "dns"]);
    assert_eq!(other.status.code(), Some(64));
    // Another account's lab of the same name is not swept away.
    let another = Labs::new(&[]);
    let refused = another.run(&["lab", "up", "--name", name, "--roles", "dns"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(64) && words.contains("knows nothing"),
        "{words}"
    );

    // A node is made anew, at its address, and is another instance.
    let before = &status["nodes"]["drive"]["address"];
    labs.ok(&[
        "lab",
        "shell",
        "drive",
        "--name",
        name,
        "--",
        "touch",
        "/etc/broken",
    ]);
    labs.ok(&["lab", "reset", "drive", "--name", name]);
    let status = labs.status(name);
    assert_eq!(&status["nodes"]["drive"]["address"], before);
    let broken = labs.run(&[
        "lab",
        "shell",
        "drive",
        "--name",
        name,
        "--",
        "test",
        "-e",
        "/etc/broken",
    ]);
    assert_ne!(broken.status.code(), Some(0));
    let output = labs.run(&["check", "--site", name, "--suite", "drive"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );

    // What the others remember of a node that is gone does not make the new one red.
    for role in ["system", "tables"] {
        labs.ok(&["lab", "reset", role, "--name", name]);
        let begun = Instant::now();
        // The drive monitor needs a while to take everything in again.
        while let bad = labs.not_green(name)
            && !bad.is_empty()
        {
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "after the reset of {role}: {bad:?}"
            );
        }
    }

    // No secret of the lab stands in what it says, nor in its site file.
    let secrets: Value =
        serde_json::from_slice(&std::fs::read(labs.folder(name).join("secrets.json")).unwrap())
            .unwrap();
    let site =
        std::fs::read_to_string(labs.folder(name).join(format!("sites/{name}.yaml"))).unwrap();
    let shown = format!("{site}{status}");
    for (what, value) in secrets.as_object().unwrap() {
        assert!(!shown.contains(value.as_str().unwrap()), "{what}");
    }

    labs.ok(&["lab", "down", "--name", name]);
    assert_nothing(&labs, engine, name, "after down");
}

#[test]
fn on_incus_a_lab_comes_up_is_green_is_mended_and_goes_without_a_trace() {
    a_lab_lives(Engine::Incus);
}

#[test]
fn on_docker_a_lab_comes_up_is_green_is_mended_and_goes_without_a_trace() {
    a_lab_lives(Engine::Docker);
}

/// Kills `lab up` after each of these times; then `lab down`, or the next `lab up`, leaves nothing.
fn a_killed_up_leaves_nothing(engine: Engine) {
    let labs = Labs::new(&["k"]);
    let name = labs.names[0].as_str();
    let up = [
        "lab",
        "up",
        "--engine",
        engine.name(),
        "--name",
        name,
        "--roles",
        "dns,drive",
    ];
    for (at, millis) in [150_u64, 700, 1100, 1600, 2400, 3500]
        .into_iter()
        .enumerate()
    {
        let mut child = labs
            .command(&up)
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        if at == 3 {
            labs.ok(&up);
            assert_eq!(labs.status(name)["nodes"]["dns"]["state"], "running");
        }
        labs.ok(&["lab", "down", "--name", name]);
        assert_nothing(&labs, engine, name, &format!("killed after {millis} ms"));
        // What was asked of the daemon before the kill must not come to life later either.
        std::thread::sleep(Duration::from_millis(500));
        assert_nothing(&labs, engine, name, &format!("a while after {millis} ms"));
    }
}

#[test]
fn on_incus_a_lab_that_was_killed_at_any_moment_leaves_nothing_after_down() {
    a_killed_up_leaves_nothing(Engine::Incus);
}

#[test]
fn on_docker_a_lab_that_was_killed_at_any_moment_leaves_nothing_after_down() {
    a_killed_up_leaves_nothing(Engine::Docker);
}

#[test]
fn on_incus_and_docker_two_labs_stand_side_by_side_and_one_goes_alone() {
    let labs = Labs::new(&["one", "two"]);
    let (one, two) = (labs.names[0].as_str(), labs.names[1].as_str());
    labs.ok(&[
        "lab", "up", "--engine", "incus", "--name", one, "--roles", "dns",
    ]);
    labs.ok(&[
        "lab", "up", "--engine", "docker", "--name", two, "--roles", "dns",
    ]);
    let list = labs.ok(&["lab", "list"]);
    assert!(list.contains(one) && list.contains(two), "{list}");
    // A container that only bears the name of a node is not taken for it.
    let folder = labs.folder(two).join("lab.json");
    let record = std::fs::read_to_string(&folder).unwrap();
    let id = labs.status(two)["nodes"]["dns"]["instance"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(record.contains(&id));
    labs.ok(&["lab", "down", "--name", one]);
    assert_nothing(&labs, Engine::Incus, one, "after down");
    assert_eq!(labs.status(two)["nodes"]["dns"]["state"], "running");
}

#[test]
fn on_docker_a_container_that_took_a_nodes_place_is_refused() {
    let labs = Labs::new(&["f"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab", "up", "--engine", "docker", "--name", name, "--roles", "dns",
    ]);
    let instance = format!("{name}-dns");
    labs.ok(&[
        "lab",
        "shell",
        "dns",
        "--name",
        name,
        "--",
        "sh",
        "-c",
        "echo other > /etc/runproof-lab",
    ]);
    let refused = labs.run(&["lab", "shell", "dns", "--name", name, "--", "true"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(2) && words.contains("nonce"),
        "{words}"
    );
    // Another container of that name, with our label, made by somebody else.
    let status = Command::new("docker")
        .args(["rename", &instance, &format!("{instance}-old")])
        .status()
        .unwrap();
    assert!(status.success());
    let refused = labs.run(&["lab", "shell", "dns", "--name", name, "--", "true"]);
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("refused"), "{words}");
}

impl Labs {
    /// Refuses, with these words; the lab's record is as before.
    fn refuses(&self, name: &str, reset: &[&str], words: &str) {
        let record = self.folder(name).join("lab.json");
        let before = std::fs::read(&record).unwrap();
        let mut command = vec!["lab", "reset", "--name", name];
        command.extend(reset);
        let output = self.run(&command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && said.contains(words),
            "{command:?}: {words}: {said}"
        );
        assert_eq!(std::fs::read(&record).unwrap(), before, "{command:?}");
    }

    /// What it says on stderr; it has to succeed.
    fn said(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    /// The lab's record.
    fn record(&self, name: &str) -> Value {
        let record = std::fs::read(self.folder(name).join("lab.json")).unwrap();
        serde_json::from_slice(&record).unwrap()
    }

    /// Says in the record that the lab did not come up, as a command that was killed leaves it.
    fn cut_short(&self, name: &str, nodes_known: bool) {
        let mut record = self.record(name);
        record["complete"] = false.into();
        if !nodes_known {
            record["nodes"] = Value::Object(serde_json::Map::new());
        }
        let file = self.folder(name).join("lab.json");
        std::fs::write(file, record.to_string()).unwrap();
    }
}

/// A command of an engine's client; it has to succeed.
fn client(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A container that is removed at the end.
struct Foreign(Engine, String);

impl Drop for Foreign {
    fn drop(&mut self) {
        let words: &[&str] = match self.0 {
            Engine::Docker => &["rm", "-f", &self.1],
            Engine::Incus => &["delete", "-f", &self.1],
        };
        let _ = Command::new(self.0.name()).args(words).output();
    }
}

#[test]
fn on_docker_nothing_is_written_into_a_container_that_took_another_nodes_name() {
    let labs = Labs::new(&["n"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab",
        "up",
        "--engine",
        "docker",
        "--name",
        name,
        "--roles",
        "dns,drive",
    ]);
    let (dns, drive) = (format!("{name}-dns"), format!("{name}-drive"));
    let away = format!("{dns}-away");
    let image = client(&["docker", "inspect", "-f", "{{.Config.Image}}", &dns]);
    let id = |node: &str| client(&["docker", "inspect", "-f", "{{.Id}}", node]);
    let (made, other) = (id(&dns), id(&drive));
    client(&["docker", "rename", &dns, &away]);
    let foreign = Foreign(Engine::Docker, dns.clone());
    let bare = ["docker", "run", "-d", "--name", &dns];
    client(&[&bare[..], &["--entrypoint", "sleep", &image, "600"]].concat());
    let hosts = || client(&["docker", "exec", &dns, "cat", "/etc/hosts"]);
    let before = hosts();

    labs.refuses(name, &["drive"], "refused: the node dns");
    labs.refuses(name, &["dns"], "did not make them");
    labs.refuses(name, &[], "did not make them");
    assert_eq!(hosts(), before);
    client(&[
        "docker",
        "exec",
        &dns,
        "test",
        "!",
        "-e",
        "/etc/runproof-lab",
    ]);
    assert_eq!((id(&away), id(&drive)), (made.clone(), other.clone()));

    // Neither is one that carries the lab's label and another nonce taken for the node.
    drop(foreign);
    let foreign = Foreign(Engine::Docker, dns.clone());
    let label = format!("runproof-lab={name}");
    let labels = ["--label", &label, "--label", "runproof-nonce=another"];
    let words = [
        &bare[..],
        &labels,
        &["--entrypoint", "sleep", &image, "600"],
    ];
    client(&words.concat());
    labs.refuses(name, &["drive"], "refused: the node dns");
    labs.refuses(name, &["dns"], "did not make them");
    assert_eq!((id(&away), id(&drive)), (made, other));
    drop(foreign);

    // The node under its other name is ours by its id, and is the one that is replaced.
    labs.ok(&["lab", "reset", "dns", "--name", name]);
    let status = labs.status(name);
    assert_eq!(status["nodes"]["dns"]["state"], "running", "{status}");
    let left = client(&["docker", "ps", "-aq", "--filter", &format!("name={away}")]);
    assert_eq!(left, "");
    labs.ok(&["lab", "down", "--name", name]);
    assert_nothing(&labs, Engine::Docker, name, "after down");
}

#[test]
fn on_docker_no_node_is_made_anew_beside_one_that_does_not_run_and_the_whole_lab_is() {
    let labs = Labs::new(&["s"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab",
        "up",
        "--engine",
        "docker",
        "--name",
        name,
        "--roles",
        "dns,drive",
    ]);
    client(&["docker", "stop", "-t", "1", &format!("{name}-dns")]);
    labs.refuses(name, &["drive"], "does not run");
    labs.ok(&["lab", "reset", "--name", name]);
    let status = labs.status(name);
    for role in ["dns", "drive"] {
        assert_eq!(status["nodes"][role]["state"], "running", "{status}");
    }
}

#[test]
fn on_incus_a_copy_of_a_node_survives_a_reset_and_is_no_node_of_the_new_lab() {
    let labs = Labs::new(&["c"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab", "up", "--engine", "incus", "--name", name, "--roles", "dns",
    ]);
    let (node, copy) = (format!("{name}-dns"), format!("{name}-dns-copy"));
    let _copy = Foreign(Engine::Incus, copy.clone());
    client(&["incus", "copy", &node, &copy]);
    let id = || client(&["incus", "config", "get", &copy, "volatile.uuid"]);
    let before = id();
    let shell = ["lab", "shell", "dns", "--name", name, "--", "true"];
    assert_eq!(labs.run(&shell).status.code(), Some(2));
    labs.refuses(name, &["dns"], &copy);
    let said = labs.said(&["lab", "reset", "--name", name]);
    assert!(
        said.contains("left alone") && said.contains(&copy),
        "{said}"
    );
    assert_eq!(id(), before);
    labs.ok(&shell);
    // And one by which an up removes what was left. A down, which somebody asks for, goes by the label.
    labs.cut_short(name, true);
    let up = [
        "lab", "up", "--engine", "incus", "--name", name, "--roles", "dns",
    ];
    let said = labs.said(&up);
    assert!(
        said.contains("left alone") && said.contains(&copy),
        "{said}"
    );
    assert_eq!(id(), before);
    labs.ok(&shell);
    labs.ok(&["lab", "down", "--name", name]);
    assert_nothing(&labs, Engine::Incus, name, "after down");
}

#[test]
fn on_incus_a_reset_lets_another_accounts_lab_of_that_name_on_docker_live() {
    let labs = Labs::new(&["b"]);
    let name = labs.names[0].as_str();
    // Ours is made first: an up refuses beside another account's, and a reset does not.
    labs.ok(&[
        "lab", "up", "--engine", "incus", "--name", name, "--roles", "dns",
    ]);
    let another = Foreign(Engine::Docker, format!("{name}-dns"));
    let mut words = vec!["docker", "create", "--name", &another.1];
    let labels = [
        format!("runproof-lab={name}"),
        "runproof-nonce=another".to_owned(),
        "runproof-role=dns".to_owned(),
    ];
    for label in &labels {
        words.extend(["--label", label]);
    }
    words.extend(["runproof-test:slim", "true"]);
    client(&words);
    let id = || client(&["docker", "inspect", "-f", "{{.Id}}", &another.1]);
    let before = id();
    labs.ok(&["lab", "reset", "--name", name]);
    assert_eq!(id(), before);
    assert_eq!(labs.status(name)["nodes"]["dns"]["state"], "running");
}

fn a_lab_that_is_not_whole_is_whole_after_a_reset(engine: Engine) {
    let labs = Labs::new(&["w"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab",
        "up",
        "--engine",
        engine.name(),
        "--name",
        name,
        "--profile",
        "lxd",
        "--roles",
        "dns,drive",
    ]);
    let nonce = || labs.record(name)["nonce"].clone();
    let whole = |when: &str| {
        let (status, record) = (labs.status(name), labs.record(name));
        assert_eq!(status["engine"], engine.name(), "{when}");
        assert_eq!(status["profile"], "lxd", "{when}");
        assert_eq!(record["complete"], true, "{when}");
        let roles: Vec<&String> = status["nodes"].as_object().unwrap().keys().collect();
        assert_eq!(roles, ["dns", "drive"], "{when}");
        for role in roles {
            assert_eq!(status["nodes"][role]["state"], "running", "{when}");
        }
    };
    // Killed before its nodes were known, and one of them is gone.
    let first = nonce();
    labs.cut_short(name, false);
    drop(Foreign(engine, format!("{name}-drive")));
    for words in [
        &["lab", "status", "--name", name][..],
        &["lab", "shell", "dns", "--name", name, "--", "true"],
    ] {
        let refused = labs.run(words);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(64), "{words:?}");
        assert!(said.contains("`runproof lab reset --name"), "{said}");
    }
    let kept = labs.folder(name).join("watchdog.log");
    std::fs::write(&kept, b"").unwrap();
    labs.ok(&["lab", "reset", "--name", name]);
    whole("after a reset");
    let second = nonce();
    assert_ne!(second, first);
    assert!(!kept.exists(), "it tells of nodes that are gone");

    // One node of it cannot be made anew, and all of it is.
    labs.cut_short(name, true);
    std::fs::write(&kept, b"").unwrap();
    let said = labs.said(&["lab", "reset", "dns", "--name", name]);
    assert!(said.contains("is not whole"), "{said}");
    whole("after the reset of a node");
    assert!(
        kept.exists(),
        "whoever wanted one node anew goes on with it"
    );
    assert_ne!(nonce(), second);

    // So it is after a reset that was killed, whenever that was.
    for (role, millis) in [
        (None, 300_u64),
        (None, 1500),
        (None, 4000),
        (Some("dns"), 800),
        (Some("dns"), 2000),
    ] {
        let mut words = vec!["lab", "reset", "--name", name];
        words.extend(role);
        let mut child = labs
            .command(&words)
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        labs.ok(&["lab", "reset", "--name", name]);
        whole(&format!("{words:?} killed after {millis} ms"));
    }
    labs.ok(&["lab", "down", "--name", name]);
    assert_nothing(&labs, engine, name, "after down");
}

#[test]
fn on_incus_a_lab_that_is_not_whole_is_whole_again_after_a_reset() {
    a_lab_that_is_not_whole_is_whole_after_a_reset(Engine::Incus);
}

#[test]
fn on_docker_a_lab_that_is_not_whole_is_whole_again_after_a_reset() {
    a_lab_that_is_not_whole_is_whole_after_a_reset(Engine::Docker);
}

fn logs_are_harmless_and_end_with_whoever_reads_them(engine: Engine) {
    let labs = Labs::new(&["l"]);
    let name = labs.names[0].as_str();
    labs.ok(&[
        "lab",
        "up",
        "--engine",
        engine.name(),
        "--name",
        name,
        "--roles",
        "dns",
    ]);
    let sh = |script: &str| {
        labs.ok(&[
            "lab", "shell", "dns", "--name", name, "--", "sh", "-c", script,
        ])
    };
    sh(r"printf 'a\033]0;title\007b\n' > /opt/gbo/logs/hostile.log");

    // A program gets what was logged, a terminal what cannot hurt it.
    let logged = "a\u{1b}]0;title\u{7}b";
    let read = labs.ok(&["lab", "logs", "dns", "--name", name]);
    assert!(read.contains(logged), "{read}");
    let program = env!("CARGO_BIN_EXE_runproof");
    let line = format!("{program} lab logs dns --name {name}");
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("XDG_STATE_HOME", labs.state.path())
        .env("RUNPROOF_STANDIN", standin())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains(r"a\u{1b}]0;title\u{7}b"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");

    // Whatever ends who follows, the tail in the node ends too.
    for (signal, group) in [("-INT", true), ("-KILL", false)] {
        let mut child = labs
            .command(&["lab", "logs", "dns", "--follow", "--name", name])
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut followed = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(followed.any(|line| line.unwrap().contains(logged)));
        assert!(sh("ps -e -o args=").contains("tail -n 30 -F"));
        let of = child.id().to_string();
        let of = if group { format!("-{of}") } else { of };
        let told = Command::new("kill").args([signal, "--", &of]).status();
        assert!(told.unwrap().success());
        let status = child.wait().unwrap();
        if group {
            assert_eq!(status.code(), Some(130));
        }
        let begun = Instant::now();
        while sh("ps -e -o args=").contains("tail -n 30 -F") {
            assert!(begun.elapsed() < Duration::from_secs(20), "{signal}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn on_incus_the_logs_of_a_node_are_harmless_and_end_with_whoever_reads_them() {
    logs_are_harmless_and_end_with_whoever_reads_them(Engine::Incus);
}

#[test]
fn on_docker_the_logs_of_a_node_are_harmless_and_end_with_whoever_reads_them() {
    logs_are_harmless_and_end_with_whoever_reads_them(Engine::Docker);
}

#[test]
fn an_unknown_role_and_a_lab_that_is_not_there_are_usage_errors() {
    let labs = Labs::new(&[]);
    let output = labs.run(&["lab", "up", "--roles", "sytem"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64));
    assert!(
        words.contains("`sytem`") && words.contains("system"),
        "{words}"
    );
    for words in [
        &["lab", "status", "--name", "nowhere"][..],
        &["lab", "reset", "dns", "--name", "nowhere"],
        &["lab", "shell", "dns", "--name", "nowhere"],
        &["check", "--site", "lab:nowhere"],
    ] {
        let output = labs.run(words);
        assert_eq!(output.status.code(), Some(64), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no lab nowhere"));
    }
}

#[test]
fn a_machine_without_an_engine_that_can_be_used_is_told_what_to_install() {
    // An account that no engine's socket lets in; only root can become one.
    let labs = Labs::new(&[]);
    let Ok(found) = Command::new("id").arg("-u").output() else {
        return;
    };
    if found.stdout != b"0\n" {
        return;
    }
    let state = labs.state.path().join("nobody");
    std::fs::create_dir(&state).unwrap();
    let chown = Command::new("chown")
        .args(["-R", "65534"])
        .arg(&state)
        .status()
        .unwrap();
    assert!(chown.success());
    open_to_all(labs.state.path());
    let output = labs
        .command(&["lab", "up", "--roles", "dns"])
        .env("XDG_STATE_HOME", &state)
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{words}");
    assert!(
        words.contains("no engine runs here") && words.contains("apt-get install incus"),
        "{words}"
    );
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Where `lab up` is killed while the image of its node is being built.
#[derive(Clone, Copy, Debug)]
enum Moment {
    After(Duration),
    /// The image is built, and the engine is being given it.
    Built,
}

#[test]
fn on_incus_a_lab_that_was_killed_while_its_image_was_built_leaves_no_half_of_one() {
    let labs = Labs::new(&["i"]);
    let name = labs.names[0].as_str();
    let image = format!("kill{}", std::process::id());
    let testenv = labs.state.path().join("testenv");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(common::root().join("testenv"))
        .arg(&testenv)
        .status()
        .unwrap();
    assert!(copied.success());
    let images = testenv.join("images");
    std::fs::copy(images.join("slim"), images.join(&image)).unwrap();
    let role = testenv.join("roles/llm/role.yaml");
    let text = std::fs::read_to_string(&role).unwrap();
    assert!(text.contains("image: slim"), "{text}");
    std::fs::write(
        &role,
        text.replace("image: slim", &format!("image: {image}")),
    )
    .unwrap();
    let cache = labs.state.path().join("cache");
    let kept = cache.join("runproof/images");
    let up = || {
        let mut command = labs.command(&[
            "lab", "up", "--engine", "incus", "--name", name, "--roles", "llm",
        ]);
        command
            .env("RUNPROOF_TESTENV", &testenv)
            .env("XDG_CACHE_HOME", &cache);
        command
    };
    let _image = Image(image.clone());
    let built = || {
        common::watch::files(&kept).iter().any(|file| {
            file.extension().is_some_and(|end| end == "tar") && file.parent() == Some(&kept)
        })
    };

    for moment in [
        Moment::After(Duration::from_millis(1500)),
        Moment::After(Duration::from_secs(5)),
        Moment::After(Duration::from_secs(12)),
        Moment::Built,
    ] {
        let mut child = up()
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        match moment {
            Moment::After(time) => std::thread::sleep(time),
            Moment::Built => {
                let begun = Instant::now();
                while !built() {
                    assert!(begun.elapsed() < Duration::from_secs(240), "no image came");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        labs.ok(&["lab", "down", "--name", name]);
        assert_nothing(&labs, Engine::Incus, name, &format!("killed {moment:?}"));
        // What was building sees that nobody waits for it any more, and takes its own along.
        let begun = Instant::now();
        let left = || {
            let mut left = building(&kept);
            let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
            let inside = kept.to_str().unwrap();
            left.extend(
                mounts
                    .lines()
                    .filter(|line| line.contains(inside))
                    .map(str::to_owned),
            );
            let half = common::watch::files(&kept);
            left.extend(
                half.iter()
                    .filter(|file| file.starts_with(&kept) && file.parent() != Some(&kept))
                    .map(|file| file.display().to_string()),
            );
            left
        };
        while let left = left()
            && !left.is_empty()
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{moment:?}: {left:?}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    // What stayed of it is whole: the next one comes up.
    let output = up().output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(labs.status(name)["nodes"]["llm"]["state"], "running");
}

/// The processes that work in a folder.
fn building(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|one| std::fs::read(one.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

/// An image of an engine that is removed at the end.
struct Image(String);

impl Drop for Image {
    fn drop(&mut self) {
        let alias = format!("runproof-test-{}", self.0);
        let _ = Command::new("incus")
            .args(["image", "delete", &alias])
            .output();
    }
}
