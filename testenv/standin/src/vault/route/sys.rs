//! `sys/…` for those who have a token.

use serde_json::{Map, Value, json};

use super::super::audit;
use super::super::core::Core;
use super::super::policy::Acl;
use super::super::reply::Reply;
use super::super::request::{Operation, Request};
use super::super::state::Audit;
use super::super::token::now;
use super::{Caller, mounts, policies};

/// Answers a request below `sys/`.
pub fn answer(core: &mut Core, request: &Request, caller: &Caller, path: &str) -> Reply {
    let (area, rest) = path.split_once('/').unwrap_or((path, ""));
    match (area, rest) {
        ("seal", "") if request.operation == Operation::Update => {
            core.seal();
            Reply::none()
        }
        ("mounts", mount) => mounts::answer(core, request, mount),
        ("auth", "") => mounts::methods(core, request),
        ("policy", name) => policies::answer(core, request, name, true),
        ("policies", "acl") => policies::answer(core, request, "", false),
        ("policies", rest) if rest.starts_with("acl/") => {
            policies::answer(core, request, &rest[4..], false)
        }
        ("internal", rest) if rest.starts_with("ui/mounts") => mounts::preflight(
            core,
            caller,
            rest["ui/mounts".len()..].trim_start_matches('/'),
        ),
        ("capabilities-self", "") => capabilities(&caller.acl, request),
        ("capabilities", "") => of_other(core, request, request.text("token").map(Other::Token)),
        ("capabilities-accessor", "") => {
            of_other(core, request, request.text("accessor").map(Other::Accessor))
        }
        ("audit", device) => devices(core, request, device),
        ("host-info" | "metrics", "") => Reply::unsupported(),
        _ => Reply::error(
            404,
            &format!(
                "no handler for route {:?}. route entry not found.",
                request.path
            ),
        ),
    }
}

enum Other<'a> {
    Token(&'a str),
    Accessor(&'a str),
}

fn of_other(core: &Core, request: &Request, other: Option<Other<'_>>) -> Reply {
    let Some(state) = &core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    let token = match other {
        Some(Other::Token(id)) => state.token(id, now()).map(|(_, token)| token),
        Some(Other::Accessor(accessor)) => state
            .accessor(accessor, now())
            .and_then(|key| state.tokens.get(&key)),
        None => return Reply::error(400, "no token found"),
    };
    match token {
        Some(token) => capabilities(&state.acl(token), request),
        None => Reply::error(400, "1 error occurred:\n\t* invalid token\n\n"),
    }
}

fn capabilities(acl: &Acl, request: &Request) -> Reply {
    if request.operation != Operation::Update {
        return Reply::unsupported();
    }
    let mut paths: Vec<&str> = request
        .body
        .get("paths")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    paths.extend(request.text("path").or_else(|| request.text("paths")));
    if paths.is_empty() {
        return Reply::error(400, "paths must be supplied");
    }
    let mut found: Map<String, Value> = paths
        .iter()
        .map(|path| {
            (
                (*path).to_owned(),
                json!(acl.capabilities(path.trim_start_matches('/'))),
            )
        })
        .collect();
    if let [only] = paths.as_slice() {
        let capabilities = found.get(*only).cloned().unwrap_or_default();
        found.insert("capabilities".to_owned(), capabilities);
    }
    Reply::both(Value::Object(found))
}

fn devices(core: &mut Core, request: &Request, device: &str) -> Reply {
    let Some(state) = &mut core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    let path = format!("{device}/");
    match (device, request.operation) {
        ("", Operation::Read) => {
            let all: Map<String, Value> = state
                .audits
                .iter()
                .map(|(path, audit)| {
                    let about = json!({
                        "type": "file",
                        "description": audit.description,
                        "options": { "file_path": audit.file_path },
                        "local": false,
                        "path": path,
                    });
                    (path.clone(), about)
                })
                .collect();
            Reply::both(Value::Object(all))
        }
        ("", _) | (_, Operation::Read | Operation::List | Operation::Patch) => Reply::unsupported(),
        (_, Operation::Delete) => {
            state.audits.remove(&path);
            Reply::none()
        }
        (_, Operation::Update) => {
            if request.text("type") != Some("file") {
                return Reply::error(400, "this stand-in audits to files only");
            }
            let file = request
                .body
                .pointer("/options/file_path")
                .or_else(|| request.body.pointer("/options/path"))
                .and_then(Value::as_str);
            let Some(file) = file else {
                return Reply::error(400, "file_path is required");
            };
            if state.audits.contains_key(&path) {
                return Reply::error(400, "path already in use");
            }
            if let Err(e) = audit::probe(file) {
                return Reply::error(400, &e);
            }
            let audit = Audit {
                file_path: file.to_owned(),
                description: request.text("description").unwrap_or_default().to_owned(),
            };
            state.audits.insert(path, audit);
            Reply::none()
        }
    }
}
