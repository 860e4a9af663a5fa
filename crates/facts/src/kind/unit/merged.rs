//! What the files of a unit come to, taken together as systemd takes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::parse::systemd::exec::ExecCommand;
use crate::parse::systemd::name::UnitName;
use crate::parse::systemd::{
    EnvironmentFile, Problem, UnitFile, boolean, is_account, refuse, resolve,
};

/// What the files of a unit come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// `User=`.
    pub user: Option<String>,
    /// `Group=`.
    pub group: Option<String>,
    /// `Restart=`.
    pub restart: Option<String>,
    /// `ExecStart=`.
    pub exec_start: Vec<ExecCommand>,
    /// Whether `DynamicUser=` makes the user when the unit starts.
    pub dynamic_user: bool,
    /// `Environment=`; a value that only the manager can resolve is `None`.
    pub environment: BTreeMap<String, Option<String>>,
    /// `EnvironmentFile=`.
    pub environment_files: Vec<EnvironmentFile>,
    /// `StandardOutput=`.
    pub standard_output: Option<String>,
    /// `StandardError=`.
    pub standard_error: Option<String>,
    /// What systemd ignores or refuses.
    pub problems: Vec<Problem>,
}

impl Merged {
    /// What systemd refuses ends the file that it stands in: the lines after it do not
    /// count. In the unit file that refuses the unit, in a drop-in it does not.
    pub fn of(mut file: UnitFile, unit: &UnitName, masked: bool, fragment: &str) -> Self {
        loop {
            let merged = Self::at_once(&file, unit, masked, fragment);
            let ends = |path: &str| {
                let in_it = |p: &&Problem| p.fatal && p.line > 0 && p.path == path;
                merged.problems.iter().filter(in_it).map(|p| p.line).min()
            };
            let before = file.entries.len();
            file.entries
                .retain(|entry| ends(&entry.path).is_none_or(|line| entry.line <= line));
            if file.entries.len() == before {
                return merged.with_harmless_drop_ins(fragment);
            }
        }
    }

    fn with_harmless_drop_ins(mut self, fragment: &str) -> Self {
        for problem in &mut self.problems {
            if problem.fatal && problem.line > 0 && problem.path != fragment {
                problem.fatal = false;
                problem
                    .message
                    .push_str("; nothing after it in this drop-in counts");
            }
        }
        self
    }

    fn at_once(file: &UnitFile, unit: &UnitName, masked: bool, fragment: &str) -> Self {
        let mut problems = file.problems.clone();
        let restart = file.last_valid(
            "Service",
            "Restart",
            |value| {
                const POLICIES: [&str; 7] = [
                    "no",
                    "always",
                    "on-success",
                    "on-failure",
                    "on-abnormal",
                    "on-abort",
                    "on-watchdog",
                ];
                POLICIES.contains(&value).then(|| value.to_owned())
            },
            &mut problems,
        );
        let mut account = |key: &str| {
            let last = file.all("Service", key).next_back()?;
            if last.value.is_empty() {
                return None;
            }
            let name = resolve(unit, &last.value, last, &mut problems)
                .ok()
                .map(|(name, _)| name)
                .filter(|name| is_account(name));
            if name.is_none() {
                refuse(
                    &mut problems,
                    last,
                    format!("{key}= is no name and no number"),
                );
            }
            name
        };
        let (user, group) = (account("User"), account("Group"));
        let mut stream = |key: &str| {
            file.last_valid(
                "Service",
                key,
                |value| output(&unit.resolve(value).ok()?.0),
                &mut problems,
            )
        };
        let (standard_output, standard_error) = (stream("StandardOutput"), stream("StandardError"));
        let exec_start = file.commands("ExecStart", unit, &mut problems);
        for key in OTHER_COMMANDS {
            file.commands(key, unit, &mut problems);
        }
        for key in ["WorkingDirectory", "RootDirectory", "RootImage"] {
            for entry in file.list("Service", key) {
                let path = resolve(unit, &entry.value, entry, &mut Vec::new());
                let path = path.map(|(path, _)| path).unwrap_or_default();
                let may_miss = key == "WorkingDirectory" && (path == "~" || path.starts_with('-'));
                if !path.starts_with('/') && !may_miss {
                    refuse(&mut problems, entry, format!("{key}= is no absolute path"));
                }
            }
        }
        let whole = |message: &str| Problem {
            path: fragment.to_owned(),
            line: 0,
            message: message.to_owned(),
            fatal: true,
        };
        if masked {
            problems.push(whole("the unit is masked"));
        } else if unit.kind() == "service"
            && let Err(why) = fits_together(file, exec_start.len(), restart.as_deref())
        {
            problems.push(whole(why));
        }
        let dynamic_user = file
            .boolean("Service", "DynamicUser", &mut problems)
            .unwrap_or(false);
        let environment = file.environment(unit, &mut problems);
        let environment_files = file.environment_files(unit, &mut problems);
        let mut seen = BTreeSet::new();
        problems.retain(|problem| {
            seen.insert((problem.path.clone(), problem.line, problem.message.clone()))
        });
        Self {
            user,
            group,
            restart,
            exec_start,
            dynamic_user,
            environment,
            environment_files,
            standard_output,
            standard_error,
            problems,
        }
    }
}

/// The other keys that hold commands; what is wrong in one refuses the unit just the same.
const OTHER_COMMANDS: [&str; 6] = [
    "ExecCondition",
    "ExecStartPre",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
];

/// Whether the parts of a service fit together; else why systemd refuses it.
fn fits_together(
    file: &UnitFile,
    starts: usize,
    restart: Option<&str>,
) -> Result<(), &'static str> {
    const TYPES: [&str; 8] = [
        "simple",
        "exec",
        "forking",
        "oneshot",
        "dbus",
        "notify",
        "notify-reload",
        "idle",
    ];
    let named = file
        .all("Service", "Type")
        .rfind(|entry| TYPES.contains(&entry.value.as_str()))
        .map(|entry| entry.value.as_str());
    let bus_name = file.scalar("Service", "BusName").is_some();
    let kind = named.unwrap_or(match (starts, bus_name) {
        (0, _) => "oneshot",
        (_, true) => "dbus",
        (_, false) => "simple",
    });
    let acts = file
        .scalar("Unit", "SuccessAction")
        .is_some_and(|action| action != "none");
    let stays = file
        .all("Service", "RemainAfterExit")
        .filter_map(|entry| boolean(&entry.value))
        .next_back()
        .unwrap_or(false);
    let stops = !file.list("Service", "ExecStop").is_empty();
    let often = matches!(restart, Some("always" | "on-success"));
    match kind {
        _ if starts == 0 && !stops && !acts => Err("nothing to start (ExecStart=)"),
        "oneshot" if starts == 0 && !stays && !acts => {
            Err("nothing to start (ExecStart=), and it does not remain after that")
        }
        "oneshot" if often => Err("Type=oneshot cannot be restarted after a success"),
        "oneshot" => Ok(()),
        _ if starts == 0 => Err("nothing to start (ExecStart=)"),
        _ if starts > 1 => Err("more than one ExecStart= without Type=oneshot"),
        "dbus" if !bus_name => Err("Type=dbus without a BusName="),
        _ => Ok(()),
    }
}

/// Where a stream may go, in systemd's present words.
fn output(value: &str) -> Option<String> {
    const PLAIN: [&str; 8] = [
        "inherit",
        "null",
        "tty",
        "journal",
        "kmsg",
        "journal+console",
        "kmsg+console",
        "socket",
    ];
    match value {
        "syslog" => Some("journal".to_owned()),
        "syslog+console" => Some("journal+console".to_owned()),
        _ if PLAIN.contains(&value) => Some(value.to_owned()),
        _ => {
            let (mode, target) = value.split_once(':')?;
            let valid = match mode {
                "file" | "append" | "truncate" => target.starts_with('/'),
                "fd" => !target.is_empty(),
                _ => false,
            };
            valid.then(|| value.to_owned())
        }
    }
}
