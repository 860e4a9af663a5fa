//! What is answered without a token, and while sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::core::{Core, cluster_name};
use super::super::reply::Reply;
use super::super::request::{Operation, Request};
use super::super::token::now;
use super::super::{VERSION, hex};

/// Answers, when the path is one of these.
pub fn answer(core: &mut Core, request: &Request) -> Option<Reply> {
    let reply = match (request.path.trim_end_matches('/'), request.operation) {
        ("sys/health", Operation::Read) => health(core, request),
        ("sys/init", Operation::Read) => core
            .initialised()
            .map(|is| Reply::raw(200, json!({ "initialized": is }))),
        ("sys/init", Operation::Update) => Ok(init(core, request)),
        ("sys/seal-status", Operation::Read) => core.status().map(|status| Reply::raw(200, status)),
        ("sys/unseal", Operation::Update) => Ok(unseal(core, request)),
        ("sys/leader", Operation::Read) => Ok(Reply::raw(
            200,
            json!({
                "ha_enabled": false,
                "is_self": false,
                "leader_address": "",
                "leader_cluster_address": "",
                "performance_standby": false,
                "performance_standby_last_remote_wal": 0,
            }),
        )),
        ("sys/health" | "sys/init" | "sys/seal-status" | "sys/unseal" | "sys/leader", _) => {
            Ok(Reply::unsupported())
        }
        _ => return None,
    };
    Some(reply.unwrap_or_else(|e| Reply::error(500, &e)))
}

/// The role that a server of a cluster would have; only a file of the environment can give a single one another.
fn role() -> Role {
    match std::env::var("STANDIN_VAULT_ROLE").as_deref() {
        Ok("standby") => Role::Standby,
        Ok("performance-standby") => Role::PerformanceStandby,
        Ok("dr-secondary") => Role::DrSecondary,
        _ => Role::Active,
    }
}

#[derive(PartialEq, Eq)]
enum Role {
    Active,
    Standby,
    PerformanceStandby,
    DrSecondary,
}

fn health(core: &Core, request: &Request) -> Result<Reply, String> {
    let asked = |name: &str, default: u16| -> Result<u16, String> {
        match request.query.get(name) {
            Some(code) => code
                .parse()
                .ok()
                .filter(|code| (100..1000).contains(code))
                .ok_or_else(|| format!("bad value for {name}")),
            None => Ok(default),
        }
    };
    let on = |name: &str| {
        request
            .query
            .get(name)
            .is_some_and(|value| value != "false")
    };
    let initialised = core.initialised()?;
    let sealed = core.state.is_none();
    let role = role();
    let standby = role == Role::Standby || role == Role::PerformanceStandby;
    let code = if !initialised {
        asked("uninitcode", 501)
    } else if sealed {
        asked("sealedcode", 503)
    } else {
        match role {
            Role::DrSecondary => asked("drsecondarycode", 472),
            Role::PerformanceStandby if !on("perfstandbyok") => {
                asked("performancestandbycode", 473)
            }
            Role::Standby if !on("standbyok") => asked("standbycode", 429),
            Role::Active | Role::Standby | Role::PerformanceStandby => asked("activecode", 200),
        }
    };
    let code = match code {
        Ok(code) => code,
        Err(e) => return Ok(Reply::error(400, &e)),
    };
    let mode = if sealed { "unknown" } else { "disabled" };
    let mut body = json!({
        "initialized": initialised,
        "sealed": sealed,
        "standby": sealed || standby,
        "performance_standby": role == Role::PerformanceStandby,
        "replication_performance_mode": mode,
        "replication_dr_mode": if role == Role::DrSecondary { "secondary" } else { mode },
        "server_time_utc": now() / 1000,
        "version": VERSION,
        "enterprise": false,
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "replication_primary_canary_age_ms": 0,
    });
    if let Some(state) = &core.state {
        body["cluster_name"] = cluster_name(state).into();
        body["cluster_id"] = state.cluster.as_str().into();
    }
    Ok(Reply::raw(code, body))
}

fn init(core: &mut Core, request: &Request) -> Reply {
    match core.initialised() {
        Ok(false) => {}
        Ok(true) => return Reply::error(400, "Vault is already initialized"),
        Err(e) => return Reply::error(500, &e),
    }
    let number = |name: &str| {
        request
            .body
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .and_then(|n| u8::try_from(n).ok())
    };
    let (Some(shares), Some(threshold)) = (number("secret_shares"), number("secret_threshold"))
    else {
        return Reply::error(
            400,
            "invalid seal configuration: shares must be at least one",
        );
    };
    let wrong = match (shares, threshold) {
        (0, _) => Some("shares must be at least one"),
        (_, 0) => Some("threshold must be at least one"),
        (2.., 1) => Some("threshold must be greater than one for multiple shares"),
        _ if threshold > shares => Some("threshold cannot be larger than shares"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Reply::error(400, &format!("invalid seal configuration: {wrong}"));
    }
    match core.initialise(shares, threshold) {
        Ok(keys) => Reply::raw(
            200,
            json!({
                "keys": keys.shares.iter().map(|share| hex::encode(share)).collect::<Vec<_>>(),
                "keys_base64": keys.shares.iter().map(|share| STANDARD.encode(share)).collect::<Vec<_>>(),
                "root_token": keys.root_token,
            }),
        ),
        Err(e) => Reply::error(500, &format!("failed to initialize barrier: {e}")),
    }
}

fn unseal(core: &mut Core, request: &Request) -> Reply {
    if request.flag("reset") == Some(true) {
        core.reset();
    } else {
        let Some(share) = request.text("key").filter(|share| !share.is_empty()) else {
            return Reply::error(
                400,
                "'key' must be specified in request body as JSON, or 'reset' set to true",
            );
        };
        if let Err(e) = core.unseal(share) {
            return Reply::error(400, &e);
        }
    }
    match core.status() {
        Ok(status) => Reply::raw(200, status),
        Err(e) => Reply::error(500, &e),
    }
}
