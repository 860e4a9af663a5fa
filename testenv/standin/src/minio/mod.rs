//! MinIO: `minio server DIR --address :PORT --console-address :PORT`.
//!
//! What it answers is S3 as S3's public documentation and MinIO's own describe it: signatures are
//! verified, objects survive a restart, refusals carry the documented codes. What it leaves out:
//! versions are not kept (the setting of a bucket is), uploads in parts are forgotten by a restart,
//! and of the administration only `info` is answered.

mod admin;
mod body;
mod command;
mod disk;
mod drive;
mod listing;
mod multipart;
mod object;
mod requests;
mod server;
mod settings;

pub use command::run;
