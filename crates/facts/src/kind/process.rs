//! Running processes: which match, what they run, whose, since when.

use runproof_model::text::one_line;
use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Answers;
use crate::ask::Ask;
use crate::environ;
use crate::fact::{Context, Fact, Reading};
use crate::kind::check_path;
use crate::open_map::OpenMap;
use crate::parse::systemd::name::UnitName;
use crate::proc_table::{self, Part, Proc};
use crate::quote::sh;
use crate::reads::Reads;
use crate::scrub;
use crate::secret::Secret;

/// The environments of so many processes are read, not more.
const MAX_ENVIRONMENTS: usize = 32;

/// Which processes, and what of their environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessQuery {
    /// What a process has to match; at least one of them, and all that are given.
    pub process: Matcher,
    /// Variables of its environment whose values are plain.
    #[serde(default)]
    pub environment: Vec<String>,
    /// Variables of its environment whose values are secret.
    #[serde(default)]
    pub secret_environment: Vec<String>,
}

/// What a process has to match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Absolute path of its program, deleted since or not.
    #[serde(default)]
    pub exe: Option<String>,
    /// Its command name, of which the kernel keeps 15 bytes.
    #[serde(default)]
    pub name: Option<String>,
    /// The systemd unit it belongs to; without a suffix a service.
    #[serde(default)]
    pub unit: Option<String>,
}

/// The processes that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// How many match.
    pub count: Observed<u64>,
    /// Those that match, sorted by number. Unknown when one that may match is hidden.
    pub processes: Observed<Vec<Process>>,
}

/// A running process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its command name, 15 bytes at most.
    pub name: String,
    /// Its program, with ` (deleted)` behind it when the file is gone.
    pub exe: Observed<String>,
    /// Its command line; what looks like a secret is masked.
    pub argv: Observed<Vec<String>>,
    /// The effective user's name.
    pub user: Observed<String>,
    /// The systemd unit it belongs to; absent when it belongs to none.
    pub unit: Observed<String>,
    /// When it started, in seconds since 1970.
    pub started: Observed<f64>,
    /// The names of all variables it was started with, sorted; absent unless the query declares one.
    pub environment_names: Observed<Vec<String>>,
    /// The declared plain variables it was started with.
    #[schemars(extend("x-keys" = "environment"))]
    pub environment: OpenMap<String>,
    /// The declared secret variables it was started with.
    #[schemars(extend("x-keys" = "secret_environment"))]
    pub secret_environment: OpenMap<Secret>,
}

impl Matcher {
    /// Whether a process matches; unknown when what decides is hidden.
    fn fits(&self, proc: &Proc) -> Observed<bool> {
        if let Some(name) = &self.name {
            let mut end = name.len().min(15);
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            if proc.name != *name && proc.name != name[..end] {
                return Observed::Known(false);
            }
        }
        let mut hidden = None;
        if let Some(unit) = &self.unit {
            let unit = UnitName::new(unit).map_or_else(|_| unit.clone(), |u| u.as_str().to_owned());
            match &proc.unit {
                Observed::Known(known) if *known == unit => {}
                Observed::Known(_) | Observed::Absent => return Observed::Known(false),
                Observed::Unknown(reason) => hidden = Some(reason.clone()),
            }
        }
        if let Some(exe) = &self.exe {
            match &proc.exe {
                Observed::Known(known)
                    if known.strip_suffix(" (deleted)").unwrap_or(known) == exe => {}
                Observed::Known(_) | Observed::Absent => return Observed::Known(false),
                Observed::Unknown(reason) => hidden = Some(reason.clone()),
            }
        }
        hidden.map_or(Observed::Known(true), Observed::Unknown)
    }
}

impl ProcessQuery {
    fn wants_environment(&self) -> bool {
        !self.environment.is_empty() || !self.secret_environment.is_empty()
    }

    fn matching(&self, answers: &Answers) -> Observed<Vec<Proc>> {
        proc_table::read(answers).and_then(|table| {
            let mut matching = Vec::new();
            for proc in table {
                match self.process.fits(&proc) {
                    Observed::Known(true) => matching.push(proc),
                    Observed::Known(false) | Observed::Absent => {}
                    Observed::Unknown(reason) => return Observed::Unknown(reason),
                }
            }
            Observed::Known(matching)
        })
    }
}

impl Fact for Processes {
    const KIND: &'static str = "process";
    const ABOUT: &'static str = "Running processes that match: program, command line, user, unit, start, declared variables of the environment.";
    const LATER: &'static [&'static str] = &[environ::TEXT];
    type Query = ProcessQuery;

    fn check(query: &ProcessQuery) -> Result<(), String> {
        let matcher = &query.process;
        if let Some(exe) = &matcher.exe {
            check_path(exe)?;
        }
        if let Some(name) = &matcher.name
            && (name.is_empty() || name.chars().any(char::is_control))
        {
            return Err(format!("{name:?} is not the name of a command"));
        }
        if let Some(unit) = &matcher.unit {
            UnitName::new(unit).map_err(|why| format!("the name of the unit {unit:?} {why}"))?;
        }
        if matcher.exe.is_none() && matcher.name.is_none() && matcher.unit.is_none() {
            return Err("give at least one of exe, name and unit".to_owned());
        }
        environ::check_plain(&query.environment)?;
        environ::check_names(query.environment.iter().chain(&query.secret_environment))
    }

    fn asks(query: &ProcessQuery) -> Vec<Ask> {
        Self::asks_for(query, &Reads::All)
    }

    fn asks_for(query: &ProcessQuery, reads: &Reads) -> Vec<Ask> {
        let mut parts = Vec::new();
        if query.process.exe.is_some() || reads.want_any(&["processes.exe", "processes.user"]) {
            parts.push(Part::Programs);
        }
        if reads.wants("processes.argv") {
            parts.push(Part::Arguments);
        }
        proc_table::asks(&parts)
    }

    fn read(query: &ProcessQuery, answers: &Answers, context: &Context) -> Reading<Self> {
        let matching = query.matching(answers);
        let wants = query.wants_environment();
        let more: Vec<Ask> = matching
            .known()
            .filter(|_| wants)
            .into_iter()
            .flatten()
            .take(MAX_ENVIRONMENTS)
            .map(|proc| environ::ask(proc.pid))
            .filter(|ask| !answers.contains(ask))
            .collect();
        if !more.is_empty() {
            return Reading::More(more);
        }
        let processes = matching.map(|matching| {
            matching
                .into_iter()
                .enumerate()
                .map(|(index, proc)| {
                    let variables = if !wants {
                        Observed::Absent
                    } else if index < MAX_ENVIRONMENTS {
                        environ::read(answers, proc.pid)
                    } else {
                        Observed::Unknown(environ::too_many("processes match", MAX_ENVIRONMENTS))
                    };
                    let (environment, secret_environment) = environ::declared(
                        &query.environment,
                        &query.secret_environment,
                        &context.key,
                        |name| environ::lookup(&variables, name),
                    );
                    Process {
                        pid: proc.pid,
                        name: one_line(&proc.name, 64),
                        exe: proc.exe,
                        argv: proc.argv.map(|argv| scrub::argv(&argv)),
                        user: match proc.user {
                            Some(user) => Observed::Known(user),
                            None => Observed::unknown(
                                ReasonKind::Failed,
                                format!("no name for user {}", proc.uid),
                            ),
                        },
                        unit: proc.unit,
                        started: proc.started,
                        environment_names: environ::names(&variables),
                        environment,
                        secret_environment,
                    }
                })
                .collect::<Vec<_>>()
        });
        Reading::Done(Observed::Known(Self {
            count: processes
                .as_ref()
                .map(|list| u64::try_from(list.len()).unwrap_or(u64::MAX)),
            processes,
        }))
    }

    fn by_hand(query: &ProcessQuery) -> String {
        let matcher = &query.process;
        if let Some(unit) = &matcher.unit {
            format!("systemctl status {}", sh(unit))
        } else if let Some(exe) = &matcher.exe {
            format!("ls -l /proc/[0-9]*/exe | grep -F {}", sh(exe))
        } else {
            format!(
                "pgrep -a {}",
                sh(matcher.name.as_deref().unwrap_or_default())
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Key;
    use rstest::rstest;

    fn query(json: &str) -> ProcessQuery {
        serde_json::from_str(json).unwrap()
    }

    fn real() -> Answers {
        crate::testing::look(&proc_table::asks(&[Part::Programs, Part::Arguments]))
    }

    #[test]
    fn this_test_finds_itself_with_its_environment() {
        let exe = std::env::current_exe().unwrap();
        let query = query(&format!(
            r#"{{"process": {{"exe": {exe:?}}}, "environment": ["CARGO_PKG_NAME", "NOT_SET"], "secret_environment": ["CARGO_PKG_VERSION"]}}"#
        ));
        let context = Context {
            key: Key::new([0; 32]),
        };
        let mut answers = real();
        let more = match Processes::read(&query, &answers, &context) {
            Reading::More(more) => more,
            Reading::Done(Observed::Known(fact)) => {
                // Another account's processes are hidden here.
                assert!(matches!(fact.count, Observed::Unknown(_)), "{fact:?}");
                return;
            }
            other @ Reading::Done(_) => panic!("{other:?}"),
        };
        assert!(!more.is_empty());
        for ask in more {
            answers = answers.with(ask, 0, "CARGO_PKG_NAME=x\0CARGO_PKG_VERSION=1\0");
        }
        let Reading::Done(Observed::Known(fact)) = Processes::read(&query, &answers, &context)
        else {
            panic!()
        };
        let list = fact.processes.known().unwrap();
        assert_eq!(fact.count, Observed::Known(list.len() as u64));
        let me = list.iter().find(|p| p.pid == std::process::id()).unwrap();
        assert_eq!(
            me.environment.get("CARGO_PKG_NAME"),
            Some(&Observed::Known("x".into()))
        );
        assert_eq!(me.environment.get("NOT_SET"), Some(&Observed::Absent));
        assert!(
            me.secret_environment
                .get("CARGO_PKG_VERSION")
                .unwrap()
                .known()
                .is_some()
        );
    }

    #[rstest]
    #[case(r#"{"process": {}}"#)]
    #[case(r#"{"process": {"exe": "botserver"}}"#)]
    #[case(r#"{"process": {"unit": "a b"}}"#)]
    #[case(r#"{"process": {"name": ""}}"#)]
    #[case(r#"{"process": {"name": "x"}, "environment": ["A=B"]}"#)]
    fn a_query_that_matches_nothing_or_everything_is_refused(#[case] json: &str) {
        assert!(Processes::check(&query(json)).is_err());
    }

    #[test]
    fn a_hidden_program_is_no_mismatch() {
        let proc = Proc {
            pid: 2,
            ppid: 1,
            uid: 0,
            user: None,
            name: "botserver".into(),
            exe: Observed::unknown(ReasonKind::Hidden, ""),
            argv: Observed::Absent,
            cgroup: Observed::Absent,
            unit: Observed::Known("botserver.service".into()),
            started: Observed::Absent,
        };
        let fits = |json: &str| query(json).process.fits(&proc);
        assert!(matches!(
            fits(r#"{"process": {"exe": "/b"}}"#),
            Observed::Unknown(_)
        ));
        assert_eq!(
            fits(r#"{"process": {"exe": "/b", "name": "other"}}"#),
            Observed::Known(false)
        );
        assert_eq!(
            fits(r#"{"process": {"unit": "botserver"}}"#),
            Observed::Known(true)
        );
    }

    #[test]
    fn a_failed_look_is_not_an_empty_list() {
        let ask = proc_table::asks(&[]).remove(0);
        let answers = Answers::new().with(ask, 1, "head: unrecognized option: v\n");
        let Reading::Done(Observed::Known(fact)) = Processes::read(
            &query(r#"{"process": {"name": "x"}}"#),
            &answers,
            &Context {
                key: Key::new([0; 32]),
            },
        ) else {
            panic!()
        };
        assert!(matches!(fact.count, Observed::Unknown(_)));
    }
}
