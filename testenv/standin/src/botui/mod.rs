//! botui: serves the page, and hands everything else to botserver over BOTSERVER_URL.

mod proxy;
mod socket;
mod start;

pub use start::run;
