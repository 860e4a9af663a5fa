//! Tables of the kind `file`.

use super::*;
use crate::testing;

fn query() -> FileQuery {
    FileQuery {
        file: "/f".into(),
        lines: false,
        digest: false,
        r#as: None,
    }
}

fn read(answers: &Answers) -> File {
    testing::read(&query(), answers)
}

#[test]
fn a_regular_file_is_described() {
    let line = "81a4:0:0:1234:1700000000:1:2049:77:root:root\n";
    let file = read(&Answers::new().with(Ask::stat("/f"), 0, line.repeat(2)));
    assert_eq!(file.exists, Observed::Known(true));
    assert_eq!(file.mode, Observed::Known("0644".into()));
    assert_eq!(file.owner, Observed::Known("root".into()));
    assert_eq!(file.size, Observed::Known(1234));
}

#[test]
fn a_dangling_link_does_not_exist_but_is_a_link() {
    let out = "a1ff:0:0:5:1700000000:1:2049:77:root:root\nstat: cannot statx '/f': No such file or directory\n";
    let file = read(&Answers::new().with(Ask::stat("/f"), 0, out));
    assert_eq!(file.exists, Observed::Known(false));
    assert_eq!(file.is_link, Observed::Known(true));
    assert_eq!(file.mode, Observed::Absent);
}

#[test]
fn a_file_behind_a_closed_door_is_unknown_not_absent() {
    let out = "stat: cannot statx '/f': Permission denied\n";
    let file = read(&Answers::new().with(Ask::stat("/f"), 1, out));
    assert!(matches!(file.exists, Observed::Unknown(r) if r.kind == ReasonKind::Permission));
}

#[test]
fn a_file_of_this_machine_is_weighed_for_a_user() {
    let query = FileQuery {
        file: "/etc/shadow".into(),
        r#as: Some("nobody".into()),
        ..query()
    };
    let Observed::Known(file) = testing::fact::<File>(&query) else {
        panic!()
    };
    assert_eq!(file.readable, Observed::Known(false), "{file:?}");
    let query = FileQuery {
        file: "/bin/sh".into(),
        ..query
    };
    let Observed::Known(file) = testing::fact::<File>(&query) else {
        panic!()
    };
    assert_eq!(file.executable, Observed::Known(true), "{file:?}");
    assert_eq!(file.writable, Observed::Known(false));
}

#[test]
fn rights_are_absent_unless_asked_for() {
    let line = "81a4:0:0:1234:1700000000:1:2049:77:root:root\n";
    let file = read(&Answers::new().with(Ask::stat("/f"), 0, line.repeat(2)));
    assert_eq!(file.readable, Observed::Absent);
}

#[test]
fn lines_come_without_secrets_and_env_files_not_at_all() {
    let query = FileQuery {
        lines: true,
        ..query()
    };
    let text = "DEFAULT_FORWARD_POLICY=\"ACCEPT\"\nIPV6=no\nDB_PASSWORD=hunter2\nurl=postgres://gb:hunter2@tables/x\n";
    let answers = Answers::new().with(Ask::read("/f"), 0, text);
    let file: File = testing::read(&query, &answers);
    let lines = file.lines.known().unwrap();
    assert_eq!(lines[..2], ["DEFAULT_FORWARD_POLICY=\"ACCEPT\"", "IPV6=no"]);
    assert!(!lines.join("\n").contains("hunter2"), "{lines:?}");
    for name in ["/opt/gbo/bin/.env", "/x/prod.env", "/x/.env.local"] {
        let file = name.to_owned();
        assert!(
            File::check(&FileQuery {
                file,
                ..query.clone()
            })
            .is_err()
        );
    }
}
