//! What the machine allows, before anything is made: found, said, and never changed in silence.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use runproof_model::site::Engine as Kind;
use runproof_site::engine::Verb;
use serde_json::Value;

use crate::engine::Place;
use crate::error::LabError;
use crate::profile;

/// The variable that leads Docker's clients to a daemon.
const DOCKER_HOST: &str = "DOCKER_HOST";
/// Inotify instances that a systemd container takes: fourteen exhaust the kernel's default of 128.
const INOTIFY_EACH: u64 = 9;
/// Keys that a systemd container takes; all containers of Incus share one account's.
const KEYS_EACH: u64 = 14;
/// Memory of a node, with its share of the services, in MiB.
const MEMORY_EACH: u64 = 60;
/// Disk of a node in MiB: Incus unpacks the image anew for each on a `dir` pool.
const DISK_EACH: u64 = 300;
/// The same on Docker, whose nodes share layers.
const DISK_EACH_DOCKER: u64 = 40;

/// What lets systemd run in a container of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// The command that a container runs.
    pub init: Vec<String>,
    /// Docker's security options.
    pub security: Vec<String>,
}

/// What is known of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    engine: Kind,
    /// 1 or 2, as the engine sees it; a hybrid is 1.
    cgroup: u8,
    /// Whether version 1 has a hierarchy for systemd.
    systemd_hierarchy: bool,
    apparmor: bool,
    rootless: bool,
    inotify: Option<u64>,
    keys: Option<u64>,
    /// MiB.
    memory: Option<u64>,
    /// MiB.
    disk: Option<u64>,
}

/// What stands in the way, and what is only worth saying.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub missing: Vec<String>,
    pub notes: Vec<String>,
}

/// Looks at the machine, and refuses what cannot work on it.
pub(crate) async fn check(place: &Place, nodes: usize) -> Result<(Flags, Vec<String>), LabError> {
    confined(place).await?;
    let machine = Machine::look(place).await?;
    let verdict = machine.judge(nodes as u64);
    if verdict.missing.is_empty() {
        return Ok((machine.flags(), verdict.notes));
    }
    Err(LabError::machine(format!(
        "a lab of {nodes} nodes cannot run here: {}",
        verdict.missing.join("; ")
    )))
}

/// Refuses where nodes would be made by another daemon than the one that was entered, or would have
/// something of this machine in them.
pub(crate) async fn confined(place: &Place) -> Result<(), LabError> {
    let mut dangers = Vec::new();
    if place.kind() == Kind::Docker {
        let given = std::env::var_os(DOCKER_HOST);
        dangers.extend(elsewhere(given.as_deref(), place.0.socket()));
    }
    if let Some(profile) = place.profile().await? {
        dangers.extend(profile::dangers(&profile));
    }
    if dangers.is_empty() {
        return Ok(());
    }
    Err(LabError::machine(format!(
        "no lab is made here: {}",
        dangers.join("; ")
    )))
}

/// How Docker's clients, which start the containers, would get to another daemon than the one behind
/// the socket: nothing would find there what they make.
fn elsewhere(given: Option<&OsStr>, socket: &Path) -> Option<String> {
    let host = given?
        .to_str()
        .and_then(|given| given.strip_prefix("unix://"));
    if host.is_some_and(|path| Path::new(path) == socket) {
        return None;
    }
    let socket = socket.display();
    Some(format!(
        "{DOCKER_HOST} leads to another daemon than {socket}, and a lab is made and removed by that of this machine: \
         unset it, or set it to `unix://{socket}`"
    ))
}

impl Machine {
    async fn look(place: &Place) -> Result<Self, LabError> {
        let (mut cgroup, mut apparmor, mut rootless) = (cgroup_of_machine(), false, false);
        let mut folder = "/var/lib/incus".to_owned();
        if place.kind() == Kind::Docker {
            let info = place
                .0
                .request(Verb::Get, "/info", None, std::time::Duration::from_secs(20))
                .await
                .map_err(|r| place.failed("does not describe itself", &r))?;
            if let Some(version) = info.get("CgroupVersion").and_then(Value::as_str) {
                cgroup = if version == "2" { 2 } else { 1 };
            }
            let options: Vec<&str> = info
                .get("SecurityOptions")
                .and_then(Value::as_array)
                .map(|all| all.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            apparmor = options.iter().any(|one| one.contains("name=apparmor"));
            rootless = options.iter().any(|one| one.contains("name=rootless"));
            if let Some(root) = info.get("DockerRootDir").and_then(Value::as_str) {
                root.clone_into(&mut folder);
            }
        }
        Ok(Self {
            engine: place.kind(),
            cgroup,
            systemd_hierarchy: fs::read_to_string("/proc/self/cgroup")
                .is_ok_and(|text| text.contains(":name=systemd:")),
            apparmor,
            rootless,
            inotify: number("/proc/sys/fs/inotify/max_user_instances"),
            keys: number("/proc/sys/kernel/keys/maxkeys"),
            memory: memory(),
            disk: disk(&folder),
        })
    }

    fn judge(&self, nodes: u64) -> Verdict {
        let mut verdict = Verdict::default();
        let mut limit = |name: &str, now: Option<u64>, need: u64, raise: u64| {
            if now.is_some_and(|now| now < need) {
                let now = now.unwrap_or_default();
                verdict.missing.push(format!(
                    "{name} is {now} and {need} are needed: `sysctl -w {name}={raise}` as root",
                    raise = raise.max(need)
                ));
            }
        };
        limit(
            "fs.inotify.max_user_instances",
            self.inotify,
            nodes * INOTIFY_EACH,
            2048,
        );
        if self.engine != Kind::Docker {
            limit("kernel.keys.maxkeys", self.keys, nodes * KEYS_EACH, 2000);
        }
        if self.engine == Kind::Docker && self.cgroup == 1 && !self.systemd_hierarchy {
            verdict.missing.push(
                "cgroup version 1 without the hierarchy that systemd needs: `mkdir -p /sys/fs/cgroup/systemd && \
                 mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd` as root"
                    .to_owned(),
            );
        }
        if self.rootless {
            verdict.missing.push(
                "a rootless Docker gives containers no cgroup and no firewall of their own: use the system's"
                    .to_owned(),
            );
        }
        let mut room = |what: &str, now: Option<u64>, need: u64| {
            if let Some(now) = now.filter(|&now| now < need) {
                verdict.missing.push(format!(
                    "{what}: {now} MiB are free and about {need} are needed"
                ));
            }
        };
        let disk = if self.engine == Kind::Docker {
            DISK_EACH_DOCKER
        } else {
            DISK_EACH
        };
        room("memory", self.memory, nodes * MEMORY_EACH);
        room("disk", self.disk, nodes * disk);
        if self.engine == Kind::Docker && self.cgroup == 2 {
            verdict.notes.push(
                "cgroup version 2: systemd in Docker was tried on version 1 and hybrid only"
                    .to_owned(),
            );
        }
        verdict
    }

    fn flags(&self) -> Flags {
        // Docker mounts the unified hierarchy read-only, and systemd wants to write its own part.
        let init = if self.cgroup == 2 {
            vec![
                "/bin/sh".to_owned(),
                "-c".to_owned(),
                "mount -o remount,rw /sys/fs/cgroup; exec /sbin/init".to_owned(),
            ]
        } else {
            vec!["/sbin/init".to_owned()]
        };
        let mut security = vec!["seccomp=unconfined".to_owned()];
        // Its default profile forbids mounts, without which systemd isolates no service.
        if self.apparmor {
            security.push("apparmor=unconfined".to_owned());
        }
        Flags { init, security }
    }
}

/// 2 where the unified hierarchy is all there is.
fn cgroup_of_machine() -> u8 {
    if fs::metadata("/sys/fs/cgroup/cgroup.controllers").is_ok() {
        2
    } else {
        1
    }
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib >> 10)
}

/// Free space where the engine keeps its instances; unknown when this account may not look there.
fn disk(folder: &str) -> Option<u64> {
    let output = Command::new("df")
        .args(["-Pk", "--", folder])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let kib: u64 = text
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    Some(kib >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn machine(engine: Kind) -> Machine {
        Machine {
            engine,
            cgroup: 1,
            systemd_hierarchy: true,
            apparmor: false,
            rootless: false,
            inotify: Some(128),
            keys: Some(200),
            memory: Some(8000),
            disk: Some(20_000),
        }
    }

    #[test]
    fn a_small_lab_needs_nothing_and_a_large_one_names_the_sysctl() {
        assert_eq!(machine(Kind::Incus).judge(3).missing, Vec::<String>::new());
        let missing = machine(Kind::Incus).judge(17).missing;
        assert!(
            missing[0].contains("sysctl -w fs.inotify.max_user_instances=2048"),
            "{missing:?}"
        );
        assert!(
            missing[1].contains("sysctl -w kernel.keys.maxkeys=2000"),
            "{missing:?}"
        );
        // root's own limit counts on Docker, and it is large.
        assert_eq!(machine(Kind::Docker).judge(17).missing.len(), 1);
    }

    #[rstest]
    #[case(Machine { memory: Some(100), ..machine(Kind::Docker) }, "memory: 100 MiB are free")]
    #[case(Machine { disk: Some(100), ..machine(Kind::Incus) }, "disk: 100 MiB are free")]
    #[case(Machine { rootless: true, ..machine(Kind::Docker) }, "rootless")]
    #[case(Machine { systemd_hierarchy: false, ..machine(Kind::Docker) }, "mount -t cgroup")]
    fn what_is_missing_is_said_with_its_number(#[case] machine: Machine, #[case] words: &str) {
        let missing = machine.judge(4).missing;
        assert!(
            missing.len() == 1 && missing[0].contains(words),
            "{missing:?}"
        );
    }

    #[rstest]
    #[case::not_given(None, true)]
    #[case::the_same(Some("unix:///run/docker.sock"), true)]
    #[case::by_tcp(Some("tcp://10.0.0.1:2375"), false)]
    #[case::by_ssh(Some("ssh://somebody@elsewhere"), false)]
    #[case::another_socket_here(Some("unix:///run/user/1000/docker.sock"), false)]
    #[case::no_scheme(Some("/run/docker.sock"), false)]
    #[case::empty(Some(""), false)]
    fn a_client_that_would_speak_to_another_daemon_is_refused_with_what_to_do(
        #[case] given: Option<&str>,
        #[case] here: bool,
    ) {
        let refused = elsewhere(given.map(OsStr::new), Path::new("/run/docker.sock"));
        assert_eq!(refused.is_none(), here, "{refused:?}");
        if let Some(why) = refused {
            assert!(why.contains("`unix:///run/docker.sock`"), "{why}");
        }
    }

    #[test]
    fn apparmor_and_the_unified_hierarchy_change_the_flags() {
        let plain = machine(Kind::Docker).flags();
        assert_eq!(plain.init, ["/sbin/init"]);
        assert_eq!(plain.security, ["seccomp=unconfined"]);
        let other = Machine {
            apparmor: true,
            cgroup: 2,
            ..machine(Kind::Docker)
        }
        .flags();
        assert!(other.init[2].contains("remount,rw"));
        assert_eq!(other.security[1], "apparmor=unconfined");
    }
}
