//! How a proof is shown; one file a format. JSON is [`crate::json::to_string`] of it.

mod ending;
pub mod html;
pub mod junit;
pub mod terminal;
mod weak;

#[cfg(test)]
mod sample;

/// How the recording of a scenario is made: a command line, once its capitals are filled in.
pub const RECORD: &str = "runproof drill ID --site LAB --record DIR --reference FILE";
