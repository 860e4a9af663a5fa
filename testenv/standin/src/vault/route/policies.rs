//! `sys/policies/acl/…` and the older `sys/policy/…`, which differ in their words only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::core::Core;
use super::super::policy;
use super::super::reply::Reply;
use super::super::request::{Operation, Request};

/// Answers for a policy, or for the list when the name is empty; `old` in the older words.
pub fn answer(core: &mut Core, request: &Request, name: &str, old: bool) -> Reply {
    let Some(state) = &mut core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    let name = name.to_lowercase();
    match (name.as_str(), request.operation) {
        ("", Operation::List | Operation::Read) => {
            let names: Vec<&str> = state.policies.keys().map(String::as_str).collect();
            if old {
                Reply::both(json!({ "keys": names, "policies": names }))
            } else {
                Reply::data(json!({ "keys": names }))
            }
        }
        (_, Operation::Read) => match state.policies.get(&name) {
            Some(text) if old => Reply::both(json!({ "name": name, "rules": text })),
            Some(text) => Reply::data(json!({ "name": name, "policy": text })),
            None => Reply::missing(),
        },
        ("root", _) => Reply::error(400, "cannot update \"root\" policy"),
        (_, Operation::Update) => {
            let Some(text) = request.text("policy").or_else(|| request.text("rules")) else {
                return Reply::error(400, "'policy' parameter not supplied or empty");
            };
            let plain = STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let text = plain.as_deref().unwrap_or(text);
            match policy::parse(text) {
                Ok(_) => {
                    state.policies.insert(name, text.to_owned());
                    Reply::none()
                }
                Err(e) => Reply::error(400, &e),
            }
        }
        ("default", Operation::Delete) => Reply::error(400, "cannot delete \"default\" policy"),
        (_, Operation::Delete) => {
            state.policies.remove(&name);
            Reply::none()
        }
        (_, Operation::List | Operation::Patch) => Reply::unsupported(),
    }
}
