//! Incus, by the daemon's API.

use std::time::Duration;

use runproof_model::{Reason, ReasonKind};
use runproof_site::engine::{Engine, Verb};
use serde_json::{Map, Value, json};

use super::{Described, Found, LAB, Launch, NONCE, PROCESSES, ROLE};

/// The profile of which every node is made.
const PROFILE: &str = "default";
/// How long a question may take.
const ASK: Duration = Duration::from_secs(20);
/// How long one wait for an operation takes; it is asked again.
const WAIT: u64 = 15;
/// How many times.
const WAITS: u32 = 20;
/// How long an instance may be changed by the daemon before it is described.
const IDLE_TRIES: u32 = 240;
const IDLE_PAUSE: Duration = Duration::from_millis(250);
/// How often an instance that refuses is removed once more.
const REMOVE_TRIES: u32 = 60;
const REMOVE_PAUSE: Duration = Duration::from_millis(500);

/// The fingerprint of the daemon's certificate.
pub(super) async fn daemon(engine: &Engine) -> Result<String, Reason> {
    let server = get(engine, "/1.0").await?;
    text(&server, "/environment/certificate_fingerprint").ok_or_else(|| {
        Reason::new(
            ReasonKind::Permission,
            "this account may not see its certificate",
        )
    })
}

/// An instance, started; its UUID.
pub(super) async fn launch(engine: &Engine, launch: &Launch<'_>) -> Result<String, Reason> {
    let mut devices = Map::new();
    if let Some(address) = launch.address {
        let mut nic = profile_nic(engine).await?;
        nic.insert("ipv4.address".to_owned(), json!(address));
        devices.insert("eth0".to_owned(), Value::Object(nic));
    }
    let body = json!({
        "name": launch.instance,
        "type": "container",
        "start": true,
        "source": { "type": "image", "fingerprint": launch.image },
        "profiles": [PROFILE],
        "devices": devices,
        "config": {
            "limits.processes": PROCESSES.to_string(),
            format!("user.{LAB}"): launch.lab.as_str(),
            format!("user.{NONCE}"): launch.nonce,
            format!("user.{ROLE}"): launch.role,
        },
    });
    act(engine, Verb::Post, "/1.0/instances", Some(&body)).await?;
    let made = get(engine, &format!("/1.0/instances/{}", launch.instance)).await?;
    text(&made, "/config/volatile.uuid").ok_or_else(|| {
        Reason::new(
            ReasonKind::Garbled,
            "the engine's description of a new instance",
        )
    })
}

/// Every instance.
pub(super) async fn list(engine: &Engine) -> Result<Vec<Found>, Reason> {
    let answer = get(engine, "/1.0/instances?recursion=2").await?;
    let all = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(all.iter().filter_map(found).collect())
}

/// An instance, as the daemon describes it.
fn found(one: &Value) -> Option<Found> {
    let label = |name: &str| text(one, &format!("/config/user.{name}")).unwrap_or_default();
    Some(Found {
        lab: label(LAB),
        name: text(one, "/name")?,
        id: text(one, "/config/volatile.uuid").unwrap_or_default(),
        role: label(ROLE),
        nonce: label(NONCE),
        running: text(one, "/status").as_deref() == Some("Running"),
        memory: one.pointer("/state/memory/usage").and_then(Value::as_u64),
    })
}

/// An instance with all that the daemon knows of it, once it is not at work on it any more.
pub(super) async fn describe(engine: &Engine, name: &str) -> Result<Described, Reason> {
    for _ in 0..IDLE_TRIES {
        if !at_work(engine, name).await? {
            let path = in_project(engine, &format!("/1.0/instances/{name}"));
            let (mut answer, version) = engine.versioned(&path, ASK).await?;
            let instance = answer.get_mut("metadata").map(Value::take);
            let instance = instance.unwrap_or_default();
            let mut profiles = Vec::new();
            let names = instance.get("profiles").and_then(Value::as_array);
            for profile in names.into_iter().flatten().filter_map(Value::as_str) {
                profiles.push(get(engine, &format!("/1.0/profiles/{profile}")).await?);
            }
            return Ok(Described {
                found: found(&instance),
                instance,
                profiles,
                version,
            });
        }
        tokio::time::sleep(IDLE_PAUSE).await;
    }
    Err(Reason::new(
        ReasonKind::Timeout,
        "the engine's work on it does not end",
    ))
}

/// Replaces what the daemon knows of an instance; nothing is done when it is not the version that
/// was described any more.
pub(super) async fn replace(
    engine: &Engine,
    name: &str,
    body: &Value,
    version: &str,
) -> Result<(), Reason> {
    let path = in_project(engine, &format!("/1.0/instances/{name}"));
    match engine.replace(&path, body, version, ASK).await {
        Ok(answer) => ended(engine, &answer).await,
        Err(reason) if reason.detail.contains("ETag doesn't match") => Ok(()),
        Err(reason) => Err(reason),
    }
}

/// What has the name of an instance that is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    /// The instance.
    It,
    /// Nothing, or another instance.
    NoMore,
    /// One of which the daemon does not say who it is: it is just being made or removed.
    Unsaid,
}

impl There {
    /// By the engine's own identifier and the labels; where it had no identifier yet, by the labels.
    fn of(wanted: &Found, there: &Found) -> Self {
        let labels = (&there.lab, &there.role, &there.nonce);
        let same = labels == (&wanted.lab, &wanted.role, &wanted.nonce);
        match (wanted.id.as_str(), there.id.as_str()) {
            ("", _) if same && !wanted.lab.is_empty() => Self::It,
            (_, "") => Self::Unsaid,
            (wanted, there) if same && wanted == there => Self::It,
            _ => Self::NoMore,
        }
    }

    /// By what the daemon says now.
    async fn look(engine: &Engine, wanted: &Found) -> Result<Self, Reason> {
        match get(engine, &format!("/1.0/instances/{}", wanted.name)).await {
            Ok(instance) => Ok(found(&instance)
                .as_ref()
                .map_or(Self::Unsaid, |there| Self::of(wanted, there))),
            Err(reason) if reason.kind == ReasonKind::NoSuchNode => Ok(Self::NoMore),
            Err(reason) => Err(reason),
        }
    }
}

/// Stops an instance and removes it. One that the daemon is still making refuses until it is made.
///
/// The daemon knows it by its name only, and does neither for a version that was seen before (it
/// compares no `If-Match`). So before each of the two it is asked who has that name. What takes the
/// name in the moment in between would have to be stopped: one that runs the daemon does not remove.
pub(super) async fn remove(engine: &Engine, wanted: &Found) -> Result<(), Reason> {
    let mut last = None;
    for _ in 0..REMOVE_TRIES {
        match removed(engine, wanted).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(reason) => last = Some(reason),
        }
        tokio::time::sleep(REMOVE_PAUSE).await;
    }
    Err(last.unwrap_or_else(|| Reason::new(ReasonKind::Timeout, &wanted.name)))
}

/// One try; whether there is nothing to remove any more.
async fn removed(engine: &Engine, wanted: &Found) -> Result<bool, Reason> {
    let path = format!("/1.0/instances/{}", wanted.name);
    let mut there = There::look(engine, wanted).await?;
    if there == There::It {
        let stop = json!({ "action": "stop", "force": true, "timeout": -1 });
        // PUT is what the API has for it; an instance that is stopped refuses, and is removed anyway.
        let _ = act(engine, Verb::Put, &format!("{path}/state"), Some(&stop)).await;
        there = There::look(engine, wanted).await?;
    }
    match there {
        There::NoMore => Ok(true),
        There::Unsaid => Ok(false),
        There::It => match act(engine, Verb::Delete, &path, None).await {
            Ok(()) => Ok(true),
            Err(reason) if reason.kind == ReasonKind::NoSuchNode => Ok(true),
            Err(reason) => Err(reason),
        },
    }
}

/// Whether an operation on an instance of that name is under way.
pub(super) async fn making(engine: &Engine, name: &str) -> bool {
    let answer = get(engine, "/1.0/operations?recursion=1").await;
    answer.is_ok_and(|answer| under_way(&answer, name).next().is_some())
}

/// Whether the daemon changes an instance; what somebody runs in it is no change.
async fn at_work(engine: &Engine, name: &str) -> Result<bool, Reason> {
    let answer = get(engine, "/1.0/operations?recursion=1").await?;
    let at_work = under_way(&answer, name)
        .any(|operation| text(operation, "/class").as_deref() == Some("task"));
    Ok(at_work)
}

/// The operations on an instance.
fn under_way<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let path = format!("/1.0/instances/{name}");
    let running = answer.get("running").and_then(Value::as_array);
    running.into_iter().flatten().filter(move |operation| {
        let instances = operation
            .pointer("/resources/instances")
            .and_then(Value::as_array);
        instances.into_iter().flatten().any(|one| {
            let one = one.as_str().unwrap_or_default();
            one == path || one.starts_with(&format!("{path}?"))
        })
    })
}

/// Pins an address on the instance's own network card.
pub(super) async fn pin(engine: &Engine, instance: &str, address: &str) -> Result<(), Reason> {
    let path = format!("/1.0/instances/{instance}");
    let found = get(engine, &path).await?;
    let nic = found
        .pointer("/expanded_devices/eth0")
        .and_then(Value::as_object);
    let mut nic = nic.cloned().ok_or_else(|| {
        Reason::new(
            ReasonKind::Failed,
            "the default profile has no network card eth0",
        )
    })?;
    nic.insert("ipv4.address".to_owned(), json!(address));
    let body = json!({ "devices": { "eth0": nic } });
    act(engine, Verb::Patch, &path, Some(&body)).await
}

/// The profile of which every node is made.
pub(super) async fn profile(engine: &Engine) -> Result<Value, Reason> {
    get(engine, &format!("/1.0/profiles/{PROFILE}")).await
}

/// The network card that it gives.
async fn profile_nic(engine: &Engine) -> Result<Map<String, Value>, Reason> {
    let profile = profile(engine).await?;
    let nic = profile.pointer("/devices/eth0").and_then(Value::as_object);
    nic.cloned().ok_or_else(|| {
        Reason::new(
            ReasonKind::Failed,
            "the default profile has no network card eth0",
        )
    })
}

async fn get(engine: &Engine, path: &str) -> Result<Value, Reason> {
    let mut answer = engine
        .request(Verb::Get, &in_project(engine, path), None, ASK)
        .await?;
    Ok(answer
        .get_mut("metadata")
        .map(Value::take)
        .unwrap_or_default())
}

/// A request whose work the daemon does in the background, and its end.
async fn act(engine: &Engine, verb: Verb, path: &str, body: Option<&Value>) -> Result<(), Reason> {
    let answer = engine
        .request(verb, &in_project(engine, path), body, ASK)
        .await?;
    ended(engine, &answer).await
}

/// The end of what a request began.
async fn ended(engine: &Engine, answer: &Value) -> Result<(), Reason> {
    let Some(operation) = text(answer, "/metadata/id") else {
        return Ok(());
    };
    for _ in 0..WAITS {
        let path = format!("/1.0/operations/{operation}/wait?timeout={WAIT}");
        let done = match get(engine, &path).await {
            Ok(done) => done,
            // The wait has ended, and the work goes on.
            Err(reason) if reason.detail.contains("deadline exceeded") => continue,
            Err(reason) => return Err(reason),
        };
        match done.get("status_code").and_then(Value::as_u64) {
            Some(200) => return Ok(()),
            Some(code) if code >= 400 => {
                let error = text(&done, "/err").unwrap_or_default();
                return Err(Reason::new(ReasonKind::Failed, error));
            }
            _ => {}
        }
    }
    Err(Reason::new(
        ReasonKind::Timeout,
        "the engine's work does not end",
    ))
}

fn in_project(engine: &Engine, path: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}project={}", engine.project())
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
