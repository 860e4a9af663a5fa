//! Pure parsers that are too big to stand beside the kind that uses them.

pub mod caddyfile;
pub mod log;
pub(crate) mod mask;
