//! Where the credentials of a site's services come from. Names and files; never a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::Role;

/// The credentials that queries can name.
pub const CREDENTIALS: &[&str] = &[
    "vault",
    "tables",
    "auditor",
    "drive",
    "cache",
    "directory",
    "alm",
    "vectordb",
    "llm",
];

/// Where credentials come from. What is left out comes by the documented chain: the env file of
/// botserver names the Vault and holds its token, and the Vault holds the rest under `gbo/`.
/// Files are on the machine on which runproof runs, relative to the site file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The env file of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvFile>,
    /// The Vault, and who reads it; an auditor's own token is better than botserver's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultLogin>,
    /// PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<PasswordLogin>,
    /// An account of PostgreSQL that may read every database, the forge's among them; that of
    /// `tables` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditor: Option<PasswordLogin>,
    /// The store of objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive: Option<KeyLogin>,
    /// Valkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PasswordLogin>,
    /// The identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PatLogin>,
    /// The forge; the chain knows no token for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alm: Option<TokenLogin>,
    /// The vector database; the chain knows no key for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectordb: Option<TokenLogin>,
    /// The server of language models; the chain knows no key for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm: Option<TokenLogin>,
}

/// The env file at the beginning of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvFile {
    /// The role of the node that has it.
    pub on: Role,
    /// Its path there.
    pub path: String,
}

/// Who reads the Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultLogin {
    /// The file that holds a token, instead of the env file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The KV mount; `secret` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// The path below which the services' secrets are; `gbo` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordLogin {
    /// The account; the service's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file that holds the password.
    pub password_file: String,
}

/// An access key and its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLogin {
    /// The access key.
    pub access_key: String,
    /// The file that holds the secret.
    pub secret_file: String,
}

/// A personal access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatLogin {
    /// The file that holds it.
    pub pat_file: String,
}

/// A token or key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenLogin {
    /// The file that holds it.
    pub token_file: String,
}

impl Credentials {
    /// Whether everything comes by the chain.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every file of this machine that is named, with the path of its field.
    pub fn files_mut(&mut self) -> Vec<(&'static str, &mut String)> {
        let mut files: Vec<(&'static str, Option<&mut String>)> = vec![
            (
                "credentials.vault.token_file",
                self.vault.as_mut().and_then(|one| one.token_file.as_mut()),
            ),
            (
                "credentials.tables.password_file",
                self.tables.as_mut().map(|one| &mut one.password_file),
            ),
            (
                "credentials.auditor.password_file",
                self.auditor.as_mut().map(|one| &mut one.password_file),
            ),
            (
                "credentials.drive.secret_file",
                self.drive.as_mut().map(|one| &mut one.secret_file),
            ),
            (
                "credentials.cache.password_file",
                self.cache.as_mut().map(|one| &mut one.password_file),
            ),
            (
                "credentials.directory.pat_file",
                self.directory.as_mut().map(|one| &mut one.pat_file),
            ),
        ];
        for (at, token) in [
            ("credentials.alm.token_file", &mut self.alm),
            ("credentials.vectordb.token_file", &mut self.vectordb),
            ("credentials.llm.token_file", &mut self.llm),
        ] {
            files.push((at, token.as_mut().map(|one| &mut one.token_file)));
        }
        files
            .into_iter()
            .filter_map(|(at, file)| Some((at, file?)))
            .collect()
    }

    /// What is wrong beyond the form: field path and message.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut copy = self.clone();
        for (at, file) in copy.files_mut() {
            if file.trim().is_empty() || file.chars().any(char::is_control) {
                problems.push((at.to_owned(), "not the name of a file".to_owned()));
            }
        }
        if let Some(env) = &self.env
            && (!env.path.starts_with('/') || env.path.chars().any(char::is_control))
        {
            problems.push((
                "credentials.env.path".to_owned(),
                "the path on the node must be absolute".to_owned(),
            ));
        }
        let vault = self.vault.clone().unwrap_or_default();
        for (name, part) in [("mount", &vault.mount), ("prefix", &vault.prefix)] {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            if part.as_ref().is_some_and(|part| {
                part.is_empty() || part.contains("..") || !part.chars().all(fine)
            }) {
                problems.push((
                    format!("credentials.vault.{name}"),
                    "not a path of Vault".to_owned(),
                ));
            }
        }
        problems
    }

    /// Where a credential comes from, in words that hold no value.
    pub fn origin(&self, name: &str) -> String {
        let mut copy = self.clone();
        let own = copy
            .files_mut()
            .into_iter()
            .find(|(at, _)| at.split('.').nth(1) == Some(name))
            .map(|(_, file)| format!("the file {file} of this machine"));
        let vault = self.vault.clone().unwrap_or_default();
        let mount = vault.mount.as_deref().unwrap_or("secret");
        let prefix = vault.prefix.as_deref().unwrap_or("gbo");
        let env = self.env.as_ref().map_or_else(
            || "/opt/gbo/bin/.env on system".to_owned(),
            |env| format!("{} on {}", env.path, env.on),
        );
        own.unwrap_or_else(|| match name {
            "auditor" => self.origin("tables"),
            "vault" => format!("VAULT_TOKEN in {env}"),
            "directory" => "/opt/gbo/conf/directory/admin-pat.txt on directory".to_owned(),
            "alm" | "vectordb" | "llm" => {
                format!("nowhere: name it under `credentials.{name}` in the site file")
            }
            _ => format!(
                "{mount}/{prefix}/{name} in the Vault that {env} names, read by the credential `vault`"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_names_places_and_no_values() {
        let own: Credentials = serde_json::from_value(serde_json::json!({
            "tables": { "user": "auditor", "password_file": "tables.password" }
        }))
        .unwrap();
        assert_eq!(
            own.origin("tables"),
            "the file tables.password of this machine"
        );
        assert!(
            own.origin("drive").starts_with(
                "secret/gbo/drive in the Vault that /opt/gbo/bin/.env on system names"
            )
        );
        assert!(own.origin("alm").contains("credentials.alm"));
        assert_eq!(own.origin("auditor"), own.origin("tables"));
    }

    #[test]
    fn every_named_file_is_found() {
        let mut all: Credentials = serde_json::from_value(serde_json::json!({
            "vault": {"token_file": "a"}, "tables": {"password_file": "b"},
            "auditor": {"password_file": "b"}, "drive": {"access_key": "k", "secret_file": "c"}, "cache": {"password_file": "d"},
            "directory": {"pat_file": "e"}, "alm": {"token_file": "f"},
            "vectordb": {"token_file": "g"}, "llm": {"token_file": "h"},
        }))
        .unwrap();
        let names: Vec<&str> = CREDENTIALS.to_vec();
        let files = all.files_mut();
        assert_eq!(files.len(), names.len());
        for (at, _) in files {
            assert!(names.contains(&at.split('.').nth(1).unwrap()), "{at}");
        }
    }
}
