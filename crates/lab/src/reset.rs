//! `lab reset`: a node is removed and made anew at the same address, and what was set up after it
//! is set up again, for it may rest on what the old one had made.

use std::collections::BTreeSet;

use runproof_site::CancellationToken;

use crate::Events;
use crate::boot::{Servers, UpOptions, up};
use crate::engine::EngineChoice;
use crate::error::LabError;
use crate::journal::Journal;
use crate::launch::{self, Start};
use crate::name::LabName;
use crate::parts::Parts;
use crate::record::Record;
use crate::role::Roles;
use crate::secrets::Secrets;
use crate::setting::Setting;
use crate::state::Folder;
use crate::{images, preflight, reap, site_file, standin, upstream};

/// Makes one node of a lab anew, or the whole lab.
///
/// # Errors
/// When there is no such lab or role, or it does not come up again; the lab is then not complete,
/// and the next `up` or `down` removes it.
pub async fn reset(
    name: &LabName,
    role: Option<&str>,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let folder = Folder::of(name)?;
    let held = folder.hold()?;
    let mut record = crate::labs::record_of(&folder)?;
    let Some(role) = role else {
        drop(held);
        reap::down(name, events).await?;
        let options = UpOptions {
            name: name.clone(),
            engine: EngineChoice::This(record.engine),
            profile: record.profile,
            roles: record.nodes.into_keys().collect(),
            servers: Servers::Standins,
            parameters: record.parameters,
            keep: false,
        };
        return up(&options, events, cancel).await;
    };
    let Some(old) = record.nodes.get(role).cloned() else {
        let nodes: Vec<&str> = record.nodes.keys().map(String::as_str).collect();
        return Err(
            LabError::usage(format!("the lab {name} has no role `{role}`"))
                .help(format!("it has: {}", nodes.join(", "))),
        );
    };
    let parts = Parts::load()?;
    let all: Vec<String> = record.nodes.keys().cloned().collect();
    let roles = Roles::choose(&parts, &all, &record.parameters)?;
    let Some(spec) = roles.get(role) else {
        return Err(LabError::usage(format!(
            "no lab has a role `{role}` any more"
        )));
    };
    let place = reap::place_of(&record).await?;
    let (flags, _) = preflight::check(&place, 1).await?;
    let standin = standin::load()?;
    let image = [spec.image.clone()];
    let images =
        images::ready(&parts, record.engine, &image, folder.path(), events, cancel).await?;
    let image = images.values().next().cloned().unwrap_or_default();
    let mut secrets = Secrets::read(&folder)?;

    // From here on the lab is not whole until it is whole again.
    record.complete = false;
    record.write(&folder)?;
    events.step("making anew", &[role.to_owned()]);
    for found in place.find(Some(name)).await? {
        if found.name == old.instance && found.nonce == record.nonce {
            place.remove(&found).await?;
        }
    }
    let journal = Journal::open(&folder)?;
    let start = Start {
        place: &place,
        journal: &journal,
        record: &record,
        flags: &flags,
        cancel,
    };
    let (node, _) = start.node(role, spec, &image, Some(&old.address)).await?;
    record.nodes.insert(role.to_owned(), node);
    record.write(&folder)?;
    launch::write_names(&place, &record.nodes, &record.nonce).await?;
    launch::announce(&place, &record.nodes, role).await?;
    let again: BTreeSet<String> = roles.with_dependants(role);
    let programs = upstream::Programs::new();
    let setting = Setting {
        parts: &parts,
        roles: &roles,
        place: &place,
        standin: &standin,
        programs: &programs,
        events,
        cancel,
    };
    setting
        .run(&mut record, &mut secrets, &again, &folder)
        .await?;
    let known: Vec<String> = Roles::known()?.into_keys().collect();
    site_file::write(&folder, &record, &known, &secrets)?;
    record.complete = true;
    record.write(&folder)?;
    drop(held);
    Ok(record)
}
