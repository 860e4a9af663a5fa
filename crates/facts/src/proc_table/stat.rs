//! A line of `/proc/PID/stat`.

/// `PF_KTHREAD` of the kernel: a thread of its own, without program and command line.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// `PF_EXITING` of the kernel: a process that has begun to end, and may have let go of its program.
const EXITING: u64 = 0x0000_0004;

/// What is taken of it.
pub(super) struct Stat<'a> {
    pub(super) pid: u32,
    pub(super) name: &'a str,
    state: char,
    pub(super) ppid: u32,
    flags: u64,
    /// When it started, in ticks since the kernel's own start.
    pub(super) start: u64,
}

impl Stat<'_> {
    /// Whether it is a thread of the kernel, or at its end.
    pub(super) fn has_no_program(&self) -> bool {
        self.flags & (KERNEL_THREAD | EXITING) != 0 || matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// `12 (name) S 1 …`; the name may hold anything, so it ends at the last parenthesis.
pub(super) fn parse(text: &str) -> Option<Stat<'_>> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        pid: pid.trim().parse().ok()?,
        name,
        state: fields.first()?.chars().next()?,
        ppid: fields.get(1)?.parse().ok()?,
        flags: fields.get(6)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}
