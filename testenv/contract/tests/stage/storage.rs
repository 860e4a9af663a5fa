//! An S3 server under test, and a client of it that is not ours.

#[path = "../../../standin/src/botserver/transport.rs"]
mod transport;

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use super::{Process, free_port, http, listens};

/// The user and the password of the stand-in.
pub const USER: &str = "contract-user";
/// See [`USER`].
pub const PASSWORD: &str = "contract-password";

/// The server: that of the environment, or the stand-in.
pub struct Storage {
    pub endpoint: String,
    user: String,
    password: String,
    process: Option<Process>,
}

impl Storage {
    /// The server that RUNPROOF_CONTRACT_S3_ENDPOINT, _USER and _PASSWORD name, else a stand-in.
    pub fn up() -> Self {
        let named = |name: &str| std::env::var(format!("RUNPROOF_CONTRACT_S3_{name}")).ok();
        match (named("ENDPOINT"), named("USER"), named("PASSWORD")) {
            (Some(endpoint), Some(user), Some(password)) => Self {
                endpoint,
                user,
                password,
                process: None,
            },
            _ => Self::standin(tempfile::tempdir().unwrap()),
        }
    }

    /// A stand-in over the data of a folder.
    pub fn standin(folder: tempfile::TempDir) -> Self {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let process = Process::start_in(
            folder,
            "",
            "minio",
            &["server", "data", "--address", &address],
            &[("MINIO_ROOT_USER", USER), ("MINIO_ROOT_PASSWORD", PASSWORD)],
        );
        listens(port);
        Self {
            endpoint: format!("http://{address}"),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            process: Some(process),
        }
    }

    /// Where the stand-in listens.
    pub fn port(&self) -> u16 {
        self.endpoint.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Ends the stand-in, and gives the folder with its data.
    pub fn end(self) -> tempfile::TempDir {
        self.process.expect("a stand-in").end()
    }

    /// A client with the right credentials.
    pub fn client(&self) -> Client {
        self.client_of(&self.user, &self.password)
    }

    /// A client of the right user with another password.
    pub fn client_with(&self, password: &str) -> Client {
        self.client_of(&self.user, password)
    }

    /// A client with these credentials.
    pub fn client_of(&self, user: &str, password: &str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(user, password, None, None, "contract"))
            .force_path_style(true)
            .http_client(transport::Transport(http()))
            .build();
        Client::from_conf(config)
    }

    /// A bucket that no other test uses.
    pub async fn bucket(&self, client: &Client) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("contract-{}-{next}", std::process::id());
        client.create_bucket().bucket(&name).send().await.unwrap();
        name
    }
}
