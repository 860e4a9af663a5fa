//! No core file: a crash must not write this program's memory, credentials with it, to a disk.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Forbids it to this process and to those that it starts. Where a program of the system takes cores
/// instead of a file, it is told the same limit.
pub fn forbid() {
    let maximum = getrlimit(Resource::Core).maximum;
    // A limit may always be lowered.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum,
        },
    );
}
