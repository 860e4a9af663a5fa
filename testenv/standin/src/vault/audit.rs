//! The audit log: a line before a request is served and one after, with nothing secret in clear.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use serde_json::{Value, json};

use super::request::Request;
use super::state::State;
use super::token::Token;

/// Writes a line to every device. When none of them takes it the request must not be served.
pub fn write(
    state: &State,
    kind: &str,
    request: &Request,
    token: Option<&Token>,
    error: Option<&str>,
) -> Result<(), String> {
    if state.audits.is_empty() {
        return Ok(());
    }
    let line = line(state, kind, request, token, error).to_string();
    let mut last = Err(String::new());
    let mut written = false;
    for audit in state.audits.values() {
        last = append(&audit.file_path, &line);
        written |= last.is_ok();
    }
    if written { Ok(()) } else { last }
}

/// Whether a device could be written to.
pub fn probe(file: &str) -> Result<(), String> {
    append(file, "")
        .map_err(|e| format!("sanity check failed; unable to open {file:?} for writing: {e}"))
}

fn append(file: &str, line: &str) -> Result<(), String> {
    if file == "stdout" {
        crate::console::line(line);
        return Ok(());
    }
    // Opened anew each time: whoever rotates the log need not tell us.
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
        .map_err(|e| crate::server::reason(&e))?;
    if line.is_empty() {
        return Ok(());
    }
    writeln!(log, "{line}").map_err(|e| crate::server::reason(&e))
}

fn line(
    state: &State,
    kind: &str,
    request: &Request,
    token: Option<&Token>,
    error: Option<&str>,
) -> Value {
    let hidden = |text: &str| format!("hmac-sha256:{}", state.digest(text));
    let client = request.token.as_deref().map(hidden);
    let mut line = json!({
        "time": jiff::Timestamp::now().to_string(),
        "type": kind,
        "auth": {
            "client_token": client,
            "accessor": token.map(|token| hidden(&token.accessor)),
            "display_name": token.map(|token| token.display_name.as_str()),
            "policies": token.map(|token| token.policies.as_slice()),
            "token_policies": token.map(|token| token.policies.as_slice()),
            "token_type": "service",
        },
        "request": {
            "id": request.id,
            "operation": request.operation.name(),
            "mount_point": state.mount(&request.path).map(|(mount, _)| mount),
            "client_token": client,
            "namespace": { "id": "root" },
            "path": request.path,
            "data": hide(&request.body, &hidden),
            "remote_address": request.remote,
        },
    });
    if let Some(error) = error {
        line["error"] = error.into();
    }
    line
}

/// Every text becomes its digest; numbers, truths and the names of members stay.
fn hide(value: &Value, hidden: &impl Fn(&str) -> String) -> Value {
    if let Some(text) = value.as_str() {
        return hidden(text).into();
    }
    if let Some(list) = value.as_array() {
        return list.iter().map(|item| hide(item, hidden)).collect();
    }
    if let Some(object) = value.as_object() {
        return object
            .iter()
            .map(|(name, item)| (name.clone(), hide(item, hidden)))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    value.clone()
}
