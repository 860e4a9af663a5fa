//! `lab reset`: a node is removed and made anew at the same address, and what was set up after it
//! is set up again, for it may rest on what the old one had made. Or all nodes are.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use runproof_site::CancellationToken;

use crate::Events;
use crate::boot::{self, Servers, UpOptions};
use crate::engine::{EngineChoice, Found, Place};
use crate::error::LabError;
use crate::journal::Journal;
use crate::labs::no_lab;
use crate::launch::{self, Start};
use crate::name::LabName;
use crate::parts::Parts;
use crate::reap::{self, Known};
use crate::record::{NodeRecord, Record};
use crate::role::Roles;
use crate::secrets::Secrets;
use crate::setting::Setting;
use crate::state::Folder;
use crate::{images, preflight, proof, site_file, standin, upstream};

/// Makes one node of a lab anew, or the whole lab.
///
/// The whole lab is made as it was asked for when it was made first: its engine, its profile, its
/// roles and its parameters. It need not be whole for that, and what an earlier reset or a killed `up`
/// has left of it is removed; once it is whole again so are the files that others have put into its
/// folder, but for their locks. Of a lab that is not whole one node cannot be made anew: all of it is,
/// and then the files of others stay.
///
/// Before one node is replaced all others have to prove to be those that were made, as for a
/// [`LabSite`](crate::LabSite). Nothing is changed before that, and nothing that this account has not
/// written down is removed; what else carries the lab's label is named and left alone.
///
/// # Errors
/// When there is no such lab or role; when another process holds the lab, another node is not the one
/// that was made, or somebody else's instance has the name of a node: nothing is changed then. When it
/// does not come up again: the lab is not whole then, and a reset of the whole lab tries again.
pub async fn reset(
    name: &LabName,
    role: Option<&str>,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let folder = Folder::of(name)?;
    let _held = folder.hold()?;
    let record = Record::read(&folder)?.ok_or_else(|| no_lab(name))?;
    let Some(role) = role else {
        return whole(&folder, record, Others::Go, events, cancel).await;
    };
    has_role(&record, role)?;
    if record.complete {
        return one(&folder, record, role, events, cancel).await;
    }
    events.note(&format!(
        "the lab {name} is not whole, for something ended while it was made: not only {role}, all of it is made anew"
    ));
    whole(&folder, record, Others::Stay, events, cancel).await
}

/// What becomes of the files that others have put into a lab's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// They tell of nodes that are no more.
    Go,
    /// Whoever wanted one node anew goes on with them.
    Stay,
}

fn has_role(record: &Record, role: &str) -> Result<(), LabError> {
    let roles = record.wanted();
    // Of a lab that was killed before its roles were written down nothing is known.
    if roles.is_empty() || roles.iter().any(|one| one == role) {
        return Ok(());
    }
    Err(
        LabError::usage(format!("the lab {} has no role `{role}`", record.name))
            .help(format!("it has: {}", roles.join(", "))),
    )
}

/// What the lab was asked for.
fn options(record: &Record) -> Result<UpOptions, LabError> {
    let (name, roles) = (&record.name, record.wanted());
    if roles.is_empty() {
        return Err(LabError::usage(format!(
            "which roles the lab {name} was to have is not known"
        ))
        .help(format!(
            "`runproof lab up --name {name}` removes what is left of it and makes one"
        )));
    }
    Ok(UpOptions {
        name: name.clone(),
        engine: EngineChoice::This(record.engine),
        profile: record.profile.clone(),
        roles,
        servers: Servers::Standins,
        parameters: record.parameters.clone(),
        keep: false,
    })
}

async fn whole(
    folder: &Folder,
    mut record: Record,
    others: Others,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let options = options(&record)?;
    let parts = Parts::load()?;
    let roles = Roles::choose(&parts, &options.roles, &options.parameters)?;
    let place = reap::place_of(&record).await?;
    let known = Known::read(folder)?;
    known.refuse_taken(&place, &roles.names()).await?;
    // Asked once more before the nodes are made; here they still stand.
    preflight::confined(&place).await?;

    // From here on the lab is not whole until it is whole again. Its record stays all the while:
    // whatever kills us, it says what the lab is to be.
    if record.complete {
        record.complete = false;
        record.write(folder)?;
    }
    known.sweep(events).await?.tell_left(folder.name(), events);
    let made = boot::make(folder, &place, &parts, &roles, &options, events, cancel).await;
    if made.is_err() {
        events.note("removing what was made");
        Known::read(folder)?.sweep(events).await?;
    } else if others == Others::Go {
        // Not before: a journal of faults lets the next command go on with this, should we be killed.
        folder.remove_others()?;
    }
    made
}

async fn one(
    folder: &Folder,
    mut record: Record,
    role: &str,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let parts = Parts::load()?;
    let all: Vec<String> = record.nodes.keys().cloned().collect();
    let roles = Roles::choose(&parts, &all, &record.parameters)?;
    let (Some(spec), Some(old)) = (roles.get(role), record.nodes.get(role).cloned()) else {
        return Err(LabError::usage(format!(
            "no lab has a role `{role}` any more"
        )));
    };
    let place = reap::place_of(&record).await?;
    let (flags, _) = preflight::check(&place, 1).await?;
    let standin = standin::load_for(&roles)?;
    let image = [spec.image.clone()];
    let images = images::ready(&parts, &place, &image, folder.path(), events, cancel).await?;
    let image = images.values().next().cloned().unwrap_or_default();
    let mut secrets = Secrets::read(folder)?;
    let found = place.find(Some(&record.name)).await?;
    refuse_copies(&record, role, &old, &found)?;
    Known::read(folder)?
        .refuse_taken(&place, &[role.to_owned()])
        .await?;
    prove_others(&place, &record, role, &found).await?;

    // From here on the lab is not whole until it is whole again.
    record.complete = false;
    record.write(folder)?;
    events.step("making anew", &[role.to_owned()]);
    for replaced in found.iter().filter(|one| is_the_node(one, &record, &old)) {
        place.remove(replaced).await?;
    }
    let journal = Journal::open(folder)?;
    let start = Start {
        place: &place,
        journal: &journal,
        record: &record,
        flags: &flags,
        cancel,
    };
    let (node, _) = start.node(role, spec, &image, Some(&old.address)).await?;
    record.nodes.insert(role.to_owned(), node);
    record.write(folder)?;
    launch::write_names(&place, &record, Some(role)).await?;
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
        .run(&mut record, &mut secrets, &again, folder)
        .await?;
    let known: Vec<String> = Roles::known()?.into_keys().collect();
    site_file::write(folder, &record, &known, &secrets)?;
    record.complete = true;
    record.write(folder)?;
    Ok(record)
}

/// Whether an instance is the node that is replaced, by its own name or by another one.
fn is_the_node(found: &Found, record: &Record, node: &NodeRecord) -> bool {
    found.nonce == record.nonce && (found.name == node.instance || found.id == node.id)
}

/// Refuses where a copy would claim to be the node that is made anew.
fn refuse_copies(
    record: &Record,
    role: &str,
    node: &NodeRecord,
    found: &[Found],
) -> Result<(), LabError> {
    let copies: Vec<&str> = found
        .iter()
        .filter(|one| one.role == role && one.nonce == record.nonce)
        .filter(|one| !is_the_node(one, record, node))
        .map(|one| one.name.as_str())
        .collect();
    if copies.is_empty() {
        return Ok(());
    }
    let name = &record.name;
    Err(LabError::failed(format!(
        "refused: the node {role} of the lab {name}: {} is the one that was made, and these carry its labels too: {}",
        node.instance,
        copies.join(", ")
    ))
    .help(format!(
        "remove them; `runproof lab reset --name {name}` makes the whole lab anew, with labels that they do not carry"
    )))
}

/// Proves that all other nodes are those that were made, for they are told the names of all and some
/// of them are set up again.
async fn prove_others(
    place: &Place,
    record: &Record,
    role: &str,
    found: &[Found],
) -> Result<(), LabError> {
    proof::listed(record, found, Some(role))?;
    let others = record.nodes.iter().filter(|(other, _)| *other != role);
    try_join_all(others.map(|(other, node)| async move {
        match proof::inside(place, record, other, node).await? {
            0 => Ok(()),
            code => Err(LabError::failed(format!(
                "refused: the node {other} of the lab {}: no shell runs in it (code {code})",
                record.name
            ))
            .help(format!(
                "`runproof lab reset --name {}` makes the whole lab anew",
                record.name
            ))),
        }
    }))
    .await
    .map(|_proved| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::{found, node, record};
    use rstest::rstest;

    #[test]
    fn a_lab_is_made_anew_as_it_was_asked_for() {
        let mut record = record();
        record.profile = "lxd".to_owned();
        record.roles = vec!["dns".to_owned(), "drive".to_owned()];
        record
            .parameters
            .insert("cache".to_owned(), "own".to_owned());
        record.nodes.clear();
        let options = options(&record).unwrap();
        assert_eq!(options.engine, EngineChoice::This(record.engine));
        assert_eq!(options.profile, "lxd");
        assert_eq!(options.roles, ["dns", "drive"]);
        assert_eq!(options.parameters, record.parameters);
    }

    #[test]
    fn a_lab_whose_roles_nobody_wrote_down_is_not_made_with_all_there_are() {
        let mut record = record();
        record.nodes.clear();
        let refused = options(&record).unwrap_err();
        assert!(refused.problem.contains("is not known"), "{refused}");
        assert!(refused.help.unwrap().contains("lab up --name lab"));
    }

    #[rstest]
    #[case("dns", true)]
    #[case("drive", false)]
    fn a_role_that_the_lab_does_not_have_is_refused_with_those_that_it_has(
        #[case] role: &str,
        #[case] has: bool,
    ) {
        let asked = has_role(&record(), role);
        assert_eq!(asked.is_ok(), has);
        if let Err(error) = asked {
            assert_eq!(error.help.unwrap(), "it has: dns");
        }
    }

    #[rstest]
    #[case::the_node(found(), true, true)]
    #[case::renamed(Found { name: "lab-dns-away".to_owned(), ..found() }, true, true)]
    #[case::in_its_place(Found { id: "2".to_owned(), ..found() }, true, true)]
    #[case::a_copy(Found { name: "lab-dns-copy".to_owned(), id: "2".to_owned(), ..found() }, false, false)]
    #[case::a_copy_of_an_old_lab(Found { name: "lab-dns-copy".to_owned(), id: "2".to_owned(), nonce: "old".to_owned(), ..found() }, false, true)]
    #[case::somebody_elses(Found { nonce: "x".to_owned(), ..found() }, false, true)]
    fn what_is_replaced_is_the_node_and_a_copy_of_it_is_refused(
        #[case] found: Found,
        #[case] is_the_node: bool,
        #[case] goes_on: bool,
    ) {
        let (record, node) = (record(), node("dns", "1"));
        assert_eq!(super::is_the_node(&found, &record, &node), is_the_node);
        let refused = refuse_copies(&record, "dns", &node, &[found]).err();
        assert_eq!(refused.is_none(), goes_on, "{refused:?}");
        if let Some(error) = refused {
            assert!(error.problem.contains("lab-dns-copy"), "{error}");
        }
    }
}
