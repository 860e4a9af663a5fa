//! What `vault server -config=FILE` reads: where to listen, where to store, how long tokens may live.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{duration, hcl};
use crate::server::Tls;

/// 32 days, which Vault takes for both when a file says nothing.
const LEASE: u64 = 768 * 3600;

/// A server's configuration.
pub struct Config {
    /// At least one.
    pub listeners: Vec<Listener>,
    /// The folder of `storage "file"`.
    pub storage: PathBuf,
    /// What clients are told to use.
    pub api_addr: String,
    /// Seconds a token lives when it asks for nothing.
    pub default_lease_ttl: u64,
    /// Seconds no token outlives, whatever it asks for.
    pub max_lease_ttl: u64,
}

/// One `listener "tcp"`.
pub struct Listener {
    /// `host:port`.
    pub address: String,
    /// `None` when `tls_disable` is set.
    pub tls: Option<Tls>,
}

/// Reads a file, or every `.hcl` and `.json` file of a folder one after the other.
pub fn read(path: &Path) -> Result<Config, String> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = std::fs::read_dir(path)
            .map_err(|e| format!("{}: {e}", path.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|file| file.extension().is_some_and(|e| e == "hcl" || e == "json"))
            .collect();
        files.sort();
    }
    let mut body = hcl::Body::default();
    for file in &files {
        let text = std::fs::read_to_string(file)
            .map_err(|e| format!("error loading configuration from {}: {e}", file.display()))?;
        let more = hcl::parse(&text)
            .map_err(|e| format!("error loading configuration from {}: {e}", file.display()))?;
        body.attributes.extend(more.attributes);
        body.blocks.extend(more.blocks);
    }
    from(&body)
}

fn from(body: &hcl::Body) -> Result<Config, String> {
    let mut config = Config {
        listeners: Vec::new(),
        storage: PathBuf::new(),
        api_addr: text(&body.attributes, "api_addr").unwrap_or_default(),
        default_lease_ttl: lease(&body.attributes, "default_lease_ttl")?,
        max_lease_ttl: lease(&body.attributes, "max_lease_ttl")?,
    };
    for block in &body.blocks {
        let attributes = &block.body.attributes;
        match (block.kind.as_str(), block.label.as_str()) {
            ("listener", "tcp") => config.listeners.push(listener(attributes)?),
            ("storage" | "backend", "file") => {
                config.storage = text(attributes, "path")
                    .ok_or("'path' must be set for the file storage")?
                    .into();
            }
            ("storage" | "backend", other) => {
                return Err(format!(
                    "Unknown storage type {other}: this stand-in stores in files"
                ));
            }
            ("listener", other) => return Err(format!("unknown listener type: {other:?}")),
            // Telemetry and its like change nothing that can be seen from outside.
            _ => {}
        }
    }
    if config.storage.as_os_str().is_empty() {
        return Err("A storage backend must be specified".to_owned());
    }
    if config.listeners.is_empty() {
        return Err("no listeners are configured".to_owned());
    }
    Ok(config)
}

fn listener(attributes: &Map<String, Value>) -> Result<Listener, String> {
    let address = text(attributes, "address").unwrap_or_else(|| "127.0.0.1:8200".to_owned());
    let disabled = attributes.get("tls_disable").is_some_and(|value| {
        matches!(value.as_str(), Some("true" | "1"))
            || value == &Value::Bool(true)
            || value == &Value::from(1)
    });
    let tls = match (
        disabled,
        text(attributes, "tls_cert_file"),
        text(attributes, "tls_key_file"),
    ) {
        (true, ..) => None,
        (false, Some(certificate), Some(key)) => Some(Tls {
            certificate: certificate.into(),
            key: key.into(),
        }),
        (false, None, _) => return Err("'tls_cert_file' must be set".to_owned()),
        (false, _, None) => return Err("'tls_key_file' must be set".to_owned()),
    };
    Ok(Listener { address, tls })
}

fn text(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    attributes.get(name)?.as_str().map(str::to_owned)
}

fn lease(attributes: &Map<String, Value>, name: &str) -> Result<u64, String> {
    match attributes.get(name) {
        Some(value) => duration::parse(value).map_err(|e| format!("{name}: {e}")),
        None => Ok(LEASE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Config, String> {
        from(&hcl::parse(text).unwrap())
    }

    #[test]
    fn a_listener_has_tls_unless_it_is_disabled_in_any_spelling() {
        let tls = of("storage \"file\" { path = \"/x\" }\nlistener \"tcp\" { address = \":1\"\n tls_cert_file = \"c\"\n tls_key_file = \"k\" }").unwrap();
        assert!(tls.listeners[0].tls.is_some());
        for off in ["true", "1", "\"true\"", "\"1\""] {
            let text = format!(
                "storage \"file\" {{ path = \"/x\" }}\nlistener \"tcp\" {{ tls_disable = {off} }}"
            );
            assert!(of(&text).unwrap().listeners[0].tls.is_none(), "{off}");
        }
    }

    #[test]
    fn a_configuration_without_storage_listener_or_certificate_is_refused() {
        for text in [
            "listener \"tcp\" { tls_disable = 1 }",
            "storage \"file\" { path = \"/x\" }",
            "storage \"file\" { path = \"/x\" }\nlistener \"tcp\" { }",
            "storage \"consul\" { path = \"x\" }",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_live_32_days_at_most_unless_the_file_says_otherwise() {
        let base = "storage \"file\" { path = \"/x\" }\nlistener \"tcp\" { tls_disable = 1 }\n";
        assert_eq!(of(base).unwrap().max_lease_ttl, 768 * 3600);
        let longer = of(&format!("{base}max_lease_ttl = \"8760h\"")).unwrap();
        assert_eq!(longer.max_lease_ttl, 8760 * 3600);
    }
}
