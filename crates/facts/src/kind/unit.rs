//! A systemd unit: what its manager says, what its files say, what its process runs with.

mod files;
mod look;
mod manager;
mod merged;

pub use manager::joined;

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::environ;
use crate::fact::{Context, Fact, Reading};
use crate::open_map::OpenMap;
use crate::parse::systemd::name::UnitName;
use crate::parse::systemd::show::Properties;
use crate::proc_table::{self, Part};
use crate::quote::sh;
use crate::reads::{self, Reads};
use crate::secret::Secret;

use look::Look;
use manager::parsed;

/// Which unit, and what of its environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitQuery {
    /// Its name; without a suffix a service.
    pub unit: String,
    /// Variables of its environment whose values are plain.
    #[serde(default)]
    pub environment: Vec<String>,
    /// Variables of its environment whose values are secret.
    #[serde(default)]
    pub secret_environment: Vec<String>,
}

/// A systemd unit. Unless a field says otherwise, it is what the running manager has loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Whether systemd knows the unit; with a dead manager, whether its file is there.
    pub exists: Observed<bool>,
    /// `loaded`, `masked`, `bad-setting`, `error`.
    pub load_state: Observed<String>,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub active_state: Observed<String>,
    /// The state in the words of its type: `running`, `dead`, `exited`, …
    pub sub_state: Observed<String>,
    /// `enabled`, `disabled`, `static`, `masked`, …; absent for a unit without a file.
    pub enabled: Observed<String>,
    /// The unit file; with a dead manager, the one on disk.
    pub fragment_path: Observed<String>,
    /// The drop-ins; with a dead manager, those on disk.
    pub drop_in_paths: Observed<Vec<String>>,
    /// Whether files changed since the manager read them.
    pub needs_reload: Observed<bool>,
    /// The main process; absent when none runs.
    pub main_pid: Observed<u32>,
    /// The user it runs as: `root` when the unit names none.
    pub user: Observed<String>,
    /// The group it runs as; absent when the unit names none and the user is not root.
    pub group: Observed<String>,
    /// `simple`, `exec`, `forking`, `oneshot`, `notify`, …
    pub r#type: Observed<String>,
    /// `no`, `always`, `on-failure`, …
    pub restart: Observed<String>,
    /// Pause before a restart in seconds; `infinity` is the largest number.
    pub restart_sec: Observed<f64>,
    /// How often it was restarted automatically.
    pub n_restarts: Observed<u64>,
    /// The commands of `ExecStart=`.
    pub exec_start: Observed<Vec<Exec>>,
    /// The declared plain variables of `Environment=`; those from files are not among them.
    #[schemars(extend("x-keys" = "environment"))]
    pub environment: OpenMap<String>,
    /// The declared secret variables of `Environment=`.
    #[schemars(extend("x-keys" = "secret_environment"))]
    pub secret_environment: OpenMap<Secret>,
    /// The files of `EnvironmentFile=`.
    pub environment_files: Observed<Vec<EnvironmentFile>>,
    /// Where standard output goes; the path behind `append:` is known when files and manager agree.
    pub standard_output: Observed<String>,
    /// Where standard error goes; the path behind `append:` is known when files and manager agree.
    pub standard_error: Observed<String>,
    /// The units after which it starts, sorted.
    pub after: Observed<Vec<String>>,
    /// The units that it wants, sorted.
    pub wants: Observed<Vec<String>>,
    /// The units that it requires, sorted.
    pub requires: Observed<Vec<String>>,
    /// When the main process last started, in whole seconds since 1970.
    pub started: Observed<f64>,
    /// Since when it is active, in whole seconds since 1970.
    pub active_since: Observed<f64>,
    /// `success`, `exit-code`, `signal`, `timeout`, …
    pub result: Observed<String>,
    /// Exit status of the main process.
    pub exec_main_status: Observed<i64>,
    /// What the files on disk come to, merged as systemd would after a reload.
    pub disk: Observed<Disk>,
    /// The main process as it runs; absent when none runs.
    pub running: Observed<Running>,
}

/// A command of `ExecStart=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The program.
    pub path: String,
    /// Its arguments, the zeroth first, secrets masked. The manager shows them
    /// joined; where one ends is known only when a command on disk joins to the same.
    pub argv: Observed<Vec<String>>,
    /// Its arguments joined with single spaces, secrets masked.
    pub command: String,
}

/// A file of `EnvironmentFile=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentFile {
    /// Absolute path; may hold a pattern.
    pub path: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What the files of a unit come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The unit file.
    pub fragment_path: String,
    /// The drop-ins in the order in which they apply.
    pub drop_in_paths: Vec<String>,
    /// The user: `root` when the files name none.
    pub user: Observed<String>,
    /// `Group=`; absent when the files name none and the user is not root.
    pub group: Observed<String>,
    /// `Restart=`; `no` when the files do not say.
    pub restart: Observed<String>,
    /// The commands of `ExecStart=`.
    pub exec_start: Observed<Vec<Exec>>,
    /// The declared plain variables of `Environment=`.
    #[schemars(extend("x-keys" = "environment"))]
    pub environment: OpenMap<String>,
    /// The declared secret variables of `Environment=`.
    #[schemars(extend("x-keys" = "secret_environment"))]
    pub secret_environment: OpenMap<Secret>,
    /// The files of `EnvironmentFile=`.
    pub environment_files: Observed<Vec<EnvironmentFile>>,
    /// `StandardOutput=`, such as `append:/opt/gbo/logs/out.log`; absent when the files do not say.
    pub standard_output: Observed<String>,
    /// `StandardError=`; absent when the files do not say.
    pub standard_error: Observed<String>,
    /// What systemd ignores or refuses.
    pub problems: Observed<Vec<Problem>>,
}

/// Something in the files that systemd ignores or refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// The line, counted from 1; 0 when it concerns the whole.
    pub line: u32,
    /// What is wrong, without values.
    pub message: String,
    /// Whether systemd refuses the unit because of it.
    pub fatal: bool,
}

/// The main process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Its program, with ` (deleted)` behind it when the file is gone.
    pub exe: Observed<String>,
    /// The declared plain variables it was started with.
    #[schemars(extend("x-keys" = "environment"))]
    pub environment: OpenMap<String>,
    /// The declared secret variables it was started with.
    #[schemars(extend("x-keys" = "secret_environment"))]
    pub secret_environment: OpenMap<Secret>,
    /// When it started, in seconds since 1970.
    pub started: Observed<f64>,
}

/// The fields that a list of units shows.
const STATES: [&str; 4] = ["exists", "load_state", "active_state", "sub_state"];
/// The fields that need the contents of the unit's files.
const ON_DISK: [&str; 4] = ["disk", "exec_start", "standard_output", "standard_error"];
/// The fields that need the list of the unit's files where the manager does not answer.
const INSTEAD_OF_MANAGER: [&str; 3] = ["exists", "fragment_path", "drop_in_paths"];
/// The fields that need the table of processes.
const OF_TABLE: [&str; 2] = ["running.exe", "running.started"];
/// The fields that need the environment of the process.
const OF_ENVIRONMENT: [&str; 2] = ["running.environment", "running.secret_environment"];

impl Fact for Unit {
    const KIND: &'static str = "unit";
    const ABOUT: &'static str = "A systemd unit: state, commands, user, environment and files as the manager loaded them, as they stand on disk, and as its process runs.";
    const LATER: &'static [&'static str] = &[environ::TEXT];
    type Query = UnitQuery;

    fn check(query: &UnitQuery) -> Result<(), String> {
        UnitName::new(&query.unit)
            .map_err(|why| format!("the name of the unit {:?} {why}", query.unit))?;
        environ::check_plain(&query.environment)?;
        environ::check_names(query.environment.iter().chain(&query.secret_environment))
    }

    fn asks(query: &UnitQuery) -> Vec<Ask> {
        Self::asks_for(query, &Reads::All)
    }

    fn asks_for(query: &UnitQuery, reads: &Reads) -> Vec<Ask> {
        let Ok(unit) = UnitName::new(&query.unit) else {
            return Vec::new();
        };
        let mut asks = vec![if reads.are_within(&STATES) {
            manager::states(&unit)
        } else {
            manager::ask(&unit)
        }];
        if reads.want_any(&ON_DISK) {
            asks.push(files::ask(&unit));
        }
        // The table is the same for all units, so it does not wait for the manager's word.
        if reads.want_any(&OF_TABLE) {
            asks.extend(proc_table::asks(&[Part::Programs]));
        }
        asks
    }

    fn read(query: &UnitQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        Self::read_for(query, &Reads::All, answers, context)
    }

    fn read_for(
        query: &UnitQuery,
        reads: &Reads,
        answers: &Answers,
        context: &Context,
    ) -> Reading<Self> {
        let unit = match UnitName::new(&query.unit) {
            Ok(unit) => unit,
            Err(why) => return Reading::Done(Observed::unknown(ReasonKind::Defect, why)),
        };
        let states = reads.are_within(&STATES);
        let shown = if states {
            manager::read_states(answers, &unit)
        } else {
            manager::read(answers, &unit)
        };
        // Where the manager is silent, the files tell whether the unit is there at all.
        let on_disk =
            reads.want_any(&ON_DISK) || (shown.is_err() && reads.want_any(&INSTEAD_OF_MANAGER));
        if on_disk && !answers.contains(&files::ask(&unit)) {
            return Reading::More(vec![files::ask(&unit)]);
        }
        let listed = if on_disk {
            files::listed(answers, &unit)
        } else {
            Err(reads::not_read())
        };
        let pid = match &shown {
            Ok(Some(_)) if states => reads::unread(),
            Ok(Some(properties)) => main_pid(properties),
            Ok(None) | Err(_) => Observed::Absent,
        };
        let mut more = Vec::new();
        if reads.want_any(&ON_DISK) {
            more.extend(listed.as_ref().map(files::Files::asks).unwrap_or_default());
        }
        if let Observed::Known(pid) = pid {
            if reads.want_any(&OF_TABLE) {
                more.extend(proc_table::asks(&[Part::Programs]));
            }
            if reads.want_any(&OF_ENVIRONMENT) {
                more.push(environ::ask(pid));
            }
        }
        more.retain(|ask| !answers.contains(ask));
        if !more.is_empty() {
            return Reading::More(more);
        }
        let merged = match &listed {
            Ok(files) => files.merged(answers, &unit),
            Err(reason) => Observed::Unknown(reason.clone()),
        };
        let look = Look {
            query,
            context,
            unit: &unit,
        };
        let disk = look.disk(&listed, &merged);
        let mut fact = match &shown {
            Ok(Some(properties)) if states => look.states(properties),
            Ok(Some(properties)) => look.loaded(properties, &merged),
            Ok(None) => look.nothing(&Observed::Absent),
            Err(reason) => look.nothing(&Observed::Unknown(reason.clone())),
        };
        match &shown {
            Ok(Some(_)) => fact.exists = Observed::Known(true),
            Ok(None) => fact.exists = Observed::Known(false),
            Err(_) => {
                // The manager is silent, but a file that we saw is there.
                if let Ok(files) = &listed
                    && let Some(path) = &files.fragment
                {
                    fact.exists = Observed::Known(true);
                    fact.fragment_path = Observed::Known(path.clone());
                    fact.drop_in_paths = Observed::Known(files.drop_in_paths());
                }
            }
        }
        fact.running = match (&shown, pid) {
            (Err(reason), _) => Observed::Unknown(reason.clone()),
            (Ok(_), Observed::Unknown(reason)) => Observed::Unknown(reason),
            (Ok(_), Observed::Absent) => Observed::Absent,
            (Ok(_), Observed::Known(pid)) => look.running(reads, answers, pid),
        };
        fact.disk = disk;
        Reading::Done(Observed::Known(fact))
    }

    fn by_hand(query: &UnitQuery) -> String {
        let name = sh(&query.unit);
        format!("systemctl status {name}; systemctl cat {name}; systemctl show {name}")
    }
}

/// The main process; absent when there is none.
fn main_pid(properties: &Properties) -> Observed<u32> {
    match parsed(properties, "MainPID", |value| value.parse().ok()) {
        Observed::Known(0) | Observed::Absent => Observed::Absent,
        pid @ (Observed::Known(_) | Observed::Unknown(_)) => pid,
    }
}

#[cfg(test)]
mod tests;
