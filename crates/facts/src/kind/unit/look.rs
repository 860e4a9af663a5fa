//! Turning properties, files and the process table into the parts of the fact.

use std::collections::HashMap;

use runproof_model::{Observed, Reason, ReasonKind};

use super::files;
use super::manager::{flag, list, moment, parsed, text};
use super::merged::Merged;
use super::{
    Disk, EnvironmentFile, Exec, OF_ENVIRONMENT, OF_TABLE, Problem, Running, Unit, UnitQuery,
    main_pid,
};
use crate::answer::Answers;
use crate::environ;
use crate::fact::Context;
use crate::open_map::OpenMap;
use crate::parse::systemd::name::UnitName;
use crate::parse::systemd::show::Properties;
use crate::parse::systemd::time;
use crate::proc_table;
use crate::reads::{self, Reads};
use crate::scrub;
use crate::secret::Secret;

/// What every part of the fact is made with.
pub(super) struct Look<'a> {
    pub(super) query: &'a UnitQuery,
    pub(super) context: &'a Context,
    pub(super) unit: &'a UnitName,
}

impl Look<'_> {
    fn declared<'v>(
        &self,
        find: impl Fn(&str) -> Observed<&'v str>,
    ) -> (OpenMap<String>, OpenMap<Secret>) {
        environ::declared(
            &self.query.environment,
            &self.query.secret_environment,
            &self.context.key,
            find,
        )
    }

    /// Every field of the manager absent, or unknown for one reason.
    pub(super) fn nothing(&self, why: &Observed<()>) -> Unit {
        fn no<T>(why: &Observed<()>) -> Observed<T> {
            match why {
                Observed::Known(()) | Observed::Absent => Observed::Absent,
                Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
            }
        }
        let (environment, secret_environment) = self.declared(|_| no(why));
        Unit {
            exists: no(why),
            load_state: no(why),
            active_state: no(why),
            sub_state: no(why),
            enabled: no(why),
            fragment_path: no(why),
            drop_in_paths: no(why),
            needs_reload: no(why),
            main_pid: no(why),
            user: no(why),
            group: no(why),
            r#type: no(why),
            restart: no(why),
            restart_sec: no(why),
            n_restarts: no(why),
            exec_start: no(why),
            environment,
            secret_environment,
            environment_files: no(why),
            standard_output: no(why),
            standard_error: no(why),
            after: no(why),
            wants: no(why),
            requires: no(why),
            started: no(why),
            active_since: no(why),
            result: no(why),
            exec_main_status: no(why),
            disk: no(why),
            running: no(why),
        }
    }

    /// The states alone.
    pub(super) fn states(&self, shown: &Properties) -> Unit {
        Unit {
            load_state: text(shown, "LoadState"),
            active_state: text(shown, "ActiveState"),
            sub_state: text(shown, "SubState"),
            ..self.nothing(&reads::unread())
        }
    }

    /// What the manager has loaded.
    pub(super) fn loaded(&self, shown: &Properties, merged: &Observed<Merged>) -> Unit {
        let variables: Observed<HashMap<String, String>> = match shown.environment() {
            Some(map) => Observed::Known(map),
            None if shown.raw("Environment").is_none() => Observed::Absent,
            None => Observed::unknown(ReasonKind::Garbled, "systemctl show: Environment"),
        };
        let (environment, secret_environment) =
            self.declared(|name| environ::lookup(&variables, name));
        let sorted = |key: &str| {
            list(shown, key, |shown| {
                let mut words = shown.words(key)?;
                words.sort();
                Some(words)
            })
        };
        let user = self.user(shown);
        let group = match text(shown, "Group") {
            Observed::Absent if user == Observed::Known("root".to_owned()) => {
                Observed::Known("root".to_owned())
            }
            group @ (Observed::Known(_) | Observed::Absent | Observed::Unknown(_)) => group,
        };
        let reload = flag(shown, "NeedDaemonReload");
        // `show` leaves out the path behind `append:`; the files have it, when they are what was loaded.
        let stream = |key: &str, on_disk: fn(&Merged) -> &Option<String>| {
            text(shown, key).map(|mode| match (&reload, merged.known().map(on_disk)) {
                (Observed::Known(false), Some(Some(full)))
                    if full
                        .strip_prefix(&mode)
                        .is_some_and(|rest| rest.starts_with(':')) =>
                {
                    full.clone()
                }
                _ => mode,
            })
        };
        Unit {
            exists: Observed::Known(true),
            load_state: text(shown, "LoadState"),
            active_state: text(shown, "ActiveState"),
            sub_state: text(shown, "SubState"),
            enabled: text(shown, "UnitFileState"),
            fragment_path: text(shown, "FragmentPath"),
            drop_in_paths: list(shown, "DropInPaths", |shown| shown.words("DropInPaths")),
            standard_output: stream("StandardOutput", |merged| &merged.standard_output),
            standard_error: stream("StandardError", |merged| &merged.standard_error),
            needs_reload: reload,
            main_pid: main_pid(shown),
            user,
            group,
            r#type: text(shown, "Type"),
            restart: text(shown, "Restart"),
            restart_sec: parsed(shown, "RestartUSec", |value| {
                time::span(value).map(|seconds| seconds.min(f64::MAX))
            }),
            n_restarts: parsed(shown, "NRestarts", |value| value.parse().ok()),
            exec_start: self.shown_commands(shown, merged),
            environment,
            secret_environment,
            environment_files: list(shown, "EnvironmentFiles", |shown| {
                Some(
                    shown
                        .environment_files()?
                        .into_iter()
                        .map(|(path, optional)| EnvironmentFile { path, optional })
                        .collect(),
                )
            }),
            after: sorted("After"),
            wants: sorted("Wants"),
            requires: sorted("Requires"),
            started: moment(shown, "ExecMainStartTimestamp"),
            active_since: moment(shown, "ActiveEnterTimestamp"),
            result: text(shown, "Result"),
            exec_main_status: parsed(shown, "ExecMainStatus", |value| value.parse().ok()),
            disk: Observed::Absent,
            running: Observed::Absent,
        }
    }

    /// The effective user of a unit of the system manager.
    fn user(&self, shown: &Properties) -> Observed<String> {
        match (shown.raw("User"), shown.text("DynamicUser")) {
            (Some(""), Some("yes")) => Observed::Unknown(made_at_start()),
            (Some(""), _) => Observed::Known("root".to_owned()),
            (Some(user), _) => Observed::Known(user.to_owned()),
            // A unit that runs nothing has no such property.
            (None, _) => Observed::Absent,
        }
    }

    fn shown_commands(&self, shown: &Properties, merged: &Observed<Merged>) -> Observed<Vec<Exec>> {
        let commands = list(shown, "ExecStart", Properties::exec_start);
        commands.map(|commands| {
            commands
                .into_iter()
                .map(|command| {
                    let on_disk = merged.known().and_then(|merged| {
                        merged.exec_start.iter().find(|known| {
                            known.path == command.path && known.argv.join(" ") == command.line
                        })
                    });
                    let argv = match on_disk {
                        Some(known) => Observed::Known(scrub::argv(&known.argv)),
                        None => Observed::unknown(
                            ReasonKind::Unsupported,
                            "systemctl shows the arguments joined, and no command on disk joins to the same",
                        ),
                    };
                    let masked = match &argv {
                        Observed::Known(argv) => argv.join(" "),
                        Observed::Absent | Observed::Unknown(_) => scrub::line(&command.line),
                    };
                    Exec {
                        path: command.path,
                        argv,
                        command: masked,
                    }
                })
                .collect()
        })
    }

    pub(super) fn disk(
        &self,
        listed: &Result<files::Files, Reason>,
        merged: &Observed<Merged>,
    ) -> Observed<Disk> {
        let Ok(files) = listed else {
            return merged.clone().and_then(|_| Observed::Absent);
        };
        merged.as_ref().map(|merged| {
            let (environment, secret_environment) =
                self.declared(|name| match merged.environment.get(name) {
                    None => Observed::Absent,
                    Some(Some(value)) => Observed::Known(value),
                    Some(None) => Observed::Unknown(only_the_manager()),
                });
            let is_service = self.unit.kind() == "service";
            let root = || is_service.then(|| "root".to_owned());
            let made = || match merged.dynamic_user {
                true => Observed::Unknown(made_at_start()),
                false => root().into(),
            };
            let user: Observed<String> = merged.user.clone().map_or_else(made, Observed::Known);
            let group = match (&merged.group, &merged.user) {
                (None, None) => made(),
                (None, Some(user)) if user == "root" => root().into(),
                (None, user) if merged.dynamic_user => user.clone().into(),
                (group, _) => group.clone().into(),
            };
            Disk {
                fragment_path: files.fragment.clone().unwrap_or_default(),
                drop_in_paths: files.drop_in_paths(),
                user,
                group,
                restart: merged
                    .restart
                    .clone()
                    .or_else(|| is_service.then(|| "no".to_owned()))
                    .into(),
                exec_start: Observed::Known(
                    merged
                        .exec_start
                        .iter()
                        .map(|command| {
                            let argv = scrub::argv(&command.argv);
                            Exec {
                                path: command.path.clone(),
                                command: argv.join(" "),
                                argv: if command.whole {
                                    Observed::Known(argv)
                                } else {
                                    Observed::Unknown(only_the_manager())
                                },
                            }
                        })
                        .collect(),
                ),
                environment,
                secret_environment,
                environment_files: Observed::Known(
                    merged
                        .environment_files
                        .iter()
                        .map(|file| EnvironmentFile {
                            path: file.path.clone(),
                            optional: file.optional,
                        })
                        .collect(),
                ),
                standard_output: merged.standard_output.clone().into(),
                standard_error: merged.standard_error.clone().into(),
                problems: Observed::Known(
                    merged
                        .problems
                        .iter()
                        .map(|problem| Problem {
                            path: problem.path.clone(),
                            line: problem.line,
                            message: problem.message.clone(),
                            fatal: problem.fatal,
                        })
                        .collect(),
                ),
            }
        })
    }

    pub(super) fn running(&self, reads: &Reads, answers: &Answers, pid: u32) -> Observed<Running> {
        let variables = if reads.want_any(&OF_ENVIRONMENT) {
            environ::read(answers, pid)
        } else {
            reads::unread()
        };
        let proc = if reads.want_any(&OF_TABLE) {
            proc_table::read(answers)
        } else {
            reads::unread()
        };
        let proc = proc.and_then(|table| {
            let found = table.into_iter().find(|proc| proc.pid == pid);
            match found {
                Some(proc) => Observed::Known(proc),
                None => Observed::unknown(
                    ReasonKind::Failed,
                    format!("the main process {pid} ended while we looked"),
                ),
            }
        });
        let (environment, secret_environment) =
            self.declared(|name| environ::lookup(&variables, name));
        Observed::Known(Running {
            exe: proc.clone().and_then(|proc| proc.exe),
            environment,
            secret_environment,
            started: proc.and_then(|proc| proc.started),
        })
    }
}

fn made_at_start() -> Reason {
    Reason::new(
        ReasonKind::Unsupported,
        "the user is made when the unit starts (DynamicUser=)",
    )
}

fn only_the_manager() -> Reason {
    Reason::new(
        ReasonKind::Unsupported,
        "it holds a specifier that only the manager can resolve",
    )
}
