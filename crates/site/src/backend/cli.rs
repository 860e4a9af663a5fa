//! An engine through its own command line, on this machine or behind ssh.

use std::time::Duration;

use futures_util::future::BoxFuture;
use runproof_model::ReasonKind;
use runproof_model::site::Engine;
use serde_json::Value;

use super::{Backend, Listed, docker_json, incus_json};
use crate::dial::pipe::Pipe;
use crate::host::{Errand, Host};
use crate::sink::Sink;
use crate::trouble::Trouble;

/// The largest answer of the engine's command line that is read.
const ANSWER_CAP: u64 = 64 << 20;

/// How long it may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// The command line of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Cli {
    /// The machine on which it runs.
    pub host: Host,
    /// Which engine.
    pub engine: Engine,
    /// The project, of Incus and LXD.
    pub project: String,
    /// Whether `sudo -n` stands before it.
    pub sudo: bool,
    /// The socket that it is told to use.
    pub socket: Option<String>,
}

impl Cli {
    /// `[sudo -n] [env …] PROGRAM`.
    fn program(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if self.sudo {
            words.extend(["sudo", "-n"].map(str::to_owned));
        }
        let variable = match self.engine {
            Engine::Incus => Some("INCUS_SOCKET"),
            Engine::Lxd => Some("LXD_SOCKET"),
            Engine::Docker | Engine::Local => None,
        };
        if let (Some(variable), Some(socket)) = (variable, &self.socket) {
            words.extend(["env".to_owned(), format!("{variable}={socket}")]);
        }
        words.push(
            match self.engine {
                Engine::Lxd => "lxc",
                Engine::Docker => "docker",
                Engine::Incus | Engine::Local => "incus",
            }
            .to_owned(),
        );
        if let (Engine::Docker, Some(socket)) = (self.engine, &self.socket) {
            words.extend(["-H".to_owned(), format!("unix://{socket}")]);
        }
        words
    }

    /// The command line of an exec. `local:` pins this machine's daemon: an
    /// operator's default remote may be another one.
    pub fn exec_line(&self, instance: &str, words: &[String]) -> Vec<String> {
        let mut line = self.program();
        if self.engine == Engine::Docker {
            line.extend(["exec", "-i", "-u", "0", "-e", "LC_ALL=C", instance].map(str::to_owned));
        } else {
            let fixed = [
                "exec",
                "--project",
                &self.project,
                "--mode",
                "non-interactive",
            ];
            line.extend(fixed.map(str::to_owned));
            line.extend([format!("local:{instance}"), "--".to_owned()]);
        }
        line.extend_from_slice(words);
        line
    }

    /// The command line of an exec, as an operator would type it.
    pub fn how(&self, instance: &str, words: &[String]) -> String {
        self.host.how(&self.exec_line(instance, words))
    }

    async fn ask(&self, words: &[&str]) -> Result<String, Trouble> {
        let mut line = self.program();
        line.extend(words.iter().map(|&word| word.to_owned()));
        let sink = Sink::new(ANSWER_CAP);
        let code = tokio::time::timeout(
            ANSWER_TIME,
            self.host.run(&line, b"", &sink, Errand::Question),
        )
        .await
        .unwrap_or_else(|_| {
            Err(Trouble::new(
                ReasonKind::Timeout,
                "the engine does not answer",
            ))
        })?;
        if code != 0 {
            return Err(self.refused(code, &sink));
        }
        Ok(String::from_utf8_lossy(&sink.into_output().out).into_owned())
    }

    async fn inspect_all(&self) -> Result<Vec<Listed>, Trouble> {
        let ids = self.ask(&["ps", "-aq", "--no-trunc"]).await?;
        let mut words = vec!["container", "inspect"];
        words.extend(
            ids.split_whitespace()
                .filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit())),
        );
        if words.len() == 2 {
            return Ok(Vec::new());
        }
        let found = self.json(&words).await?;
        let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(all.iter().filter_map(docker_json::listed).collect())
    }

    async fn json(&self, words: &[&str]) -> Result<Value, Trouble> {
        let text = self.ask(words).await?;
        serde_json::from_str(&text)
            .map_err(|error| Trouble::new(ReasonKind::Garbled, format!("the engine: {error}")))
    }

    fn refused(&self, code: i32, sink: &Sink) -> Trouble {
        let text = sink.error_text();
        if code == 127 && text.is_empty() {
            return Trouble::new(ReasonKind::MissingTool, self.engine.as_str());
        }
        Trouble::refusal(&text)
    }
}

impl Backend for Cli {
    fn exec<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
        stdin: &'a [u8],
        sink: &'a Sink,
    ) -> BoxFuture<'a, Result<i32, Trouble>> {
        Box::pin(async move {
            let line = self.exec_line(instance, words);
            let code = self.host.run(&line, stdin, sink, Errand::Script).await?;
            // The command line's own failure and the script's share one number;
            // a script of ours that began has said something.
            if code != 0 && sink.is_empty() {
                return Err(self.refused(code, sink));
            }
            Ok(code)
        })
    }

    fn pipe<'a>(
        &'a self,
        instance: &'a str,
        words: &'a [String],
    ) -> BoxFuture<'a, Result<Pipe, Trouble>> {
        Box::pin(async move { self.host.pipe(&self.exec_line(instance, words)).await })
    }

    fn describe<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Value, Trouble>> {
        Box::pin(async move {
            if self.engine == Engine::Docker {
                let mut found = self.json(&["container", "inspect", instance]).await?;
                let one = found.get_mut(0).map(Value::take);
                return one
                    .map(docker_json::described)
                    .ok_or_else(|| Trouble::new(ReasonKind::Garbled, "docker container inspect"));
            }
            let project = &self.project;
            let path = format!("local:/1.0/instances/{instance}?recursion=1&project={project}");
            let found = self.json(&["query", &path]).await?;
            Ok(incus_json::described(self.engine.as_str(), found))
        })
    }

    fn list(&self, addresses: bool) -> BoxFuture<'_, Result<Vec<Listed>, Trouble>> {
        Box::pin(async move {
            if self.engine == Engine::Docker {
                let mut found = self.inspect_all().await;
                if matches!(&found, Err(trouble) if trouble.reason.kind == ReasonKind::NoSuchNode) {
                    // One of them was removed between the two questions.
                    found = self.inspect_all().await;
                }
                return found;
            }
            let depth = if addresses { 2 } else { 1 };
            let project = &self.project;
            let path = format!("local:/1.0/instances?recursion={depth}&project={project}");
            Ok(incus_json::listed(&self.json(&["query", &path]).await?))
        })
    }

    fn hostname(&self) -> BoxFuture<'_, Result<String, Trouble>> {
        Box::pin(async move {
            if self.engine == Engine::Docker {
                let name = self.ask(&["info", "--format", "{{.Name}}"]).await?;
                return Ok(name.trim().to_owned());
            }
            let server = self.json(&["query", "local:/1.0"]).await?;
            server
                .pointer("/environment/server_name")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| {
                    Trouble::new(
                        ReasonKind::Permission,
                        "the engine does not name its machine to this account",
                    )
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        Engine::Incus,
        true,
        None,
        "sudo -n incus exec --project default --mode non-interactive local:web -- sh -s"
    )]
    #[case(
        Engine::Lxd,
        false,
        None,
        "lxc exec --project default --mode non-interactive local:web -- sh -s"
    )]
    #[case(
        Engine::Docker,
        false,
        Some("/run/d.sock"),
        "docker -H unix:///run/d.sock exec -i -u 0 -e LC_ALL=C web sh -s"
    )]
    #[case(
        Engine::Incus,
        false,
        Some("/s"),
        "env INCUS_SOCKET=/s incus exec --project default --mode non-interactive local:web -- sh -s"
    )]
    fn the_line_is_what_an_operator_would_type(
        #[case] engine: Engine,
        #[case] sudo: bool,
        #[case] socket: Option<&str>,
        #[case] line: &str,
    ) {
        let cli = Cli {
            host: Host::here(),
            engine,
            project: "default".into(),
            sudo,
            socket: socket.map(str::to_owned),
        };
        let words = ["sh", "-s"].map(str::to_owned);
        assert_eq!(cli.exec_line("web", &words).join(" "), line);
    }
}
