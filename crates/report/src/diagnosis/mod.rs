//! How a diagnosis is shown. JSON is [`crate::json::to_string`] of it.

pub mod terminal;
