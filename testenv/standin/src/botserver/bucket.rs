//! S3 as the program uses it: which buckets there are, what is in one, one object.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use super::secrets::Drive;
use super::transport::Transport;
use crate::log::chain;

/// The object storage.
pub struct Storage {
    client: Client,
}

/// An object in a listing.
pub struct Entry {
    pub key: String,
    /// Without quotes.
    pub etag: Option<String>,
}

impl Storage {
    pub fn new(drive: &Drive) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|e| e.to_string())?;
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint(&drive.host, drive.port))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(
                &drive.accesskey,
                &drive.secret,
                None,
                None,
                "vault",
            ))
            .force_path_style(true)
            .http_client(Transport(http))
            .build();
        Ok(Self {
            client: Client::from_conf(config),
        })
    }

    /// The names of all buckets.
    pub async fn buckets(&self) -> Result<Vec<String>, String> {
        let answer = self.client.list_buckets().send().await;
        let answer = answer.map_err(|e| chain(&e))?;
        let names = answer.buckets().iter().filter_map(|bucket| bucket.name());
        Ok(names.map(str::to_owned).collect())
    }

    /// Everything in a bucket.
    pub async fn list(&self, bucket: &str) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| chain(&e))?;
            for object in page.contents() {
                entries.push(Entry {
                    key: object.key().unwrap_or_default().to_owned(),
                    etag: object.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
                });
            }
        }
        Ok(entries)
    }

    /// The text of an object.
    pub async fn text(&self, bucket: &str, key: &str) -> Result<String, String> {
        let answer = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await;
        let answer = answer.map_err(|e| chain(&e))?;
        let body = answer.body.collect().await.map_err(|e| e.to_string())?;
        String::from_utf8(body.to_vec()).map_err(|e| e.to_string())
    }
}

fn endpoint(host: &str, port: u16) -> String {
    if host.contains("://") {
        host.to_owned()
    } else if host.contains(':') {
        format!("http://{host}")
    } else {
        format!("http://{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_carry_its_port_and_its_scheme() {
        assert_eq!(endpoint("drive", 9100), "http://drive:9100");
        assert_eq!(endpoint("drive:9000", 9100), "http://drive:9000");
        assert_eq!(endpoint("https://drive", 9100), "https://drive");
    }
}
