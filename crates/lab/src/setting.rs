//! Setting up many nodes: each after those that it needs, as many at once as that allows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use runproof_site::CancellationToken;

use crate::Events;
use crate::boot::AT_ONCE;
use crate::engine::Place;
use crate::error::LabError;
use crate::parts::Parts;
use crate::record::Record;
use crate::role::{Played, RoleSpec, Roles};
use crate::secrets::Secrets;
use crate::setup::{self, Context};
use crate::state::Folder;
use crate::upstream::Programs;
use crate::wait;

/// What setting up needs.
pub(crate) struct Setting<'a> {
    pub parts: &'a Parts,
    pub roles: &'a Roles,
    pub place: &'a Place,
    pub standin: &'a [u8],
    pub programs: &'a Programs,
    pub events: &'a dyn Events,
    pub cancel: &'a CancellationToken,
}

/// What came of one set-up.
type Done = (String, BTreeMap<String, String>, Vec<Played>);

impl Setting<'_> {
    /// Sets the wanted nodes up; what they export is kept with the secrets, at once.
    pub async fn run(
        &self,
        record: &mut Record,
        secrets: &mut Secrets,
        wanted: &BTreeSet<String>,
        folder: &Folder,
    ) -> Result<(), LabError> {
        let names: Vec<String> = wanted.iter().cloned().collect();
        self.events.step("setting up", &names);
        let mut waiting = wanted.clone();
        let mut under_way: BTreeSet<String> = BTreeSet::new();
        // The nodes are all known by now; only what runs in them is added, at the end.
        let nodes = record.clone();
        let mut work = FuturesUnordered::new();
        let mut found: Vec<(String, Vec<Played>)> = Vec::new();
        loop {
            let mut ready: Vec<String> = waiting
                .iter()
                .filter(|role| {
                    let spec = self.roles.get(role);
                    !spec.is_some_and(|spec| {
                        spec.before()
                            .any(|before| waiting.contains(before) || under_way.contains(before))
                    })
                })
                .cloned()
                .collect();
            // Those for which most others wait go first.
            ready.sort_by_key(|role| Reverse(self.behind(role, wanted.len())));
            ready.truncate(AT_ONCE.saturating_sub(under_way.len()));
            for role in ready {
                waiting.remove(&role);
                under_way.insert(role.clone());
                work.push(self.one(&nodes, secrets.clone(), role));
            }
            let Some(done) = work.next().await else {
                break;
            };
            let (role, exports, played): Done = done?;
            under_way.remove(&role);
            self.events.done(&role);
            if !exports.is_empty() {
                for (name, value) in exports {
                    secrets.set(&name, value);
                }
                secrets.write(folder)?;
            }
            found.push((role, played));
        }
        for (role, played) in found {
            if let Some(node) = record.nodes.get_mut(&role) {
                node.runs = played;
            }
        }
        Ok(())
    }

    /// How long the longest row of roles is that have to wait for this one; a ring has no end, and is
    /// cut where it is as long as there are roles.
    fn behind(&self, role: &str, most: usize) -> usize {
        if most == 0 {
            return 0;
        }
        let waits = |spec: &RoleSpec| spec.before().any(|one| one == role);
        self.roles
            .iter()
            .filter(|(_, spec)| waits(spec))
            .map(|(name, _)| 1 + self.behind(name, most - 1))
            .max()
            .unwrap_or(0)
    }

    async fn one(&self, record: &Record, secrets: Secrets, role: String) -> Result<Done, LabError> {
        let context = Context {
            parts: self.parts,
            record,
            standin: self.standin,
            programs: self.programs,
        };
        let (Some(spec), Some(node)) = (self.roles.get(&role), record.nodes.get(&role)) else {
            return Err(LabError::failed(format!("the lab has no {role}")));
        };
        let work = async {
            setup::lay(self.place, &context, &role, spec, node).await?;
            let exports = setup::run(self.place, &context, &secrets, &role, node).await?;
            wait::listening(self.place, node, &spec.ports, self.cancel).await?;
            let played = setup::played(self.place, &context, spec, node).await;
            Ok((role.clone(), exports, played))
        };
        tokio::select! {
            () = self.cancel.cancelled() => Err(LabError::interrupted()),
            done = work => done,
        }
    }
}
