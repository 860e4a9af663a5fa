//! Names and values: the environment's `ZITADEL_A_B`, or `A:` with `B: value` in a file, the environment first.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::flags::Flags;
use crate::nested;

/// What the server was told.
pub struct Config {
    /// Where it listens.
    pub port: u16,
    /// Names that a Host header may have, the external domain first.
    pub domains: Vec<String>,
    /// The port that others see.
    pub external_port: u16,
    /// Whether others come over HTTPS.
    pub external_secure: bool,
    /// Where the first token is written.
    pub pat_path: Option<PathBuf>,
    /// When the first token ends.
    pub pat_expires: Option<String>,
    /// The machine user that it belongs to.
    pub machine: String,
    /// The first organization.
    pub organization: String,
    /// The first human's name and password.
    pub human: (String, String),
    /// Where everything is kept; the original has a database for it.
    pub state: PathBuf,
}

impl Config {
    /// From flags, environment and files.
    pub fn read(flags: &Flags) -> Result<Self, String> {
        let mut file = BTreeMap::new();
        for path in flags.all("config").iter().chain(flags.all("steps")) {
            let text = std::fs::read_to_string(path).map_err(|e| {
                format!(
                    "unable to read config file {path}: {}",
                    crate::server::reason(&e)
                )
            })?;
            file.extend(named(&text));
        }
        let get = |name: &str| {
            std::env::var(name)
                .ok()
                .or_else(|| file.get(name).cloned())
                .filter(|value| !value.is_empty())
        };
        let port = |name: &str, default: u16| match get(name) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("{name} is no port: {text}")),
            None => Ok(default),
        };
        let own = match flags.get(&["port"]) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("--port is no port: {text}"))?,
            None => port("ZITADEL_PORT", 8080)?,
        };
        let mut domains =
            vec![get("ZITADEL_EXTERNALDOMAIN").unwrap_or_else(|| "localhost".to_owned())];
        // In the original these are added to the instance in its console.
        let more = get("STANDIN_ZITADEL_DOMAINS").unwrap_or_default();
        domains.extend(
            more.split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        );
        Ok(Self {
            port: own,
            domains,
            external_port: port("ZITADEL_EXTERNALPORT", own)?,
            external_secure: get("ZITADEL_EXTERNALSECURE").is_none_or(|value| value == "true"),
            pat_path: get("ZITADEL_FIRSTINSTANCE_PATPATH").map(PathBuf::from),
            pat_expires: get("ZITADEL_FIRSTINSTANCE_ORG_MACHINE_PAT_EXPIRATIONDATE"),
            machine: get("ZITADEL_FIRSTINSTANCE_ORG_MACHINE_MACHINE_USERNAME")
                .unwrap_or_else(|| "admin-sa".to_owned()),
            organization: get("ZITADEL_FIRSTINSTANCE_ORG_NAME")
                .unwrap_or_else(|| "ZITADEL".to_owned()),
            human: (
                get("ZITADEL_FIRSTINSTANCE_ORG_HUMAN_USERNAME")
                    .unwrap_or_else(|| "zitadel-admin".to_owned()),
                get("ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD").unwrap_or_default(),
            ),
            state: get("STANDIN_ZITADEL_STATE")
                .unwrap_or_else(|| "zitadel.json".to_owned())
                .into(),
        })
    }

    /// The address that clients are told.
    pub fn issuer(&self) -> String {
        let (scheme, usual) = if self.external_secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let domain = &self.domains[0];
        if self.external_port == usual {
            format!("{scheme}://{domain}")
        } else {
            format!("{scheme}://{domain}:{}", self.external_port)
        }
    }

    /// Whether a Host header names this server; the port does not count.
    pub fn knows(&self, host: &str) -> bool {
        let bare = match host.rsplit_once(':') {
            Some((bare, port)) if port.bytes().all(|c| c.is_ascii_digit()) => bare,
            _ => host,
        };
        self.domains
            .iter()
            .any(|name| name.eq_ignore_ascii_case(bare))
    }
}

/// A file's names as the environment writes them.
fn named(text: &str) -> impl Iterator<Item = (String, String)> {
    nested::flatten(text, "_")
        .into_iter()
        .map(|(name, value)| (format!("ZITADEL_{}", name.to_uppercase()), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_the_environment_name_the_same_things() {
        let flat: BTreeMap<String, String> = named(
            "# x\nPort: 9000\nExternalDomain: 'login.example.com' # y\nFirstInstance:\n  PatPath: /a\n  Org:\n    Name: X\nTLS:\n  Enabled: false\n",
        ).collect();
        assert_eq!(flat["ZITADEL_PORT"], "9000");
        assert_eq!(flat["ZITADEL_EXTERNALDOMAIN"], "login.example.com");
        assert_eq!(flat["ZITADEL_FIRSTINSTANCE_PATPATH"], "/a");
        assert_eq!(flat["ZITADEL_FIRSTINSTANCE_ORG_NAME"], "X");
        assert_eq!(flat["ZITADEL_TLS_ENABLED"], "false");
    }
}
