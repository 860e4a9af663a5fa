//! `sys/mounts`, `sys/auth`, and the preflight that `vault kv` makes before every request.

use serde_json::{Map, Value, json};

use super::super::core::Core;
use super::super::reply::Reply;
use super::super::request::{Operation, Request};
use super::super::state::{Mount, State, describe};
use super::Caller;

/// Engines that are always there; nothing is served below them here.
const OWN: [(&str, &str, &str); 3] = [
    (
        "cubbyhole/",
        "cubbyhole",
        "per-token private secret storage",
    ),
    ("identity/", "identity", "identity store"),
    (
        "sys/",
        "system",
        "system endpoints used for control, policy and debugging",
    ),
];

/// Answers for a mount, or for the list when the path is empty.
pub fn answer(core: &mut Core, request: &Request, path: &str) -> Reply {
    let Some(state) = &mut core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    if path.is_empty() {
        return match request.operation {
            Operation::Read => Reply::both(Value::Object(all(state))),
            Operation::List | Operation::Update | Operation::Patch | Operation::Delete => {
                Reply::unsupported()
            }
        };
    }
    if let Some(mount) = path.strip_suffix("/tune") {
        return tune(state, request, &format!("{mount}/"));
    }
    let mount = format!("{path}/");
    match request.operation {
        Operation::Read => match all(state).remove(&mount) {
            Some(about) => Reply::data(about),
            None => Reply::error(400, &format!("No secret engine mount at {mount}")),
        },
        Operation::Update => enable(state, request, mount),
        Operation::Delete if OWN.iter().any(|(own, ..)| *own == mount) => {
            Reply::error(400, &format!("cannot unmount {mount:?}"))
        }
        Operation::Delete => {
            state.mounts.remove(&mount);
            Reply::none()
        }
        Operation::List | Operation::Patch => Reply::unsupported(),
    }
}

fn all(state: &State) -> Map<String, Value> {
    let own = OWN.iter().map(|(path, kind, about)| {
        let accessor = format!("{kind}_{}", state.cluster.get(..8).unwrap_or_default());
        (
            (*path).to_owned(),
            describe(kind, &accessor, &state.cluster, about, Value::Null),
        )
    });
    let made = state
        .mounts
        .iter()
        .map(|(path, mount)| (path.clone(), mount.show()));
    own.chain(made).collect()
}

fn enable(state: &mut State, request: &Request, mount: String) -> Reply {
    let kind = request.text("type").unwrap_or_default();
    let version = request.body.pointer("/options/version").map(|version| {
        version
            .as_str()
            .map_or_else(|| version.to_string(), str::to_owned)
    });
    match (kind, version.as_deref()) {
        ("kv-v2", _) | ("kv", Some("2")) => {}
        ("kv" | "generic", _) => {
            return Reply::error(
                400,
                "this stand-in serves version 2 of kv only: ask for kv-v2, or version=2",
            );
        }
        ("", _) => return Reply::error(400, "backend type must be specified as a string"),
        (other, _) => {
            return Reply::error(400, &format!("plugin not found in the catalog: {other}"));
        }
    }
    let taken = |other: &str| other.starts_with(&mount) || mount.starts_with(other);
    if let Some(other) = state.mounts.keys().find(|other| taken(other)).cloned() {
        return Reply::error(400, &format!("path is already in use at {other}"));
    }
    if OWN.iter().any(|(own, ..)| taken(own)) || mount.starts_with("auth/") {
        return Reply::error(400, &format!("cannot mount {mount:?}"));
    }
    match Mount::new(request.text("description").unwrap_or_default()) {
        Ok(made) => {
            state.mounts.insert(mount, made);
            Reply::none()
        }
        Err(e) => Reply::error(500, &e),
    }
}

fn tune(state: &State, request: &Request, mount: &str) -> Reply {
    match (request.operation, state.mounts.get(mount)) {
        (_, None) => Reply::error(400, &format!("cannot fetch sysview for path {mount:?}")),
        (Operation::Read, Some(found)) => Reply::both(json!({
            "default_lease_ttl": 2_764_800,
            "description": found.description,
            "force_no_cache": false,
            "max_lease_ttl": 2_764_800,
            "options": { "version": "2" },
        })),
        (_, Some(_)) => Reply::error(400, "this stand-in tunes no mounts"),
    }
}

/// Authentication methods: tokens, and nothing else.
pub fn methods(core: &Core, request: &Request) -> Reply {
    match (&core.state, request.operation) {
        (Some(state), Operation::Read) => {
            let accessor = format!("auth_token_{}", state.cluster.get(..8).unwrap_or_default());
            let about = describe(
                "token",
                &accessor,
                &state.cluster,
                "token based credentials",
                Value::Null,
            );
            Reply::both(json!({ "token/": about }))
        }
        _ => Reply::error(400, "this stand-in knows tokens only"),
    }
}

/// Tells a caller which engine a path is in, if it may know.
pub fn preflight(core: &Core, caller: &Caller, path: &str) -> Reply {
    let Some(state) = &core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    if path.is_empty() {
        let seen: Map<String, Value> = all(state)
            .into_iter()
            .filter(|(mount, _)| caller.acl.touches(mount))
            .collect();
        return Reply::data(json!({ "secret": seen, "auth": {} }));
    }
    let slashed = format!("{}/", path.trim_end_matches('/'));
    let found = state
        .mount(&slashed)
        .and_then(|(name, _)| Some((state.mounts.get(&name)?, name)));
    match found {
        Some((mount, name)) if caller.acl.touches(&name) => {
            let mut about = mount.show();
            about["path"] = name.into();
            Reply::data(about)
        }
        _ => Reply::error(
            403,
            &format!(
                "preflight capability check returned 403, please ensure client's policies grant access to path {slashed:?}"
            ),
        ),
    }
}
