//! Removing a lab: whole, half made, or without its folder.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Events;
use crate::engine::{EngineChoice, Found, Place};
use crate::error::LabError;
use crate::journal::{Journal, Made};
use crate::name::LabName;
use crate::record::Record;
use crate::state::Folder;

/// How long a request of a killed process may still be on its way into the daemon.
const ON_ITS_WAY: Duration = Duration::from_millis(700);

/// Removes a lab from every engine, and its folder; what was removed, by name.
///
/// # Errors
/// When another process holds the lab, or an engine does not let it go.
pub async fn down(name: &LabName, events: &dyn Events) -> Result<Vec<String>, LabError> {
    let folder = Folder::of(name)?;
    let _held = folder.hold()?;
    sweep(&folder, events).await
}

/// The same, for whoever holds the lab already.
pub(crate) async fn sweep(folder: &Folder, events: &dyn Events) -> Result<Vec<String>, LabError> {
    let name = folder.name();
    let journal = Journal::read(folder)?;
    let record = Record::read(folder).ok().flatten();
    let places = Place::all().await;
    // A lab whose engine is gone cannot be removed, and forgetting it would leave it for ever.
    let needed: BTreeSet<&str> = journal
        .iter()
        .map(|(engine, _)| engine.as_str())
        .chain(record.iter().map(|record| record.engine.as_str()))
        .collect();
    for engine in needed {
        if !places.iter().any(|place| place.kind().as_str() == engine) {
            return Err(LabError::machine(format!(
                "the lab {name} runs on {engine}, which cannot be reached"
            ))
            .help(format!(
                "start {engine}, then `runproof lab down --name {name}` again"
            )));
        }
    }
    let complete = record.is_some_and(|record| record.complete);
    let mut removed = Vec::new();
    for place in &places {
        let names: BTreeSet<&str> = journal
            .iter()
            .filter(|(engine, _)| engine == place.kind().as_str())
            .filter_map(|(_, made)| match made {
                Made::Instance { name } => Some(name.as_str()),
                Made::Network { .. } => None,
            })
            .collect();
        if !complete
            && journal
                .iter()
                .any(|(engine, _)| engine == place.kind().as_str())
        {
            tokio::time::sleep(ON_ITS_WAY).await;
            settle(place, name, &names).await;
        }
        removed.extend(remove_all(place, name, events).await?);
        place.remove_networks(name).await?;
    }
    folder.remove()?;
    Ok(removed)
}

/// Refuses when an engine has a lab of that name of which this account knows nothing: another
/// account's, perhaps. `lab down` removes it when somebody says so.
pub(crate) async fn refuse_others(folder: &Folder) -> Result<(), LabError> {
    if folder.path().exists() {
        return Ok(());
    }
    let name = folder.name();
    for place in Place::all().await {
        if let Some(one) = place.find(Some(name)).await?.first() {
            return Err(LabError::usage(format!(
                "{} has a lab {name} already, of which this account knows nothing: {}",
                place.kind().as_str(),
                one.name
            ))
            .help(format!(
                "another --name; or `runproof lab down --name {name}` removes it"
            )));
        }
    }
    Ok(())
}

/// Waits while the daemon still works on instances that a killed process asked for.
async fn settle(place: &Place, lab: &LabName, names: &BTreeSet<&str>) {
    for _ in 0..120 {
        let mut making = false;
        for name in names {
            making |= place.making(lab, name).await;
        }
        if !making {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn remove_all(
    place: &Place,
    name: &LabName,
    events: &dyn Events,
) -> Result<Vec<String>, LabError> {
    let found = place.find(Some(name)).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
    events.step("removing", &names);
    let results = futures_util::future::join_all(found.iter().map(|one: &Found| async move {
        let result = place.remove(one).await;
        events.done(&one.name);
        result
    }))
    .await;
    for result in results {
        result?;
    }
    Ok(names)
}

/// The labs of which engines have something, and this account's folders nothing.
pub(crate) async fn strays() -> Result<Vec<(String, String)>, LabError> {
    let known: BTreeSet<String> = Folder::all()?
        .iter()
        .map(|folder| folder.name().to_string())
        .collect();
    let mut strays = BTreeSet::new();
    for place in Place::all().await {
        let engine = place.kind().as_str().to_owned();
        let found = place.find(None).await.unwrap_or_default();
        let labs = found.into_iter().map(|one| one.lab);
        for lab in labs.chain(place.labs_of_networks().await) {
            if !known.contains(&lab) {
                strays.insert((lab, engine.clone()));
            }
        }
    }
    Ok(strays.into_iter().collect())
}

/// The engine of a lab that is there.
pub(crate) async fn place_of(record: &Record) -> Result<Place, LabError> {
    let place = Place::open(EngineChoice::This(record.engine)).await?;
    let daemon = place.daemon().await?;
    if daemon.id != record.daemon {
        return Err(LabError::failed(format!(
            "the lab {} was made by another {} daemon than the one that answers here",
            record.name,
            record.engine.as_str()
        )));
    }
    Ok(place)
}
