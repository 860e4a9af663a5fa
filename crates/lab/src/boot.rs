//! `lab up`: all nodes are started first, then their addresses are pinned and their names made
//! known, then they are set up, each after those that it needs.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::StreamExt as _;
use runproof_site::CancellationToken;

use crate::Events;
use crate::engine::{EngineChoice, Place};
use crate::error::LabError;
use crate::journal::{Journal, Made};
use crate::launch::{self, Start};
use crate::name::LabName;
use crate::parts::Parts;
use crate::preflight::Flags;
use crate::reap::Known;
use crate::record::{NodeRecord, Record};
use crate::role::Roles;
use crate::secrets::{Secrets, word};
use crate::setting::Setting;
use crate::state::Folder;
use crate::{images, preflight, reap, site_file, standin, upstream};

/// How many nodes are worked on at once: more only wait for the machine's cores and disk.
pub(crate) const AT_ONCE: usize = 6;

/// The last part of the first node's address in a network of the lab's own.
const FIRST_ADDRESS: usize = 10;

/// What `up` is asked for.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The lab's name.
    pub name: LabName,
    /// Which engine.
    pub engine: EngineChoice,
    /// The reading of the documents: `incus` or `lxd`.
    pub profile: String,
    /// The roles; none means all that are not optional.
    pub roles: Vec<String>,
    /// Where servers that Debian lacks come from.
    pub servers: Servers,
    /// Values for roles' parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// Leave a lab that did not come up as it is, to look at it.
    pub keep: bool,
}

/// Where servers that Debian lacks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// A stand-in plays them.
    Standins,
    /// From public images where a role names one; an error where none can be had.
    Upstream,
    /// The same, with a stand-in where none can be had.
    UpstreamElseStandins,
}

/// Makes a lab. What a killed command left of one of that name is removed first.
///
/// # Errors
/// When it does not come up; unless `keep` is set, nothing of it is left then.
pub async fn up(
    options: &UpOptions,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let parts = Parts::load()?;
    let roles = Roles::choose(&parts, &options.roles, &options.parameters)?;
    let folder = Folder::of(&options.name)?;
    let _held = folder.hold()?;
    if let Some(record) = Record::read(&folder)?.filter(|record| record.complete) {
        return already_there(record, options, &roles);
    }
    let place = Place::open(options.engine).await?;
    reap::refuse_others(&folder).await?;
    let known = Known::read(&folder)?;
    let swept = known.sweep(events).await?;
    if !swept.removed.is_empty() {
        events.note(&format!(
            "removed what was left of the lab {}: {}",
            options.name,
            swept.removed.join(", ")
        ));
    }
    swept.tell_left(&options.name, events);
    known.refuse_taken(&place, &roles.names()).await?;
    folder.remove()?;
    let came_along: Vec<String> = roles
        .names()
        .into_iter()
        .filter(|role| !options.roles.is_empty() && !options.roles.contains(role))
        .collect();
    if !came_along.is_empty() {
        events.note(&format!(
            "these come along, for others need them: {}",
            came_along.join(", ")
        ));
    }
    let result = make(&folder, &place, &parts, &roles, options, events, cancel).await;
    if let Err(error) = &result
        && folder.path().exists()
        && !(options.keep && error.kind == crate::Kind::Failed)
    {
        events.note("removing what was made");
        Known::read(&folder)?.sweep(events).await?;
        folder.remove()?;
    }
    result
}

/// Makes the nodes of a lab that has none any more, for who holds it.
pub(crate) async fn make(
    folder: &Folder,
    place: &Place,
    parts: &Parts,
    roles: &Roles,
    options: &UpOptions,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> Result<Record, LabError> {
    let (flags, notes) = preflight::check(place, roles.names().len()).await?;
    for note in notes {
        events.note(&note);
    }
    let standin = standin::load_for(roles)?;
    folder.make()?;
    let making = Making {
        parts,
        roles,
        folder,
        place,
        flags: &flags,
        standin: &standin,
        options,
        events,
        cancel,
    };
    making.run().await
}

fn already_there(record: Record, options: &UpOptions, roles: &Roles) -> Result<Record, LabError> {
    let names = roles.names();
    let same_roles = options.roles.is_empty()
        || names.len() == record.nodes.len()
            && names.iter().all(|role| record.nodes.contains_key(role));
    let same_engine = match options.engine {
        EngineChoice::Any => true,
        EngineChoice::This(engine) => engine == record.engine,
    };
    let same_variants = options.parameters.is_empty() || options.parameters == record.parameters;
    if same_roles && same_engine && same_variants && record.profile == options.profile {
        return Ok(record);
    }
    let nodes: Vec<&str> = record.nodes.keys().map(String::as_str).collect();
    let variants = record.parameters.iter();
    let variants: String = variants.map(|(k, v)| format!(", {k}={v}")).collect();
    Err(LabError::usage(format!(
        "there is a lab {} already: {}, profile {}{variants}, {}",
        record.name,
        record.engine.as_str(),
        record.profile,
        nodes.join(", ")
    ))
    .help("another --name, or `runproof lab down` first"))
}

/// The address of the node at a place of the order, in a network of the lab's own.
fn chosen(record: &Record, at: usize) -> Option<String> {
    record.network.as_ref()?;
    let (network, _) = record.subnet.as_ref()?.rsplit_once('.')?;
    Some(format!("{network}.{}", FIRST_ADDRESS + at))
}

/// All that the steps share.
struct Making<'a> {
    parts: &'a Parts,
    roles: &'a Roles,
    folder: &'a Folder,
    place: &'a Place,
    flags: &'a Flags,
    standin: &'a [u8],
    options: &'a UpOptions,
    events: &'a dyn Events,
    cancel: &'a CancellationToken,
}

impl Making<'_> {
    async fn run(&self) -> Result<Record, LabError> {
        let (place, options) = (self.place, self.options);
        let mut names: Vec<String> = self
            .roles
            .iter()
            .map(|(_, spec)| spec.image.clone())
            .collect();
        names.sort();
        names.dedup();
        self.events.step("images for", &names);
        let images = images::ready(
            self.parts,
            place,
            &names,
            self.folder.path(),
            self.events,
            self.cancel,
        )
        .await?;

        let daemon = place.daemon().await?;
        let mut record = Record {
            name: options.name.clone(),
            engine: place.kind(),
            daemon: daemon.id,
            machine: daemon.machine,
            profile: options.profile.clone(),
            made: jiff::Timestamp::now().to_string(),
            network: None,
            subnet: None,
            nonce: word(16)?,
            nodes: BTreeMap::new(),
            parameters: options.parameters.clone(),
            roles: self.roles.names(),
            complete: false,
        };
        record.write(self.folder)?;
        let mut secrets = Secrets::make()?;
        secrets.write(self.folder)?;
        let journal = Journal::open(self.folder)?;
        journal.will(
            place.kind(),
            Made::Network {
                name: options.name.to_string(),
            },
        )?;
        let network = place.make_network(&options.name, &record.nonce).await?;
        if let Some((network, subnet)) = network {
            record.network = Some(network);
            record.subnet = Some(subnet);
        }

        let programs = self.programs(&record, &journal).await?;
        let (nodes, subnet) = self.launch(&record, &images, &journal).await?;
        record.nodes = nodes;
        record.subnet = record.subnet.or(subnet);
        record.write(self.folder)?;
        launch::write_names(place, &record, None).await?;
        let all: BTreeSet<String> = self.roles.names().into_iter().collect();
        let set_up = Setting {
            parts: self.parts,
            roles: self.roles,
            place,
            standin: self.standin,
            programs: &programs,
            events: self.events,
            cancel: self.cancel,
        };
        set_up
            .run(&mut record, &mut secrets, &all, self.folder)
            .await?;
        record.complete = true;
        let known: Vec<String> = Roles::known()?.into_keys().collect();
        site_file::write(self.folder, &record, &known, &secrets)?;
        record.write(self.folder)?;
        Ok(record)
    }

    async fn programs(
        &self,
        record: &Record,
        journal: &Journal,
    ) -> Result<upstream::Programs, LabError> {
        let fetch = upstream::fetch(record, journal, self.roles, self.events);
        match self.options.servers {
            Servers::Standins => Ok(upstream::Programs::new()),
            Servers::Upstream => fetch.await,
            Servers::UpstreamElseStandins => Ok(fetch.await.unwrap_or_else(|error| {
                self.events
                    .note(&format!("{error}; stand-ins play instead"));
                upstream::Programs::new()
            })),
        }
    }

    /// Starts every node, and gives each its address; the network in which they are.
    async fn launch(
        &self,
        record: &Record,
        images: &BTreeMap<String, String>,
        journal: &Journal,
    ) -> Result<(BTreeMap<String, NodeRecord>, Option<String>), LabError> {
        self.events.step("starting", &self.roles.names());
        let mut work = futures_util::stream::iter(self.roles.iter().enumerate().map(
            |(at, (role, spec))| async move {
                let image = images.get(&spec.image);
                let image =
                    image.ok_or_else(|| LabError::failed(format!("no image {}", spec.image)))?;
                let start = Start {
                    place: self.place,
                    journal,
                    record,
                    flags: self.flags,
                    cancel: self.cancel,
                };
                let address = chosen(record, at);
                let made = start.node(role, spec, image, address.as_deref()).await?;
                self.events.done(role);
                Ok::<_, LabError>((role.to_owned(), made))
            },
        ))
        .buffer_unordered(AT_ONCE);
        let (mut nodes, mut subnet) = (BTreeMap::new(), None);
        while let Some(made) = work.next().await {
            let (role, (node, network)) = made?;
            nodes.insert(role, node);
            subnet = network.or(subnet);
        }
        Ok((nodes, subnet))
    }
}
