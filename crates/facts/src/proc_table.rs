//! The table of processes: looks that are shared by every kind that asks for processes.
//!
//! The number of forks does not grow with the number of processes, so all files
//! of one sort come as one stream with `head`'s headers between them. What may
//! stand in that stream decides how far it can be trusted:
//!
//! - The table itself is `stat`, `status` and `cgroup`. A command name is 15 bytes at most,
//!   too short to hold a header; cgroup names have no newline. Nobody can forge them.
//! - [`Part::Programs`]: `exe` comes with names quoted by `stat` (GNU), or raw (busybox).
//! - [`Part::Arguments`]: `cmdline` is the process's own text. When a header occurs twice
//!   or out of order, somebody forged it and no command line is believed.

mod arguments;
mod cgroup;
mod programs;
mod stat;

use std::collections::{BTreeMap, HashMap, HashSet};

use runproof_model::{Observed, Reason, ReasonKind};

use crate::answer::Answers;
use crate::ask::{Ask, Batch, Command};
use crate::reads;

use stat::Stat;

/// Clock ticks per second in `/proc`: 100 on every architecture that we know nodes of.
const TICKS: f64 = 100.0;
/// `CAP_SYS_PTRACE`, which sees through `hidepid`.
const CAP_SYS_PTRACE: u32 = 19;

/// `N` and `P` are the script's: the clock, and the process that started when it was read.
const TABLE: &str = r#"printf '%s %s\n' "${N:-$(date +%s.%N)}" "${P:-self}"
{ m=$(exec head -v -c 65536 /proc/self/stat /proc/self/status /proc/self/mountinfo /etc/passwd /proc/[0-9]*/stat /proc/[0-9]*/status /proc/[0-9]*/cgroup 2>&1 >&3); } 3>&1
printf '\n==> errors <==\n%s\n\n==> end <==\n' "$m"
unset -v m"#;

/// What is read again at the end tells a process that has ended since, or is about to, from one
/// that hides its program. One that an engine is just bringing into the node hides it until it
/// runs what it was brought for, so what shows none is looked at again.
const PROGRAMS: &str = r#"p() { QUOTING_STYLE=c exec stat -c '%u %U %N' /proc/[0-9]*/exe 2>/dev/null; }
for i in 1 2 3; do
  a=$(p)
  case "$a
" in *'/exe"
'*) ;; *) break ;; esac
done
printf '%s\n' "$a"
printf '\n==> what is left <==\n'
head -v -c 65536 /proc/[0-9]*/stat 2>/dev/null
printf '\n==> end <==\n'"#;

const ARGUMENTS: &str = r"head -v -c 32768 /proc/[0-9]*/cmdline 2>/dev/null
printf '\n==> end <==\n'";

/// What every look at processes ends with.
const END: &str = "\n==> end <==\n";

/// What not everybody needs of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The programs, and the names that the node's name service has for their users.
    Programs,
    /// The command lines.
    Arguments,
}

/// A process.
#[derive(Clone, Debug, PartialEq)]
pub struct Proc {
    /// Its number in the node's own namespace.
    pub pid: u32,
    /// Its parent's number; 0 when the parent is outside the node.
    pub ppid: u32,
    /// The effective user's number.
    pub uid: u32,
    /// The effective user's name, when the node has one for the number.
    pub user: Option<String>,
    /// The command name: 15 bytes at most.
    pub name: String,
    /// The program it runs, with ` (deleted)` when the file is gone; absent for a thread of the kernel.
    pub exe: Observed<String>,
    /// Its command line, unmasked: mask it with [`crate::scrub::argv`] before a fact carries it.
    pub argv: Observed<Vec<String>>,
    /// Its control group, as the node sees it.
    pub cgroup: Observed<String>,
    /// The systemd unit that its control group names; absent when it names none.
    pub unit: Observed<String>,
    /// When it started, in seconds since 1970.
    pub started: Observed<f64>,
}

/// The looks at the table and at parts of it, the same for all kinds.
pub fn asks(parts: &[Part]) -> Vec<Ask> {
    let mut asks = vec![table()];
    asks.extend(parts.iter().map(|part| match part {
        Part::Programs => programs(),
        Part::Arguments => arguments(),
    }));
    asks
}

fn table() -> Ask {
    Ask::Run(Command {
        cap: 16 << 20,
        ..Command::new("processes", TABLE).batch(Batch::InPlace)
    })
}

fn programs() -> Ask {
    Ask::Run(Command::new("programs", PROGRAMS))
}

fn arguments() -> Ask {
    Ask::Run(Command {
        cap: 16 << 20,
        ..Command::new("command-lines", ARGUMENTS)
    })
}

/// All processes that run on the node but our own probe, sorted by number.
/// Unknown when some may be hidden from the account that looked.
pub fn read(answers: &Answers) -> Observed<Vec<Proc>> {
    let part = |ask: &Ask| -> Result<String, Reason> {
        if answers.contains(ask) {
            answers.run(ask).map(|ran| ran.out)
        } else {
            Err(reads::not_read())
        }
    };
    match answers.run(&table()) {
        Ok(ran) => parse(&ran.out, part(&programs()), part(&arguments())).into(),
        Err(reason) => Observed::Unknown(reason),
    }
}

fn garbled(what: &str) -> Reason {
    Reason::new(ReasonKind::Garbled, format!("table of processes: {what}"))
}

/// A look's text without its end.
fn whole(out: &str) -> Result<&str, Reason> {
    out.strip_suffix(END)
        .ok_or_else(|| garbled("it has no end"))
}

fn parse(
    table: &str,
    programs: Result<String, Reason>,
    arguments: Result<String, Reason>,
) -> Result<Vec<Proc>, Reason> {
    let (trusted, errors) = whole(table)?
        .split_once("\n==> errors <==\n")
        .ok_or_else(|| garbled("a part is missing"))?;
    let (clock, streams) = trusted.split_once('\n').unwrap_or((trusted, ""));
    let (now, dated) = clock.split_once(' ').unwrap_or((clock, ""));
    let now: Option<f64> = now
        .trim_end_matches("%N")
        .trim_end_matches('.')
        .parse()
        .ok();
    let files = Files::parse(streams)?;
    if errors.contains("Permission denied") || errors.contains("Operation not permitted") {
        return Err(Reason::new(
            ReasonKind::Hidden,
            "this account may not read every process",
        ));
    }
    let me = files.me(errors)?;
    // A process that started when the clock was read dates all others: no boot time
    // is needed, which containers are often lied to about.
    let start = match dated {
        "self" => Some(me.start),
        pid => pid
            .parse()
            .ok()
            .and_then(|pid: u32| stat::parse(files.stat.get(&pid)?))
            .map(|stat| stat.start),
    };
    let epoch = now.zip(start).map(|(now, start)| now - ticks(start));

    let programs = programs
        .as_deref()
        .map_err(Clone::clone)
        .and_then(whole)
        .and_then(|text| {
            // A name can hold the mark, which is longer than what a stat line can hold.
            text.rsplit_once("\n==> what is left <==\n")
                .ok_or_else(|| garbled("a part is missing"))
        });
    let names = files.user_names(programs.as_ref().map_or("", |(exe, _)| exe));
    let left: Option<HashMap<u32, Stat<'_>>> = programs.as_ref().ok().map(|(_, left)| {
        headed(left)
            .filter_map(|(path, text)| match process_file(path)? {
                (pid, "stat") => Some((pid, stat::parse(text)?)),
                _ => None,
            })
            .collect()
    });
    let mut exes = programs.and_then(|(exe, _)| programs::parse(exe));
    let mut argvs = arguments
        .as_deref()
        .map_err(Clone::clone)
        .and_then(|text| arguments::parse(whole(text)?));
    let mut table = Vec::with_capacity(files.stat.len());
    for (&pid, text) in &files.stat {
        let stat = stat::parse(text).ok_or_else(|| garbled("a stat line makes no sense"))?;
        if stat.pid != pid {
            return Err(garbled("a stat line has another process's number"));
        }
        // A process without the later files ended while we looked.
        let Some(status) = files.status.get(&pid) else {
            continue;
        };
        let later = match &left {
            Some(left) => match left.get(&pid) {
                Some(later) if later.start == stat.start => Some(later),
                // Gone, or its number is another's by now.
                _ => continue,
            },
            None => None,
        };
        let uid = effective_uid(status).ok_or_else(|| garbled("a status has no Uid"))?;
        let no_program = stat.has_no_program() || later.is_some_and(Stat::has_no_program);
        let exe = if no_program {
            Observed::Absent
        } else {
            match &mut exes {
                Ok(exes) => match exes.remove(&pid).flatten() {
                    Some(exe) => Observed::Known(exe),
                    // It came while we looked, as what an engine brings in does; it is of later.
                    None if stat.start >= me.start => continue,
                    None => {
                        Observed::unknown(ReasonKind::Hidden, format!("program of process {pid}"))
                    }
                },
                Err(reason) => Observed::Unknown(reason.clone()),
            }
        };
        let argv = if no_program {
            Observed::Absent
        } else {
            match &mut argvs {
                Ok(argvs) => argvs.remove(&pid).unwrap_or_else(|| {
                    Observed::unknown(ReasonKind::Failed, "the process ended while we looked")
                }),
                Err(reason) => Observed::Unknown(reason.clone()),
            }
        };
        let (cgroup, unit) = match files.cgroup.get(&pid) {
            Some(text) => cgroup::parse(text),
            None => (
                Observed::unknown(ReasonKind::Failed, "no control group was shown"),
                Observed::unknown(ReasonKind::Failed, "no control group was shown"),
            ),
        };
        table.push(Proc {
            pid,
            ppid: stat.ppid,
            uid,
            user: names.get(&uid).cloned(),
            name: stat.name.to_owned(),
            exe,
            argv,
            cgroup,
            unit,
            started: match epoch {
                Some(epoch) => Observed::Known(epoch + ticks(stat.start)),
                None => Observed::unknown(ReasonKind::Garbled, "date"),
            },
        });
    }
    drop_probe(&mut table, &me);
    if table.is_empty() {
        return Err(garbled("it is empty"));
    }
    Ok(table)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 ticks are three million years"
)]
fn ticks(ticks: u64) -> f64 {
    ticks as f64 / TICKS
}

/// The streams that nobody can forge.
#[derive(Default)]
struct Files<'a> {
    own: HashMap<&'a str, &'a str>,
    stat: BTreeMap<u32, &'a str>,
    status: HashMap<u32, &'a str>,
    cgroup: HashMap<u32, &'a str>,
}

/// The process that looked.
struct Me {
    pid: u32,
    ppid: u32,
    start: u64,
}

impl<'a> Files<'a> {
    fn parse(text: &'a str) -> Result<Self, Reason> {
        let mut files = Self::default();
        for (path, content) in headed(text) {
            let twice = if let Some((pid, file)) = process_file(path) {
                match file {
                    "stat" => files.stat.insert(pid, content).is_some(),
                    "status" => files.status.insert(pid, content).is_some(),
                    "cgroup" => files.cgroup.insert(pid, content).is_some(),
                    _ => return Err(garbled("a file that nobody asked for")),
                }
            } else {
                files.own.insert(path, content).is_some()
            };
            if twice {
                return Err(garbled("a file came twice"));
            }
        }
        Ok(files)
    }

    /// Who looked, after making sure that nothing was hidden from it.
    fn me(&self, errors: &str) -> Result<Me, Reason> {
        let stat = self
            .own
            .get("/proc/self/stat")
            .and_then(|text| stat::parse(text))
            .ok_or_else(|| {
                let first = errors.lines().next().unwrap_or("no process was shown");
                Reason::new(ReasonKind::Failed, format!("table of processes: {first}"))
            })?;
        let status = self.own.get("/proc/self/status").copied().unwrap_or("");
        let sees_through = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|caps| u64::from_str_radix(caps.trim(), 16).ok())
            .is_some_and(|caps| caps & (1 << CAP_SYS_PTRACE) != 0);
        let mounts = self
            .own
            .get("/proc/self/mountinfo")
            .ok_or_else(|| garbled("no mounts were shown"))?;
        let hidden = match proc_mount(mounts) {
            Some(options) => options.split([',', ' ']).any(|option| {
                option.starts_with("hidepid=") && !matches!(option, "hidepid=0" | "hidepid=off")
            }),
            None => return Err(garbled("/proc is not among the mounts")),
        };
        if hidden && !sees_through {
            return Err(Reason::new(
                ReasonKind::Hidden,
                "/proc hides the processes of other users (hidepid)",
            ));
        }
        if !self.stat.contains_key(&1) {
            return Err(Reason::new(ReasonKind::Hidden, "process 1 is not shown"));
        }
        Ok(Me {
            pid: stat.pid,
            ppid: stat.ppid,
            start: stat.start,
        })
    }

    /// Names of users by number: as the node's name service says, else as `/etc/passwd` says.
    fn user_names(&self, exe: &str) -> HashMap<u32, String> {
        let mut names = HashMap::new();
        for line in self.own.get("/etc/passwd").copied().unwrap_or("").lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(_), Some(Ok(uid))) =
                (fields.next(), fields.next(), fields.next().map(str::parse))
            {
                names.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        for line in exe.lines() {
            let mut fields = line.splitn(3, ' ');
            if let (Some(Ok(uid)), Some(name), Some(path)) =
                (fields.next().map(str::parse), fields.next(), fields.next())
                && name != "UNKNOWN"
                && path.contains("/proc/")
            {
                names.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        names
    }
}

/// The options of the last mount on `/proc`, mount's and filesystem's.
fn proc_mount(mounts: &str) -> Option<&str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(6, ' ');
            (fields.nth(4)? == "/proc").then(|| fields.next())?
        })
        .next_back()
}

/// The parts of `head -v`'s output: path and content.
fn headed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text.strip_prefix("==> ").unwrap_or("");
    std::iter::from_fn(move || {
        let (path, after) = rest.split_once(" <==\n")?;
        let content = match after.split_once("\n==> ") {
            Some((content, next)) => {
                rest = next;
                content
            }
            None => {
                rest = "";
                after
            }
        };
        Some((path, content))
    })
}

/// `/proc/12/stat` as 12 and `stat`.
fn process_file(path: &str) -> Option<(u32, &str)> {
    let (pid, file) = path.strip_prefix("/proc/")?.split_once('/')?;
    Some((pid.parse().ok()?, file))
}

fn effective_uid(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Takes out the probe itself and the shells that started it.
fn drop_probe(table: &mut Vec<Proc>, me: &Me) {
    const OURS: [&str; 7] = ["sh", "dash", "bash", "ash", "busybox", "timeout", "head"];
    let by_pid: HashMap<u32, (u32, &str)> = table
        .iter()
        .map(|proc| (proc.pid, (proc.ppid, proc.name.as_str())))
        .collect();
    let mut ours = HashSet::from([me.pid]);
    let mut next = me.ppid;
    while let Some((ppid, name)) = by_pid.get(&next)
        && next != 1
        && OURS.contains(name)
        && ours.insert(next)
    {
        next = *ppid;
    }
    table.retain(|proc| !ours.contains(&proc.pid));
}

#[cfg(test)]
mod tests;
