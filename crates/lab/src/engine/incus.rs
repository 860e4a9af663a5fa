//! Incus, by the daemon's API.

use std::time::Duration;

use runproof_model::{Reason, ReasonKind};
use runproof_site::engine::{Engine, Verb};
use serde_json::{Map, Value, json};

use super::{Described, Found, LAB, Launch, NONCE, ROLE};

/// How long a question may take.
const ASK: Duration = Duration::from_secs(20);
/// How long one wait for an operation takes; it is asked again.
const WAIT: u64 = 15;
/// How many times.
const WAITS: u32 = 20;
/// How long an instance may be changed by the daemon before it is described.
const IDLE_TRIES: u32 = 240;
const IDLE_PAUSE: Duration = Duration::from_millis(250);

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
        "profiles": ["default"],
        "devices": devices,
        "config": {
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

/// Stops an instance and removes it. One that the daemon is still making refuses until it is made.
pub(super) async fn remove(engine: &Engine, name: &str) -> Result<(), Reason> {
    let mut last = None;
    for _ in 0..60 {
        let stop = json!({ "action": "stop", "force": true, "timeout": -1 });
        let path = format!("/1.0/instances/{name}/state");
        // PUT is what the API has for it; an instance that is stopped refuses, and is removed anyway.
        let _ = act(engine, Verb::Put, &path, Some(&stop)).await;
        match act(
            engine,
            Verb::Delete,
            &format!("/1.0/instances/{name}"),
            None,
        )
        .await
        {
            Ok(()) => return Ok(()),
            Err(reason) if reason.kind == ReasonKind::NoSuchNode => return Ok(()),
            Err(reason) => last = Some(reason),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(last.unwrap_or_else(|| Reason::new(ReasonKind::Timeout, name)))
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

/// The network card that the default profile gives.
async fn profile_nic(engine: &Engine) -> Result<Map<String, Value>, Reason> {
    let profile = get(engine, "/1.0/profiles/default").await?;
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
