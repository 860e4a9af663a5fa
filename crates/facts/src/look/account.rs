//! The looks at a user: `getent` where there is one, else the files; and `id` for the groups.

use runproof_model::{Observed, Reason, ReasonKind};

use super::after;
use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::reads;

/// Of several users at once, the entries alone; that is an answer only when all are there.
const ENTRY: &str = r#"n() {
  [ -e /etc/nsswitch.conf ] || return 0
  if [ -r /etc/nsswitch.conf ]; then
    while IFS= read -r x || [ -n "$x" ]; do case $x in *passwd:*) echo "nss $x" ;; esac; done </etc/nsswitch.conf
  else echo 'nss unreadable'; fi
}
if command -v getent >/dev/null 2>&1; then
  [ $# = 1 ] || exec getent passwd "$@"
  p=$(getent passwd "$1" 2>&1); r=$?; echo "getent $r $p"
  [ $r != 2 ] || n
else
  [ $# = 1 ] || exit 1
  echo 'files'
  n
  if [ -r /etc/passwd ]; then
    while IFS= read -r x || [ -n "$x" ]; do case $x in "$1":*) echo "passwd $x"; break ;; esac; done </etc/passwd
    echo 'passwd-read yes'
  fi
fi"#;

const GROUPS: &str = r#"i=$(id "$1" 2>&1); echo "id $? $i""#;

/// The looks at the user of that name, groups included.
pub fn asks(name: &str) -> Vec<Ask> {
    vec![entry(name), groups_of(name)]
}

/// The look at the user of that name alone; its groups are then not known.
pub fn entry(name: &str) -> Ask {
    Ask::Run(Command {
        cap: 256 << 10,
        ..Command::new("account", ENTRY)
            .args([name])
            .batch(Batch::Lines)
    })
}

fn groups_of(name: &str) -> Ask {
    Ask::Run(Command {
        cap: 256 << 10,
        ..Command::new("groups", GROUPS)
            .args([name])
            .batch(Batch::Each)
    })
}

/// Refuses what is no user name; a number would be looked up as one.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['-', '.', '+', '~'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-@$".contains(&b))
        && !name.bytes().all(|b| b.is_ascii_digit());
    if fits {
        Ok(())
    } else {
        Err(format!("{name:?} is not the name of a user"))
    }
}

/// A user of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The primary group's number.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell; empty means `/bin/sh`.
    pub shell: String,
    /// Number and name of every group, the primary one first; a group without a name has its number.
    pub groups: Observed<Vec<(u32, String)>>,
}

/// Reads the look; absent only when the node's user database said so.
pub fn read(name: &str, answers: &Answers) -> Observed<Account> {
    let ran = match answers.run(&entry(name)) {
        Ok(ran) => ran,
        Err(reason) => return Observed::Unknown(reason),
    };
    let text = ran.out.as_str();
    let line = if let Some(answer) = after(text, "getent") {
        match answer.split_once(' ').unwrap_or((answer, "")) {
            ("0", line) => line,
            // A source that does not answer is passed over, and the end is the same "not found".
            ("2", "") if names_only(text, &["files", "systemd"]) => return Observed::Absent,
            ("2", "") => {
                return Observed::unknown(
                    ReasonKind::Unsupported,
                    "getent finds nobody of that name, but users come from further away, and \
                     whether that source answered cannot be seen",
                );
            }
            (code, said) => {
                return Observed::unknown(
                    ReasonKind::Failed,
                    format!("getent passwd: exit {code}: {said}"),
                );
            }
        }
    } else if let Some(line) = after(text, "passwd") {
        line
    } else if text
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with(':'))
    {
        // One of several: the entry alone.
        text.trim_end()
    } else if after(text, "passwd-read").is_none() {
        return Observed::unknown(ReasonKind::Permission, "/etc/passwd cannot be read");
    } else if names_only(text, &["files"]) {
        return Observed::Absent;
    } else {
        return Observed::unknown(
            ReasonKind::MissingTool,
            "getent: users come from more than /etc/passwd",
        );
    };
    let fields: Vec<&str> = line.split(':').collect();
    let [found, _, uid, gid, _, home, shell] = fields.as_slice() else {
        return Observed::unknown(ReasonKind::Garbled, "passwd entry");
    };
    let (Ok(uid), Ok(gid), true) = (uid.parse(), gid.parse(), *found == name) else {
        return Observed::unknown(ReasonKind::Garbled, "passwd entry");
    };
    Observed::Known(Account {
        uid,
        gid,
        home: (*home).to_owned(),
        shell: (*shell).to_owned(),
        groups: if answers.contains(&groups_of(name)) {
            answers
                .run(&groups_of(name))
                .and_then(|ran| groups(&ran.out, uid, gid))
                .into()
        } else {
            reads::unread()
        },
    })
}

/// Whether the lines of nsswitch.conf(5) name these sources of users and no others; they
/// answer on the node itself.
fn names_only(text: &str, sources: &[&str]) -> bool {
    text.lines()
        .filter_map(|line| line.strip_prefix("nss "))
        .all(|line| {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line.strip_prefix("passwd:") {
                Some(named) => named.split_whitespace().all(|it| sources.contains(&it)),
                // A comment, or something like `user_passwd:`.
                None => line.is_empty(),
            }
        })
}

/// `uid=1000(u) gid=1000(u) groups=1000(u),27(sudo)`.
fn groups(text: &str, uid: u32, gid: u32) -> Result<Vec<(u32, String)>, Reason> {
    let garbled = |what: &str| Reason::new(ReasonKind::Garbled, format!("id: {what}"));
    let answer = after(text, "id").ok_or_else(|| garbled("no answer"))?;
    let said = match answer.split_once(' ').unwrap_or((answer, "")) {
        ("0", said) => said,
        ("127", said) => return Err(Reason::new(ReasonKind::MissingTool, said)),
        (code, said) => {
            return Err(Reason::new(
                ReasonKind::Failed,
                format!("id: exit {code}: {said}"),
            ));
        }
    };
    let (who, list) = said.split_once(" groups=").ok_or_else(|| garbled(said))?;
    let own = who
        .strip_prefix("uid=")
        .map(|t| t.split_once('(').map_or(t, |(n, _)| n))
        .and_then(|t| t.split(' ').next())
        .and_then(|t| t.parse::<u32>().ok());
    if own != Some(uid) {
        return Err(garbled("another user"));
    }
    // SELinux adds ` context=…` at the end.
    let list = list.split(" context=").next().unwrap_or(list);
    let mut groups = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let end = rest
            .bytes()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = rest[..end].parse::<u32>().map_err(|_| garbled(said))?;
        rest = &rest[end..];
        let name = match rest.strip_prefix('(') {
            Some(named) => {
                let close = named.find(')').ok_or_else(|| garbled(said))?;
                rest = &named[close + 1..];
                named[..close].to_owned()
            }
            None => number.to_string(),
        };
        groups.push((number, name));
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').ok_or_else(|| garbled(said))?;
        }
        if groups.len() > 65_536 {
            return Err(Reason::new(
                ReasonKind::CapReached,
                "more than 65536 groups",
            ));
        }
    }
    match groups.iter().position(|(number, _)| *number == gid) {
        Some(first) => groups[..=first].rotate_right(1),
        None => return Err(garbled("the primary group is not among the groups")),
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use rstest::rstest;

    fn seen(out: &str) -> Observed<Account> {
        read("svc", &testing::account("svc", out))
    }

    #[test]
    fn a_user_of_getent_has_its_groups_with_the_primary_first() {
        let account = seen(
            "getent 0 svc:x:998:997::/opt/svc:/usr/sbin/nologin\nid 0 uid=998(svc) gid=997(svc) groups=27(sudo),997(svc),1200\n",
        );
        let account = account.known().unwrap().clone();
        assert_eq!((account.uid, account.gid), (998, 997));
        assert_eq!(account.home, "/opt/svc");
        assert_eq!(
            account.groups.known().unwrap(),
            &[
                (997, "svc".to_owned()),
                (27, "sudo".to_owned()),
                (1200, "1200".to_owned())
            ]
        );
    }

    #[rstest]
    #[case::getent_says_no("getent 2 \nid 1 id: 'svc': no such user\n", "absent")]
    #[case::getent_of_this_node("getent 2 \nnss passwd: files systemd\n", "absent")]
    #[case::getent_passes_over_a_dead_source(
        "getent 2 \nnss passwd: files sss\n",
        "in a form that cannot be read"
    )]
    #[case::getent_and_nsswitch_closed(
        "getent 2 \nnss unreadable\n",
        "in a form that cannot be read"
    )]
    #[case::getent_fails("getent 3 \n", "probe failed")]
    #[case::getent_hung("getent 124 \n", "probe failed")]
    #[case::files_only("files\nnss passwd:  files\npasswd-read yes\n", "absent")]
    #[case::no_nsswitch("files\npasswd-read yes\n", "absent")]
    #[case::commented(
        "files\nnss #passwd: sss\nnss passwd: files # sss\npasswd-read yes\n",
        "absent"
    )]
    #[case::directory_service("files\nnss passwd: files sss\npasswd-read yes\n", "tool missing")]
    #[case::nsswitch_closed("files\nnss unreadable\npasswd-read yes\n", "tool missing")]
    #[case::passwd_closed("files\n", "no permission")]
    #[case::cut("getent 0 svc:x:99\n", "answer makes no sense")]
    #[case::another_user("getent 0 root:x:0:0::/root:/bin/sh\n", "answer makes no sense")]
    #[case::empty("", "no permission")]
    fn a_user_is_absent_only_when_the_database_said_so(#[case] out: &str, #[case] expected: &str) {
        let got = match seen(out) {
            Observed::Known(_) => "known",
            Observed::Absent => "absent",
            Observed::Unknown(reason) => reason.kind.as_str(),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn an_entry_alone_is_that_of_the_user_asked_for() {
        let entry = |out: &str| read("svc", &Answers::new().with(super::entry("svc"), 0, out));
        let account = entry("svc:x:998:997::/:/bin/sh");
        assert_eq!(account.known().unwrap().uid, 998);
        assert!(matches!(&account.known().unwrap().groups,
            Observed::Unknown(r) if r.kind == ReasonKind::NotAsked));
        for other in [
            "svcs:x:1:1::/:/bin/sh",
            "svc:x:1\n",
            "root:x:0:0::/:/bin/sh",
        ] {
            assert!(matches!(entry(other), Observed::Unknown(_)), "{other}");
        }
    }

    #[test]
    fn a_user_whose_groups_cannot_be_told_is_still_a_user() {
        let account = seen("getent 0 svc:x:998:997::/:/bin/sh\nid 127 sh: id: not found\n");
        assert!(matches!(&account.known().unwrap().groups,
            Observed::Unknown(r) if r.kind == ReasonKind::MissingTool));
    }

    #[rstest]
    #[case("gbuser", true)]
    #[case("www-data", true)]
    #[case("-x", false)]
    #[case("1000", false)]
    #[case("a b", false)]
    #[case("", false)]
    #[case("a*", false)]
    fn only_user_names_are_looked_up(#[case] name: &str, #[case] fits: bool) {
        assert_eq!(check_name(name).is_ok(), fits);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(out in "(getent [0-9]? ?|id 0 |files|svc|nss|passwd|[:=(),a-z0-9 \n])*") {
            let _ = seen(&out);
        }
    }
}
