//! Which process holds a socket.

use std::collections::{BTreeMap, BTreeSet};

use runproof_model::{Observed, Reason, ReasonKind};

use super::table::{Entry, garbled};
use crate::ask::{Ask, Command};
use crate::proc_table::Proc;

/// Which process holds which socket. Two processes, however many there are on the node.
/// Names that a process chose are escaped, so that none can forge a line; only lines that
/// hold a socket or a directory's heading are let through.
const HOLDERS: &str = r"QUOTING_STYLE=escape ls -ln /proc/[0-9]*/fd 2>&1 | grep -e '^/proc/[0-9]*/fd:$' -e ' -> socket:\[[0-9]*\]$' -e 'ermission denied$'
printf '\n==> end <==\n'";

/// The look.
pub(super) fn ask() -> Ask {
    Ask::Run(Command {
        cap: 16 << 20,
        ..Command::new("holders", HOLDERS)
    })
}

/// Which processes hold which inode.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) by_inode: BTreeMap<u64, BTreeSet<u32>>,
    /// Some processes did not show what they hold.
    hidden: bool,
}

impl Holders {
    /// What the look says.
    pub(super) fn parse(out: &str) -> Result<Self, Reason> {
        let text = out
            .strip_suffix("\n==> end <==\n")
            .ok_or_else(|| garbled("the list of their holders has no end"))?;
        let mut holders = Self::default();
        let mut pid: Option<u32> = None;
        for line in text.lines() {
            holders.line(line, &mut pid);
        }
        Ok(holders)
    }

    /// A line of `ls -ln /proc/[0-9]*/fd`.
    fn line(&mut self, line: &str, pid: &mut Option<u32>) {
        if line.ends_with("ermission denied") {
            self.hidden = true;
        } else if let Some(number) = line
            .strip_prefix("/proc/")
            .and_then(|rest| rest.strip_suffix("/fd:"))
        {
            *pid = number.parse().ok();
        } else if let Some((link, inode)) = line.rsplit_once(" -> socket:[")
        // busybox shows names as they are, and a file may be called `x -> socket:[7]`.
        && !link.contains(" -> ")
        && let Some(inode) = inode.strip_suffix(']').and_then(|n| n.parse().ok())
        && let Some(pid) = *pid
        {
            self.by_inode.entry(inode).or_default().insert(pid);
        }
    }

    /// The process that holds a socket: of several their common parent, never systemd when
    /// somebody else holds it too.
    pub(super) fn pid(
        &self,
        entry: &Entry,
        processes: &Observed<BTreeMap<u32, &Proc>>,
    ) -> Observed<u32> {
        let Some(holders) = self.by_inode.get(&entry.inode) else {
            let detail = if self.hidden {
                "this account may not see who holds the socket"
            } else {
                "held by the kernel or by a process outside this node"
            };
            return Observed::unknown(ReasonKind::Hidden, detail);
        };
        // systemd keeps the sockets that it hands out.
        let others: Vec<u32> = holders.iter().copied().filter(|pid| *pid != 1).collect();
        let parent_is_holder = |pid: u32| {
            processes
                .known()
                .and_then(|processes| processes.get(&pid))
                .is_some_and(|process| process.ppid != 1 && holders.contains(&process.ppid))
        };
        let first = others
            .iter()
            .copied()
            .find(|pid| !parent_is_holder(*pid))
            .or_else(|| holders.first().copied());
        match first {
            Some(pid) => Observed::Known(pid),
            None => Observed::unknown(ReasonKind::Defect, "nobody holds it"),
        }
    }
}
