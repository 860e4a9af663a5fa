//! Docker: containers by testcontainers, the rest by the daemon's API.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use runproof_model::{Reason, ReasonKind};
use runproof_site::engine::{Engine, Verb};
use serde_json::{Value, json};
use testcontainers::core::{CgroupnsMode, Mount};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{GenericImage, ImageExt as _};

use super::{Found, LAB, Launch, NONCE, PROCESSES, ROLE};
use crate::error::LabError;
use crate::name::LabName;

/// How long a question may take.
const ASK: Duration = Duration::from_secs(20);
/// How long making and removing may take on a busy machine.
const WORK: Duration = Duration::from_secs(180);

/// The daemon's id.
pub(super) async fn daemon(engine: &Engine) -> Result<String, Reason> {
    let info = engine.request(Verb::Get, "/info", None, ASK).await?;
    text(&info, "/ID").ok_or_else(|| garbled("/info"))
}

/// A container with systemd. testcontainers removes what it made when its handle is dropped; this
/// handle is forgotten, for a lab outlives the command that makes it. The labels find it again.
pub(super) async fn launch(engine: &Engine, launch: &Launch<'_>) -> Result<String, Reason> {
    let (name, tag) = launch
        .image
        .rsplit_once(':')
        .unwrap_or((launch.image, "latest"));
    let mut request = GenericImage::new(name, tag)
        .with_cmd(launch.machine.init.clone())
        .with_container_name(&launch.instance)
        .with_hostname(launch.role)
        .with_cgroupns_mode(CgroupnsMode::Private)
        .with_label(LAB, launch.lab.as_str())
        .with_label(NONCE, launch.nonce)
        .with_label(ROLE, launch.role)
        .with_mount(Mount::tmpfs_mount("/run"))
        .with_mount(Mount::tmpfs_mount("/run/lock"))
        .with_mount(Mount::tmpfs_mount("/tmp"))
        .with_host_config_modifier(|config| config.pids_limit = Some(PROCESSES.into()))
        .with_startup_timeout(WORK);
    for option in &launch.machine.security {
        request = request.with_security_opt(option);
    }
    // SYS_PTRACE: to look at processes of other accounts, as root in an Incus container may.
    let usual = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"];
    for capability in usual
        .into_iter()
        .chain(launch.capabilities.iter().map(String::as_str))
    {
        request = request.with_cap_add(capability);
    }
    // Connected afterwards: only then can an address be chosen, and the first network is eth0.
    if launch.network.is_some() {
        request = request.with_network("none");
    }
    let container = request
        .start()
        .await
        .map_err(|e| Reason::new(ReasonKind::Failed, said(&e)))?;
    let id = container.id().to_owned();
    std::mem::forget(container);
    if let (Some(network), Some(address)) = (launch.network, launch.address) {
        connect(engine, network, &id, launch.role, address).await?;
    }
    Ok(id)
}

/// An error with its causes, which testcontainers' own words leave out.
fn said(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        next = cause.source();
    }
    words
}

/// Every container.
pub(super) async fn list(engine: &Engine) -> Result<Vec<Found>, Reason> {
    let path = "/containers/json?all=true";
    let answer = engine.request(Verb::Get, path, None, ASK).await?;
    let label = |one: &Value, name: &str| {
        let found = one.get("Labels").and_then(|labels| labels.get(name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(answer
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(|one| {
            Some(Found {
                name: text(one, "/Names/0")?.trim_start_matches('/').to_owned(),
                id: text(one, "/Id")?,
                lab: label(one, LAB),
                role: label(one, ROLE),
                nonce: label(one, NONCE),
                running: text(one, "/State").as_deref() == Some("running"),
                memory: None,
            })
        })
        .collect())
}

/// Removes a container with its volumes.
pub(super) async fn remove(engine: &Engine, id: &str) -> Result<(), Reason> {
    let path = format!("/containers/{id}?force=true&v=true");
    // While the daemon is still at work on a removal of another process it refuses a second one.
    for _ in 0..30 {
        match engine.request(Verb::Delete, &path, None, WORK).await {
            Ok(_) => return Ok(()),
            Err(reason) if reason.kind == ReasonKind::NoSuchNode => return Ok(()),
            Err(reason) if reason.detail.contains("already in progress") => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(reason) => return Err(reason),
        }
    }
    Err(Reason::new(
        ReasonKind::Timeout,
        "another removal of it does not end",
    ))
}

/// A network of the lab's own: the daemon lets nobody choose an address in a network whose subnet
/// it chose itself.
pub(super) async fn make_network(
    engine: &Engine,
    lab: &LabName,
    nonce: &str,
) -> Result<(String, String), LabError> {
    let name = network_name(lab);
    let seed = lab.as_str().bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let mut refused = None;
    for attempt in 0..64 {
        let at = seed.wrapping_add(attempt * 97) % (40 * 250);
        let (second, third) = (200 + at / 250, at % 250);
        if routed(&routes, [10, second as u8, third as u8, 0]) {
            continue;
        }
        let subnet = format!("10.{second}.{third}.0/24");
        let body = json!({
            "Name": name, "Driver": "bridge", "CheckDuplicate": true,
            "Labels": { LAB: lab.as_str(), NONCE: nonce },
            "IPAM": { "Config": [{ "Subnet": subnet, "Gateway": format!("10.{second}.{third}.1") }] },
        });
        match engine
            .request(Verb::Post, "/networks/create", Some(&body), WORK)
            .await
        {
            Ok(_) => return Ok((name, subnet)),
            Err(reason) if reason.detail.contains("overlaps") => refused = Some(reason),
            Err(reason) => {
                return Err(LabError::failed(format!(
                    "docker: the lab's network: {reason}"
                )));
            }
        }
    }
    let why = refused.map_or_else(String::new, |reason| format!(": {reason}"));
    Err(
        LabError::machine(format!("docker: no free subnet for the lab{why}"))
            .help("`docker network ls` shows what takes them"),
    )
}

/// Whether a route of this machine, other than the default one, leads to a subnet.
fn routed(routes: &str, subnet: [u8; 4]) -> bool {
    let ours = u32::from_be_bytes(subnet);
    routes.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The kernel prints them as it keeps them: least significant byte first.
        let number = |at: usize| {
            let word = words.get(at)?;
            u32::from_str_radix(word, 16).ok().map(u32::swap_bytes)
        };
        match (number(1), number(7)) {
            (Some(network), Some(mask)) if mask != 0 => {
                let common = mask & 0xffff_ff00;
                network & common == ours & common
            }
            _ => false,
        }
    })
}

/// Removes the networks of a lab, or those of them that carry a nonce.
pub(super) async fn remove_networks(
    engine: &Engine,
    lab: &LabName,
    nonce: Option<&str>,
) -> Result<(), Reason> {
    for network in networks(engine).await? {
        if network.lab != lab.as_str() || nonce.is_some_and(|nonce| network.nonce != nonce) {
            continue;
        }
        let path = format!("/networks/{}", network.id);
        match engine.request(Verb::Delete, &path, None, WORK).await {
            Ok(_) => {}
            Err(reason) if reason.kind == ReasonKind::NoSuchNode => {}
            Err(reason) => return Err(reason),
        }
    }
    Ok(())
}

/// The labs whose networks are there.
pub(super) async fn labs_of_networks(engine: &Engine) -> Result<Vec<String>, Reason> {
    let names: BTreeSet<String> = networks(engine)
        .await?
        .into_iter()
        .map(|network| network.lab)
        .collect();
    Ok(names.into_iter().collect())
}

/// A network of a lab, by its labels.
struct Network {
    id: String,
    lab: String,
    nonce: String,
}

/// The networks of all labs.
async fn networks(engine: &Engine) -> Result<Vec<Network>, Reason> {
    let filter = json!({ "label": [LAB] }).to_string();
    let path = format!("/networks?filters={}", quoted(&filter));
    let answer = engine.request(Verb::Get, &path, None, ASK).await?;
    let all = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(all
        .iter()
        .filter_map(|one| {
            Some(Network {
                id: text(one, "/Id")?,
                lab: text(one, &format!("/Labels/{LAB}"))?,
                nonce: text(one, &format!("/Labels/{NONCE}")).unwrap_or_default(),
            })
        })
        .collect())
}

/// Connects a container, with an address that survives its restarts and its role as a name.
async fn connect(
    engine: &Engine,
    network: &str,
    container: &str,
    role: &str,
    address: &str,
) -> Result<(), Reason> {
    let leave = json!({ "Container": container, "Force": true });
    let path = "/networks/none/disconnect";
    engine.request(Verb::Post, path, Some(&leave), WORK).await?;
    let enter = json!({ "Container": container, "EndpointConfig": {
        "IPAMConfig": { "IPv4Address": address }, "Aliases": [role],
    } });
    let path = format!("/networks/{network}/connect");
    engine
        .request(Verb::Post, &path, Some(&enter), WORK)
        .await?;
    Ok(())
}

/// Whether the daemon is making a container of that name, which no list shows yet: it finishes
/// what a killed process has asked for. The name is taken from the beginning, so asking for it
/// tells; what that makes, should the name be free, is removed at once.
pub(super) async fn making(engine: &Engine, lab: &LabName, nonce: &str, name: &str) -> bool {
    let path = format!("/containers/{name}/json");
    if engine.request(Verb::Get, &path, None, ASK).await.is_ok() {
        return false;
    }
    let images = engine.request(Verb::Get, "/images/json", None, ASK).await;
    let Some(image) = images.ok().and_then(|all| text(&all, "/0/Id")) else {
        return false;
    };
    let labels = json!({ LAB: lab.as_str(), NONCE: nonce });
    let body = json!({ "Image": image, "Cmd": ["true"], "Labels": labels });
    let path = format!("/containers/create?name={name}");
    match engine.request(Verb::Post, &path, Some(&body), WORK).await {
        Ok(made) => {
            if let Some(id) = text(&made, "/Id") {
                let _ = remove(engine, &id).await;
            }
            false
        }
        Err(reason) => reason.detail.contains("already in use"),
    }
}

/// The name of a lab's network.
fn network_name(lab: &LabName) -> String {
    format!("runproof-lab-{lab}")
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn garbled(what: &str) -> Reason {
    Reason::new(
        ReasonKind::Garbled,
        format!("the engine's answer to {what}"),
    )
}

/// A value for a query.
fn quoted(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n\
        br0\t0007C80A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n\
        wg0\t0000D20A\t00000000\t0001\t0\t0\t0\t0000FFFF\n";

    #[rstest]
    #[case([10, 200, 7, 0], true)]
    #[case([10, 200, 8, 0], false)]
    #[case([10, 210, 99, 0], true)]
    #[case([10, 211, 99, 0], false)]
    fn a_subnet_to_which_this_machine_has_a_route_is_not_taken(
        #[case] subnet: [u8; 4],
        #[case] taken: bool,
    ) {
        assert_eq!(routed(ROUTES, subnet), taken);
    }

    #[test]
    fn a_filter_travels_in_a_query() {
        assert_eq!(quoted("{\"a\"}"), "%7B%22a%22%7D");
    }
}
