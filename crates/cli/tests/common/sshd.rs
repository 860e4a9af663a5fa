//! An sshd of the test's own, with an account that exists for it alone (`testenv/bin/sshd`).

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::root;

/// A running sshd; gone when dropped, or when the test is killed.
pub struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    /// Starts it and waits until it listens.
    pub fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(root().join("testenv/bin/sshd"))
            .arg(folder.path())
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sshd = Self {
            child,
            folder,
            port,
        };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(
                sshd.child.try_wait().unwrap().is_none(),
                "the sshd of the test ended"
            );
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "the sshd of the test does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        sshd
    }

    /// What a site file calls it.
    pub const HOST: &str = "test-host";

    /// How the client names it among the hosts that it knows.
    pub fn address(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// The client's file of known hosts.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// The public half of the account's key.
    pub fn user_key(&self) -> PathBuf {
        self.folder.path().join("user_key.pub")
    }

    /// A `PATH` in which `ssh` has the configuration that knows it.
    pub fn path(&self) -> String {
        let own: PathBuf = self.folder.path().join("bin");
        format!(
            "{}:{}",
            own.display(),
            std::env::var("PATH").unwrap_or_default()
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // The end of its standard input is the end of it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
