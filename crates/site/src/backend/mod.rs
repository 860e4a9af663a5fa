//! The doors into a site: each engine's socket, and each engine's command line.

use std::net::Ipv4Addr;

use futures_util::future::BoxFuture;
use runproof_model::ReasonKind;
use serde_json::Value;

use crate::dial::pipe::Pipe;
use crate::exec;
use crate::host::{Errand, Host};
use crate::sink::Sink;
use crate::trouble::Trouble;

pub(crate) mod cli;
pub(crate) mod docker;
pub(crate) mod docker_json;
pub(crate) mod incus;
pub(crate) mod incus_json;
mod lenient;
pub(crate) mod rest;

/// An engine, entered by one door.
pub(crate) trait Backend: Send + Sync {
    /// Runs `words` in the instance with `stdin`, and gives the exit code.
    /// Dropping the future ends our side of it.
    fn exec<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
        stdin: &'a [u8],
        sink: &'a Sink,
    ) -> BoxFuture<'a, Result<i32, Trouble>>;

    /// Starts `words` in the instance, and hands out its standard streams. Dropping
    /// them ends our side of it.
    fn pipe<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
    ) -> BoxFuture<'a, Result<Pipe, Trouble>>;

    /// What the engine says of an instance, running or not:
    /// `{"engine": …, "instance": {…}, "snapshots": […]}`.
    fn describe<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Value, Trouble>>;

    /// Every instance; with their addresses when they are wanted, which costs more.
    fn list(&self, addresses: bool) -> BoxFuture<'_, Result<Vec<Listed>, Trouble>>;

    /// The host name of the machine on which the engine runs, in the engine's own word.
    fn hostname(&self) -> BoxFuture<'_, Result<String, Trouble>>;
}

/// An instance as the engine lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name.
    pub name: String,
    /// `running`, `stopped`, `frozen`, or another word of the engine in lower case.
    pub state: String,
    /// What it was made from.
    pub image: Option<String>,
    /// Its addresses beside loopback and link-local, when they were asked for.
    pub ipv4: Vec<Ipv4Addr>,
}

/// A place where scripts run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// The machine on which the engine runs.
    Machine,
    /// An instance of the engine.
    Instance(String),
}

impl Target {
    /// The instance's name; empty for a machine.
    pub fn name(&self) -> &str {
        match self {
            Self::Machine => "",
            Self::Instance(name) => name,
        }
    }
}

/// Whether a described instance runs, when its engine says so.
pub(crate) fn is_running(described: &Value) -> Option<bool> {
    let instance = described.get("instance")?;
    match instance.pointer("/State/Running") {
        Some(running) => running.as_bool(),
        None => {
            let status = instance.get("status")?.as_str()?;
            Some(status.eq_ignore_ascii_case("running"))
        }
    }
}

/// A target, and the way to it.
pub(crate) struct Reached<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Whether scripts on the machine itself run under `sudo -n`.
    pub sudo: bool,
    /// The engine; none for a site without one.
    pub engine: Option<&'a dyn Backend>,
    /// The place.
    pub target: &'a Target,
}

impl Reached<'_> {
    /// Runs `words` there.
    pub async fn exec(&self, words: &[String], stdin: &[u8], sink: &Sink) -> Result<i32, Trouble> {
        match (self.target, self.engine) {
            (Target::Machine, _) => {
                let words = exec::on_machine(words, self.sudo);
                self.host.run(&words, stdin, sink, Errand::BareScript).await
            }
            (Target::Instance(name), Some(engine)) => engine.exec(name, words, stdin, sink).await,
            (Target::Instance(_), None) => Err(no_engine()),
        }
    }

    /// Starts `words` there, and hands out its standard streams.
    pub async fn pipe(&self, words: &[String]) -> Result<Pipe, Trouble> {
        match (self.target, self.engine) {
            (Target::Machine, _) => self.host.pipe(&exec::on_machine(words, self.sudo)).await,
            (Target::Instance(name), Some(engine)) => engine.pipe(name, words).await,
            (Target::Instance(_), None) => Err(no_engine()),
        }
    }

    /// What the engine says of it.
    pub async fn describe(&self) -> Result<Value, Trouble> {
        match (self.target, self.engine) {
            (Target::Instance(name), Some(engine)) => engine.describe(name).await,
            (Target::Machine, _) | (Target::Instance(_), None) => Err(no_engine()),
        }
    }
}

fn no_engine() -> Trouble {
    Trouble::new(
        ReasonKind::Unsupported,
        "this node is a machine, not an instance of an engine",
    )
}
