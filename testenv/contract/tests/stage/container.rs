//! Real PostgreSQL and Valkey, in containers of the test nodes' images.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::until;

/// A container; gone when dropped.
pub struct Container {
    pub name: String,
    /// As reached from this machine.
    pub address: String,
}

/// The password of PostgreSQL's user `gbuser`.
pub const TABLES_PASSWORD: &str = "tables-of-test";
/// Valkey's password.
pub const CACHE_PASSWORD: &str = "cache-of-test";

impl Container {
    /// PostgreSQL with the user and the database that the guides name.
    pub fn tables() -> Self {
        let container = Self::run("runproof-test:tables", "exec sleep infinity");
        container.sh(&format!(
            "echo \"listen_addresses = '*'\" > /etc/postgresql/15/main/conf.d/listen.conf
             echo 'host all all all scram-sha-256' >> /etc/postgresql/15/main/pg_hba.conf
             pg_ctlcluster 15 main start
             su postgres -c \"psql -q -c \\\"CREATE USER gbuser PASSWORD '{TABLES_PASSWORD}'\\\" \
                 -c 'CREATE DATABASE botserver OWNER gbuser'\""
        ));
        container
    }

    /// Valkey with a password.
    pub fn cache() -> Self {
        let command =
            format!("exec valkey-server --bind 0.0.0.0 --save '' --requirepass {CACHE_PASSWORD}");
        let container = Self::run("runproof-test:bookworm", &command);
        let ready = || container.try_sh("valkey-cli ping").then_some(());
        until(Duration::from_secs(60), ready).expect("Valkey does not come up");
        container
    }

    fn run(image: &str, command: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("contract{}-{next}", std::process::id());
        docker(&[
            "run",
            "-d",
            "--rm",
            "--name",
            &name,
            "--label",
            &format!("runproof-test-site={name}"),
            "--cap-add",
            "NET_ADMIN",
            image,
            "sh",
            "-c",
            command,
        ]);
        let address = docker(&[
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            &name,
        ]);
        Self { name, address }
    }

    /// Runs a script in it.
    pub fn sh(&self, script: &str) {
        docker(&["exec", &self.name, "sh", "-ec", script]);
    }

    fn try_sh(&self, script: &str) -> bool {
        let ran = Command::new("docker")
            .args(["exec", &self.name, "sh", "-ec", script])
            .output();
        ran.unwrap().status.success()
    }

    /// Holds it still, or lets it go on.
    pub fn pause(&self, still: bool) {
        docker(&[if still { "pause" } else { "unpause" }, &self.name]);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "-fv", &self.name])
            .output();
    }
}

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(
        output.status.success(),
        "docker {args:?} (the images come from ci/images): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
