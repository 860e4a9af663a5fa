//! Pure parsers that are too big to stand beside the kind that uses them.

pub mod ifupdown;
pub mod iptables;
pub mod nft;
