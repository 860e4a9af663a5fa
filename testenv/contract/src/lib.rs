//! What the contract tests share: a service to speak to, and a way to wait for it.
//!
//! A test written from the public documentation of a service runs against the original when
//! `RUNPROOF_CONTRACT_<SERVICE>_ADDR` names one, and starts our stand-in on loopback otherwise.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot start its service has to say so loudly"
)]

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The address of an original, when the environment names one.
pub fn original(service: &str) -> Option<String> {
    std::env::var(format!("RUNPROOF_CONTRACT_{service}_ADDR")).ok()
}

/// The stand-in's program: `RUNPROOF_STANDIN`, or the one that a build left beside this test,
/// or, when its sources are newer, one built now.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("RUNPROOF_STANDIN") {
        Some(given) => PathBuf::from(given),
        // A test runner that gives each test a process must not build once for each.
        None => left_by_a_build().unwrap_or_else(build),
    })
}

fn left_by_a_build() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let program = test.parent()?.parent()?.join("runproof-standin");
    let built = program.metadata().ok()?.modified().ok()?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()?
        .join("standin");
    (newest(&sources)? < built).then_some(program)
}

/// When anything below a folder changed last.
fn newest(folder: &Path) -> Option<SystemTime> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                newest(&path)
            } else {
                entry.metadata().ok()?.modified().ok()
            }
        })
        .max()
}

fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "runproof-standin",
            "--message-format=json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the stand-in does not build");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .expect("cargo names the program")
}

/// The command of a service: the original's program where `RUNPROOF_CONTRACT_<SERVICE>_PROGRAM` names it.
fn player(name: &str) -> Command {
    let variable = name.to_uppercase().replace('-', "_");
    match std::env::var_os(format!("RUNPROOF_CONTRACT_{variable}_PROGRAM")) {
        Some(original) => Command::new(original),
        None => {
            let mut command = Command::new(program());
            command.arg(name);
            command
        }
    }
}

/// A port of loopback that nobody listens on.
pub fn port() -> u16 {
    // Below what the kernel gives to outgoing connections, and each test's process in a
    // place of its own: nobody takes the port between this and its server's start.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (0..1000)
        .map(|_| std::process::id() * 16 + NEXT.fetch_add(1, Ordering::Relaxed))
        .filter_map(|number| u16::try_from(10_240 + number % 20_000).ok())
        .find(|&port| {
            TcpListener::bind(("127.0.0.1", port)).is_ok()
                && UdpSocket::bind(("127.0.0.1", port)).is_ok()
        })
        .expect("loopback has a free port")
}

/// A folder that goes when the test does.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it touches the disk")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("runproof-contract-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file in it and returns its path as text.
    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder can be made");
        }
        std::fs::write(&path, content).expect("a file can be written");
        self.text(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A stand-in that runs until it is dropped.
pub struct Running {
    child: Child,
    output: PathBuf,
    _folder: Folder,
}

impl Running {
    /// Starts one by its name.
    pub fn start(name: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let output = folder.path("output");
        let file = std::fs::File::create(&output).expect("a file can be made");
        let child = player(name)
            .args(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .expect("the stand-in starts");
        Self {
            child,
            output,
            _folder: folder,
        }
    }

    /// Starts one and waits until it listens.
    pub fn listening(name: &str, args: &[&str], environment: &[(&str, &str)], port: u16) -> Self {
        let mut running = Self::start(name, args, environment);
        until(&format!("{name} listens on {port}"), || {
            if let Ok(Some(status)) = running.child.try_wait() {
                panic!("{name} ended with {status}: {}", running.output());
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        running
    }

    /// What it said so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill -{signal}");
    }

    /// Tells it to end and returns its exit code.
    pub fn end(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end and returns its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        until("the stand-in ends", || match self.child.try_wait() {
            Ok(Some(status)) => {
                code = status.code();
                true
            }
            _ => false,
        });
        code
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is true; what never becomes true fails the test.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The same for what has to be asked.
pub async fn until_async<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let start = Instant::now();
    while !is().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A client that trusts nothing but what it is told to.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(Vec::new())
        .build()
        .expect("a client can be made")
}

/// Runs a program and returns its exit code, standard output and standard error.
pub fn ran(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the program starts");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Whether a program is installed.
pub fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}
