//! What a user may do with a path, told from metadata alone.
//!
//! Every directory that a walk to the path looks something up in, links
//! included, has to let the user through; then the bits of what is found
//! decide. Only permission bits are weighed: a file system mounted read-only,
//! an immutable file or a security module may still refuse, and root is taken
//! to have CAP_DAC_OVERRIDE.

use runproof_model::{Observed, ReasonKind};

use crate::answer::{Answers, Meta, parse_meta};
use crate::ask::{Ask, Batch, Command};
use crate::look::account::{self, Account};

/// Walks as the kernel does: `c` is where we are, `t` what is left of the path;
/// the arguments gather every directory that was searched. `stat` shows no
/// access control lists, the `+` of `ls` does (busybox has none, and fails on the option).
const TEXT: &str = r#"t=$1 c= n=0
set --
while :; do
  while :; do case $t in /*) t=${t#/} ;; *) break ;; esac; done
  [ -n "$t" ] || break
  h=${t%%/*}
  case $t in */*) t=${t#*/} ;; *) t= ;; esac
  set -- "$@" "${c:-/}"
  case $h in
  .) continue ;;
  ..) c=${c%/*}; continue ;;
  esac
  if [ -L "$c/$h" ]; then
    n=$((n + 1)); [ $n -le 40 ] || { echo loop; exit 0; }
    l=$(readlink -- "$c/$h" && echo x) || { echo "readlink: $c/$h: Permission denied"; exit 0; }
    l=${l%?x}
    case $l in /*) c= ;; esac
    t=$l/$t
  else
    c=$c/$h
  fi
done
set -- "$@" "${c:-/}"
echo "count $#"
stat -c 'S %f:%u:%g:%s:%Y:%h:%d:%i:%U:%G' -- "$@"
echo acl
ls -ldn --quoting-style=escape -- "$@""#;

/// Who the system shows for an owner that a user namespace does not map.
const UNMAPPED: u32 = 65_534;

/// What a user may do; everything is absent when nobody was asked about, when
/// the path leads nowhere, or when there is no such user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The content may be read, or the directory listed.
    pub readable: Observed<bool>,
    /// The content may be changed, or entries made and removed.
    pub writable: Observed<bool>,
    /// The file may be run, or the directory passed through.
    pub executable: Observed<bool>,
}

impl Access {
    fn same(value: &Observed<bool>) -> Self {
        Self {
            readable: value.clone(),
            writable: value.clone(),
            executable: value.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Read = 4,
    Write = 2,
    Execute = 1,
}

fn walk(path: &str) -> Ask {
    Ask::Run(Command {
        cap: 256 << 10,
        ..Command::new("walk", TEXT).args([path]).batch(Batch::Each)
    })
}

/// The looks that tell what `user` may do with `path`; none when nobody is asked about.
pub fn asks(path: &str, user: Option<&str>) -> Vec<Ask> {
    user.map_or_else(Vec::new, |user| {
        let mut asks = vec![walk(path)];
        asks.extend(account::asks(user));
        asks
    })
}

/// What the looks say.
pub fn read(path: &str, user: Option<&str>, answers: &Answers) -> Access {
    let Some(user) = user else {
        return Access::same(&Observed::Absent);
    };
    let walked = match chain(path, answers) {
        Observed::Known(walked) => walked,
        Observed::Absent => return Access::same(&Observed::Absent),
        Observed::Unknown(reason) => return Access::same(&Observed::Unknown(reason)),
    };
    let account = account::read(user, answers)
        .and_then(|account| account.groups.clone().map(|groups| (account, groups)));
    let (account, groups) = match account {
        Observed::Known(found) => found,
        Observed::Absent => return Access::same(&Observed::Absent),
        Observed::Unknown(reason) => return Access::same(&Observed::Unknown(reason)),
    };
    let gids: Vec<u32> = groups.iter().map(|(gid, _)| *gid).collect();
    let Some((target, searched)) = walked.split_last() else {
        return Access::same(&Observed::unknown(ReasonKind::Garbled, "walk"));
    };
    for directory in searched {
        let passes = may(&account, &gids, directory, Right::Execute);
        if passes != Observed::Known(true) {
            return Access::same(&passes);
        }
    }
    Access {
        readable: may(&account, &gids, target, Right::Read),
        writable: may(&account, &gids, target, Right::Write),
        executable: may(&account, &gids, target, Right::Execute),
    }
}

/// The metadata of every directory searched and, last, of what the path leads to.
fn chain(path: &str, answers: &Answers) -> Observed<Vec<Meta>> {
    let ran = match answers.run(&walk(path)) {
        Ok(ran) => ran,
        Err(reason) => return Observed::Unknown(reason),
    };
    let (seen, modes) = ran.out.split_once("\nacl\n").unwrap_or((&ran.out, ""));
    let mut lines = seen.lines();
    let first = lines.next().unwrap_or_default();
    let count = first.strip_prefix("count ").and_then(|n| n.parse().ok());
    let Some(count): Option<usize> = count else {
        return if first.ends_with("Permission denied") {
            Observed::unknown(ReasonKind::Permission, first)
        } else {
            Observed::unknown(ReasonKind::Garbled, format!("walk: {first}"))
        };
    };
    let mut walked = Vec::new();
    let mut trouble = Vec::new();
    for line in lines {
        match line.strip_prefix("S ").and_then(parse_meta) {
            Some(meta) => walked.push(meta),
            None => trouble.push(line),
        }
    }
    let gone = |line: &&str| {
        line.ends_with("No such file or directory") || line.ends_with("Not a directory")
    };
    match trouble.iter().find(|line| !gone(line)) {
        Some(line) if line.ends_with("Permission denied") => {
            return Observed::unknown(ReasonKind::Permission, line);
        }
        Some(line) if line.ends_with("not found") => {
            return Observed::unknown(ReasonKind::MissingTool, line);
        }
        Some(line) => return Observed::unknown(ReasonKind::Failed, line),
        None if !trouble.is_empty() => return Observed::Absent,
        None => {}
    }
    if walked.len() != count {
        return Observed::unknown(ReasonKind::Garbled, "walk: metadata is missing");
    }
    let modes: Vec<&str> = modes
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|mode| mode.len() == 10 || mode.len() == 11)
        .collect();
    if modes.iter().any(|mode| mode.ends_with('+')) {
        Observed::unknown(
            ReasonKind::Unsupported,
            "an access control list is on the way to the path",
        )
    } else if modes.len() != count {
        Observed::unknown(
            ReasonKind::MissingTool,
            "an ls that shows access control lists",
        )
    } else {
        Observed::Known(walked)
    }
}

fn may(account: &Account, gids: &[u32], meta: &Meta, right: Right) -> Observed<bool> {
    let bit = right as u32;
    if account.uid == 0 {
        let directory = meta.file_type() == "dir";
        let own = meta.uid == 0 && meta.mode & (bit << 6) != 0;
        let other = meta.mode & bit != 0;
        return if right == Right::Execute && !directory && meta.mode & 0o111 == 0 {
            Observed::Known(false)
        } else if !own && !other && (meta.uid == UNMAPPED || meta.gid == UNMAPPED) {
            // Root of a user namespace has no power over owners that it does not map.
            Observed::unknown(
                ReasonKind::Unsupported,
                "root may have no power over an owner outside of its user namespace",
            )
        } else {
            Observed::Known(true)
        };
    }
    let shift = if meta.uid == account.uid {
        6
    } else if gids.contains(&meta.gid) {
        3
    } else {
        0
    };
    Observed::Known(meta.mode & (bit << shift) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use rstest::rstest;

    const USER: &str = "getent 0 svc:x:998:997::/:/bin/sh\nid 0 uid=998(svc) gid=997(svc) groups=997(svc),33(www)\n";
    const ROOT: &str =
        "getent 0 root:x:0:0::/:/bin/sh\nid 0 uid=0(root) gid=0(root) groups=0(root)\n";

    fn seen(user: &str, account: &str, walked: &str) -> String {
        let answers = testing::account(user, account).with(walk("/d/f"), 0, walked);
        let access = read("/d/f", Some(user), &answers);
        [access.readable, access.writable, access.executable]
            .iter()
            .map(|right| match right {
                Observed::Known(true) => 'y',
                Observed::Known(false) => '-',
                Observed::Absent => 'a',
                Observed::Unknown(_) => '?',
            })
            .collect()
    }

    /// Two directories and a file: mode, user, group of the last two.
    fn walked(dir: (u32, u32, u32), file: (u32, u32, u32), mark: &str) -> String {
        let meta = |(mode, uid, gid): (u32, u32, u32)| {
            format!("S {mode:x}:{uid}:{gid}:1:1700000000:1:1:1:u:g\n")
        };
        format!(
            "count 3\n{}{}{}acl\ndrwxr-xr-x 1 0 0 1 /\ndrwxr-xr-x{mark} 1 0 0 1 /d\n-rw-r--r-- 1 0 0 1 /d/f\n",
            meta((0o40755, 0, 0)),
            meta((0o40000 | dir.0, dir.1, dir.2)),
            meta((0o100_000 | file.0, file.1, file.2)),
        )
    }

    #[rstest]
    #[case::others((0o755, 0, 0), (0o644, 0, 0), "y--")]
    #[case::owner((0o700, 998, 0), (0o700, 998, 0), "yyy")]
    #[case::owner_bits_only((0o755, 0, 0), (0o077, 998, 997), "---")]
    #[case::group((0o710, 0, 33), (0o660, 0, 997), "yy-")]
    #[case::group_bits_only((0o755, 0, 0), (0o607, 0, 33), "---")]
    #[case::closed_door((0o700, 0, 0), (0o777, 998, 997), "---")]
    #[case::listing_is_not_passing((0o744, 0, 0), (0o777, 0, 0), "---")]
    fn a_user_needs_every_door_and_then_the_bits(
        #[case] dir: (u32, u32, u32),
        #[case] file: (u32, u32, u32),
        #[case] expected: &str,
    ) {
        assert_eq!(seen("svc", USER, &walked(dir, file, "")), expected);
    }

    #[rstest]
    #[case::closed((0o000, 998, 0), (0o000, 998, 0), "yy-")]
    #[case::one_x_bit((0o000, 998, 0), (0o010, 998, 0), "yyy")]
    #[case::unmapped((0o700, 65534, 0), (0o777, 65534, 0), "???")]
    #[case::unmapped_but_open((0o755, 65534, 0), (0o644, 65534, 0), "y?-")]
    fn root_passes_but_runs_only_what_somebody_may_run(
        #[case] dir: (u32, u32, u32),
        #[case] file: (u32, u32, u32),
        #[case] expected: &str,
    ) {
        assert_eq!(seen("root", ROOT, &walked(dir, file, "")), expected);
    }

    #[rstest]
    #[case::access_control_list(walked((0o755, 0, 0), (0o777, 0, 0), "+"), "???")]
    #[case::selinux_context(walked((0o755, 0, 0), (0o777, 0, 0), "."), "yyy")]
    #[case::busybox(walked((0o755, 0, 0), (0o777, 0, 0), "").replace("acl\n", "acl\nls: unrecognized option\n\n").replace("\ndrwx", "\nx drwx"), "???")]
    #[case::gone("count 3\nstat: cannot statx '/d/f': No such file or directory\nS 41ed:0:0:1:1:1:1:1:u:g\nS 41ed:0:0:1:1:1:1:1:u:g\nacl\n".into(), "aaa")]
    #[case::hidden("count 3\nstat: cannot statx '/d/f': Permission denied\nacl\n".into(), "???")]
    #[case::missing_line("count 3\nS 41ed:0:0:1:1:1:1:1:u:g\nacl\n".into(), "???")]
    #[case::link_loop("loop\n".into(), "???")]
    #[case::nothing(String::new(), "???")]
    fn what_cannot_be_told_is_not_told(#[case] walked: String, #[case] expected: &str) {
        assert_eq!(seen("svc", USER, &walked), expected);
    }

    #[test]
    fn no_user_has_no_rights() {
        let walked = walked((0o755, 0, 0), (0o777, 0, 0), "");
        assert_eq!(seen("svc", "getent 2 \n", &walked), "aaa");
        assert_eq!(seen("svc", "", &walked), "???");
    }

    #[test]
    fn a_walk_on_this_machine_follows_links_through_their_own_directories() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let base = std::env::temp_dir().join(format!("runproof-access-{}", std::process::id()));
        std::fs::create_dir_all(base.join("real/deep")).unwrap();
        std::fs::create_dir_all(base.join("hop")).unwrap();
        std::fs::write(base.join("real/deep/f"), "x").unwrap();
        symlink("../real/./deep", base.join("hop/away")).unwrap();
        symlink(base.join("hop/away"), base.join("start")).unwrap();
        symlink("loop", base.join("loop")).unwrap();
        let path = |name: &str| base.join(name).to_str().unwrap().to_owned();
        let rights = |name: &str| {
            let path = path(name);
            let answers = testing::look(&asks(&path, Some("nobody")));
            read(&path, Some("nobody"), &answers).readable
        };
        let open = (rights("start/f"), rights("start/none"), rights("loop"));
        // The door of the directory in the middle counts too.
        std::fs::set_permissions(base.join("hop"), std::fs::Permissions::from_mode(0o700)).unwrap();
        let closed = rights("start/f");
        std::fs::remove_dir_all(&base).unwrap();
        assert_eq!(open.0, Observed::Known(true));
        assert_eq!(open.1, Observed::Absent);
        assert!(matches!(open.2, Observed::Unknown(_)));
        assert_eq!(closed, Observed::Known(false));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(count [0-3]\n|S 41ed:0:0:1:1:1:1:1:u:g\n|acl\n|drwxr-xr-x 1\n|stat: x\n|[a-z +]\n)*") {
            let _ = seen("svc", USER, &text);
        }
    }
}
