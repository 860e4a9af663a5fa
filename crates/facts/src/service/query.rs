//! What the queries of several kinds have in common.

use super::{Endpoint, Url, check_credential, check_file, check_host_header};
use crate::quote::sh;

/// The query of a service whose interface is HTTP.
macro_rules! api_query {
    ($(#[$about:meta])* $name:ident, $(#[$address:meta])* $field:ident, $credential:expr) => {
        $(#[$about])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[$address])*
            pub $field: String,
            /// The `Host` header, instead of the address's own.
            #[serde(default)]
            pub host_header: Option<String>,
            /// The credential whose token is sent; `none` asks without one.
            #[serde(default = "credential")]
            pub credential: String,
            /// A file of the node with the certificates that are trusted, instead of this machine's own.
            #[serde(default)]
            pub ca: Option<String>,
        }

        fn credential() -> String {
            $credential.to_owned()
        }
    };
}
pub(crate) use api_query;

/// The query of a server of mail.
macro_rules! mail_query {
    ($name:ident, $field:ident) => {
        /// Which server, and how TLS is spoken.
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// `host:port`.
            pub $field: String,
            /// Whether TLS is spoken from the first byte.
            #[serde(default)]
            pub implicit: bool,
            /// The name that the certificate must hold; the host when left out.
            #[serde(default)]
            pub name: Option<String>,
            /// A file of the node with the certificates that are trusted, instead of this machine's own.
            #[serde(default)]
            pub ca: Option<String>,
            /// From where it is asked.
            #[serde(default)]
            pub from: $crate::service::Vantage,
        }

        impl $name {
            /// How the server is to be addressed.
            pub fn way(&self) -> $crate::service::MailWay<'_> {
                $crate::service::MailWay {
                    at: &self.$field,
                    name: self.name.as_deref(),
                    ca: self.ca.as_deref(),
                    from: self.from,
                    implicit: self.implicit,
                }
            }
        }
    };
}
pub(crate) use mail_query;

/// How a server of mail is to be addressed, whichever protocol it speaks.
#[derive(Clone, Copy, Debug)]
pub struct MailWay<'a> {
    /// `host:port`.
    pub at: &'a str,
    /// The name that the certificate must hold; the host when there is none.
    pub name: Option<&'a str>,
    /// A file of the node with the certificates that are trusted.
    pub ca: Option<&'a str>,
    /// From where it is asked.
    pub from: super::Vantage,
    /// Whether TLS is spoken from the first byte.
    pub implicit: bool,
}

/// Refuses what cannot address a service whose interface is HTTP.
pub(crate) fn check_api(
    address: &str,
    credential: &str,
    host_header: Option<&String>,
    ca: Option<&String>,
) -> Result<(), String> {
    Url::parse(address)?;
    check_credential(credential)?;
    check_host_header(host_header)?;
    check_file(ca)
}

/// Refuses what cannot address a service under TLS.
pub(crate) fn check_tls(
    at: &str,
    name: Option<&String>,
    ca: Option<&String>,
) -> Result<(), String> {
    Endpoint::parse(at)?;
    if let Some(name) = name {
        Endpoint::new(name, 1)?;
    }
    check_file(ca)
}

/// The command with which an operator asks a service for a path.
pub(crate) fn curl(address: &str, path: &str) -> String {
    let address = address.trim_end_matches('/');
    format!("curl -si {}", sh(&format!("{address}{path}")))
}
