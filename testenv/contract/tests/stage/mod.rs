//! The stage of a test: the stand-in's processes and real services in containers, gone when dropped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod container;
pub mod storage;
pub mod vault;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process of the stand-in, under the name of the service that it plays.
pub struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    /// Starts it in a folder of its own, with this environment and no other.
    pub fn start(name: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "", name, args, environment)
    }

    /// Starts it in a folder below one that is there already.
    pub fn start_in(
        folder: tempfile::TempDir,
        below: &str,
        name: &str,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let file = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
        let program = folder.path().join(name);
        if !program.exists() {
            std::os::unix::fs::symlink(standin(), &program).unwrap();
        }
        let child = Command::new(&program)
            .args(args)
            .current_dir(folder.path().join(below))
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("out.log"))
            .stderr(file("err.log"))
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// What it wrote so far, with the wrapped lines joined: first what info is, then the rest.
    pub fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        let text = format!("{}{}", read("out.log"), read("err.log"));
        text.replace(&format!("\n{}", " ".repeat(25)), "")
    }

    /// Only what it wrote to one of its two streams, as it stands there.
    pub fn stream(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Waits until it wrote something.
    pub fn wait_for(&self, text: &str) {
        let found = until(Duration::from_secs(60), || {
            self.log().contains(text).then_some(())
        });
        assert!(found.is_some(), "no {text:?} in:\n{}", self.log());
    }

    /// Waits for its end, and gives its exit code.
    pub fn exit(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let status = until(Duration::from_secs(60), || child.try_wait().unwrap());
        status.expect("it should have ended").code()
    }

    /// Ends it, and gives its folder for the next one.
    pub fn end(mut self) -> tempfile::TempDir {
        self.kill();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until there is an answer; the bound is against hanging, no test depends on it.
pub fn until<T>(bound: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until something listens.
pub fn listens(port: u16) {
    let there = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
    until(Duration::from_secs(60), there).expect("nothing listens");
}

/// A port that nobody uses at the moment.
pub use runproof_contract::port as free_port;

/// An HTTP client, and the TLS under it.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn standin() -> PathBuf {
    let named = std::env::var_os("RUNPROOF_STANDIN").map(PathBuf::from);
    // The test's own binary is in `deps`, the stand-in's beside that folder.
    let beside = || {
        let test = std::env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).map(Path::to_owned);
        folder.unwrap().join("runproof-standin")
    };
    let program = named.unwrap_or_else(beside);
    assert!(
        program.exists(),
        "the stand-in is not built: cargo build -p runproof-standin"
    );
    program
}
