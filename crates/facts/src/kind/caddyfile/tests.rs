use super::*;
use crate::script::{Guard, compose, take_apart};
use crate::secret::Key;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";

fn context() -> Context {
    Context {
        key: Key::new([0; 32]),
    }
}

fn query(path: &str) -> CaddyfileQuery {
    CaddyfileQuery {
        caddyfile: path.to_owned(),
    }
}

/// Looks with a real shell.
fn look(asks: &[Ask]) -> Answers {
    let script = compose(asks, BOUNDARY, Guard::Each);
    let mut child = Process::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let why = Reason::new(ReasonKind::Unreachable, "gone");
    take_apart(asks, BOUNDARY, &output.stdout, &why).answers
}

/// Both looks at a file, as the gatherer does them.
fn gather(path: &Path) -> Caddyfile {
    let query = query(path.to_str().unwrap());
    let mut answers = look(&Caddyfile::asks(&query));
    for _ in 0..2 {
        match Caddyfile::read(&query, &answers, &context()) {
            Reading::Done(Observed::Known(fact)) => return fact,
            Reading::More(asks) => answers.extend(look(&asks)),
            other @ Reading::Done(_) => panic!("{other:?}"),
        }
    }
    panic!("a third look was asked for");
}

fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("runproof-caddy-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn imports_are_followed_with_a_second_look() {
    let folder = folder(
        "imports",
        &[
            (
                "config",
                "import snippets.conf\nimport sites/*.conf\nimport none/*\nc.example.com {\n\timport up 3\n}\n",
            ),
            (
                "snippets.conf",
                "(up) {\n\treverse_proxy 10.0.2.5:{args[0]}\n}\n",
            ),
            ("sites/b b.conf", "b.example.com {\n\timport up 2\n}"),
            ("sites/a.conf", "a.example.com {\n\timport up 1\n}\n"),
            ("sites/other.txt", "x.example.com {\n}\n"),
            ("sites/empty.conf", ""),
        ],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(fact.errors, Observed::Known(Vec::new()));
    let hosts = ["a.example.com", "b.example.com", "c.example.com"];
    assert_eq!(
        fact.hosts,
        Observed::Known(hosts.iter().map(|&h| h.to_owned()).collect())
    );
    let ports: Vec<i64> = fact
        .upstreams
        .known()
        .unwrap()
        .iter()
        .map(|u| *u.port.known().unwrap())
        .collect();
    assert_eq!(ports, [1, 2, 3]);
    assert!(fact.imports.known().unwrap().iter().all(|i| i.resolved));
}

#[test]
fn a_hidden_file_beside_the_imported_ones_is_seen() {
    let folder = folder(
        "hidden",
        &[
            ("config", "import sites/*\n"),
            ("sites/a", "a.example.com {\n}\n"),
            ("sites/.a.swp", "b.example.com {\n}\n"),
        ],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(fact.hosts, Observed::Unknown(r) if r.detail.contains("/.a.swp is hidden")));
    assert!(matches!(fact.errors, Observed::Unknown(_)));
}

#[test]
fn an_import_of_an_import_stays_unknown() {
    let folder = folder(
        "nested",
        &[
            ("config", "{\n\tadmin off\n}\nimport sites/*\n"),
            ("sites/a", "import ../more/b\na.example.com {\n}\n"),
            ("more/b", "b.example.com {\n}\n"),
        ],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(fact.hosts, Observed::Unknown(r) if r.kind == ReasonKind::CapReached));
    assert!(matches!(fact.sites, Observed::Unknown(_)));
    assert_eq!(
        fact.global.known().unwrap().admin,
        Observed::Known("off".into())
    );
}

#[test]
fn a_missing_import_is_a_mistake_of_the_file() {
    let folder = folder(
        "missing",
        &[("config", "a.example.com {\n\timport gone\n}\n")],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    let errors = fact.errors.known().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].line, 2);
}

#[test]
fn what_is_not_a_file_under_a_pattern_is_unknown() {
    let folder = folder(
        "folder",
        &[("config", "import sites/*\n"), ("sites/a/b", "")],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(fact.sites, Observed::Unknown(r) if r.kind == ReasonKind::Unsupported));
}

#[test]
fn a_pattern_is_shown_to_the_allow_list() {
    let text = "import /etc/*\nimport /opt/gbo/conf/sites/*\n";
    let answers = Answers::new().with(Ask::read("/srv/caddy/config"), 0, text);
    let reading = Caddyfile::read(&query("/srv/caddy/config"), &answers, &context());
    let Reading::More(asks) = reading else {
        panic!("{reading:?}");
    };
    // Whether they may be looked at is for the site's allow-list to say, which sees the pattern.
    let policy = crate::ContentPolicy::default();
    let paths: Vec<(&str, bool)> = asks
        .iter()
        .filter_map(|ask| ask.content_path())
        .map(|path| (path, policy.allows(path)))
        .collect();
    assert_eq!(paths, [("/etc/*", false), ("/opt/gbo/conf/sites/*", true)]);
}

#[test]
fn a_key_is_not_read_by_way_of_a_pattern() {
    let folder = folder(
        "key",
        &[
            ("config", "import tls/*\n"),
            ("tls/site.key", "secret {\n}\n"),
        ],
    );
    let fact = gather(&folder.join("config"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(fact.sites, Observed::Unknown(r) if r.kind == ReasonKind::NotAllowed));
}

#[test]
fn a_missing_file_is_absent_and_a_closed_one_unknown() {
    let fact = gather(Path::new("/nonexistent/config"));
    assert_eq!(fact.exists, Observed::Known(false));
    assert_eq!(fact.sites, Observed::Absent);
    let query = query("/c");
    let denied = "head: cannot open '/c' for reading: Permission denied\n";
    let answers = Answers::new().with(Ask::read("/c"), 1, denied);
    let Reading::Done(Observed::Known(fact)) = Caddyfile::read(&query, &answers, &context()) else {
        panic!("no fact");
    };
    assert!(matches!(fact.exists, Observed::Unknown(_)));
    assert!(matches!(fact.errors, Observed::Unknown(_)));
}

#[test]
fn a_file_written_to_explode_is_there_but_unknown() {
    let mut text = String::new();
    for level in 0..30 {
        let next = level + 1;
        text.push_str(&format!(
            "(s{level}) {{\n\timport s{next}\n\timport s{next}\n}}\n"
        ));
    }
    text.push_str("(s30) {\n}\na.com {\n\timport s0\n}\n");
    let answers = Answers::new().with(Ask::read("/c"), 0, text);
    let Reading::Done(Observed::Known(fact)) = Caddyfile::read(&query("/c"), &answers, &context())
    else {
        panic!("no fact");
    };
    assert_eq!(fact.exists, Observed::Known(true));
    assert!(matches!(fact.errors, Observed::Unknown(r) if r.kind == ReasonKind::CapReached));
}

#[test]
fn garbage_in_the_place_of_a_listing_is_no_listing() {
    for out in [
        "file /a\n\n5\n\n/a\n\nabc",
        "file /a\n\n3\n\nabc",
        "x\n\n\n",
        "file /a\n\nx\n\n",
        "file /a\n",
    ] {
        assert!(files(out.as_bytes()).is_none(), "{out:?}");
    }
    assert_eq!(files(b"\n\n").map(|files| files.len()), Some(0));
    assert_eq!(files(b"").map(|files| files.len()), Some(0));
    let read = files(b"file /a\ndir /b\n\n3\n\n/a\n\nabc").unwrap();
    assert_eq!(read[0], ("/a".to_owned(), Ok("abc".to_owned())));
    assert!(read[1].1.is_err());
}

#[test]
fn a_fact_survives_its_recorded_form() {
    let answers = Answers::new().with(
        Ask::read("/c"),
        0,
        "{\n\tstorage file_system /d\n}\na.com {\n\treverse_proxy {$X}\n}\n",
    );
    let Reading::Done(Observed::Known(fact)) = Caddyfile::read(&query("/c"), &answers, &context())
    else {
        panic!("no fact");
    };
    let json = serde_json::to_string(&fact).unwrap();
    assert_eq!(serde_json::from_str::<Caddyfile>(&json).unwrap(), fact);
}

#[test]
fn no_secret_of_a_caddyfile_reaches_the_fact() {
    let text = r#"{
  email ops@example.com
  acme_dns cloudflare sesame01
  acme_eab {
    key_id sesame02
    mac_key sesame03
  }
  storage redis {
    password sesame04
  }
  dns route53 {
    secret_access_key sesame05
  }
}
(auth) {
  basic_auth {
    admin sesame06
  }
}
a.example.com {
  import auth
  import token sesame07
  header Authorization "Basic sesame08"
  header X-Api-Key sesame09
  request_header Authorization "Bearer sesame10"
  basic_auth /x* {
    admin sesame11
  }
  tls {
    dns cloudflare sesame12
  }
  reverse_proxy http://admin:sesame13@10.0.0.1:80 {
    header_up X-Auth-Token sesame14
    header_up Authorization "Basic sesame15"
    header_up Cookie session=sesame16
  }
  vars api_token sesame17
  @key header X-Api-Key sesame18
  reverse_proxy @key 10.0.0.2:80
  respond "{$DB_PASSWORD:sesame20}"
  redir https://sesame19:x@b.example.com/
  uri replace sesame sesame
}
"#;
    let answers = Answers::new().with(Ask::read("/opt/gbo/conf/config"), 0, text);
    let query = CaddyfileQuery {
        caddyfile: "/opt/gbo/conf/config".into(),
    };
    let fact = match Caddyfile::read(&query, &answers, &context()) {
        Reading::Done(fact) => fact,
        Reading::More(asks) => {
            let answers = asks.into_iter().fold(answers, |answers, ask| {
                answers.with(ask, 1, "x: No such file or directory\n")
            });
            match Caddyfile::read(&query, &answers, &context()) {
                Reading::Done(fact) => fact,
                Reading::More(_) => panic!("a third look"),
            }
        }
    };
    let shown = serde_json::to_string(&fact).unwrap();
    let leaked: Vec<String> = (1..=20)
        .map(|n| format!("sesame{n:02}"))
        .filter(|secret| shown.contains(secret.as_str()))
        .collect();
    assert!(leaked.is_empty(), "{leaked:?} in {shown}");
}

#[test]
fn a_link_that_a_pattern_finds_brings_nothing_from_elsewhere() {
    use std::os::unix::fs::symlink;
    let base = std::env::temp_dir().join(format!("runproof-glob-{}", std::process::id()));
    for folder in ["caddy/enabled", "caddy/available", "secret"] {
        std::fs::create_dir_all(base.join(folder)).unwrap();
    }
    let base = base.canonicalize().unwrap();
    std::fs::write(base.join("caddy/available/a"), "a.example.com\n").unwrap();
    std::fs::write(base.join("secret/b"), "b.example.com\n").unwrap();
    symlink("../available/a", base.join("caddy/enabled/a")).unwrap();
    symlink("../../secret/b", base.join("caddy/enabled/b")).unwrap();
    symlink("/etc/passwd", base.join("caddy/enabled/c")).unwrap();
    symlink("/etc/fstab", base.join("caddy/enabled/init.json")).unwrap();
    let ask = ask(&Target::Glob(format!("{}/caddy/enabled/*", base.display())));
    let answers = look(std::slice::from_ref(&ask));
    let found = files(answers.bytes(&ask).known().unwrap()).unwrap();
    std::fs::remove_dir_all(&base).unwrap();
    let read: Vec<bool> = found.iter().map(|(_, text)| text.is_ok()).collect();
    // The users of the node are documented reading, the other two are not.
    assert_eq!(read, [true, false, true, false], "{found:?}");
}
