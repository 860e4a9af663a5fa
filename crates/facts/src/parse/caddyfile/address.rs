//! Site addresses and upstream addresses.

use runproof_model::text::one_line;

use crate::scrub;

/// A site's address in its parts; what is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SiteAddress {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: String,
    pub(super) path: String,
}

impl SiteAddress {
    /// Takes an address apart; the message says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(format!(
                "{}: the address of a site names no user",
                one_line(&scrub::line(text), 120)
            ));
        }
        let (host, port) = split_host_port(authority);
        let address = Self {
            scheme: lower(scheme),
            host: lower(host),
            port: port.to_owned(),
            path: path.to_owned(),
        };
        if !port.is_empty() && !port.contains('{') && port.parse::<u16>().is_err() {
            return Err(format!("{}: port {port} is not valid", one_line(text, 120)));
        }
        match address.scheme.as_str() {
            "" | "http" | "https" => Ok(address),
            scheme if scheme.contains('{') => Ok(address),
            "ws" | "wss" => Err(format!(
                "{}: a site has no scheme ws or wss; it serves web sockets over http and https",
                one_line(text, 120)
            )),
            scheme => Err(format!(
                "{}: scheme {} is not supported",
                one_line(text, 120),
                one_line(scheme, 40)
            )),
        }
    }

    /// What makes two addresses the same.
    pub(super) fn key(&self, http_port: &str, https_port: &str) -> (String, String, String) {
        let port = match (self.port.as_str(), self.scheme.as_str()) {
            ("", "http") => http_port,
            ("", _) => https_port,
            (port, _) => port,
        };
        (self.host.clone(), port.to_owned(), self.path.clone())
    }
}

/// Lower case, but placeholders as they are.
fn lower(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|c| {
            inside = c == '{' || (inside && c != '}');
            if inside { c } else { c.to_ascii_lowercase() }
        })
        .collect()
}

/// `host:port`, `[v6]:port`, `host`, `:port`; a bare IPv6 address has no port.
fn split_host_port(text: &str) -> (&str, &str) {
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, tail)) => (host, tail.strip_prefix(':').unwrap_or("")),
            None => (text, ""),
        };
    }
    // A colon inside a placeholder separates nothing.
    let mut depth = 0usize;
    let mut colons = 0usize;
    let mut at = None;
    for (index, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                colons += 1;
                at = Some(index);
            }
            _ => {}
        }
    }
    match at {
        Some(at) if colons == 1 => (&text[..at], &text[at + 1..]),
        _ => (text, ""),
    }
}

/// Where a proxy sends requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dial {
    /// `tcp`, `unix`, …; empty where none was written.
    pub(super) network: String,
    /// Empty where none was written.
    pub(super) scheme: String,
    /// The host; of a unix socket its path.
    pub(super) host: String,
    /// A number, a range, a placeholder; empty for a unix socket.
    pub(super) port: String,
}

impl Dial {
    /// Whether requests go to a unix socket.
    pub(super) fn is_socket(&self) -> bool {
        self.network.starts_with("unix") || self.network.starts_with("fd")
    }
}

/// Takes the address of an upstream apart; the message says what is wrong with it.
pub(super) fn upstream(text: &str) -> Result<Dial, String> {
    let shown = one_line(&scrub::line(text), 120);
    if text.contains("{args[") {
        return Err(format!(
            "upstream {shown}: the import does not give this argument"
        ));
    }
    let mut dial = Dial::default();
    if let Some((scheme, rest)) = text.split_once("://") {
        if text.contains('{') {
            return Err(format!(
                "upstream {shown}: an address with a scheme cannot hold a placeholder"
            ));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if end < rest.len() {
            return Err(format!(
                "upstream {shown}: an upstream has a scheme, a host and a port, but no path"
            ));
        }
        let authority = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let (host, port) = split_host_port(authority);
        dial.scheme = scheme.to_ascii_lowercase();
        host.clone_into(&mut dial.host);
        port.clone_into(&mut dial.port);
        match (dial.scheme.as_str(), port) {
            ("http" | "h2c", "443") | ("https", "80") => {
                return Err(format!(
                    "upstream {shown}: the scheme does not fit the port"
                ));
            }
            ("http" | "h2c", "") => "80".clone_into(&mut dial.port),
            ("https", "") => "443".clone_into(&mut dial.port),
            ("http" | "h2c" | "https", _) => {}
            ("ws" | "wss", _) => {
                return Err(format!(
                    "upstream {shown}: write http:// or https:// in the place of ws:// or wss://"
                ));
            }
            (scheme, _) => {
                return Err(format!(
                    "upstream {shown}: scheme {} is not supported",
                    one_line(scheme, 40)
                ));
            }
        }
    } else {
        let mut address = text;
        if let Some((network, rest)) = text.split_once('/') {
            dial.network = network.trim().to_ascii_lowercase();
            address = rest;
        }
        if dial.network == "unix+h2c" {
            "unix".clone_into(&mut dial.network);
            "h2c".clone_into(&mut dial.scheme);
        }
        if dial.is_socket() {
            address.clone_into(&mut dial.host);
            return Ok(dial);
        }
        let (host, port) = split_host_port(address);
        host.clone_into(&mut dial.host);
        port.clone_into(&mut dial.port);
        if port.is_empty() && !host.contains('{') {
            "80".clone_into(&mut dial.port);
        }
    }
    check_port(&dial.port).map_err(|why| format!("upstream {shown}: {why}"))?;
    Ok(dial)
}

fn check_port(port: &str) -> Result<(), String> {
    if port.contains('{') || ports(port).is_some() {
        return Ok(());
    }
    if port.is_empty() {
        return Ok(());
    }
    Err(format!("port {} is not valid", one_line(port, 40)))
}

/// The ports of `80` or `8000-8010`.
pub(super) fn ports(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (range.start() <= range.end()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("example.com", "", "example.com", "", "")]
    #[case(
        "HTTPS://Sub.Example.com:8443/a/B",
        "https",
        "sub.example.com",
        "8443",
        "/a/B"
    )]
    #[case(":80", "", "", "80", "")]
    #[case("http://", "http", "", "", "")]
    #[case("*.example.com", "", "*.example.com", "", "")]
    #[case("[::1]:8080", "", "::1", "8080", "")]
    #[case("::1", "", "::1", "", "")]
    #[case("{$HOST:localhost}:80", "", "{$HOST:localhost}", "80", "")]
    fn a_site_address_is_taken_apart(
        #[case] text: &str,
        #[case] scheme: &str,
        #[case] host: &str,
        #[case] port: &str,
        #[case] path: &str,
    ) {
        let address = SiteAddress::parse(text).unwrap();
        assert_eq!(
            (
                &*address.scheme,
                &*address.host,
                &*address.port,
                &*address.path
            ),
            (scheme, host, port, path)
        );
    }

    #[rstest]
    #[case("example.com:99999")]
    #[case("example.com:http")]
    #[case("wss://example.com")]
    #[case("ftp://example.com")]
    fn a_wrong_site_address_is_refused(#[case] text: &str) {
        assert!(SiteAddress::parse(text).is_err());
    }

    #[rstest]
    #[case("localhost", "", "", "localhost", "80")]
    #[case("10.0.2.5:8080", "", "", "10.0.2.5", "8080")]
    #[case(":5858", "", "", "", "5858")]
    #[case("http://10.0.2.5:8080", "", "http", "10.0.2.5", "8080")]
    #[case("https://example.com", "", "https", "example.com", "443")]
    #[case("h2c://10.0.2.5", "", "h2c", "10.0.2.5", "80")]
    #[case("unix//run/app.sock", "unix", "", "/run/app.sock", "")]
    #[case("unix+h2c//run/app.sock", "unix", "h2c", "/run/app.sock", "")]
    #[case("tcp/10.0.2.5:90", "tcp", "", "10.0.2.5", "90")]
    #[case("[fd00::1]:80", "", "", "fd00::1", "80")]
    #[case("10.0.2.5:8000-8002", "", "", "10.0.2.5", "8000-8002")]
    #[case(
        "{http.vars.up}:{http.vars.port}",
        "",
        "",
        "{http.vars.up}",
        "{http.vars.port}"
    )]
    #[case("http://10.0.2.5:8000-8002", "", "http", "10.0.2.5", "8000-8002")]
    fn an_upstream_is_taken_apart(
        #[case] text: &str,
        #[case] network: &str,
        #[case] scheme: &str,
        #[case] host: &str,
        #[case] port: &str,
    ) {
        let dial = upstream(text).unwrap();
        assert_eq!(
            (&*dial.network, &*dial.scheme, &*dial.host, &*dial.port),
            (network, scheme, host, port)
        );
    }

    #[rstest]
    #[case("http://10.0.2.5:8080/path")]
    #[case("http://10.0.2.5:8080/")]
    #[case("ws://10.0.2.5")]
    #[case("http://10.0.2.5:443")]
    #[case("http://{host}:80")]
    #[case("10.0.2.5:x")]
    #[case("10.0.2.5:90-80")]
    fn a_wrong_upstream_is_refused(#[case] text: &str) {
        assert!(upstream(text).is_err());
    }
}
