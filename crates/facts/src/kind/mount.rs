//! A mount point.

use runproof_model::{Observed, ReasonKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_path;
use crate::answer::Answers;
use crate::ask::{Ask, Command};
use crate::fact::{Context, Fact, Reading};
use crate::look::after;
use crate::parse::mountinfo::{self, Mount as Entry};
use crate::quote::sh;

const TABLE: &str = "/proc/self/mountinfo";

/// The canonical path, and the size of the file system that holds it. Where an automount
/// waits for somebody to come by, nobody comes by: both would mount.
const TEXT: &str = r#"a=
while read -r x x x x m r; do case "${1%/}/" in "${m%/}/"*)
  case $r in *' - autofs '*) a=$m ;; *) a= ;; esac ;;
esac; done </proc/self/mountinfo
[ -z "$a" ] || { echo "waits $a"; exit 0; }
p=$(readlink -f -- "$1"); echo "path $p"
stat -f -c 'fs %S %b %f %a %c %d' -- "$1""#;

/// Which path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MountQuery {
    /// Absolute path; a symbolic link is followed.
    pub mount: String,
}

/// A mount point, and the room in the file system that holds the path. What
/// tells of the mount is absent when the path is no mount point; of mounts on
/// top of each other the topmost counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Whether the path is a mount point.
    pub exists: Observed<bool>,
    /// What is mounted: a device, a data set, an export, a word of the file system.
    pub source: Observed<String>,
    /// Type of file system.
    pub fstype: Observed<String>,
    /// Options of this mount, sorted.
    pub options: Observed<Vec<String>>,
    /// Options of the file system, sorted.
    pub super_options: Observed<Vec<String>>,
    /// Whether the mount or its file system is read-only.
    pub read_only: Observed<bool>,
    /// `private` or `shared`, with `,slave` or `,unbindable` behind it.
    pub propagation: Observed<String>,
    /// Size in bytes of the file system that holds the path.
    pub size_bytes: Observed<u64>,
    /// Bytes in it that a user other than root may still use.
    pub free_bytes: Observed<u64>,
    /// Share of it in use, in percent, as `df` counts: used of what users can have.
    pub used_percent: Observed<f64>,
    /// Number of inodes in it; absent where the file system counts none.
    pub inodes: Observed<u64>,
    /// Number of free inodes.
    pub inodes_free: Observed<u64>,
}

/// What `stat -f` says, in bytes and inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    size: u64,
    free: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
}

fn room_ask(path: &str) -> Ask {
    Ask::Run(Command {
        seconds: 5,
        cap: 64 << 10,
        ..Command::new("statfs", TEXT).args([path])
    })
}

fn room(answers: &Answers, path: &str) -> Observed<Room> {
    let ran = match answers.run(&room_ask(path)) {
        Ok(ran) => ran,
        Err(reason) => return Observed::Unknown(reason),
    };
    if let Some(point) = after(&ran.out, "waits") {
        return Observed::unknown(
            ReasonKind::Unsupported,
            format!("an automount waits at {point}, and a look must not trigger it"),
        );
    }
    let Some(line) = after(&ran.out, "fs") else {
        let said = ran.out.trim_end().lines().last().unwrap_or_default();
        return if said.ends_with("No such file or directory") || said.ends_with("Not a directory") {
            Observed::Absent
        } else if said.ends_with("Permission denied") {
            Observed::unknown(ReasonKind::Permission, said)
        } else {
            Observed::unknown(ReasonKind::Failed, said)
        };
    };
    let numbers: Option<Vec<u64>> = line
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect();
    let room = match numbers.as_deref() {
        Some(&[block, size, free, available, inodes, inodes_free]) => {
            let bytes = |blocks: u64| block.checked_mul(blocks);
            match (bytes(size), bytes(free), bytes(available)) {
                (Some(size), Some(free), Some(available)) if free <= size => Some(Room {
                    size,
                    free,
                    available,
                    inodes,
                    inodes_free,
                }),
                _ => None,
            }
        }
        Some(_) | None => None,
    };
    room.map_or_else(
        || Observed::unknown(ReasonKind::Garbled, format!("stat -f: {line}")),
        Observed::Known,
    )
}

fn entry(answers: &Answers, path: &str) -> Observed<Entry> {
    let canonical = answers.run(&room_ask(path)).ok().and_then(|ran| {
        after(&ran.out, "path")
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned)
    });
    let path = canonical.as_deref().unwrap_or(path);
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { "/" } else { trimmed };
    match answers.text(&Ask::read(TABLE)) {
        Observed::Known(text) => match mountinfo::parse(&text) {
            Some(mounts) if !mounts.is_empty() => mountinfo::holding(&mounts, path)
                .filter(|mount| mount.point == path)
                .cloned()
                .into(),
            Some(_) | None => Observed::unknown(ReasonKind::Garbled, TABLE),
        },
        // Without /proc nothing can be said of mounts.
        Observed::Absent => Observed::unknown(ReasonKind::Unsupported, format!("no {TABLE}")),
        Observed::Unknown(reason) => Observed::Unknown(reason),
    }
}

fn sorted(options: &[String]) -> Vec<String> {
    let mut options = options.to_vec();
    options.sort();
    options
}

/// Tenths of a percent are enough, and every recording shows the same digits.
#[allow(clippy::cast_precision_loss)]
fn used_percent(room: &Room) -> Observed<f64> {
    let used = room.size - room.free;
    let all = used.saturating_add(room.available);
    if all == 0 {
        Observed::Absent
    } else {
        Observed::Known((used as f64 / all as f64 * 1000.0).round() / 10.0)
    }
}

impl Fact for Mount {
    const KIND: &'static str = "mount";
    const ABOUT: &'static str =
        "A mount point: source, type, options; and the room in its file system.";
    type Query = MountQuery;

    fn check(query: &MountQuery) -> Result<(), String> {
        check_path(&query.mount)
    }

    fn asks(query: &MountQuery) -> Vec<Ask> {
        vec![Ask::read(TABLE), room_ask(&query.mount)]
    }

    fn read(query: &MountQuery, answers: &Answers, _: &Context) -> Reading<Self> {
        let entry = entry(answers, &query.mount);
        let entry = entry.as_ref();
        let room = room(answers, &query.mount);
        let counted = |count: fn(Room) -> u64| {
            room.clone()
                .and_then(|room| (room.inodes > 0).then(|| count(room)).into())
        };
        Reading::Done(Observed::Known(Self {
            exists: entry.exists(),
            source: entry.clone().map(|mount| mount.source.clone()),
            fstype: entry.clone().map(|mount| mount.fstype.clone()),
            options: entry.clone().map(|mount| sorted(&mount.options)),
            super_options: entry.clone().map(|mount| sorted(&mount.super_options)),
            read_only: entry.clone().map(|mount| {
                let both = mount.options.iter().chain(&mount.super_options);
                both.into_iter().any(|option| option == "ro")
            }),
            propagation: entry.map(Entry::propagation),
            size_bytes: room.clone().map(|room| room.size),
            free_bytes: room.clone().map(|room| room.available),
            used_percent: room.clone().and_then(|room| used_percent(&room)),
            inodes: counted(|room| room.inodes),
            inodes_free: counted(|room| room.inodes_free),
        }))
    }

    fn by_hand(query: &MountQuery) -> String {
        let path = sh(&query.mount);
        format!("findmnt -o TARGET,SOURCE,FSTYPE,OPTIONS,PROPAGATION {path}; df -P -k {path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use rstest::rstest;

    fn seen(path: &str, table: &str, room: &str) -> Mount {
        let query = MountQuery { mount: path.into() };
        let answers = Answers::new()
            .with(Ask::read(TABLE), 0, table)
            .with(room_ask(path), 0, room);
        testing::read(&query, &answers)
    }

    const SOME: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 ro,discard\n30 22 0:25 / /opt/data rw,nosuid,noexec - zfs tank/data rw\n";

    #[test]
    fn an_automount_that_waits_is_not_triggered() {
        let table =
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:25 / /net rw - autofs systemd-1 rw\n";
        let mount = seen("/net", table, "waits /net\n");
        assert_eq!(mount.fstype, Observed::Known("autofs".into()));
        assert!(matches!(mount.size_bytes, Observed::Unknown(r) if r.detail.contains("trigger")));
    }

    #[rstest]
    #[case("/net/x", "waits /net")]
    #[case("/net/b/x", "path /net/b/x")]
    #[case("/network", "path /network")]
    fn the_look_stops_before_an_automount(#[case] path: &str, #[case] said: &str) {
        let folder = std::env::temp_dir().join(format!(
            "runproof-auto-{}{}",
            std::process::id(),
            path.len()
        ));
        std::fs::write(
            &folder,
            "1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / /net rw - autofs y rw\n3 2 0:9 / /net/b rw - nfs z rw\n",
        )
        .unwrap();
        let text = TEXT.replace("/proc/self/mountinfo", folder.to_str().unwrap());
        let output = std::process::Command::new("sh")
            .args(["-c", &text, "x", path])
            .output()
            .unwrap();
        std::fs::remove_file(&folder).unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(out.starts_with(said.split('/').next().unwrap()), "{out}");
        assert_eq!(out.starts_with("waits"), said.starts_with("waits"), "{out}");
    }

    #[test]
    fn a_mount_point_is_described() {
        let mount = seen(
            "/opt/data",
            SOME,
            "path /opt/data\nfs 4096 1000 500 400 10 4\n",
        );
        assert_eq!(mount.exists, Observed::Known(true));
        assert_eq!(mount.source, Observed::Known("tank/data".into()));
        assert_eq!(
            mount.options,
            Observed::Known(vec!["noexec".into(), "nosuid".into(), "rw".into()])
        );
        assert_eq!(mount.read_only, Observed::Known(false));
        assert_eq!(mount.size_bytes, Observed::Known(4_096_000));
        assert_eq!(mount.free_bytes, Observed::Known(1_638_400));
        assert_eq!(mount.used_percent, Observed::Known(55.6));
        assert_eq!(mount.inodes_free, Observed::Known(4));
    }

    #[test]
    fn a_file_system_that_is_read_only_makes_the_mount_read_only() {
        let mount = seen("/", SOME, "path /\nfs 1 1 1 1 0 0\n");
        assert_eq!(mount.read_only, Observed::Known(true));
        assert_eq!(mount.inodes, Observed::Absent);
    }

    #[test]
    fn a_link_to_a_mount_point_is_followed() {
        let mount = seen("/data/", SOME, "path /opt/data\nfs 1 1 1 1 0 0\n");
        assert_eq!(mount.fstype, Observed::Known("zfs".into()));
    }

    #[rstest]
    #[case::an_ordinary_directory("/opt", "path /opt\nfs 1 1 1 1 0 0\n")]
    #[case::nothing_at_all(
        "/no",
        "path /no\nstat: cannot read file system information for '/no': No such file or directory\n"
    )]
    fn what_is_no_mount_point_is_proved_so(#[case] path: &str, #[case] room: &str) {
        let mount = seen(path, SOME, room);
        assert_eq!(mount.exists, Observed::Known(false));
        assert_eq!(mount.source, Observed::Absent);
    }

    #[rstest]
    #[case("stat: cannot read file system information for '/x': Permission denied\n")]
    #[case("fs 1 2\n")]
    #[case("fs 4096 18446744073709551615 1 1 1 1\n")]
    #[case("fs 1 1 2 1 1 1\n")]
    #[case("")]
    fn room_that_cannot_be_told_is_unknown(#[case] room: &str) {
        assert!(matches!(
            seen("/", SOME, room).size_bytes,
            Observed::Unknown(_)
        ));
    }

    #[rstest]
    #[case("")]
    #[case("nonsense\n")]
    fn a_table_that_makes_no_sense_is_unknown(#[case] table: &str) {
        assert!(matches!(seen("/", table, "").exists, Observed::Unknown(_)));
    }

    #[test]
    fn proc_of_this_machine_is_a_mount_point() {
        let query = MountQuery {
            mount: "/proc".into(),
        };
        let Observed::Known(mount) = testing::fact::<Mount>(&query) else {
            panic!()
        };
        assert_eq!(mount.fstype, Observed::Known("proc".into()), "{mount:?}");
    }
}
