//! The site file of a lab, as `check --site NAME` reads it.

use std::collections::BTreeMap;

use runproof_model::site::Engine;

use crate::error::LabError;
use crate::name::LabName;
use crate::parts::Parts;
use crate::record::{NodeRecord, Record};
use crate::role::Roles;
use crate::secrets::{Secrets, word};
use crate::state::Folder;

/// The file of the fingerprints' key, beside the site file.
const KEY: &str = "fingerprint.key";

/// The password of the account that may read every database, beside the site file.
const AUDITOR: &str = "auditor.password";
/// The role whose node has that account.
const TABLES: &str = "tables";

/// Writes the site file, what it names and, once, the key of its fingerprints.
pub(crate) fn write(
    folder: &Folder,
    record: &Record,
    known: &[String],
    secrets: &Secrets,
) -> Result<(), LabError> {
    let key = folder.path().join("sites").join(KEY);
    if !key.exists() {
        folder.write(&key, format!("{}\n", word(32)?).as_bytes())?;
    }
    if record.nodes.contains_key(TABLES)
        && let Some((_, password)) = secrets
            .iter()
            .find(|(name, _)| *name == "LAB_DB_ADMIN_PASSWORD")
    {
        let file = folder.path().join("sites").join(AUDITOR);
        folder.write(&file, password.as_bytes())?;
    }
    folder.write(&folder.site_file(), text(record, known).as_bytes())
}

/// The site file of a lab before it is made, of all roles that are not optional: what is known of
/// it without an engine. Its instances have no addresses yet.
///
/// # Errors
/// When what labs are made of cannot be read.
pub fn foreseen(name: &LabName, engine: Engine, profile: &str) -> Result<String, LabError> {
    let roles = Roles::choose(&Parts::load()?, &[], &BTreeMap::new())?;
    let nodes = roles.names().into_iter().map(|role| {
        let node = NodeRecord {
            instance: name.instance(&role),
            id: String::new(),
            address: String::new(),
            runs: Vec::new(),
        };
        (role, node)
    });
    let record = Record {
        name: name.clone(),
        engine,
        daemon: String::new(),
        machine: name.to_string(),
        profile: profile.to_owned(),
        made: String::new(),
        network: None,
        subnet: None,
        nonce: String::new(),
        parameters: BTreeMap::new(),
        roles: Vec::new(),
        nodes: nodes.collect(),
        complete: false,
    };
    let known: Vec<String> = Roles::known()?.into_keys().collect();
    Ok(text(&record, &known))
}

fn text(record: &Record, known: &[String]) -> String {
    let mut lines = vec![
        format!(
            "# Written by `runproof lab up`; the lab {} is what it describes.",
            record.name
        ),
        format!("site: {}", record.name),
        format!("profile: {}", record.profile),
    ];
    // The same file on another machine would mean other containers.
    let subnet = record
        .subnet
        .as_ref()
        .map_or_else(String::new, |net| format!(", subnet: {net}"));
    lines.push(format!(
        "identity: {{ hostname: {}{subnet} }}",
        record.machine
    ));
    lines.push(format!("reach: {{ engine: {} }}", record.engine.as_str()));
    lines.push(format!("key_file: {KEY}"));
    lines.push("nodes:".to_owned());
    for (role, node) in &record.nodes {
        lines.push(format!("  {role}: {}", node.instance));
    }
    for role in known
        .iter()
        .filter(|role| !record.nodes.contains_key(*role))
    {
        lines.push(format!("  {role}: {{ absent: this lab has no such node }}"));
    }
    lines.push("inputs: { domain: example.com, bots: [demo], caddy_vhosts_min: 20 }".to_owned());
    let standins: Vec<&str> = record
        .nodes
        .iter()
        .filter(|(_, node)| node.standin())
        .map(|(role, _)| role.as_str())
        .collect();
    lines.push(format!("standins: [{}]", standins.join(", ")));
    if record.nodes.contains_key(TABLES) {
        lines.push(format!(
            "credentials: {{ auditor: {{ user: auditor, password_file: {AUDITOR} }} }}"
        ));
    }
    lines.join("\n") + "\n"
}
