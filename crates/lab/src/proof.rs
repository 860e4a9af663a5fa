//! The proof that a node is the one that was made: by the engine's word, and by the nonce in it.

use std::time::Duration;

use crate::engine::{Found, Place};
use crate::error::LabError;
use crate::record::{NodeRecord, Record};

/// The file in a node that carries the lab's nonce.
pub(crate) const NONCE_FILE: &str = "/etc/runproof-lab";
/// The exit code of the guard before every script: the node is none of this lab.
pub(crate) const FOREIGN: i32 = 119;

/// How long comparing a node's nonce alone may take.
const TIME: Duration = Duration::from_secs(30);

/// The beginning of every script that changes something in a node: the nonce is compared in the same
/// exec, and in a container that does not carry it nothing else is done.
pub(crate) fn guard(nonce: &str) -> String {
    format!("[ \"$(cat {NONCE_FILE} 2>/dev/null)\" = {nonce} ] || exit {FOREIGN}\n")
}

/// Proves every node of a lab by what its engine lists, but for the one that is about to be replaced.
pub(crate) fn listed(record: &Record, found: &[Found], but: Option<&str>) -> Result<(), LabError> {
    let nodes = record.nodes.iter();
    for (role, node) in nodes.filter(|(role, _)| but != Some(role.as_str())) {
        one(record, role, node, found)?;
    }
    Ok(())
}

/// Proves a node by what is listed of the instances of its lab.
pub(crate) fn one<'a>(
    record: &Record,
    role: &str,
    node: &NodeRecord,
    found: impl IntoIterator<Item = &'a Found>,
) -> Result<(), LabError> {
    let claims: Vec<&Found> = found
        .into_iter()
        .filter(|one| claims(one, record, role, node))
        .collect();
    let [one] = claims.as_slice() else {
        let names: Vec<&str> = claims.iter().map(|one| one.name.as_str()).collect();
        let why = format!(
            "one instance of its name or role has to carry the lab's labels, and {} instances do ({})",
            claims.len(),
            names.join(", ")
        );
        return Err(refused(record, role, &why));
    };
    let differs = if one.name != node.instance {
        format!("another instance carries its labels: {}", one.name)
    } else if one.id != node.id {
        let (made, there) = (&node.id, &one.id);
        format!("it is another instance than the one that was made: {there}, not {made}")
    } else if one.nonce != record.nonce {
        "its label carries another nonce".to_owned()
    } else if one.role != role {
        format!("its label names another role: {}", one.role)
    } else if !one.running {
        "it does not run".to_owned()
    } else {
        return Ok(());
    };
    Err(refused(record, role, &differs))
}

/// Whether an instance claims to be a node. A copy beside the node does, and which of the two was
/// meant nobody can tell; one with the nonce of another lab of that name does not.
fn claims(found: &Found, record: &Record, role: &str, node: &NodeRecord) -> bool {
    found.name == node.instance || found.role == role && found.nonce == record.nonce
}

/// The exit code of a node in which the nonce was compared; refuses where it is another one.
pub(crate) async fn inside(
    place: &Place,
    record: &Record,
    role: &str,
    node: &NodeRecord,
) -> Result<i32, LabError> {
    let reached = place.reached(&node.instance, &node.id);
    let said = place.sh(reached, &guard(&record.nonce), TIME).await;
    let said = said.map_err(|r| place.failed(&format!("cannot reach {}", node.instance), &r))?;
    if said.code == FOREIGN {
        return Err(without_nonce(record, role));
    }
    Ok(said.code)
}

/// The refusal of a node in which another nonce was found, or none.
pub(crate) fn without_nonce(record: &Record, role: &str) -> LabError {
    refused(record, role, "it does not carry the lab's nonce")
}

fn refused(record: &Record, role: &str, why: &str) -> LabError {
    let name = &record.name;
    LabError::failed(format!("refused: the node {role} of the lab {name}: {why}")).help(format!(
        "`runproof lab reset {role} --name {name}` makes it anew, `runproof lab reset --name {name}` the whole lab"
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::name::LabName;
    use rstest::rstest;
    use runproof_model::site::Engine as Kind;
    use std::collections::BTreeMap;

    /// A lab on Incus of one node.
    pub(crate) fn record() -> Record {
        Record {
            name: LabName::new("lab").unwrap(),
            engine: Kind::Incus,
            daemon: "d".to_owned(),
            machine: "m".to_owned(),
            profile: "incus".to_owned(),
            made: String::new(),
            network: None,
            subnet: None,
            nonce: "n".to_owned(),
            parameters: BTreeMap::new(),
            roles: Vec::new(),
            nodes: BTreeMap::from([("dns".to_owned(), node("dns", "1"))]),
            complete: true,
        }
    }

    /// A node of it.
    pub(crate) fn node(role: &str, id: &str) -> NodeRecord {
        NodeRecord {
            instance: format!("lab-{role}"),
            id: id.to_owned(),
            address: "10.0.0.2".to_owned(),
            runs: Vec::new(),
        }
    }

    /// That node as its engine lists it.
    pub(crate) fn found() -> Found {
        Found {
            name: "lab-dns".to_owned(),
            id: "1".to_owned(),
            lab: "lab".to_owned(),
            role: "dns".to_owned(),
            nonce: "n".to_owned(),
            running: true,
            memory: None,
        }
    }

    fn copy() -> Found {
        Found {
            name: "lab-dns-copy".to_owned(),
            id: "2".to_owned(),
            ..found()
        }
    }

    #[rstest]
    #[case::the_same(vec![found()], None)]
    #[case::gone(vec![], Some("0 instances"))]
    #[case::twice(vec![found(), found()], Some("2 instances"))]
    #[case::copied(vec![found(), copy()], Some("2 instances"))]
    #[case::beside_a_copy_of_an_old_lab(vec![found(), Found { nonce: "old".to_owned(), ..copy() }], None)]
    #[case::renamed(vec![Found { name: "lab-dns-away".to_owned(), ..found() }], Some("another instance carries its labels"))]
    #[case::another(vec![Found { id: "2".to_owned(), ..found() }], Some("another instance than the one that was made: 2, not 1"))]
    #[case::forged(vec![Found { nonce: "x".to_owned(), ..found() }], Some("another nonce"))]
    #[case::of_another_role(vec![Found { role: "drive".to_owned(), ..found() }], Some("another role: drive"))]
    #[case::stopped(vec![Found { running: false, ..found() }], Some("does not run"))]
    fn a_node_that_is_not_the_one_that_was_made_is_refused(
        #[case] found: Vec<Found>,
        #[case] refusal: Option<&str>,
    ) {
        let proved = one(&record(), "dns", &node("dns", "1"), &found).err();
        match refusal {
            None => assert_eq!(proved, None),
            Some(words) => {
                let error = proved.unwrap();
                assert!(error.problem.contains(words), "{error}");
                assert!(error.help.unwrap().contains("lab reset --name lab"));
            }
        }
    }

    #[rstest]
    #[case::nothing_is_replaced(None, Some("node dns"))]
    #[case::the_broken_one_is_replaced(Some("dns"), None)]
    #[case::another_one_is_replaced(Some("drive"), Some("node dns"))]
    fn all_nodes_are_proved_but_the_one_that_is_replaced(
        #[case] but: Option<&str>,
        #[case] refusal: Option<&str>,
    ) {
        let mut record = record();
        record.nodes.insert("drive".to_owned(), node("drive", "2"));
        let drive = Found {
            name: "lab-drive".to_owned(),
            id: "2".to_owned(),
            role: "drive".to_owned(),
            ..found()
        };
        let stopped = Found {
            running: false,
            ..found()
        };
        let proved = listed(&record, &[stopped, drive], but).err();
        assert_eq!(proved.is_some(), refusal.is_some(), "{proved:?}");
        if let (Some(error), Some(words)) = (proved, refusal) {
            assert!(error.problem.contains(words), "{error}");
        }
    }

    #[test]
    fn a_guarded_script_does_nothing_where_the_nonce_is_another_one() {
        // No machine carries this one.
        let script = format!("{}echo done", guard("0123"));
        let said = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(
            (said.status.code(), said.stdout.len()),
            (Some(FOREIGN), 0),
            "{said:?}"
        );
    }
}
