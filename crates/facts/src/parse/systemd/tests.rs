use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn unit() -> UnitName {
    UnitName::new("a").unwrap()
}

fn values(text: &str) -> Vec<(String, String)> {
    UnitFile::parse(text)
        .entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect()
}

fn environment(text: &str) -> Vec<String> {
    UnitFile::parse(&format!("[Service]\n{text}"))
        .environment(&unit(), &mut Vec::new())
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("?")))
        .collect()
}

#[rstest]
#[case::plain("[Service]\nUser=x\n", &[("User", "x")])]
#[case::spaces("  [Service]  \n\t User =  x y \t\n", &[("User", "x y")])]
#[case::continuation("[Service]\nExecStart=a \\\n  b\n", &[("ExecStart", "a    b")])]
#[case::comment_inside("[Service]\nExecStart=a\\\n# c \\\n; d\n b\n", &[("ExecStart", "a  b")])]
#[case::even_backslashes("[Service]\nA=b\\\\\nC=d\n", &[("A", "b\\\\"), ("C", "d")])]
#[case::comment_is_not_continued("[Service]\n# a \\\nB=c\n", &[("B", "c")])]
#[case::no_comment_behind_a_value("[Service]\nA=b # c\n", &[("A", "b # c")])]
#[case::end_in_a_continuation("[Service]\nA=b\\", &[("A", "b")])]
#[case::empty_line_ends_a_continuation("[Service]\nA=b\\\n\nC=d\n", &[("A", "b"), ("C", "d")])]
#[case::crlf("[Service]\r\nA=b\r\n", &[("A", "b")])]
#[case::bom("\u{feff}[Service]\nA=b", &[("A", "b")])]
#[case::equals_in_value("[Service]\nA=b=c", &[("A", "b=c")])]
#[case::repeated_sections("[Service]\nA=1\n[Unit]\nB=2\n[Service]\nC=3", &[("A", "1"), ("B", "2"), ("C", "3")])]
#[case::unknown_section("[Servce]\nA=1\n[X-Y]\nB=2\n[Unit]\nC=3", &[("C", "3")])]
#[case::outside("A=1\n[Unit]\nB=2", &[("B", "2")])]
#[case::no_equals("[Unit]\nfoo\n=x\nB=2", &[("B", "2")])]
#[case::bad_header_ends_the_file("[Unit]\nA=1\n[Unit\nB=2", &[("A", "1")])]
fn the_syntax_of_unit_files(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    assert_eq!(values(text), expected);
}

#[rstest]
#[case("Environment=A=b \"C=d e\" F='g h' \"J=x\\ny\"", &["A=b", "C=d e", "F=g h", "J=x\ny"])]
#[case("Environment=A=1\nEnvironment=A=2 B=3", &["A=2", "B=3"])]
#[case("Environment=A=1\nEnvironment=\nEnvironment=B=2", &["B=2"])]
#[case("Environment=A=1 B C=2 1D=3 =x", &["A=1", "C=2"])]
#[case("Environment=A=1 'B=2\nEnvironment=C=3", &["A=1", "C=3"])]
#[case("Environment=A=%n%%", &["A=a.service%"])]
#[case("Environment=A=", &["A="])]
#[case("Environment=A=\\x01 B=\\r", &["A=\u{1}", "B=\r"])]
#[case("Environment=A=\\q B=1", &[])]
#[case("Environment=A=%H B=%z C=%%H D=%/", &["A=?", "C=%H", "D=%/"])]
#[case("Environment=A=$x \"B=a=b\"", &["A=$x", "B=a=b"])]
#[case("Environment=A=1 \\\n  B=2 \\\n# no\n  C=3", &["A=1", "B=2", "C=3"])]
fn assignments_of_the_environment(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(environment(text), expected);
}

#[rstest]
#[case("/bin/a b", &[("/bin/a", "/bin/a|b")])]
#[case("-@/bin/a name b", &[("/bin/a", "name|b")])]
#[case("/bin/a ; /bin/b c", &[("/bin/a", "/bin/a"), ("/bin/b", "/bin/b|c")])]
#[case("/bin/a \\; b", &[("/bin/a", "/bin/a|;|b")])]
#[case("/bin/a \";\" b", &[("/bin/a", "/bin/a|;|b")])]
#[case("!!/bin/a", &[("/bin/a", "/bin/a")])]
#[case("+:/bin/a $X ${Y}", &[("/bin/a", "/bin/a|$X|${Y}")])]
#[case("sleep 5 \"a b\" \\x41", &[("sleep", "sleep|5|a b|A")])]
#[case("/bin//./a un\\qk %n %%", &[("/bin/a", "/bin//./a|un\\qk|a.service|%")])]
fn command_lines(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
    let file = UnitFile::parse(&format!("[Service]\nExecStart={text}\n"));
    let mut problems = Vec::new();
    let commands: Vec<(String, String)> = file
        .commands("ExecStart", &unit(), &mut problems)
        .into_iter()
        .map(|command| (command.path, command.argv.join("|")))
        .collect();
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(p, a)| ((*p).to_owned(), (*a).to_owned()))
        .collect();
    assert_eq!(commands, expected);
    assert!(!problems.iter().any(|problem| problem.fatal));
}

#[rstest]
#[case("/bin/a 'b")]
#[case("bin/a b")]
#[case("/bin/")]
#[case("@")]
#[case("/bin/a %z")]
#[case("|/bin/a")]
#[case("@/bin/a")]
#[case("\\q")]
fn a_command_that_systemd_refuses_is_a_fatal_problem(#[case] text: &str) {
    let file = UnitFile::parse(&format!("[Service]\nExecStart={text}\n"));
    let mut problems = Vec::new();
    assert!(
        file.commands("ExecStart", &unit(), &mut problems)
            .is_empty()
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.fatal && problem.line == 2)
    );
}

#[rstest]
#[case("-")]
#[case("-bin/a")]
#[case("-/bin/a 'b")]
#[case("'/bin/a b")]
fn a_command_that_systemd_ignores_is_no_fatal_problem(#[case] text: &str) {
    let file = UnitFile::parse(&format!("[Service]\nExecStart={text}\nExecStart=/bin/b\n"));
    let mut problems = Vec::new();
    let commands = file.commands("ExecStart", &unit(), &mut problems);
    assert_eq!(commands.len(), 1);
    assert!(problems.iter().all(|problem| !problem.fatal));
    assert_eq!(problems[0].line, 2);
}

#[rstest]
#[case("nobody", true)]
#[case("1000", true)]
#[case("bad user", true)]
#[case("ünï", true)]
#[case("0x", true)]
#[case("65535", false)]
#[case("4294967295", false)]
#[case("-1", false)]
#[case("..", false)]
#[case("a:b", false)]
#[case("a/b", false)]
#[case("", false)]
fn accounts_are_what_systemd_takes_for_them(#[case] name: &str, #[case] valid: bool) {
    assert_eq!(is_account(name), valid);
}

#[test]
fn a_command_that_is_taken_back_later_is_refused_all_the_same() {
    let file = UnitFile::parse("[Service]\nExecStart=/bin/\nExecStart=\nExecStart=/bin/b\n");
    let mut problems = Vec::new();
    let commands = file.commands("ExecStart", &unit(), &mut problems);
    assert_eq!(commands.len(), 1);
    assert!(problems.iter().any(|problem| problem.fatal));
}

#[test]
fn a_line_that_is_no_text_ends_the_file() {
    let file = UnitFile::parse_bytes("/x", b"[Service]\nA=1\nB=\xff\nC=3\n# \xff\n");
    assert_eq!(file.entries.len(), 1);
    assert!(file.problems[0].fatal);
    let file = UnitFile::parse_bytes("/x", b"# \xff\n[Service]\nA=1\n");
    assert_eq!((file.entries.len(), file.problems.len()), (1, 0));
}

#[test]
fn drop_ins_add_to_lists_and_replace_scalars() {
    let file = UnitFile::merge([
        UnitFile::parse("[Service]\nUser=a\nExecStart=/a\nEnvironmentFile=/x\nRestart=always\n"),
        UnitFile::parse(
            "[Service]\nUser=b\nExecStart=\nExecStart=/b\nEnvironmentFile=-/y//z\nEnvironmentFile=\"/q\"\nRestart=sometimes\n",
        ),
        UnitFile::parse("[Service]\nUser=\n"),
    ]);
    let mut problems = Vec::new();
    assert_eq!(file.scalar("Service", "User"), None);
    assert_eq!(
        file.commands("ExecStart", &unit(), &mut problems)[0].path,
        "/b"
    );
    let files = file.environment_files(&unit(), &mut problems);
    assert_eq!(files.len(), 2);
    assert_eq!((files[1].path.as_str(), files[1].optional), ("/y/z", true));
    assert_eq!(problems.len(), 1);
}

#[test]
fn units_are_not_reset_by_an_empty_assignment() {
    let file =
        UnitFile::parse("[Unit]\nAfter=a.service b.target\nAfter=\nAfter=%N-x.service a.service\n");
    assert_eq!(
        file.units("After", &unit(), &mut Vec::new()),
        ["a.service", "b.target", "a-x.service"]
    );
}

#[test]
fn problems_never_hold_a_value() {
    let file = UnitFile::parse(
        "[Service]\nEnvironment=PASSWORD='hunter2\nhunter2\nhunter2=\nRestart=hunter2\n",
    );
    let mut problems = file.problems.clone();
    file.environment(&unit(), &mut problems);
    file.last_valid("Service", "Restart", |_| None::<()>, &mut problems);
    assert!(problems.len() >= 3);
    assert!(!format!("{problems:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn garbage_never_panics(text in "(\\[Service\\]|ExecStart=|Environment=|[-@!+:|;#\\\\\"'%= a\\n\\r\\x00é]){0,60}") {
        let file = UnitFile::parse(&text);
        let mut problems = Vec::new();
        let _ = file.commands("ExecStart", &unit(), &mut problems);
        let _ = file.environment(&unit(), &mut problems);
        let _ = file.environment_files(&unit(), &mut problems);
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = UnitFile::parse_bytes("/x", &bytes);
    }

    #[test]
    fn plain_assignments_come_back(pairs in proptest::collection::vec(("[A-Za-z]{1,9}", "[a-z0-9/=:. ]{0,20}"), 0..10)) {
        let text: String = pairs.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
        let expected: Vec<(String, String)> = pairs.iter().map(|(k, v)| (k.clone(), v.trim().to_owned())).collect();
        prop_assert_eq!(values(&format!("[Service]\n{text}")), expected);
    }
}
