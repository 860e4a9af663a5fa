//! `auth/token/…`: making, showing, prolonging and ending tokens.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::core::Core;
use super::super::reply::Reply;
use super::super::request::{Operation, Request};
use super::super::token::{Token, millis, now};
use super::super::{duration, hex};
use super::Caller;

/// Answers a request below `auth/token/`.
pub fn answer(core: &mut Core, request: &Request, caller: &Caller, path: &str) -> Reply {
    match (path, request.operation) {
        ("create", Operation::Update) => create(core, request, caller, false),
        ("create-orphan", Operation::Update) => create(core, request, caller, true),
        ("lookup-self", Operation::Read | Operation::Update) => show(
            core,
            &caller.key,
            request.token.as_deref().unwrap_or_default(),
        ),
        ("lookup", Operation::Read | Operation::Update) => {
            let id = request
                .text("token")
                .or_else(|| request.query.get("token").map(String::as_str));
            match id.or(request.token.as_deref()) {
                Some(id) => match key(core, id) {
                    Some(key) => show(core, &key, id),
                    None => Reply::error(403, "bad token"),
                },
                None => Reply::error(400, "missing token ID"),
            }
        }
        ("lookup-accessor", Operation::Update) => match by_accessor(core, request) {
            Ok(key) => show(core, &key, ""),
            Err(reply) => reply,
        },
        ("renew-self", Operation::Update) => renew(
            core,
            request,
            &caller.key,
            request.token.as_deref().unwrap_or_default(),
        ),
        ("renew", Operation::Update) => match request.text("token") {
            Some(id) => match key(core, id) {
                Some(key) => renew(core, request, &key, id),
                None => Reply::error(400, "token not found"),
            },
            None => Reply::error(400, "missing token ID"),
        },
        ("renew-accessor", Operation::Update) => match by_accessor(core, request) {
            Ok(key) => renew(core, request, &key, ""),
            Err(reply) => reply,
        },
        ("revoke-self", Operation::Update) => revoke(core, &caller.key, false),
        ("revoke" | "revoke-orphan", Operation::Update) => {
            match request.text("token").map(|id| key(core, id)) {
                Some(Some(key)) => revoke(core, &key, path == "revoke-orphan"),
                // Gone is what was asked for.
                Some(None) if path == "revoke" => Reply::none(),
                Some(None) => Reply::error(400, "token to revoke not found"),
                None => Reply::error(400, "missing token ID"),
            }
        }
        ("revoke-accessor", Operation::Update) => match by_accessor(core, request) {
            Ok(key) => revoke(core, &key, false),
            Err(reply) => reply,
        },
        ("accessors", Operation::List) => {
            let accessors: Vec<&str> = core
                .state
                .iter()
                .flat_map(|state| state.tokens.values())
                .map(|token| token.accessor.as_str())
                .collect();
            Reply::data(json!({ "keys": accessors }))
        }
        ("tidy", Operation::Update) => Reply::none().status(202),
        _ => Reply::error(
            405,
            "1 error occurred:\n\t* unsupported path or operation\n\n",
        ),
    }
}

fn key(core: &Core, id: &str) -> Option<String> {
    Some(core.state.as_ref()?.token(id, now())?.0)
}

fn by_accessor(core: &Core, request: &Request) -> Result<String, Reply> {
    let accessor = request
        .text("accessor")
        .ok_or_else(|| Reply::error(400, "missing accessor"))?;
    core.state
        .as_ref()
        .and_then(|state| state.accessor(accessor, now()))
        .ok_or_else(|| Reply::error(403, "1 error occurred:\n\t* invalid accessor\n\n"))
}

fn show(core: &Core, key: &str, id: &str) -> Reply {
    match core.state.as_ref().and_then(|state| state.tokens.get(key)) {
        Some(token) => Reply::data(token.show(id, now())),
        None => Reply::error(403, "bad token"),
    }
}

fn revoke(core: &mut Core, key: &str, alone: bool) -> Reply {
    if let Some(state) = &mut core.state {
        state.revoke(key, alone);
    }
    Reply::none()
}

fn renew(core: &mut Core, request: &Request, key: &str, id: &str) -> Reply {
    let increment = match span(&request.body, "increment") {
        Ok(increment) => increment,
        Err(reply) => return reply,
    };
    let max = core.config.max_lease_ttl;
    let Some(token) = core
        .state
        .as_mut()
        .and_then(|state| state.tokens.get_mut(key))
    else {
        return Reply::error(400, "token not found");
    };
    if !token.renewable || token.expires.is_none() {
        return Reply::error(400, "lease is not renewable");
    }
    let at = now();
    let cut = token.renew(increment, at, max);
    let reply = Reply::auth(token.auth(id, at));
    if cut {
        reply.warn(&format!(
            "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
            duration::show(increment.max(token.creation_ttl)),
            duration::show(token.ttl(at)),
        ))
    } else {
        reply
    }
}

fn create(core: &mut Core, request: &Request, caller: &Caller, orphan: bool) -> Reply {
    match try_create(core, request, caller, orphan) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn try_create(
    core: &mut Core,
    request: &Request,
    caller: &Caller,
    orphan: bool,
) -> Result<Reply, Reply> {
    let sudo = caller.acl.allows("auth/token/create", "sudo");
    let need_sudo =
        |what: &str| Reply::error(400, &format!("root or sudo privileges required to {what}"));
    let no_parent = request.flag("no_parent") == Some(true);
    if no_parent && !sudo {
        return Err(need_sudo("create orphan token"));
    }
    if request.text("id").is_some() && !sudo {
        return Err(need_sudo("specify token id"));
    }
    let period = span(&request.body, "period")?;
    if period > 0 && !sudo {
        return Err(need_sudo("create periodic token"));
    }
    if !matches!(request.text("type"), None | Some("" | "service")) {
        return Err(Reply::error(400, "this stand-in makes service tokens only"));
    }
    let policies = policies(request, caller, sudo)?;
    let Some(state) = &core.state else {
        return Err(Reply::error(503, "Vault is sealed"));
    };
    let mut reply_warnings: Vec<String> = policies
        .iter()
        .filter(|name| !state.policies.contains_key(*name))
        .map(|name| format!("Policy {name:?} does not exist"))
        .collect();

    let mut ttl = match span(&request.body, "ttl")? {
        0 => span(&request.body, "lease")?,
        ttl => ttl,
    };
    let explicit = span(&request.body, "explicit_max_ttl")?;
    let root = policies.iter().any(|name| name == "root");
    if period > 0 {
        ttl = period;
    } else if ttl == 0 && !root {
        ttl = core.config.default_lease_ttl;
    }
    // Only a root token made by an immortal one may live for ever.
    if ttl == 0 && caller.token.expires.is_some() {
        return Err(Reply::error(
            400,
            "expiring root tokens cannot create non-expiring root tokens",
        ));
    }
    let mut max = if period > 0 {
        u64::MAX
    } else {
        core.config.max_lease_ttl
    };
    if explicit > 0 {
        max = max.min(explicit);
    }
    if ttl > max {
        reply_warnings.push(format!(
            "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
            duration::show(ttl),
            duration::show(max),
        ));
        ttl = max;
    }

    let at = now();
    let random = || hex::word(24).map_err(|e| Reply::error(500, &e));
    let id = match request.text("id") {
        Some(id) if id.starts_with("hvs.") || id.contains('.') => {
            return Err(Reply::error(
                400,
                "custom token ID cannot have the 'hvs.' prefix or contain '.'",
            ));
        }
        Some(id) => id.to_owned(),
        None => format!("hvs.{}", hex::word(90).map_err(|e| Reply::error(500, &e))?),
    };
    let display = request.text("display_name").filter(|name| !name.is_empty());
    let token = Token {
        accessor: random()?,
        parent: (!orphan && !no_parent).then(|| caller.key.clone()),
        policies,
        display_name: display.map_or_else(|| "token".to_owned(), |name| format!("token-{name}")),
        meta: meta(&request.body)?,
        path: request.path.clone(),
        created: at,
        creation_ttl: ttl,
        explicit_max_ttl: explicit,
        period,
        expires: (ttl > 0).then(|| at.saturating_add(millis(ttl))),
        renewed: None,
        renewable: ttl > 0 && request.flag("renewable") != Some(false),
        num_uses: request
            .body
            .get("num_uses")
            .and_then(Value::as_u64)
            .unwrap_or(0),
    };
    let mut reply = Reply::auth(token.auth(&id, at));
    for warning in &reply_warnings {
        reply = reply.warn(warning);
    }
    if let Some(state) = &mut core.state {
        let key = state.digest(&id);
        if state.tokens.contains_key(&key) {
            return Err(Reply::error(
                400,
                "cannot create a token with a duplicate ID",
            ));
        }
        state.tokens.insert(key, token);
    }
    Ok(reply)
}

/// What was asked for, or what the maker has; never more than that without sudo.
fn policies(request: &Request, caller: &Caller, sudo: bool) -> Result<Vec<String>, Reply> {
    let asked: Vec<String> = request
        .body
        .get("policies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.trim().to_lowercase()))
        .filter(|name| !name.is_empty())
        .collect();
    let own = &caller.token.policies;
    let mut policies = if asked.is_empty() { own.clone() } else { asked };
    let is_root = own.iter().any(|name| name == "root");
    if policies.iter().any(|name| name == "root") {
        if !is_root {
            return Err(Reply::error(
                400,
                "root tokens may not be created without parent token being root",
            ));
        }
    } else {
        if !sudo
            && !policies
                .iter()
                .all(|name| name == "default" || own.contains(name))
        {
            return Err(Reply::error(400, "child policies must be subset of parent"));
        }
        if request.flag("no_default_policy") != Some(true) {
            policies.push("default".to_owned());
        }
    }
    policies.sort();
    policies.dedup();
    Ok(policies)
}

fn meta(body: &Value) -> Result<Option<BTreeMap<String, String>>, Reply> {
    match body.get("meta").filter(|meta| !meta.is_null()) {
        None => Ok(None),
        Some(meta) => serde_json::from_value(meta.clone()).map(Some).map_err(|_| {
            Reply::error(
                400,
                "Error decoding request: 'meta' expected a map of texts",
            )
        }),
    }
}

fn span(body: &Value, name: &str) -> Result<u64, Reply> {
    match body.get(name).filter(|value| !value.is_null()) {
        Some(value) => duration::parse(value).map_err(|e| Reply::error(400, &e)),
        None => Ok(0),
    }
}
