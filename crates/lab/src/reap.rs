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

/// Removes a lab from every engine, and its folder; what was removed, by name. Everything that carries
/// the lab's label goes, whoever made it: somebody has said so.
///
/// # Errors
/// When another process holds the lab, or an engine does not let it go.
pub async fn down(name: &LabName, events: &dyn Events) -> Result<Vec<String>, LabError> {
    let folder = Folder::of(name)?;
    let _held = folder.hold()?;
    let known = Known::read(&folder)?;
    let mut removed = Vec::new();
    for place in &known.places().await? {
        known.settle(place).await;
        let found = place.find(Some(name)).await?;
        removed.extend(remove_all(place, &found, events).await?);
        place.remove_networks(name, None).await?;
    }
    folder.remove()?;
    Ok(removed)
}

/// What this account has written down of a lab: nothing else is removed unless somebody says so.
#[derive(Debug)]
pub(crate) struct Known {
    lab: LabName,
    /// What everything of the lab carries; none when there is no record.
    nonce: Option<String>,
    complete: bool,
    /// The engines that have something of it.
    engines: BTreeSet<String>,
    /// Those that have a network of it.
    networks: BTreeSet<String>,
    /// Engine and name of every instance.
    names: BTreeSet<(String, String)>,
    /// Engine and the engine's own identifier of every node.
    ids: BTreeSet<(String, String)>,
}

/// What came of a sweep.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// What was removed, by name.
    pub removed: Vec<String>,
    /// What carries the lab's label and was not written down, with its engine.
    pub left: Vec<String>,
}

impl Known {
    /// Reads it from the lab's folder, which the caller holds.
    pub fn read(folder: &Folder) -> Result<Self, LabError> {
        let journal = Journal::read(folder)?;
        let record = Record::read(folder).ok().flatten();
        Ok(Self::of(folder.name(), journal, record.as_ref()))
    }

    fn of(lab: &LabName, journal: BTreeSet<(String, Made)>, record: Option<&Record>) -> Self {
        let mut known = Self {
            lab: lab.clone(),
            nonce: record.map(|record| record.nonce.clone()),
            complete: record.is_some_and(|record| record.complete),
            engines: BTreeSet::new(),
            networks: BTreeSet::new(),
            names: BTreeSet::new(),
            ids: BTreeSet::new(),
        };
        for (engine, made) in journal {
            known.engines.insert(engine.clone());
            match made {
                Made::Instance { name } => known.names.insert((engine, name)),
                Made::Network { .. } => known.networks.insert(engine),
            };
        }
        if let Some(record) = record {
            let engine = record.engine.as_str();
            known.engines.insert(engine.to_owned());
            for node in record.nodes.values() {
                let (name, id) = (node.instance.clone(), node.id.clone());
                known.names.insert((engine.to_owned(), name));
                known.ids.insert((engine.to_owned(), id));
            }
        }
        known
    }

    /// Whether an instance was written down. One that was copied carries every label, and was not; nor
    /// was another account's lab of that name, nor one on another engine.
    pub fn is_ours(&self, engine: &str, found: &Found) -> bool {
        let nonce = self.nonce.as_ref();
        let written = |all: &BTreeSet<(String, String)>, one: &str| {
            all.contains(&(engine.to_owned(), one.to_owned()))
        };
        found.lab == self.lab.as_str()
            && nonce.is_none_or(|nonce| found.nonce == *nonce)
            && (written(&self.names, &found.name) || written(&self.ids, &found.id))
    }

    /// Every engine that answers; the lab's own have to.
    async fn places(&self) -> Result<Vec<Place>, LabError> {
        let places = Place::all().await;
        let lab = &self.lab;
        let answers = |engine: &str| places.iter().any(|place| place.kind().as_str() == engine);
        // A lab whose engine is gone cannot be removed, and forgetting it would leave it for ever.
        if let Some(engine) = self.engines.iter().find(|engine| !answers(engine)) {
            return Err(LabError::machine(format!(
                "the lab {lab} runs on {engine}, which cannot be reached"
            ))
            .help(format!(
                "start {engine}, then `runproof lab down --name {lab}` again"
            )));
        }
        Ok(places)
    }

    /// Removes what was written down, and names what else carries the lab's label. The folder stays.
    pub async fn sweep(&self, events: &dyn Events) -> Result<Swept, LabError> {
        let mut swept = Swept::default();
        for place in &self.places().await? {
            let engine = place.kind().as_str();
            self.settle(place).await;
            let found = place.find(Some(&self.lab)).await?;
            let (ours, others): (Vec<Found>, Vec<Found>) =
                found.into_iter().partition(|one| self.is_ours(engine, one));
            let others = others.iter().map(|one| format!("{engine}: {}", one.name));
            swept.left.extend(others);
            swept
                .removed
                .extend(remove_all(place, &ours, events).await?);
            if self.networks.contains(engine) {
                let nonce = self.nonce.as_deref();
                place.remove_networks(&self.lab, nonce).await?;
            }
        }
        Ok(swept)
    }

    /// Refuses where an instance that was not written down has the name of a node that is to be made.
    pub async fn refuse_taken(&self, place: &Place, roles: &[String]) -> Result<(), LabError> {
        // One that is being removed has no labels any more, for a moment.
        self.settle(place).await;
        let all = place.list().await?;
        self.refuse_taken_of(place.kind().as_str(), &all, roles)
    }

    fn refuse_taken_of(
        &self,
        engine: &str,
        all: &[Found],
        roles: &[String],
    ) -> Result<(), LabError> {
        let lab = &self.lab;
        let wanted: BTreeSet<String> = roles.iter().map(|role| lab.instance(role)).collect();
        let taken: Vec<&str> = all
            .iter()
            .filter(|one| wanted.contains(&one.name) && !self.is_ours(engine, one))
            .map(|one| one.name.as_str())
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(LabError::failed(format!(
            "refused: {engine} has instances of the names of nodes, and the lab {lab} did not make them: {}",
            taken.join(", ")
        ))
        .help(format!(
            "remove or rename them; `runproof lab down --name {lab}` removes those that carry the lab's label, and the lab"
        )))
    }

    /// Waits while the daemon still works on instances that a killed process asked for.
    async fn settle(&self, place: &Place) {
        let engine = place.kind().as_str();
        if self.complete || !self.engines.contains(engine) {
            return;
        }
        tokio::time::sleep(ON_ITS_WAY).await;
        let nonce = self.nonce.as_deref().unwrap_or_default();
        for _ in 0..120 {
            let mut making = false;
            for (_, name) in self.names.iter().filter(|(at, _)| at == engine) {
                making |= place.making(&self.lab, nonce, name).await;
            }
            if !making {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

impl Swept {
    /// Says what was left alone, and what removes it.
    pub fn tell_left(&self, lab: &LabName, events: &dyn Events) {
        if !self.left.is_empty() {
            events.note(&format!(
                "left alone, for they carry the label of the lab {lab} and it did not make them: {}; \
                 `runproof lab down --name {lab}` removes them, and the lab",
                self.left.join(", ")
            ));
        }
    }
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

async fn remove_all(
    place: &Place,
    found: &[Found],
    events: &dyn Events,
) -> Result<Vec<String>, LabError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
    events.step("removing", &names);
    let results = futures_util::future::join_all(found.iter().map(|one| async move {
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
        ))
        .help(format!(
            "`runproof lab down --name {0}`, then `runproof lab up --name {0}`",
            record.name
        )));
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::{found, record};
    use rstest::rstest;

    fn journal() -> BTreeSet<(String, Made)> {
        let name = "lab-drive".to_owned();
        BTreeSet::from([("incus".to_owned(), Made::Instance { name })])
    }

    fn as_listed(name: &str, id: &str, nonce: &str) -> Found {
        Found {
            name: name.to_owned(),
            id: id.to_owned(),
            nonce: nonce.to_owned(),
            ..found()
        }
    }

    #[rstest]
    #[case::a_node("incus", as_listed("lab-dns", "1", "n"), true)]
    #[case::a_node_that_was_renamed("incus", as_listed("lab-dns-away", "1", "n"), true)]
    #[case::one_that_was_about_to_be_made("incus", as_listed("lab-drive", "3", "n"), true)]
    #[case::a_copy("incus", as_listed("lab-dns-copy", "2", "n"), false)]
    #[case::another_accounts_of_that_name("incus", as_listed("lab-dns", "9", "m"), false)]
    #[case::on_another_engine("docker", as_listed("lab-dns", "1", "n"), false)]
    #[case::no_labs("incus", Found { lab: String::new(), ..found() }, false)]
    #[case::another_labs("incus", Found { lab: "other".to_owned(), ..found() }, false)]
    fn only_what_was_written_down_is_swept(
        #[case] engine: &str,
        #[case] found: Found,
        #[case] ours: bool,
    ) {
        let record = record();
        let known = Known::of(&record.name, journal(), Some(&record));
        assert_eq!(known.is_ours(engine, &found), ours);
    }

    #[rstest]
    #[case("lab-drive", true)]
    #[case("lab-dns", false)]
    fn without_a_record_the_names_in_the_journal_are_all_that_is_known(
        #[case] name: &str,
        #[case] ours: bool,
    ) {
        let known = Known::of(&record().name, journal(), None);
        assert_eq!(known.is_ours("incus", &as_listed(name, "1", "n")), ours);
    }

    #[rstest]
    #[case::ours(as_listed("lab-dns", "1", "n"), true)]
    #[case::by_another_name(as_listed("lab-dns-copy", "2", "n"), true)]
    #[case::another_accounts(as_listed("lab-dns", "2", "m"), false)]
    #[case::no_labs(Found { lab: String::new(), ..found() }, false)]
    fn a_name_that_somebody_else_has_taken_is_refused_with_what_to_do(
        #[case] there: Found,
        #[case] free: bool,
    ) {
        let record = record();
        let known = Known::of(&record.name, journal(), Some(&record));
        let refused = known.refuse_taken_of("incus", &[there], &record.wanted());
        assert_eq!(refused.is_ok(), free, "{refused:?}");
        if let Err(error) = refused {
            assert!(error.problem.ends_with("lab-dns"), "{error}");
            assert!(error.help.unwrap().contains("lab down --name lab"));
        }
    }
}
