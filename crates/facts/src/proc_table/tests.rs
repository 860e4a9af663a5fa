use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// The three looks as one text.
fn parse(out: &str) -> Result<Vec<Proc>, Reason> {
    let mut parts = out.split(BETWEEN).map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    super::parse(&part(), Ok(part()), Ok(part()))
}

/// What stands between two looks.
const BETWEEN: &str = "\n<next look>\n";

/// A table of two processes; `cmdlines` is the last stream.
fn output(cmdlines: &str) -> String {
    let stat = |pid: u32, name: &str, ppid: u32, start: u32| {
        format!("{pid} ({name}) S {ppid} 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {start} 0\n")
    };
    let status = |name: &str, uid: u32| {
        format!("Name:\t{name}\nUid:\t0\t{uid}\t0\t0\nCapEff:\t0000000000000000\n")
    };
    format!(
        "1700000000.500000000 self\n\
         ==> /proc/self/stat <==\n{}\n==> /proc/self/status <==\n{}\n\
         ==> /proc/self/mountinfo <==\n22 27 0:20 / /proc rw,nosuid - proc proc rw\n\n\
         ==> /etc/passwd <==\nroot:x:0:0::/root:/bin/sh\ngbuser:x:1000:1000::/:/bin/sh\n\n\
         ==> /proc/1/stat <==\n{}\n==> /proc/12/stat <==\n{}\n\
         ==> /proc/1/status <==\n{}\n==> /proc/12/status <==\n{}\n\
         ==> /proc/1/cgroup <==\n0::/init.scope\n\n==> /proc/12/cgroup <==\n0::/system.slice/botserver.service\n\
         \n==> errors <==\n\n\
         \n==> end <==\n{BETWEEN}0 root \"/proc/1/exe\" -> \"/usr/lib/systemd/systemd\"\n1000 gbuser \"/proc/12/exe\"\n\
         \n==> what is left <==\n==> /proc/1/stat <==\n{}\n==> /proc/12/stat <==\n{}\n\n==> end <==\n{BETWEEN}{cmdlines}\n==> end <==\n",
        stat(99, "head", 98, 5000),
        status("head", 0),
        stat(1, "systemd", 0, 100),
        stat(12, "a) S 9 (b", 1, 4000),
        status("systemd", 0),
        status("a) S 9 (b", 1000),
        stat(1, "systemd", 0, 100),
        stat(12, "a) S 9 (b", 1, 4000),
    )
}

const HONEST: &str =
    "==> /proc/1/cmdline <==\n/sbin/init\0\n==> /proc/12/cmdline <==\nbotserver\0--x\0";

#[test]
fn a_table_is_read_with_all_its_columns() {
    let table = parse(&output(HONEST)).unwrap();
    let bot = &table[1];
    assert_eq!((bot.pid, bot.ppid, bot.uid), (12, 1, 1000));
    assert_eq!(bot.user.as_deref(), Some("gbuser"));
    assert_eq!(bot.name, "a) S 9 (b");
    assert_eq!(
        bot.argv,
        Observed::Known(vec!["botserver".into(), "--x".into()])
    );
    assert_eq!(bot.unit, Observed::Known("botserver.service".into()));
    assert_eq!(bot.started, Observed::Known(1_700_000_000.5 - 10.0));
    assert!(matches!(&bot.exe, Observed::Unknown(r) if r.kind == ReasonKind::Hidden));
    assert_eq!(
        table[0].exe,
        Observed::Known("/usr/lib/systemd/systemd".into())
    );
}

#[rstest]
#[case::twice(
    "==> /proc/1/cmdline <==\nx\0\n==> /proc/12/cmdline <==\nb\0\n==> /proc/12/cmdline <==\nc\0"
)]
#[case::out_of_order(
    "==> /proc/1/cmdline <==\nx\n==> /proc/2/cmdline <==\n\n==> /proc/12/cmdline <==\nb\0"
)]
#[case::another_file("==> /proc/1/cmdline <==\nx\n==> /proc/12/stat <==\nb\0")]
#[case::no_header("x\n==> /proc/12/cmdline <==\nb\0")]
fn a_forged_header_makes_every_command_line_unknown(#[case] cmdlines: &str) {
    for proc in parse(&output(cmdlines)).unwrap() {
        assert!(matches!(&proc.argv, Observed::Unknown(r) if r.kind == ReasonKind::Garbled));
    }
}

#[rstest]
#[case::hidepid("proc rw\n", "proc rw,hidepid=2\n", ReasonKind::Hidden)]
#[case::hidepid_by_name("proc rw\n", "proc rw,hidepid=invisible\n", ReasonKind::Hidden)]
#[case::denied(
    "errors <==\n",
    "errors <==\nhead: cannot open '/proc/1/stat' for reading: Permission denied\n",
    ReasonKind::Hidden
)]
#[case::no_init(
    "==> /proc/1/stat <==\n1 ",
    "==> /proc/3/stat <==\n3 ",
    ReasonKind::Hidden
)]
#[case::no_end("\n==> end <==\n", "", ReasonKind::Garbled)]
#[case::no_mounts("/proc rw,nosuid", "/pro rw,nosuid", ReasonKind::Garbled)]
#[case::wrong_number("12 (a)", "13 (a)", ReasonKind::Garbled)]
fn a_table_that_may_lack_something_is_unknown(
    #[case] from: &str,
    #[case] to: &str,
    #[case] kind: ReasonKind,
) {
    let out = output(HONEST).replacen(from, to, 1);
    assert_eq!(parse(&out).unwrap_err().kind, kind);
}

/// The process 12 as the second look has it, in place of what the first had.
fn later(out: &str, then: &str) -> String {
    let mark = "\n==> what is left <==\n";
    let (before, after) = out.split_once(mark).unwrap();
    let line = after.lines().find(|line| line.starts_with("12 (")).unwrap();
    format!("{before}{mark}{}", after.replacen(line, then, 1))
}

#[rstest]
#[case::gone("", &[1])]
#[case::its_number_is_anothers("12 (new) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9000 0", &[1])]
#[case::a_zombie("12 (a) S 9 (b) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4000 0", &[1, 12])]
#[case::letting_go("12 (a) S 9 (b) R 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4000 0", &[1, 12])]
fn a_process_that_ended_between_two_looks_is_no_hidden_one(
    #[case] then: &str,
    #[case] pids: &[u32],
) {
    let ended = later(
        &output(HONEST).replacen("1000 gbuser \"/proc/12/exe\"\n", "", 1),
        then,
    );
    let table = parse(&ended).unwrap();
    assert_eq!(table.iter().map(|p| p.pid).collect::<Vec<_>>(), pids);
    for proc in table.iter().filter(|proc| proc.pid == 12) {
        assert_eq!(proc.exe, Observed::Absent);
    }
}

#[test]
fn what_came_while_we_looked_and_shows_no_program_yet_is_of_later() {
    // The look itself began at 5000.
    let hidden = output(HONEST).replacen("1000 gbuser \"/proc/12/exe\"\n", "", 1);
    let newcomer = hidden.replace(" 20 0 1 0 4000 0", " 20 0 1 0 5001 0");
    assert_ne!(hidden, newcomer);
    let table = parse(&newcomer).unwrap();
    assert_eq!(table.iter().map(|p| p.pid).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_process_that_is_still_there_and_shows_no_program_hides_it() {
    let hidden = output(HONEST).replacen("1000 gbuser \"/proc/12/exe\"\n", "", 1);
    let table = parse(&hidden).unwrap();
    assert_eq!(table.len(), 2);
    assert!(matches!(&table[1].exe, Observed::Unknown(r) if r.kind == ReasonKind::Hidden));
}

#[test]
fn tracing_rights_see_through_hidepid() {
    let out = output(HONEST)
        .replacen("proc rw\n", "proc rw,hidepid=2\n", 1)
        .replacen("CapEff:\t0000000000000000", "CapEff:\t0000000000080000", 1);
    assert_eq!(parse(&out).unwrap().len(), 2);
}

#[rstest]
#[case("0::/system.slice/botserver.service\n", Some("botserver.service"))]
#[case(
    "0::/system.slice/system-getty.slice/getty@tty1.service\n",
    Some("getty@tty1.service")
)]
#[case(
    "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n",
    Some("user@1000.service")
)]
#[case(
    "12:pids:/x\n1:name=systemd:/system.slice/a.service\n0::/\n",
    Some("a.service")
)]
#[case(
    "0::/../lxc.payload.system/system.slice/a.service/sub\n",
    Some("a.service")
)]
#[case("0::/\n", None)]
#[case("5:cpu:/system.slice/docker.service\n0::/\n", None)]
fn the_control_group_names_the_unit(#[case] text: &str, #[case] unit: Option<&str>) {
    assert_eq!(cgroup::parse(text).1, unit.map(str::to_owned).into());
}

#[test]
fn names_come_back_from_every_quoting() {
    assert_eq!(
        programs::unquote(r#""/a\nb\303\251""#).as_deref(),
        Some("/a\nbé")
    );
    assert_eq!(programs::unquote("'/a'").as_deref(), Some("/a"));
    assert_eq!(programs::unquote("\"/a"), None);
}

#[test]
fn this_very_process_is_found_by_the_real_look() {
    let asks = asks(&[Part::Programs, Part::Arguments]);
    let table = match read(&crate::testing::look(&asks)) {
        Observed::Known(table) => table,
        Observed::Unknown(reason) if reason.kind == ReasonKind::Hidden => return,
        other @ (Observed::Absent | Observed::Unknown(_)) => panic!("{other:?}"),
    };
    let me = table.iter().find(|p| p.pid == std::process::id()).unwrap();
    let argv: Vec<String> = std::env::args().collect();
    assert_eq!(me.argv, Observed::Known(argv));
    assert_eq!(
        me.exe.known().map(String::as_str),
        std::env::current_exe().unwrap().to_str()
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let age = now - me.started.known().unwrap();
    assert!((-1.0..600.0).contains(&age), "{age}");
    assert!(!table.iter().any(|p| p.name == "head" && p.ppid == me.pid));
}

proptest! {
    #[test]
    fn garbage_never_panics(text in ".{0,400}") {
        let _ = parse(&text);
        let _ = programs::parse(&text);
        let _ = arguments::parse(&text);
        let _ = cgroup::parse(&text);
        let _ = programs::unquote(&text);
    }

    #[test]
    fn any_command_line_is_split_or_refused_and_never_moves_to_another_process(args in proptest::collection::vec("[^\0]{1,30}", 1..4)) {
        let line = args.join("\0");
        let out = output(&format!("==> /proc/1/cmdline <==\n{line}\0\n==> /proc/12/cmdline <==\nb\0"));
        let table = parse(&out).unwrap();
        if let Observed::Known(argv) = &table[0].argv {
            prop_assert_eq!(argv, &args);
            prop_assert_eq!(&table[1].argv, &Observed::Known(vec!["b".to_owned()]));
        }
    }
}
