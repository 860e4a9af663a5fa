//! Parsers that are too big to stand in the file of their kind. Text in, values
//! out; no input makes them panic, recurse without bound or take quadratic time.

pub mod dotenv;
pub mod systemd;
