//! What the running manager says of a unit.

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::parse::systemd::name::UnitName;
use crate::parse::systemd::show::Properties;
use crate::parse::systemd::time;

/// What is asked of the manager; the text below says the same.
const KEYS: &[&str] = &[
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "NeedDaemonReload",
    "MainPID",
    "User",
    "Group",
    "DynamicUser",
    "Type",
    "Restart",
    "RestartUSec",
    "NRestarts",
    "ExecStart",
    "Environment",
    "EnvironmentFiles",
    "StandardOutput",
    "StandardError",
    "After",
    "Wants",
    "Requires",
    "ExecMainStartTimestamp",
    "ActiveEnterTimestamp",
    "Result",
    "ExecMainStatus",
];

const SHOW: &str = r#"exec systemctl show --no-pager -p Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,User,Group,DynamicUser,Type,Restart,RestartUSec,NRestarts,ExecStart,Environment,EnvironmentFiles,StandardOutput,StandardError,After,Wants,Requires,ExecMainStartTimestamp,ActiveEnterTimestamp,Result,ExecMainStatus -- "$@""#;

/// The states alone: the manager lists the units that it has loaded in one answer, and counting
/// every property of each costs it several times as much. It does not list what it would have to
/// load first, nor a unit by another of its names; then all are shown.
const STATES: &str = r#"l=$(exec systemctl list-units --all --full --plain --no-legend --no-pager -- "$@" 2>&1) || l=
l="
$l
"
for u do
  case $l in *"
$u "*) ;; *) exec systemctl show --no-pager -p Id,LoadState,ActiveState,SubState -- "$@" ;; esac
done
set -f
s=
w() { printf '%sId=%s\nLoadState=%s\nActiveState=%s\nSubState=%s\n' "$s" "$1" "$2" "$3" "$4"; s='
'; }
for u do
  r=${l#*"
$u "}
  w "$u" ${r%%"
"*}
done"#;

/// What the second look says of a unit.
const STATE_KEYS: [&str; 4] = ["Id", "LoadState", "ActiveState", "SubState"];

/// The look at the states of a unit alone.
pub fn states(unit: &UnitName) -> Ask {
    Ask::Run(Command {
        cap: 64 << 10,
        ..Command::new("systemctl-states", STATES)
            .args([unit.as_str()])
            .batch(Batch::Blocks)
    })
}

/// The looks of one place: who asks the manager for everything about one unit gets the states
/// of the others for less in the same process than in a second one.
pub fn joined(asks: Vec<Ask>) -> Vec<Ask> {
    let shown = |look: &Ask| matches!(look, Ask::Run(run) if run.name == "systemctl-show");
    if !asks.iter().any(shown) {
        return asks;
    }
    asks.into_iter()
        .map(|look| match look {
            Ask::Run(run) if run.name == "systemctl-states" => show(run.args),
            Ask::Stat { .. }
            | Ask::Read { .. }
            | Ask::Slice { .. }
            | Ask::List { .. }
            | Ask::Digest { .. }
            | Ask::Run(_)
            | Ask::Instance
            | Ask::Service(_) => look,
        })
        .collect()
}

/// The look at the manager.
pub fn ask(unit: &UnitName) -> Ask {
    show(vec![unit.as_str().to_owned()])
}

fn show(args: Vec<String>) -> Ask {
    Ask::Run(Command {
        cap: 1 << 20,
        ..Command::new("systemctl-show", SHOW)
            .args(args)
            .batch(Batch::Blocks)
    })
}

/// The properties of a unit; `None` when the manager knows no such unit.
pub fn read(answers: &Answers, unit: &UnitName) -> Result<Option<Properties>, Reason> {
    read_of(answers, &ask(unit), KEYS)
}

/// The states of a unit, from whichever look was made; `None` when the manager knows no such unit.
pub fn read_states(answers: &Answers, unit: &UnitName) -> Result<Option<Properties>, Reason> {
    if answers.contains(&ask(unit)) {
        return read(answers, unit);
    }
    let shown = read_of(answers, &states(unit), &STATE_KEYS)?;
    match &shown {
        Some(shown) if STATE_KEYS.iter().any(|key| shown.text(key).is_none()) => Err(Reason::new(
            ReasonKind::Garbled,
            "systemctl list-units: a state is missing",
        )),
        Some(_) | None => Ok(shown),
    }
}

fn read_of(
    answers: &Answers,
    look: &Ask,
    keys: &[&'static str],
) -> Result<Option<Properties>, Reason> {
    let ran = answers.run(look).map_err(|reason| match reason.kind {
        // A manager that hangs is as good as dead.
        ReasonKind::Timeout => Reason::new(ReasonKind::DeadBus, "systemctl does not come back"),
        ReasonKind::MissingTool
        | ReasonKind::Permission
        | ReasonKind::DeadBus
        | ReasonKind::CapReached
        | ReasonKind::Hidden
        | ReasonKind::Unreachable
        | ReasonKind::NoSuchNode
        | ReasonKind::Stopped
        | ReasonKind::Garbled
        | ReasonKind::Unsupported
        | ReasonKind::Interrupted
        | ReasonKind::NotRecorded
        | ReasonKind::NotAsked
        | ReasonKind::NotAllowed
        | ReasonKind::Failed
        | ReasonKind::Defect => reason,
    })?;
    if ran.code != 0 {
        let out = ran.out.trim();
        let kind = if out.contains("Access denied") || out.contains("Permission denied") {
            ReasonKind::Permission
        } else {
            ReasonKind::DeadBus
        };
        return Err(Reason::new(kind, out));
    }
    let properties = Properties::parse(&ran.out, keys)?;
    match properties.text("LoadState") {
        Some("not-found") => Ok(None),
        Some(_) => Ok(Some(properties)),
        None => Err(Reason::new(
            ReasonKind::Garbled,
            "systemctl show: no LoadState",
        )),
    }
}

/// A text property: absent when it is empty or the unit has no such property.
pub fn text(properties: &Properties, key: &str) -> Observed<String> {
    properties.text(key).map(str::to_owned).into()
}

/// A property that has to have a certain form when it is there.
pub fn parsed<T>(
    properties: &Properties,
    key: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Observed<T> {
    match properties.text(key) {
        None => Observed::Absent,
        Some(value) => match parse(value) {
            Some(value) => Observed::Known(value),
            None => Observed::unknown(ReasonKind::Garbled, format!("systemctl show: {key}")),
        },
    }
}

/// A point of time: absent when it never came.
pub fn moment(properties: &Properties, key: &str) -> Observed<f64> {
    match properties.text(key) {
        None | Some("n/a" | "0") => Observed::Absent,
        Some(_) => parsed(properties, key, time::timestamp),
    }
}

/// `yes` and `no`.
pub fn flag(properties: &Properties, key: &str) -> Observed<bool> {
    parsed(properties, key, |value| match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    })
}

/// A list that may be empty; absent when the unit has no such property.
pub fn list<T>(
    properties: &Properties,
    key: &str,
    parse: impl Fn(&Properties) -> Option<Vec<T>>,
) -> Observed<Vec<T>> {
    match parse(properties) {
        Some(list) => Observed::Known(list),
        None if properties.raw(key).is_none() => Observed::Absent,
        None => Observed::unknown(ReasonKind::Garbled, format!("systemctl show: {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_text_asks_for_every_key() {
        assert!(SHOW.contains(&format!("-p {} --", KEYS.join(","))));
    }

    #[rstest]
    #[case(
        1,
        "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
        ReasonKind::DeadBus
    )]
    #[case(
        1,
        "Failed to connect to bus: No such file or directory\n",
        ReasonKind::DeadBus
    )]
    #[case(124, "", ReasonKind::DeadBus)]
    #[case(127, "sh: 1: exec: systemctl: not found\n", ReasonKind::MissingTool)]
    #[case(1, "Failed to get properties: Access denied\n", ReasonKind::Permission)]
    #[case(0, "garbage\n", ReasonKind::Garbled)]
    #[case(0, "", ReasonKind::Garbled)]
    fn a_manager_that_does_not_answer_is_no_answer(
        #[case] code: u8,
        #[case] out: &str,
        #[case] kind: ReasonKind,
    ) {
        let unit = UnitName::new("a").unwrap();
        let answers = Answers::new().with(ask(&unit), code, out);
        assert_eq!(read(&answers, &unit).unwrap_err().kind, kind);
    }
}
