//! What the program reads from its environment, which `.env` of the working folder or a parent fills up.

use std::path::PathBuf;

/// The environment, read once.
#[derive(Debug)]
pub struct Environment {
    pub vault_addr: String,
    pub vault_token: String,
    pub vault_cacert: Option<PathBuf>,
    pub vault_skip_verify: bool,
    pub port: u16,
    /// Only these bots are looked at; empty means all.
    pub load_only: Vec<String>,
    /// Seconds between two scans.
    pub scan_interval: u64,
    pub work: PathBuf,
    pub stack: PathBuf,
    pub tls: bool,
}

impl Environment {
    /// From the process, `.env` included: what is set stays, and a broken file says nothing.
    pub fn load() -> Result<Self, String> {
        let _ = dotenvy::dotenv();
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        // Without it the original begins to install a whole stack of its own, which no node is for.
        let vault_addr = read("VAULT_ADDR")
            .filter(|address| !address.is_empty())
            .ok_or("VAULT_ADDR is not set: start me with systemctl")?;
        let number = |name: &str| read(name).and_then(|text| text.parse().ok());
        let folder = |name: &str, default: &str| {
            PathBuf::from(read(name).unwrap_or_else(|| default.to_owned()))
        };
        Ok(Self {
            vault_addr: vault_addr.trim_end_matches('/').to_owned(),
            vault_token: read("VAULT_TOKEN").unwrap_or_default(),
            vault_cacert: read("VAULT_CACERT").map(PathBuf::from),
            vault_skip_verify: read("VAULT_SKIP_VERIFY").is_some_and(|text| yes(&text)),
            port: read("PORT")
                .and_then(|text| text.parse().ok())
                .unwrap_or(8080),
            load_only: read("LOAD_ONLY")
                .map(|text| list(&text))
                .unwrap_or_default(),
            scan_interval: number("DRIVE_SCAN_INTERVAL").unwrap_or(5),
            work: folder("GBO_WORK_PATH", "/opt/gbo/work"),
            stack: folder("GBO_STACK_PATH", "/opt/gbo"),
            tls: !read("BOTSERVER_DISABLE_TLS").is_some_and(|text| yes(&text)),
        })
    }
}

fn yes(text: &str) -> bool {
    text == "true" || text == "1"
}

fn list(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::from(|name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_but_vault_is_needed_and_the_port_is_not_the_documented_one() {
        let environment = environment(&[("VAULT_ADDR", "https://vault:8200/")]).unwrap();
        assert_eq!(environment.port, 8080);
        assert_eq!(environment.scan_interval, 5);
        assert_eq!(environment.vault_addr, "https://vault:8200");
        assert_eq!(environment.work, PathBuf::from("/opt/gbo/work"));
        assert!(environment.tls && !environment.vault_skip_verify);
    }

    #[test]
    fn without_an_address_of_vault_it_does_not_start() {
        assert!(environment(&[]).is_err());
        assert!(environment(&[("VAULT_ADDR", "")]).is_err());
    }

    #[test]
    fn what_is_set_counts_and_work_dir_does_not() {
        let environment = environment(&[
            ("VAULT_ADDR", "http://vault"),
            ("WORK_DIR", "/elsewhere"),
            ("LOAD_ONLY", "demo, other,"),
            ("BOTSERVER_DISABLE_TLS", "1"),
            ("PORT", "5858"),
        ])
        .unwrap();
        assert_eq!(environment.work, PathBuf::from("/opt/gbo/work"));
        assert_eq!(environment.load_only, ["demo", "other"]);
        assert_eq!((environment.port, environment.tls), (5858, false));
    }
}
