//! One look at the node itself: kernel, machine, clock of its boot, container.

use runproof_model::{Observed, Reason, ReasonKind};

use super::after;
use crate::answer::Answers;
use crate::ask::{Ask, Command};

/// `/run/systemd/system` is what sd_booted(3) documents. The environment of
/// PID 1 may hold secrets, so only the one variable leaves the node.
const TEXT: &str = r#"v() { [ -r "$2" ] || return 0; x=; IFS= read -r x <"$2" || [ -n "$x" ] && echo "$1 $x"; }
printf 'uname '; uname -nrm
printf 'cpus '; nproc
v uptime /proc/uptime
v boot_id /proc/sys/kernel/random/boot_id
v memory /proc/meminfo
if [ -d /run/systemd/system ]; then echo 'systemd true'; else echo 'systemd false'; fi
if [ -r /run/systemd/container ]; then v container /run/systemd/container
elif [ -e /.dockerenv ]; then echo 'container docker'
elif [ -e /run/.containerenv ]; then echo 'container podman'
elif (: </proc/1/environ) 2>/dev/null; then
  tr '\0' '\n' </proc/1/environ | while IFS= read -r x; do case $x in container=?*) echo "container ${x#container=}" ;; esac; done
  echo 'environ read'
fi"#;

/// The look.
pub fn ask() -> Ask {
    Ask::Run(Command {
        cap: 64 << 10,
        ..Command::new("node", TEXT)
    })
}

/// What the look says.
#[derive(Clone, Debug)]
pub struct Node {
    /// The kernel's name for this node.
    pub hostname: Observed<String>,
    /// The kernel's release.
    pub kernel: Observed<String>,
    /// The machine's hardware name, as `uname -m` prints it.
    pub machine: Observed<String>,
    /// Processors that a process of ours may use.
    pub cpus: Observed<u64>,
    /// Seconds since boot.
    pub uptime_s: Observed<f64>,
    /// The kernel's identifier of this boot.
    pub boot_id: Observed<String>,
    /// Usable memory in bytes.
    pub memory_bytes: Observed<u64>,
    /// Whether systemd is the running init.
    pub systemd: Observed<bool>,
    /// The container manager's word.
    pub container: Observed<String>,
}

fn word(text: &str, name: &str) -> Observed<String> {
    match after(text, name) {
        Some(value) if !value.is_empty() => Observed::Known(value.to_owned()),
        Some(_) | None => Observed::unknown(ReasonKind::Failed, format!("no {name} to be read")),
    }
}

fn number<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Observed<T> {
    match text {
        None => Observed::unknown(ReasonKind::Failed, format!("no {name} to be read")),
        Some(text) => match text.parse() {
            Ok(value) => Observed::Known(value),
            Err(_) if text.ends_with("not found") => {
                Observed::unknown(ReasonKind::MissingTool, text)
            }
            Err(_) => Observed::unknown(ReasonKind::Garbled, format!("{name}: {text}")),
        },
    }
}

/// `MemTotal:       16384 kB` in bytes.
fn memory(line: &str) -> Option<u64> {
    let mut words = line.strip_prefix("MemTotal:")?.split_whitespace();
    let count: u64 = words.next()?.parse().ok()?;
    (words.next() == Some("kB"))
        .then(|| count.checked_mul(1024))
        .flatten()
}

/// Reads the look.
pub fn read(answers: &Answers) -> Result<Node, Reason> {
    let ran = answers.run(&ask())?;
    let text = ran.out.as_str();
    let uname: Vec<&str> = after(text, "uname")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let of_uname = |index: usize| match uname.as_slice() {
        [_, _, _] => Observed::Known(uname[index].to_owned()),
        _ => Observed::unknown(ReasonKind::Garbled, format!("uname: {}", uname.join(" "))),
    };
    Ok(Node {
        hostname: of_uname(0),
        kernel: of_uname(1),
        machine: of_uname(2),
        cpus: number("cpus", after(text, "cpus")),
        uptime_s: number(
            "uptime",
            after(text, "uptime").and_then(|t| t.split_whitespace().next()),
        )
        .and_then(|value: f64| {
            if value.is_finite() {
                Observed::Known(value)
            } else {
                Observed::unknown(ReasonKind::Garbled, "uptime")
            }
        }),
        boot_id: word(text, "boot_id"),
        memory_bytes: match after(text, "memory") {
            None => Observed::unknown(ReasonKind::Failed, "no /proc/meminfo to be read"),
            Some(line) => memory(line).map_or_else(
                || Observed::unknown(ReasonKind::Garbled, format!("/proc/meminfo: {line}")),
                Observed::Known,
            ),
        },
        systemd: match after(text, "systemd") {
            Some("true") => Observed::Known(true),
            Some("false") => Observed::Known(false),
            Some(_) | None => Observed::unknown(ReasonKind::Garbled, "systemd"),
        },
        container: match after(text, "container") {
            Some(value) if !value.is_empty() => Observed::Known(value.to_owned()),
            _ if after(text, "environ") == Some("read") => Observed::Absent,
            _ => Observed::unknown(
                ReasonKind::Permission,
                "the environment of PID 1 cannot be read",
            ),
        },
    })
}
