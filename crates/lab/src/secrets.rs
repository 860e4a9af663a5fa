//! The secrets of a lab: random, kept in its folder and in its nodes, and nowhere else.

use std::collections::BTreeMap;
use std::fs;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use zeroize::Zeroizing;

use crate::error::{LabError, io};
use crate::state::Folder;

/// The file's name in the lab's folder.
pub(crate) const FILE: &str = "secrets.json";

/// Passwords and keys that several nodes share, by the variable that set-ups read.
const SHARED: &[&str] = &[
    "LAB_DB_PASSWORD",
    "LAB_DB_ADMIN_PASSWORD",
    "LAB_ALM_DB_PASSWORD",
    "LAB_DRIVE_KEY",
    "LAB_DRIVE_SECRET",
    "LAB_CACHE_PASSWORD",
    "LAB_MAIL_PASSWORD",
    "LAB_JWT_SECRET",
    "LAB_ENCRYPTION_KEY",
    "LAB_DIRECTORY_PAT",
    "LAB_LLM_KEY",
    "LAB_VECTOR_KEY",
    "LAB_MEET_KEY",
    "LAB_MEET_SECRET",
    "LAB_RUNNER_TOKEN",
];

/// Variables of set-ups that are secret, with what set-ups hand on to each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(BTreeMap<String, Zeroizing<String>>);

impl Secrets {
    /// New ones, and an authority whose certificates the lab's nodes trust.
    pub fn make() -> Result<Self, LabError> {
        let mut secrets = Self::default();
        for name in SHARED {
            secrets.set(name, word(16)?);
        }
        let (certificate, key) = authority()?;
        secrets.set("LAB_CA_CRT", certificate);
        secrets.set("LAB_CA_KEY", key);
        Ok(secrets)
    }

    /// Those of a lab that is there.
    pub fn read(folder: &Folder) -> Result<Self, LabError> {
        let path = folder.file(FILE);
        let bytes = Zeroizing::new(fs::read(&path).map_err(|e| io(&path, &e))?);
        let found: BTreeMap<String, String> = serde_json::from_slice(&bytes)
            .map_err(|e| LabError::failed(format!("{}: {e}", path.display())))?;
        Ok(Self(
            found
                .into_iter()
                .map(|(name, value)| (name, Zeroizing::new(value)))
                .collect(),
        ))
    }

    /// Keeps them.
    pub fn write(&self, folder: &Folder) -> Result<(), LabError> {
        let plain: BTreeMap<&str, &str> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let bytes = Zeroizing::new(
            serde_json::to_vec(&plain).map_err(|e| LabError::failed(e.to_string()))?,
        );
        folder.write(&folder.file(FILE), &bytes)
    }

    /// Sets one.
    pub fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), Zeroizing::new(value));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A text for people, without any of them.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for (name, value) in self.iter() {
            for line in value.lines().filter(|line| line.len() >= 8) {
                hidden = hidden.replace(line, &format!("<{name}>"));
            }
        }
        hidden
    }
}

/// Random bytes in hexadecimal.
pub(crate) fn word(bytes: usize) -> Result<String, LabError> {
    let mut random = Zeroizing::new(vec![0_u8; bytes]);
    getrandom::fill(&mut random).map_err(|e| LabError::machine(format!("no randomness: {e}")))?;
    Ok(runproof_model::text::hex(&random))
}

fn authority() -> Result<(String, String), LabError> {
    let failed = |e: rcgen::Error| LabError::failed(format!("no authority for the lab: {e}"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "runproof lab CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left_in_what_people_read() {
        let secrets = Secrets::make().unwrap();
        let all: Vec<String> = secrets.iter().map(|(_, value)| value.to_owned()).collect();
        let hidden = secrets.hide(&all.join(" and "));
        let key_line = secrets.0["LAB_CA_KEY"].lines().nth(1).unwrap();
        assert!(!hidden.contains(key_line));
        assert!(hidden.contains("<LAB_DB_PASSWORD>"));
        assert!(!hidden.contains(secrets.0["LAB_DB_PASSWORD"].as_str()));
    }

    #[test]
    fn secrets_survive_the_folder_and_two_labs_share_none() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path());
        let secrets = Secrets::make().unwrap();
        secrets.write(&folder).unwrap();
        assert_eq!(Secrets::read(&folder).unwrap().0, secrets.0);
        let others = Secrets::make().unwrap();
        assert!(
            secrets
                .iter()
                .all(|(name, value)| others.0[name].as_str() != value)
        );
    }
}
