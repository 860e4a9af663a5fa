//! Real nodes for tests: Docker and Incus containers, gone when dropped.
//!
//! The image is `runproof-test:bookworm` (Docker) or `runproof-test-bookworm`
//! (Incus), imported from the rootfs tarball in `RUNPROOF_TEST_ROOTFS` when it
//! is not there. Without an engine a test is skipped, loudly; in CI that is a failure.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use runproof_facts::answer::Answers;
use runproof_facts::ask::Ask;
use runproof_facts::fact::Context;
use runproof_facts::reads::Reads;
use runproof_facts::registry::{Probe, Wanted};
use runproof_facts::secret::Key;
use runproof_model::{Observed, Role, Site};
use runproof_site::Options;
use serde_json::{Value, json};

const DOCKER_IMAGE: &str = "runproof-test:bookworm";
const INCUS_IMAGE: &str = "runproof-test-bookworm";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Incus,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Incus => "incus",
        }
    }

    /// Whether the engine and its image are there; says so when not.
    pub fn ready(self) -> bool {
        static DOCKER: OnceLock<Result<(), String>> = OnceLock::new();
        static INCUS: OnceLock<Result<(), String>> = OnceLock::new();
        let found = match self {
            Self::Docker => DOCKER.get_or_init(docker_ready),
            Self::Incus => INCUS.get_or_init(incus_ready),
        };
        match found {
            Ok(()) => true,
            Err(why) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "no {}: {why}",
                    self.name()
                );
                println!("skipped: no {}: {why}", self.name());
                false
            }
        }
    }
}

pub fn run(program: &str, arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!(
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

fn rootfs() -> Result<String, String> {
    std::env::var("RUNPROOF_TEST_ROOTFS")
        .map_err(|_| "no image, and RUNPROOF_TEST_ROOTFS names no tarball".to_owned())
}

fn docker_ready() -> Result<(), String> {
    run("docker", &["version"])?;
    if run("docker", &["image", "inspect", DOCKER_IMAGE]).is_err() {
        run("docker", &["import", &rootfs()?, DOCKER_IMAGE])?;
    }
    Ok(())
}

fn incus_ready() -> Result<(), String> {
    run("incus", &["list"])?;
    if run("incus", &["image", "show", INCUS_IMAGE]).is_err() {
        let folder = Folder::new("image");
        let metadata = folder.0.join("metadata.yaml");
        let text = "architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  description: runproof test\n";
        std::fs::write(metadata, text).map_err(|error| error.to_string())?;
        let tar = folder.0.join("metadata.tar");
        let (tar, folder) = (tar.to_string_lossy(), folder.0.to_string_lossy());
        run("tar", &["cf", &tar, "-C", &folder, "metadata.yaml"])?;
        run(
            "incus",
            &["image", "import", &tar, &rootfs()?, "--alias", INCUS_IMAGE],
        )?;
    }
    Ok(())
}

/// A temporary folder.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{}-{name}", unique()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let prefix = std::env::var("RUNPROOF_TEST_PREFIX").unwrap_or_else(|_| "runproof-test".into());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{number}", std::process::id())
}

/// A container.
pub struct Node {
    pub engine: Engine,
    pub name: String,
}

impl Node {
    pub fn start(engine: Engine) -> Self {
        Self::of(engine, DOCKER_IMAGE, &["sleep", "100000"])
    }

    /// A Docker container of another image, with what it runs; Incus has one image only.
    pub fn of(engine: Engine, image: &str, words: &[&str]) -> Self {
        let name = unique();
        let node = Self { engine, name };
        let name = node.name.as_str();
        match engine {
            Engine::Docker => {
                let mut line = vec!["run", "-d", "--init", "--name", name, image];
                line.extend(words);
                run("docker", &line)
            }
            Engine::Incus => run("incus", &["launch", "-q", INCUS_IMAGE, name]),
        }
        .unwrap();
        node
    }

    /// A command on the node, by another way than the one under test.
    pub fn sh(&self, text: &str) -> String {
        let mut line = vec!["exec", self.name.as_str()];
        let mut text = text.to_owned();
        if self.engine == Engine::Incus {
            line.push("--");
            // Its command line loses the output of what ends within milliseconds.
            text.insert_str(0, "trap 'sleep 0.05' EXIT\n");
        }
        line.extend(["bash", "-c", &text]);
        let output = run(self.engine.name(), &line).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn stop(&self) {
        let name = self.name.as_str();
        match self.engine {
            Engine::Docker => run("docker", &["kill", name]),
            Engine::Incus => run("incus", &["stop", "-f", name]),
        }
        .unwrap();
    }

    /// Puts another program in the place of `sh`, for us only: the node itself needs its own.
    pub fn fake_sh(&self, text: &str) {
        let text = format!("case \"$*\" in *runproof-*) {text};; *) exec bash \"$@\";; esac");
        self.sh(&format!(
            "printf '%s\\n' '#!/bin/bash' {} >/fake && chmod 755 /fake && mv -f /fake /bin/sh",
            runproof_facts::quote::sh(&text)
        ));
    }

    /// The command lines of the node's processes that hold `word`.
    pub fn processes(&self, word: &str) -> Vec<String> {
        let text =
            self.sh("for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null");
        text.lines()
            .filter(|line| line.contains(word))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let name = self.name.as_str();
        let _ = match self.engine {
            Engine::Docker => run("docker", &["rm", "-f", name]),
            Engine::Incus => run("incus", &["delete", "-f", name]),
        };
    }
}

/// A probe that wants anything, and tells what it got.
pub struct Look {
    pub first: Vec<Ask>,
    pub second: Vec<Ask>,
}

impl Probe for Look {
    fn query(&self) -> Value {
        json!({})
    }

    fn asks(&self, _reads: &Reads) -> Vec<Ask> {
        self.first.clone()
    }

    fn next(&self, _reads: &Reads, _answers: &Answers, _context: &Context) -> Vec<Ask> {
        self.second.clone()
    }

    fn read(&self, _reads: &Reads, answers: &Answers, _context: &Context) -> Value {
        let all = self.first.iter().chain(&self.second);
        let told: Vec<Value> = all
            .map(|ask| match answers.run(ask) {
                Ok(ran) => json!(format!("{}:{}", ran.code, ran.out)),
                Err(reason) => serde_json::to_value(Observed::<()>::Unknown(reason)).unwrap(),
            })
            .collect();
        json!(told)
    }

    fn by_hand(&self) -> String {
        "look".into()
    }
}

pub fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

pub fn look(role_name: &str, first: Vec<Ask>) -> Wanted {
    two_looks(role_name, first, Vec::new())
}

pub fn two_looks(role_name: &str, first: Vec<Ask>, second: Vec<Ask>) -> Wanted {
    Wanted {
        role: role(role_name),
        kind: "look",
        query: json!({}),
        probe: Arc::new(Look { first, second }),
        reads: Reads::All,
    }
}

/// A command of the test's own.
pub fn sh(text: &'static str) -> Ask {
    Ask::Run(runproof_facts::ask::Command::new("test", text))
}

/// The same, with a long time of its own.
pub fn long(text: &'static str) -> Ask {
    Ask::Run(runproof_facts::ask::Command {
        seconds: 600,
        ..runproof_facts::ask::Command::new("test", text)
    })
}

pub fn site(reach: Value, nodes: Value) -> Site {
    serde_json::from_value(json!({
        "site": "test", "profile": "incus", "reach": reach, "nodes": nodes,
    }))
    .unwrap()
}

pub fn options() -> Options {
    Options::new(Context {
        key: Key::new([7; 32]),
    })
}
