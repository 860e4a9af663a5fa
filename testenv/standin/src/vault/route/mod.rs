//! From a request to its reply: who asks, may they, is it written down, then what it does.

mod mounts;
mod open;
mod policies;
mod sys;
mod token;

use super::audit;
use super::core::Core;
use super::policy::Acl;
use super::reply::{Body, Reply};
use super::request::{Operation, Request};
use super::token::{Token, now};

/// Who asks.
pub struct Caller {
    /// The storage key of the token.
    key: String,
    token: Token,
    acl: Acl,
}

/// Paths that need `sudo` besides.
const SUDO: [&str; 5] = [
    "auth/token/accessors",
    "auth/token/create-orphan",
    "auth/token/revoke-orphan",
    "sys/audit",
    "sys/seal",
];

/// What is asked by a POST, as its arguments are no business of a log: nothing is stored for it.
const QUESTIONS: [&str; 6] = [
    "sys/capabilities",
    "sys/capabilities-self",
    "sys/capabilities-accessor",
    "auth/token/lookup",
    "auth/token/lookup-self",
    "auth/token/lookup-accessor",
];

/// Answers.
pub fn answer(core: &mut Core, request: &Request) -> Reply {
    if let Some(reply) = open::answer(core, request) {
        return reply;
    }
    let at = now();
    let Some(state) = &mut core.state else {
        return Reply::error(503, "Vault is sealed");
    };
    state.bury(at);
    let found = request.token.as_deref().and_then(|id| state.token(id, at));
    let Some((key, token)) = found.map(|(key, token)| (key, token.clone())) else {
        return refuse(
            core,
            request,
            None,
            "permission denied",
            Reply::error(403, "permission denied"),
        );
    };
    let caller = Caller {
        acl: state.acl(&token),
        key,
        token,
    };
    if !allowed(core, request, &caller) {
        return refuse(
            core,
            request,
            Some(&caller.token),
            "permission denied",
            Reply::denied(),
        );
    }
    if let Some(state) = &core.state {
        // What cannot be written down must not happen.
        if audit::write(state, "request", request, Some(&caller.token), None).is_err() {
            return Reply::error(500, "1 error occurred:\n\t* internal error\n\n");
        }
    }
    let reply = dispatch(core, request, &caller);
    used(core, &caller);
    let changes = request.operation != Operation::Read
        && request.operation != Operation::List
        && !QUESTIONS.contains(&request.path.as_str());
    if (changes || caller.token.num_uses > 0)
        && let Err(e) = core.save()
    {
        return Reply::error(
            500,
            &format!("1 error occurred:\n\t* failed to persist: {e}\n\n"),
        );
    }
    if let Some(state) = &core.state {
        let error = match (&reply.body, reply.code) {
            (Some(Body::Raw(body)), 400..) => {
                Some(body["errors"][0].as_str().unwrap_or_default().to_owned())
            }
            _ => None,
        };
        if audit::write(
            state,
            "response",
            request,
            Some(&caller.token),
            error.as_deref(),
        )
        .is_err()
        {
            return Reply::error(500, "1 error occurred:\n\t* internal error\n\n");
        }
    }
    reply
}

fn refuse(
    core: &Core,
    request: &Request,
    token: Option<&Token>,
    error: &str,
    reply: Reply,
) -> Reply {
    if let Some(state) = &core.state {
        // Refused either way.
        let _ = audit::write(state, "request", request, token, Some(error));
        let _ = audit::write(state, "response", request, token, Some(error));
    }
    reply
}

fn allowed(core: &Core, request: &Request, caller: &Caller) -> bool {
    let path = request.path.as_str();
    // Its handler decides by the mounts that the caller can reach.
    if path.starts_with("sys/internal/ui/mounts") {
        return true;
    }
    let sudo = SUDO.iter().any(|guarded| {
        path.strip_prefix(guarded)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if sudo && !caller.acl.allows(path, "sudo") {
        return false;
    }
    let capability = match request.operation {
        Operation::Read => "read",
        Operation::List => "list",
        Operation::Delete => "delete",
        Operation::Patch => "patch",
        Operation::Update if creates(core, path) => "create",
        Operation::Update => "update",
    };
    let as_listed = if request.operation == Operation::List && !path.ends_with('/') {
        format!("{path}/")
    } else {
        path.to_owned()
    };
    caller.acl.allows(&as_listed, capability)
}

/// Only secrets tell `create` from `update`; everything else is an update.
fn creates(core: &Core, path: &str) -> bool {
    core.state.as_ref().is_some_and(|state| {
        state.mount(path).is_some_and(|(mount, rest)| {
            (rest.starts_with("data/") || rest.starts_with("metadata/"))
                && state
                    .mounts
                    .get(&mount)
                    .is_some_and(|mount| !mount.store.exists(rest))
        })
    })
}

/// Counts a use of a token that has only so many.
fn used(core: &mut Core, caller: &Caller) {
    let Some(state) = &mut core.state else {
        return;
    };
    let Some(token) = state
        .tokens
        .get_mut(&caller.key)
        .filter(|token| token.num_uses > 0)
    else {
        return;
    };
    token.num_uses -= 1;
    if token.num_uses == 0 {
        let key = caller.key.clone();
        state.revoke(&key, false);
    }
}

fn dispatch(core: &mut Core, request: &Request, caller: &Caller) -> Reply {
    let path = request.path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix("auth/token/") {
        return token::answer(core, request, caller, rest);
    }
    if let Some(rest) = path.strip_prefix("sys/") {
        return sys::answer(core, request, caller, rest);
    }
    if let Some(state) = &mut core.state
        && let Some((mount, rest)) = state.mount(&request.path)
        && let Some(mount) = state.mounts.get_mut(&mount)
    {
        return mount.store.answer(rest, request);
    }
    Reply::error(
        404,
        &format!(
            "no handler for route {:?}. route entry not found.",
            request.path
        ),
    )
}
