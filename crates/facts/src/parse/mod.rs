//! Pure parsers of formats that are bigger than a kind.

pub mod elf;
pub mod ld_cache;
pub mod mountinfo;
pub mod os_release;
