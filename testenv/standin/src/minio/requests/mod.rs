//! The requests of S3, each in its words.

mod buckets;
mod copies;
mod lists;
mod objects;
mod parts;
mod settings;

use s3s::dto::Owner;

/// There is one user, and everything is the user's.
fn owner() -> Owner {
    Owner {
        display_name: Some("minio".to_owned()),
        id: Some("02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4".to_owned()),
    }
}
