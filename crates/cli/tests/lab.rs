//! Labs on real engines: up, judged, looked at, made anew, killed half-way, and gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod common;

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
