use super::table::{TABLE_CAP, TABLES, entries};
use super::*;
use proptest::prelude::*;
use rstest::rstest;

const SAMPLE: &str = "==> /proc/net/tcp <==
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1067 1 000000004a1d9d0d 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1068 1 000000004a1d9d0d 100 0 0 10 0
   2: 0502000A:E344 507100CB:0050 01 00000000:00000000 03:00001411 00000000     0        0 1069 3 000000007b467dc7

==> /proc/net/tcp6 <==
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1070 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1071 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:16E2 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1072 1 0 100 0 0 10 0
   3: 00000000000000000000000000000000:23F0 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1073 1 0 100 0 0 10 0

==> /proc/net/udp <==
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
15781: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 1074 2 0000000050292096 0
15782: 3500007F:9999 0100007F:0035 01 00000000:00000000 00:00000000 00000000   101        0 1075 2 0000000050292096 0
";

fn whole(text: &str) -> String {
    format!("{text}\n==> end <==\n")
}

fn sample() -> Vec<Entry> {
    entries(&whole(SAMPLE)).unwrap()
}

fn proc(pid: u32, ppid: u32, name: &str) -> Proc {
    Proc {
        pid,
        ppid,
        uid: 0,
        user: Some("root".into()),
        name: name.into(),
        exe: Observed::Known(format!("/usr/bin/{name}")),
        argv: Observed::Absent,
        cgroup: Observed::Absent,
        unit: Observed::Known(format!("{name}.service")),
        started: Observed::Known(1.0),
    }
}

#[test]
fn a_table_that_may_be_cut_is_not_believed() {
    let line = "   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1067 1 0 100 0 0 10 0\n";
    let lines = line.repeat(TABLE_CAP / line.len());
    let head = "==> /proc/net/tcp <==\n";
    let cut = whole(SAMPLE).replacen(head, &format!("{head}{lines}"), 1);
    assert_eq!(entries(&cut).unwrap_err().kind, ReasonKind::CapReached);
}

#[test]
fn a_file_named_like_a_socket_holds_none() {
    let fds = "/proc/7/fd:\nlr-x------    1 0        0               64 Nov 21 04:46 5 -> /tmp/a?x -> socket:[1067]\n";
    let holders = Holders::parse(&whole(fds)).unwrap();
    assert!(holders.by_inode.is_empty(), "{holders:?}");
}

#[test]
fn the_tables_are_read_with_their_byte_order() {
    let found: Vec<String> = sockets(&sample(), None, &reads::unread())
        .iter()
        .map(|s| {
            format!(
                "{}{} {}:{} lo={} all={} four={:?}",
                s.protocol,
                s.family,
                s.address,
                s.port,
                s.loopback,
                s.wildcard,
                s.accepts_ipv4.known()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "tcp4 0.0.0.0:22 lo=false all=true four=Some(true)",
            "tcp6 :::22 lo=false all=true four=Some(false)",
            "tcp4 127.0.0.1:5858 lo=true all=false four=Some(true)",
            "tcp4 127.0.0.1:6379 lo=true all=false four=Some(true)",
            "tcp6 ::1:8080 lo=true all=false four=Some(false)",
            "tcp6 :::9200 lo=false all=true four=None",
            "udp4 127.0.0.53:53 lo=true all=false four=Some(true)",
        ]
    );
}

#[rstest]
#[case::one(
    "/proc/77/fd:\nlrwx------ 1 0 0 64 Nov 21 03:06 5 -> socket:[1067]\n",
    Some(77)
)]
#[case::parent_of_workers(
    "/proc/77/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n/proc/78/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n",
    Some(77)
)]
#[case::systemd_hands_it_out(
    "/proc/1/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n/proc/77/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n",
    Some(77)
)]
#[case::systemd_alone("/proc/1/fd:\nlrwx 1 0 0 64 x 5 -> socket:[1067]\n", Some(1))]
#[case::nobody("", None)]
#[case::hidden("ls: cannot open directory '/proc/1/fd': Permission denied\n", None)]
fn the_holder_of_a_socket_is_found(#[case] fds: &str, #[case] pid: Option<i64>) {
    let processes = vec![
        proc(1, 0, "systemd"),
        proc(77, 1, "server"),
        proc(78, 77, "server"),
    ];
    let holders = Holders::parse(&whole(fds)).unwrap();
    let found = sockets(&sample(), Some(&holders), &Observed::Known(processes));
    let socket = found.iter().find(|s| s.port == 6379).unwrap();
    assert_eq!(socket.pid.known().copied(), pid);
    match pid {
        Some(77) => assert_eq!(socket.unit, Observed::Known("server.service".into())),
        Some(_) => assert_eq!(socket.process, Observed::Known("systemd".into())),
        None => {
            assert!(matches!(&socket.exe, Observed::Unknown(r) if r.kind == ReasonKind::Hidden))
        }
    }
}

#[rstest]
#[case::v4(
    "tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* uid:105 ino:1067 sk:1 cgroup:/x <->",
    "tcp4 127.0.0.1:6379 105 1067 Some(true)"
)]
#[case::root(
    "udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* ino:5 sk:2 <->",
    "udp4 0.0.0.0:68 0 5 Some(true)"
)]
#[case::interface(
    "udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* uid:101 ino:5 sk:2",
    "udp4 127.0.0.53:53 101 5 Some(true)"
)]
#[case::scope(
    "udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:* ino:5 sk:2 v6only:1",
    "udp6 fe80::1:546 0 5 Some(false)"
)]
#[case::both(
    "tcp LISTEN 0 4096 *:9200 *:* ino:7 sk:3 v6only:0 <->",
    "tcp6 :::9200 0 7 Some(true)"
)]
#[case::six_only(
    "tcp LISTEN 0 128 [::]:22 [::]:* ino:7 sk:3 v6only:1 <->",
    "tcp6 :::22 0 7 Some(false)"
)]
#[case::nobody_says("tcp LISTEN 0 128 [::]:22 [::]:* ino:7 sk:3", "tcp6 :::22 0 7 None")]
#[case::mapped(
    "tcp LISTEN 0 128 [::ffff:127.0.0.1]:22 *:* ino:7 sk:3 v6only:0",
    "tcp4 127.0.0.1:22 0 7 Some(true)"
)]
fn a_line_of_ss_is_a_socket(#[case] line: &str, #[case] expected: &str) {
    let entries = entries(&whole(&format!("==> ss <==\n{line}\n"))).unwrap();
    let found = sockets(&entries, None, &reads::unread());
    let told: Vec<String> = found
        .iter()
        .zip(&entries)
        .map(|(s, entry)| {
            format!(
                "{}{} {}:{} {} {} {:?}",
                s.protocol,
                s.family,
                s.address,
                s.port,
                s.uid,
                entry.inode,
                s.accepts_ipv4.known()
            )
        })
        .collect();
    assert_eq!(told, [expected]);
}

#[rstest]
#[case::connection("tcp ESTAB 0 0 127.0.0.1:6379 127.0.0.1:5000 ino:1 sk:1")]
#[case::no_inode("tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:*")]
#[case::no_address("tcp LISTEN 0 511 here:6379 0.0.0.0:* ino:1")]
#[case::no_port("tcp LISTEN 0 511 127.0.0.1:http 0.0.0.0:* ino:1")]
#[case::words("usage: ss [ OPTIONS ]")]
fn a_line_of_ss_that_is_no_socket_is_not_passed_over(#[case] line: &str) {
    assert!(entries(&whole(&format!("==> ss <==\n{line}\n"))).is_err());
}

#[test]
fn the_tables_are_looked_at_where_ss_is_missing_or_says_something_else() {
    let dir = std::env::temp_dir().join(format!("runproof-ss-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let run = |script: &str| {
        std::fs::write(dir.join("ss"), script).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(dir.join("ss"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let out = std::process::Command::new("sh")
            .args(["-c", TABLES])
            .env("PATH", &path)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let good = "tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* ino:1";
    assert!(run(&format!("#!/bin/sh\necho '{good}'\n")).starts_with("==> ss <=="));
    for bad in [
        "exit 127",
        "exit 0",
        "echo Cannot open netlink socket; exit 0",
    ] {
        assert!(
            run(&format!("#!/bin/sh\n{bad}\n")).starts_with("==> /proc/net/tcp"),
            "{bad}"
        );
    }
    let late = format!("#!/bin/sh\necho '{good}'\necho 'RTNETLINK answers: Invalid'\n");
    assert!(run(&late).starts_with("==> /proc/net/tcp"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_kernel_without_ipv6_has_fewer_tables() {
    let text = "==> /proc/net/tcp <==\nhead: cannot open '/proc/net/tcp6' for reading: No such file or directory\n==> /proc/net/udp <==\n==> end <==\n";
    assert!(entries(text).unwrap().is_empty());
}

#[test]
fn where_the_kernel_counts_no_socket_there_is_none() {
    assert_eq!(
        entries("==> none <==\n\n==> end <==\n").as_deref(),
        Ok([].as_slice())
    );
}

#[rstest]
#[case::no_end("==> none <==\n")]
#[case::cut("==> /proc/net/tcp <==\n")]
#[case::refused(
    "head: cannot open '/proc/net/tcp' for reading: Permission denied\n==> /proc/net/udp <==\n==> end <==\n"
)]
#[case::garbage("==> /proc/net/tcp <==\nhello\n==> /proc/net/udp <==\n==> end <==\n")]
fn half_a_look_says_nothing(#[case] text: &str) {
    assert!(entries(text).is_err());
    assert!(Holders::parse(text.trim_end()).is_err());
}

#[test]
fn the_real_look_finds_our_own_socket() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let query = ListenersQuery {
        listeners: Nothing {},
    };
    let Observed::Known(fact) = crate::testing::fact::<Listeners>(&query) else {
        panic!("nothing")
    };
    let sockets = fact.sockets.known().unwrap();
    let ours = sockets.iter().find(|s| s.port == port).unwrap();
    assert_eq!(ours.pid, Observed::Known(i64::from(std::process::id())));
    assert!(ours.loopback && !ours.wildcard);
}

#[test]
fn who_reads_only_ports_costs_one_look_and_knows_no_holder() {
    let query = ListenersQuery {
        listeners: Nothing {},
    };
    let mut reads = Reads::nothing();
    reads.add(["sockets", "*", "port"]);
    let asks = Listeners::asks_for(&query, &reads);
    assert_eq!(asks.len(), 1);
    let answers = Answers::new().with(asks[0].clone(), 0, whole(SAMPLE));
    let context = crate::testing::context();
    let Reading::Done(Observed::Known(fact)) =
        Listeners::read_for(&query, &reads, &answers, &context)
    else {
        panic!("nothing")
    };
    for socket in fact.sockets.known().unwrap() {
        assert!(matches!(&socket.process, Observed::Unknown(r) if r.kind == ReasonKind::NotAsked));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "( *0: [0-9A-F]{0,33}:[0-9A-Fé]{0,5} [0-9A-F]{0,33}:[0-9A-F]{4} 0A \\PC{0,40}\n)?\\PC{0,80}") {
        let _ = entries(&format!("==> /proc/net/tcp6 <==\n{text}\n==> end <==\n"));
        let _ = Holders::parse(&whole(&text));
    }
}
