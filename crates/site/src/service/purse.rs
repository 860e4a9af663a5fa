//! The credentials of a site: fetched when somebody needs them, once, and kept in memory only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use runproof_facts::parse::dotenv::{dotenvy, systemd};
use runproof_facts::service::{Endpoint, NO_CREDENTIAL, Url, Vantage};
use runproof_model::site::NodeRef;
use runproof_model::{Observed, Reason, ReasonKind, Role};
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::vault::{Access, Hidden};
use super::{Desk, file};
use crate::backend::Target;
use crate::gather::target_of;

/// The env file at the beginning of the documented chain.
const ENV_ROLE: &str = "system";
const ENV_PATH: &str = "/opt/gbo/bin/.env";
/// Where the documents keep the directory's token.
const PAT_ROLE: &str = "directory";
const PAT_PATH: &str = "/opt/gbo/conf/directory/admin-pat.txt";
/// The largest file of a credential.
const FILE_CAP: u64 = 64 << 10;

/// What came of reading a secret of the Vault.
pub(super) type Values = Observed<Arc<BTreeMap<String, Hidden>>>;

/// Credentials that were fetched.
#[derive(Default)]
pub(super) struct Purse {
    access: OnceCell<Result<Arc<Access>, Reason>>,
    secrets: Mutex<BTreeMap<String, Arc<OnceCell<Values>>>>,
}

/// Who logs in.
#[derive(Clone)]
pub(super) struct Login {
    /// The account or access key; empty when only the secret matters.
    pub user: Zeroizing<String>,
    /// Password, secret or token.
    pub secret: Zeroizing<String>,
    /// The database that comes with it.
    pub database: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    fn secret(secret: Zeroizing<String>) -> Self {
        Self {
            user: Zeroizing::default(),
            secret,
            database: None,
        }
    }
}

impl Desk<'_> {
    /// The credential of that name; when there is none, what to do about it.
    async fn login(&self, name: &str) -> Result<Login, Reason> {
        let own = &self.session.site.credentials;
        match name {
            "vault" => Ok(Login::secret(self.access().await?.token.clone())),
            "tables" | "auditor" => {
                let auditor = own.auditor.as_ref().filter(|_| name == "auditor");
                match auditor.or(own.tables.as_ref()) {
                    Some(login) => {
                        let secret = local(&login.password_file)?;
                        let user = login.user.clone().unwrap_or_else(|| "gbuser".to_owned());
                        Ok(Login {
                            user: Zeroizing::new(user),
                            secret,
                            database: None,
                        })
                    }
                    None => self.stored("tables", Some("username"), "password").await,
                }
            }
            "drive" => match &own.drive {
                Some(login) => Ok(Login {
                    user: Zeroizing::new(login.access_key.clone()),
                    secret: local(&login.secret_file)?,
                    database: None,
                }),
                None => self.stored(name, Some("accesskey"), "secret").await,
            },
            "cache" => match &own.cache {
                Some(login) => Ok(Login {
                    user: Zeroizing::new(login.user.clone().unwrap_or_default()),
                    secret: local(&login.password_file)?,
                    database: None,
                }),
                None => self.stored(name, None, "password").await,
            },
            "directory" => match &own.directory {
                Some(login) => Ok(Login::secret(local(&login.pat_file)?)),
                None => self.pat().await,
            },
            "alm" => token(name, own.alm.as_ref().map(|one| &one.token_file)),
            "vectordb" => token(name, own.vectordb.as_ref().map(|one| &one.token_file)),
            "llm" => token(name, own.llm.as_ref().map(|one| &one.token_file)),
            _ => Err(missing(name, "no credential has this name")),
        }
    }

    /// The credential of that name, for a service that may have it. A suite may come from a
    /// pull request: it must not be able to send a password of PROD to an address of its own.
    pub(super) async fn login_at(
        &self,
        name: &str,
        from: Vantage,
        to: &Endpoint,
    ) -> Result<Login, Reason> {
        if name == NO_CREDENTIAL {
            return Err(Reason::new(
                ReasonKind::NotAllowed,
                "asked without a credential",
            ));
        }
        let named = |node: &NodeRef| match node {
            NodeRef::Instance(instance) => {
                let rest = to.host.strip_prefix(instance.as_str());
                rest.is_some_and(|rest| ["", ".incus", ".lxd"].contains(&rest))
            }
            NodeRef::Absent(_) | NodeRef::Hypervisor(_) => false,
        };
        let address = to.host.parse::<std::net::Ipv4Addr>();
        let ours = (from == Vantage::Node && to.is_loopback())
            || address.is_ok_and(|address| address.is_private())
            || self.session.site.nodes.values().any(named);
        // Whom the env file itself names is trusted with the token already.
        let trusted = ours
            || (name == "vault"
                && self
                    .access()
                    .await
                    .is_ok_and(|access| access.url.endpoint == *to));
        if !trusted {
            return Err(Reason::new(
                ReasonKind::NotAllowed,
                format!("{to} is no node of this site: it is not given the credential `{name}`"),
            ));
        }
        let login = self.login(name).await;
        #[cfg(debug_assertions)]
        panic_when_asked(name, &login);
        login
    }

    /// A login that the Vault keeps under the documented path.
    async fn stored(&self, name: &str, user: Option<&str>, secret: &str) -> Result<Login, Reason> {
        let vault = self.session.site.credentials.vault.as_ref();
        let prefix = vault
            .and_then(|vault| vault.prefix.as_deref())
            .unwrap_or("gbo");
        let path = format!("{prefix}/{name}");
        let values = match self.values(&path).await {
            Observed::Known(values) => values,
            // That the Vault lacks it proves nothing about the service.
            Observed::Absent => return Err(missing(name, &format!("the Vault has no {path}"))),
            Observed::Unknown(reason) => {
                return Err(Reason::new(
                    reason.kind,
                    format!("credential `{name}`: {}", reason.detail),
                ));
            }
        };
        let get = |key: &str| {
            values
                .get(key)
                .map(Hidden::text)
                .ok_or_else(|| missing(name, &format!("{path} in the Vault has no key {key}")))
        };
        Ok(Login {
            user: match user {
                Some(key) => get(key)?,
                None => Zeroizing::default(),
            },
            secret: get(secret)?,
            database: values.get("database").map(|value| value.text().to_string()),
        })
    }

    /// The values of a secret of the Vault, read once.
    pub(super) async fn values(&self, path: &str) -> Values {
        let cell = {
            let mut secrets = self.purse.secrets.lock().await;
            Arc::clone(secrets.entry(path.to_owned()).or_default())
        };
        let read = || async {
            match self.access().await {
                Ok(access) => access.read(self, path).await,
                Err(reason) => Observed::Unknown(reason),
            }
        };
        cell.get_or_init(read).await.clone()
    }

    /// The way to the Vault that the env file names.
    pub(super) async fn access(&self) -> Result<Arc<Access>, Reason> {
        let found = self.purse.access.get_or_init(|| self.find()).await;
        found.clone()
    }

    async fn find(&self) -> Result<Arc<Access>, Reason> {
        let own = &self.session.site.credentials;
        let (role, path) = own.env.as_ref().map_or_else(
            || (ENV_ROLE.to_owned(), ENV_PATH.to_owned()),
            |env| (env.on.to_string(), env.path.clone()),
        );
        let (target, content) = self.of_role("vault", &role, &path).await?;
        let variables = variables(&content);
        let get = |key: &str| {
            variables
                .get(key)
                .filter(|value| !value.is_empty())
                .cloned()
                .ok_or_else(|| missing("vault", &format!("{path} on {role} does not set {key}")))
        };
        let address = get("VAULT_ADDR")?;
        let url = Url::parse(address.trim_end_matches('/')).map_err(|_| {
            missing(
                "vault",
                &format!("VAULT_ADDR in {path} on {role} is no address"),
            )
        })?;
        let vault = own.vault.clone().unwrap_or_default();
        let token = match &vault.token_file {
            Some(file) => local(file)?,
            None => get("VAULT_TOKEN")?,
        };
        Ok(Arc::new(Access {
            url,
            place: self.session.place(&target),
            ca: get("VAULT_CACERT").ok().map(|path| path.to_string()),
            token,
            mount: vault.mount.unwrap_or_else(|| "secret".to_owned()),
        }))
    }

    /// The token that the documents keep on the directory's own node.
    async fn pat(&self) -> Result<Login, Reason> {
        let (_, content) = self.of_role("directory", PAT_ROLE, PAT_PATH).await?;
        let text = String::from_utf8_lossy(&content);
        let token = Zeroizing::new(text.trim().to_owned());
        if token.is_empty() {
            return Err(missing("directory", &format!("{PAT_PATH} is empty")));
        }
        Ok(Login::secret(token))
    }

    async fn of_role(
        &self,
        name: &str,
        role: &str,
        path: &str,
    ) -> Result<(Target, Arc<Zeroizing<Vec<u8>>>), Reason> {
        let site = &self.session.site;
        let role = Role::new(role).map_err(|e| Reason::new(ReasonKind::Defect, e.to_string()))?;
        let node: Option<&NodeRef> = site.nodes.get(&role);
        let target = node
            .and_then(|node| target_of(site, node))
            .ok_or_else(|| missing(name, &format!("no node plays {role}, which has {path}")))?;
        let content: file::Content = self.file(&target, path).await;
        match content {
            Observed::Known(content) => Ok((target, content)),
            Observed::Absent => Err(missing(name, &format!("{role} has no {path}"))),
            Observed::Unknown(reason) => Err(Reason::new(
                reason.kind,
                format!("credential `{name}`: {path} on {role}: {}", reason.detail),
            )),
        }
    }
}

/// A place at which a test may ask for a panic, with a credential in hand and in its message.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "a test asks for it")]
fn panic_when_asked(name: &str, login: &Result<Login, Reason>) {
    if login.is_ok() && std::env::var_os("RUNPROOF_TEST_PANIC_AT").is_some_and(|at| at == name) {
        std::panic::panic_any(format!("a panic with the credential {name}: {login:?}"));
    }
}

/// What is to be done about a credential that is not there.
fn missing(name: &str, why: &str) -> Reason {
    Reason::new(
        ReasonKind::NotAllowed,
        format!("no credential `{name}`: {why}; give one under `credentials` in the site file"),
    )
}

fn token(name: &str, file: Option<&String>) -> Result<Login, Reason> {
    match file {
        Some(file) => Ok(Login::secret(local(file)?)),
        None => Err(missing(name, "the documented chain has none")),
    }
}

/// A file of this machine that holds one secret.
fn local(path: &str) -> Result<Zeroizing<String>, Reason> {
    let failed = |kind: ReasonKind, why: &str| Reason::new(kind, format!("{path}: {why}"));
    let io = |error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::PermissionDenied {
            ReasonKind::Permission
        } else {
            ReasonKind::NotAllowed
        };
        failed(kind, &error.to_string())
    };
    let size = std::fs::metadata(Path::new(path)).map_err(io)?;
    if !size.is_file() || size.len() > FILE_CAP {
        return Err(failed(ReasonKind::NotAllowed, "it is no small file"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
    let secret = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if secret.is_empty() {
        return Err(failed(ReasonKind::NotAllowed, "it is empty"));
    }
    Ok(secret)
}

/// What botserver sees of an env file: systemd reads it first, and dotenvy
/// overrides nothing that is set.
fn variables(content: &[u8]) -> BTreeMap<String, Zeroizing<String>> {
    let mut variables = BTreeMap::new();
    for assignment in systemd::parse(content).assignments {
        if let Some(value) = assignment.value {
            variables.insert(assignment.key, Zeroizing::new(value));
        }
    }
    for assignment in dotenvy::parse(content).assignments {
        if let Some(value) = assignment.value {
            variables
                .entry(assignment.key)
                .or_insert_with(|| Zeroizing::new(value));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_assignment_counts_as_systemd_has_it() {
        let found = variables(b"VAULT_TOKEN=a\nexport VAULT_ADDR=x\nVAULT_TOKEN=b\n");
        assert_eq!(found["VAULT_TOKEN"].as_str(), "b");
        assert_eq!(found["VAULT_ADDR"].as_str(), "x");
    }

    #[test]
    fn a_missing_credential_says_what_to_do() {
        let reason = token("alm", None).unwrap_err();
        assert!(reason.detail.contains("`credentials`"), "{reason}");
    }

    #[test]
    fn a_login_shows_nothing_of_itself() {
        let login = Login::secret(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(format!("{login:?}"), "Login");
    }
}
