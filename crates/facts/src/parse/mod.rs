//! Pure parsers of formats that others defined, too big to stand beside the kind that uses them.

pub mod caddyfile;
pub mod dotenv;
pub mod elf;
pub mod ifupdown;
pub mod iptables;
pub mod ld_cache;
pub mod log;
pub(crate) mod mask;
pub mod mountinfo;
pub mod nft;
pub mod os_release;
pub mod systemd;
