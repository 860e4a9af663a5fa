//! Suites: what must be true, written in YAML, checked and judged.

pub mod expr;
