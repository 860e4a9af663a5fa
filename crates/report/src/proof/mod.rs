//! How a proof is shown; one file a format. JSON is [`crate::json::to_string`] of it.

pub mod html;
pub mod junit;
pub mod terminal;
mod weak;

#[cfg(test)]
mod sample;
