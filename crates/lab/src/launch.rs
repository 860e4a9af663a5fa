//! One node: made, booted, with an address that it keeps and the mark of its lab.

use std::collections::BTreeMap;
use std::time::Duration;

use runproof_site::CancellationToken;

use crate::engine::{Launch, Place};
use crate::error::LabError;
use crate::journal::{Journal, Made};
use crate::network;
use crate::preflight::Flags;
use crate::proof::{FOREIGN, NONCE_FILE, guard, without_nonce};
use crate::record::{NodeRecord, Record};
use crate::role::RoleSpec;
use crate::wait;

/// How long writing names may take.
const TIME: Duration = Duration::from_secs(60);

/// What starting a node needs.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    pub place: &'a Place,
    pub journal: &'a Journal,
    pub record: &'a Record,
    pub flags: &'a Flags,
    pub cancel: &'a CancellationToken,
}

impl Start<'_> {
    /// Makes the node of a role, with a given address when it replaces another one; the network in
    /// which it came up.
    pub async fn node(
        &self,
        role: &str,
        spec: &RoleSpec,
        image: &str,
        address: Option<&str>,
    ) -> Result<(NodeRecord, Option<String>), LabError> {
        let (place, record) = (self.place, self.record);
        if self.cancel.is_cancelled() {
            return Err(LabError::interrupted());
        }
        let instance = record.name.instance(role);
        self.journal.will(
            place.kind(),
            Made::Instance {
                name: instance.clone(),
            },
        )?;
        let launch = Launch {
            lab: &record.name,
            nonce: &record.nonce,
            role,
            instance: instance.clone(),
            image,
            capabilities: &spec.capabilities,
            network: record.network.as_deref(),
            address,
            machine: self.flags,
        };
        let id = place.launch(&launch).await?;
        wait::booted(place, &instance, &id, self.cancel).await?;
        let address = network::settle(place, &instance, &id).await?;
        place
            .pin(&instance, &address.ip)
            .await
            .map_err(|r| place.failed(&format!("cannot pin the address of {instance}"), &r))?;
        let node = NodeRecord {
            instance,
            id,
            address: address.ip,
            runs: Vec::new(),
        };
        Ok((node, network::subnet(&address.cidr)))
    }
}

/// Tells every node of a record the names of all, and marks those that were just made, one or all, as
/// the lab's: none else is told anything that does not carry the mark.
pub(crate) async fn write_names(
    place: &Place,
    record: &Record,
    made: Option<&str>,
) -> Result<(), LabError> {
    let nonce = &record.nonce;
    let names = network::hosts(&record.nodes);
    let marks =
        format!("set -eu\numask 077\nprintf '%s\\n' {nonce} > {NONCE_FILE}\numask 022\n{names}");
    let carries = format!("{}set -eu\n{names}", guard(nonce));
    let results = futures_util::future::join_all(record.nodes.iter().map(|(role, node)| {
        let is_made = made.is_none_or(|made| made == role);
        let script = if is_made { &marks } else { &carries };
        async move {
            let reached = place.reached(&node.instance, &node.id);
            match place.sh(reached, script, TIME).await {
                Ok(said) if said.code == 0 => Ok(()),
                Ok(said) if said.code == FOREIGN => Err(without_nonce(record, role)),
                Ok(said) => Err(LabError::failed(format!(
                    "{}: {}",
                    node.instance, said.error
                ))),
                Err(reason) => Err(place.failed(
                    &format!("cannot name the nodes in {}", node.instance),
                    &reason,
                )),
            }
        }
    }))
    .await;
    results.into_iter().collect()
}

/// Lets a node that took over an address be found: it asks every other one for theirs, and who is
/// asked by ARP takes down the new hardware address of the asker. Otherwise they would speak to the
/// old one for half a minute.
pub(crate) async fn announce(
    place: &Place,
    nodes: &BTreeMap<String, NodeRecord>,
    role: &str,
) -> Result<(), LabError> {
    let Some(node) = nodes.get(role) else {
        return Ok(());
    };
    let others = nodes.values().filter(|other| other.address != node.address);
    let script: String = others
        .map(|other| format!("echo >/dev/udp/{}/9\n", other.address))
        .collect();
    let script = format!("bash -c '{script}' 2>/dev/null\n:");
    let reached = place.reached(&node.instance, &node.id);
    match place.sh(reached, &script, TIME).await {
        Ok(_) => Ok(()),
        Err(reason) => Err(place.failed(&format!("{} cannot be found", node.instance), &reason)),
    }
}
