//! Addresses of services as suites write them.

use std::fmt;

/// A host and a port, `localhost:5432` or `[::1]:5432`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host:port`.
    ///
    /// # Errors
    /// Completes the sentence "this query cannot be used: …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not `host:port`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|&port| port > 0);
        Self::new(host, port.ok_or_else(wrong)?)
    }

    /// From its parts; a host may stand in brackets.
    ///
    /// # Errors
    /// When it is no host. It travels as an argument, so it may not look like an option.
    pub fn new(host: &str, port: u16) -> Result<Self, String> {
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let six = inner.unwrap_or(host);
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fine = if inner.is_some() {
            six.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !host.is_empty()
                && host.len() <= 253
                && host.chars().all(plain)
                && host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        };
        if !fine {
            return Err(format!("{host:?} is not a host"));
        }
        Ok(Self {
            host: six.to_owned(),
            port,
        })
    }

    /// Whether it is the node itself, by its loopback.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The parts of an `http`, `https`, `ws` or `wss` address that matter to a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// Where.
    pub endpoint: Endpoint,
    /// The path with its query; at least `/`.
    pub path: String,
}

impl Url {
    /// Reads an address. It may hold no credential and no fragment.
    ///
    /// # Errors
    /// Completes the sentence "this query cannot be used: …".
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} is no address: {why}");
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("it has no scheme"))?;
        let secure = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(wrong("the scheme is none of http, https, ws, wss")),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            // Its text would be shown where it came from.
            return Err("an address holds a credential".to_owned());
        }
        let printable = |c: char| c.is_ascii_graphic() && !"#\\\"<>".contains(c);
        if !path.chars().all(printable) {
            return Err(wrong("the path holds what no path may hold"));
        }
        let usual = if secure { 443 } else { 80 };
        let endpoint = match Endpoint::parse(authority) {
            Ok(endpoint) => endpoint,
            Err(_) => Endpoint::new(authority, usual).map_err(|e| wrong(&e))?,
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            secure,
            endpoint,
            path,
        })
    }

    /// The host as the `Host` header has it.
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let whole = self.endpoint.to_string();
        if self.endpoint.port == usual {
            whole
                .strip_suffix(&format!(":{usual}"))
                .unwrap_or(&whole)
                .to_owned()
        } else {
            whole
        }
    }

    /// The address of another path of the same service, written out with `http` or `https`.
    pub fn at(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.authority())
    }
}

/// Refuses what is no path of a file on a node.
///
/// # Errors
/// Completes the sentence "this query cannot be used: …".
pub fn check_file(path: Option<&String>) -> Result<(), String> {
    path.map_or(Ok(()), |path| crate::kind::check_path(path))
}

/// Refuses texts that are empty, long or not printable.
///
/// # Errors
/// Completes the sentence "this query cannot be used: …".
pub fn check_text<'a>(
    what: &str,
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<(), String> {
    for text in texts {
        if text.is_empty() || text.len() > 500 || text.chars().any(char::is_control) {
            return Err(format!("{text:?} is not the name of a {what}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("localhost:5432", Some(("localhost", 5432)))]
    #[case("[::1]:53", Some(("::1", 53)))]
    #[case("10.0.2.7:1", Some(("10.0.2.7", 1)))]
    #[case("::1:53", None)]
    #[case("-x:1", None)]
    #[case("a b:1", None)]
    #[case("a:0", None)]
    #[case("a:65536", None)]
    #[case("a;b:1", None)]
    #[case("", None)]
    fn an_endpoint_is_a_plain_host_and_a_port(
        #[case] text: &str,
        #[case] expected: Option<(&str, u16)>,
    ) {
        let found = Endpoint::parse(text).ok();
        assert_eq!(found.as_ref().map(|e| (e.host.as_str(), e.port)), expected);
    }

    #[rstest]
    #[case("https://vault:8200/v1/x?a=b", Some((true, "vault:8200", "/v1/x?a=b")))]
    #[case("http://localhost", Some((false, "localhost", "/")))]
    #[case("wss://a.example.com/ws", Some((true, "a.example.com", "/ws")))]
    #[case("https://[::1]:8200", Some((true, "[::1]:8200", "/")))]
    #[case("https://user:pw@host/", None)]
    #[case("ftp://x", None)]
    #[case("http://x/\r\nA: b", None)]
    #[case("//x", None)]
    fn an_address_has_a_scheme_a_host_and_a_path(
        #[case] text: &str,
        #[case] expected: Option<(bool, &str, &str)>,
    ) {
        let found = Url::parse(text).ok();
        let authority = found.as_ref().map(Url::authority).unwrap_or_default();
        assert_eq!(
            found
                .as_ref()
                .map(|u| (u.secure, authority.as_str(), u.path.as_str())),
            expected
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[a-z:/@\\[\\]0-9.?#]{0,40}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert!(Url::parse(&url.at(&url.path)).is_ok());
            }
            let _ = Endpoint::parse(&text);
        }
    }
}
