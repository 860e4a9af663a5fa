//! Every command as a pipeline and a person meet it, without any engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

mod contract;
mod documents;
mod hostile;
mod kit;
mod look;
mod outputs;
mod prove;
mod replay;
mod secrets;
mod stops;
