mod corpus;

use super::*;
use crate::secret::Key;
use rstest::rstest;
use runproof_model::Reason;

const SHOWN: &str = "Type=simple
Restart=on-failure
RestartUSec=5s
MainPID=25
Result=success
NRestarts=2
ExecMainStartTimestamp=Fri 2026-11-20 12:00:00 UTC
ExecMainStatus=0
ExecStart={ path=/opt/gbo/bin/botserver ; argv[]=/opt/gbo/bin/botserver --token hvs.CAESIJabcdef0123 a b ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Environment=BOTSERVER_URL=http://localhost:5858 \"S=hunter 2\"
EnvironmentFiles=/opt/gbo/bin/.env (ignore_errors=no)
StandardOutput=append
StandardError=journal
User=gbuser
Group=
DynamicUser=no
Id=botserver.service
Requires=system.slice sysinit.target
Wants=network-online.target
After=system.slice basic.target
LoadState=loaded
ActiveState=active
SubState=running
FragmentPath=/etc/systemd/system/botserver.service
DropInPaths=
UnitFileState=enabled
ActiveEnterTimestamp=
NeedDaemonReload=no
";

const FILE: &str = "[Service]
User=gbuser
Restart=on-failure
EnvironmentFile=/opt/gbo/bin/.env
Environment=BOTSERVER_URL=http://localhost:5858 \"S=hunter 2\"
ExecStart=/opt/gbo/bin/botserver --token hvs.CAESIJabcdef0123 'a b'
StandardOutput=append:/opt/gbo/logs/out.log
";

const PATH: &str = "/etc/systemd/system/botserver.service";

fn query() -> UnitQuery {
    UnitQuery {
        unit: "botserver".into(),
        environment: vec!["BOTSERVER_URL".into(), "OTHER".into()],
        secret_environment: vec!["S".into()],
    }
}

fn name() -> UnitName {
    UnitName::new("botserver").unwrap()
}

fn read(answers: &Answers) -> Unit {
    let context = Context {
        key: Key::new([0; 32]),
    };
    match Unit::read(&query(), answers, &context) {
        Reading::Done(Observed::Known(unit)) => unit,
        other @ (Reading::Done(_) | Reading::More(_)) => panic!("{other:?}"),
    }
}

/// The files and the process; what the manager says is left to the test.
fn rest(file: &str) -> Answers {
    let mut answers = Answers::new();
    for ask in proc_table::asks(&[Part::Programs]) {
        answers = answers.with(ask, 1, "");
    }
    answers
        .with(files::ask(&name()), 0, format!("uf{PATH}\0end\0"))
        .with(Ask::read(PATH), 0, file)
        .with(
            environ::ask(25),
            0,
            "BOTSERVER_URL=http://localhost:5858\0S=x\0",
        )
}

#[test]
fn a_loaded_unit_is_told_with_files_and_process() {
    let unit = read(&rest(FILE).with(manager::ask(&name()), 0, SHOWN));
    insta::assert_json_snapshot!(unit);
}

#[test]
fn no_secret_is_in_the_fact() {
    let unit = read(&rest(FILE).with(manager::ask(&name()), 0, SHOWN));
    let json = serde_json::to_string(&unit).unwrap();
    assert!(
        !json.contains("hunter") && !json.contains("CAESIJ"),
        "{json}"
    );
}

#[test]
fn files_and_process_are_looked_at_in_a_second_stage() {
    let answers = Answers::new()
        .with(files::ask(&name()), 0, format!("uf{PATH}\0end\0"))
        .with(manager::ask(&name()), 0, SHOWN);
    let context = Context {
        key: Key::new([0; 32]),
    };
    let Reading::More(more) = Unit::read(&query(), &answers, &context) else {
        panic!()
    };
    let mut expected = vec![Ask::read(PATH)];
    expected.extend(proc_table::asks(&[Part::Programs]));
    expected.push(environ::ask(25));
    assert_eq!(more, expected);
}

fn only(fields: &[&str]) -> Reads {
    let mut reads = Reads::nothing();
    for field in fields {
        reads.add(field.split('.'));
    }
    reads
}

#[test]
fn who_reads_only_the_state_asks_only_the_manager() {
    let reads = only(&["active_state", "user", "environment.BOTSERVER_URL"]);
    assert_eq!(Unit::asks_for(&query(), &reads), [manager::ask(&name())]);
    let answers = Answers::new().with(manager::ask(&name()), 0, SHOWN);
    let Reading::Done(Observed::Known(unit)) =
        Unit::read_for(&query(), &reads, &answers, &crate::testing::context())
    else {
        panic!()
    };
    assert_eq!(unit.active_state, Observed::Known("active".into()));
    assert!(matches!(unit.disk, Observed::Unknown(r) if r.kind == ReasonKind::NotAsked));
}

/// The fact for somebody who reads nothing but states.
fn states(answers: &Answers) -> Observed<Unit> {
    let reads = only(&["active_state", "exists"]);
    match Unit::read_for(&query(), &reads, answers, &crate::testing::context()) {
        Reading::Done(unit) => unit,
        Reading::More(more) => panic!("{more:?}"),
    }
}

#[test]
fn who_reads_nothing_but_states_asks_for_nothing_but_states() {
    let look = manager::states(&name());
    let reads = only(&["active_state", "exists"]);
    assert_eq!(
        Unit::asks_for(&query(), &reads),
        std::slice::from_ref(&look)
    );
    let shown = "Id=ui.service\nLoadState=loaded\nActiveState=active\nSubState=running\n";
    let unit = states(&Answers::new().with(look, 0, shown));
    let unit = unit.known().unwrap();
    assert_eq!(unit.exists, Observed::Known(true));
    assert_eq!(unit.sub_state, Observed::Known("running".into()));
    // What was not asked is not absent.
    assert_eq!(unit.user, reads::unread());
    assert_eq!(unit.main_pid, reads::unread());
    assert_eq!(unit.running, reads::unread());
    // Somebody else on the node asked for more.
    let all = states(&Answers::new().with(manager::ask(&name()), 0, SHOWN));
    assert_eq!(
        all.known().unwrap().active_state,
        Observed::Known("active".into())
    );
}

#[rstest]
#[case::nobody_knows_it(
    "Id=a.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n",
    Some(false)
)]
#[case::a_state_is_missing(
    "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=\n",
    None
)]
#[case::nothing_is_said("", None)]
fn a_list_without_the_unit_is_not_taken_for_its_state(
    #[case] out: &str,
    #[case] exists: Option<bool>,
) {
    let unit = states(&Answers::new().with(manager::states(&name()), 0, out).with(
        files::ask(&name()),
        1,
        "",
    ));
    let unit = unit.known().unwrap();
    match exists {
        Some(there) => assert_eq!(unit.exists, Observed::Known(there)),
        None => assert!(matches!(
            &unit.active_state,
            Observed::Unknown(reason) if reason.kind == ReasonKind::Garbled
        )),
    }
}

#[test]
fn the_states_are_shown_with_the_rest_where_somebody_asks_for_the_rest() {
    let (a, b) = (UnitName::new("a").unwrap(), UnitName::new("b").unwrap());
    let alone = vec![manager::states(&a), manager::states(&b)];
    assert_eq!(crate::registry::joined(alone.clone()), alone);
    let mixed = vec![manager::states(&a), manager::ask(&b), manager::states(&b)];
    assert_eq!(
        crate::registry::joined(mixed),
        [manager::ask(&a), manager::ask(&b)]
    );
}

#[test]
fn a_silent_manager_makes_the_files_tell_whether_the_unit_is_there() {
    let reads = only(&["exists"]);
    let silent = Answers::new().with(manager::ask(&name()), 1, "Failed to connect to bus\n");
    let look =
        |answers: &Answers| Unit::read_for(&query(), &reads, answers, &crate::testing::context());
    let Reading::More(more) = look(&silent) else {
        panic!()
    };
    assert_eq!(more, [files::ask(&name())]);
    let listed = silent.with(files::ask(&name()), 0, format!("uf{PATH}\0end\0"));
    let Reading::Done(Observed::Known(unit)) = look(&listed) else {
        panic!()
    };
    assert_eq!(unit.exists, Observed::Known(true));
}

#[test]
fn arguments_that_no_command_on_disk_explains_are_unknown() {
    let file = FILE.replace("'a b'", "a c");
    let unit = read(&rest(&file).with(manager::ask(&name()), 0, SHOWN));
    let commands = unit.exec_start.known().unwrap();
    assert!(matches!(commands[0].argv, Observed::Unknown(_)));
    assert!(commands[0].command.ends_with("--token ‹masked› a b"));
}

#[test]
fn a_unit_that_systemd_does_not_know_is_proved_absent() {
    let answers = Answers::new().with(files::ask(&name()), 0, "end\0").with(
        manager::ask(&name()),
        0,
        "Id=botserver.service\nLoadState=not-found\nMainPID=0\n",
    );
    let unit = read(&answers);
    assert_eq!(unit.exists, Observed::Known(false));
    assert_eq!(unit.active_state, Observed::Absent);
    assert_eq!(unit.environment.get("OTHER"), Some(&Observed::Absent));
    assert_eq!(
        (unit.disk, unit.running),
        (Observed::Absent, Observed::Absent)
    );
}

#[rstest]
#[case(1, "Failed to connect to bus: Host is down\n", ReasonKind::DeadBus)]
#[case(127, "sh: 1: exec: systemctl: not found\n", ReasonKind::MissingTool)]
fn without_a_manager_the_files_still_speak(
    #[case] code: u8,
    #[case] out: &str,
    #[case] kind: ReasonKind,
) {
    let unit = read(&rest(FILE).with(manager::ask(&name()), code, out));
    let unknown = |r: &Reason| r.kind == kind;
    assert!(matches!(&unit.active_state, Observed::Unknown(r) if unknown(r)));
    assert!(matches!(unit.environment.get("OTHER"), Some(Observed::Unknown(r)) if unknown(r)));
    assert!(matches!(&unit.running, Observed::Unknown(r) if unknown(r)));
    assert_eq!(unit.exists, Observed::Known(true));
    assert_eq!(unit.fragment_path, Observed::Known(PATH.into()));
    let disk = unit.disk.known().unwrap();
    assert_eq!(disk.user, Observed::Known("gbuser".into()));
    assert_eq!(disk.environment.get("OTHER"), Some(&Observed::Absent));
}

#[test]
fn without_manager_and_file_nobody_knows_whether_the_unit_exists() {
    let answers = Answers::new().with(files::ask(&name()), 0, "end\0").with(
        manager::ask(&name()),
        1,
        "Failed to connect to bus: Host is down\n",
    );
    assert!(matches!(read(&answers).exists, Observed::Unknown(_)));
}

#[test]
fn a_drop_in_that_cannot_be_read_makes_the_whole_merge_unknown() {
    let drop_in = "/etc/systemd/system/botserver.service.d/x.conf";
    let answers = rest(FILE)
        .with(manager::ask(&name()), 0, SHOWN)
        .with(
            files::ask(&name()),
            0,
            format!("uf{PATH}\0df{drop_in}\0end\0"),
        )
        .with(
            Ask::read(drop_in),
            1,
            format!("head: cannot open '{drop_in}' for reading: Permission denied\n"),
        );
    let unit = read(&answers);
    assert!(matches!(unit.disk, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
    assert_eq!(unit.user, Observed::Known("gbuser".into()));
}

#[test]
fn a_closed_environment_of_the_process_is_unknown() {
    let answers = rest(FILE).with(manager::ask(&name()), 0, SHOWN).with(
        environ::ask(25),
        1,
        "cat: /proc/25/environ: Permission denied\n",
    );
    let running = read(&answers).running;
    let running = running.known().unwrap();
    assert!(
        matches!(running.environment.get("OTHER"), Some(Observed::Unknown(r)) if r.kind == ReasonKind::Permission)
    );
}

#[test]
fn a_masked_unit_file_is_a_fatal_problem() {
    let answers = rest(FILE).with(manager::ask(&name()), 0, SHOWN).with(
        files::ask(&name()),
        0,
        format!("um{PATH}\0end\0"),
    );
    let disk = read(&answers).disk;
    let problems = disk.known().unwrap().problems.known().unwrap();
    assert!(
        problems
            .iter()
            .any(|p| p.fatal && p.message.contains("masked"))
    );
}

#[rstest]
#[case("a b")]
#[case("getty@.service")]
#[case("-x;reboot")]
#[case("../../etc/shadow")]
fn a_name_that_systemd_could_not_have_is_refused(#[case] unit: &str) {
    let query = UnitQuery {
        unit: unit.into(),
        ..query()
    };
    assert!(Unit::check(&query).is_err());
}
