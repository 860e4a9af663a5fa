//! `vault token` and `vault login`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use serde_json::{Map, Value, json};

use super::client::token_file;
use super::{Fail, Outcome, Session, table};
use crate::console;

/// `lookup`, `create`, `renew`, `revoke`, `capabilities`.
pub async fn run(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    let by_accessor = session.flags.on(&["accessor"]);
    match (command, rest) {
        ("lookup", []) => {
            let body = session
                .client
                .need(
                    "GET",
                    "auth/token/lookup-self",
                    None,
                    "error looking up token",
                )
                .await?;
            show_data(session, &body)
        }
        ("lookup", [id]) => {
            let (path, body) = named("lookup", id, by_accessor);
            let body = session
                .client
                .need("POST", &path, Some(&body), "error looking up token")
                .await?;
            show_data(session, &body)
        }
        ("create", []) => create(session).await,
        ("renew", ids) if ids.len() < 2 => {
            let (path, mut body) = match ids {
                [id] => named("renew", id, by_accessor),
                _ => ("auth/token/renew-self".to_owned(), json!({})),
            };
            if let Some(increment) = session.flags.get(&["increment"]) {
                body["increment"] = increment.into();
            }
            let body = session
                .client
                .need("PUT", &path, Some(&body), "Error renewing token")
                .await?;
            show_auth(session, &body)
        }
        ("revoke", []) if session.flags.on(&["self"]) => {
            session
                .client
                .need(
                    "PUT",
                    "auth/token/revoke-self",
                    None,
                    "Error revoking token",
                )
                .await?;
            console::line("Success! Revoked token (if it existed)");
            Ok(0)
        }
        ("revoke", [id]) => {
            let (path, body) = named("revoke", id, by_accessor);
            session
                .client
                .need("PUT", &path, Some(&body), "Error revoking token")
                .await?;
            console::line("Success! Revoked token (if it existed)");
            Ok(0)
        }
        ("capabilities", [path]) => {
            capabilities(session, "sys/capabilities-self", json!({ "paths": [path] })).await
        }
        ("capabilities", [id, path]) => {
            capabilities(
                session,
                "sys/capabilities",
                json!({ "token": id, "paths": [path] }),
            )
            .await
        }
        _ => Err(Fail::usage(
            "Usage: vault token lookup|create|renew|revoke|capabilities",
        )),
    }
}

/// Takes a token, proves it and keeps it for the next commands.
pub async fn login(session: &Session, rest: &[&str]) -> Outcome {
    let token = match rest {
        [] | ["-"] => {
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .map_err(|e| Fail::usage(e.to_string()))?;
            line.trim().to_owned()
        }
        [token] => token.strip_prefix("token=").unwrap_or(token).to_owned(),
        _ => return Err(Fail::usage("Usage: vault login [TOKEN]")),
    };
    let client = session.client.with_token(&token);
    let body = client
        .need(
            "GET",
            "auth/token/lookup-self",
            None,
            "Error authenticating: error looking up token",
        )
        .await?;
    if !session.flags.on(&["no-store"])
        && let Some(file) = token_file()
    {
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut stored| stored.write_all(token.as_bytes()))
            .map_err(|e| Fail::usage(format!("Error storing token: {e}")))?;
    }
    if !session.json {
        console::line("Success! You are now authenticated.\n");
    }
    show_data(session, &body)
}

fn named(verb: &str, id: &str, by_accessor: bool) -> (String, Value) {
    if by_accessor {
        (
            format!("auth/token/{verb}-accessor"),
            json!({ "accessor": id }),
        )
    } else {
        (format!("auth/token/{verb}"), json!({ "token": id }))
    }
}

async fn create(session: &Session) -> Outcome {
    let flags = &session.flags;
    let mut body = Map::new();
    if !flags.all("policy").is_empty() {
        body.insert("policies".to_owned(), json!(flags.all("policy")));
    }
    for (flag, name) in [
        ("ttl", "ttl"),
        ("period", "period"),
        ("explicit-max-ttl", "explicit_max_ttl"),
        ("display-name", "display_name"),
    ] {
        if let Some(value) = flags.get(&[flag]) {
            body.insert(name.to_owned(), value.into());
        }
    }
    if let Some(uses) = flags.get(&["use-limit"]) {
        let uses: u64 = uses
            .parse()
            .map_err(|_| Fail::usage(format!("invalid value {uses:?} for flag -use-limit")))?;
        body.insert("num_uses".to_owned(), uses.into());
    }
    let meta: Map<String, Value> = flags
        .all("metadata")
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    if !meta.is_empty() {
        body.insert("meta".to_owned(), Value::Object(meta));
    }
    body.insert("no_parent".to_owned(), flags.on(&["orphan"]).into());
    body.insert(
        "no_default_policy".to_owned(),
        flags.on(&["no-default-policy"]).into(),
    );
    body.insert(
        "renewable".to_owned(),
        (flags.get(&["renewable"]) != Some("false")).into(),
    );
    let body = session
        .client
        .need(
            "POST",
            "auth/token/create",
            Some(&Value::Object(body)),
            "Error creating token",
        )
        .await?;
    show_auth(session, &body)
}

async fn capabilities(session: &Session, path: &str, body: Value) -> Outcome {
    let body = session
        .client
        .need("POST", path, Some(&body), "Error listing capabilities")
        .await?;
    let names: Vec<String> = body["capabilities"]
        .as_array()
        .into_iter()
        .flatten()
        .map(table::cell)
        .collect();
    if session.json {
        table::json(&json!(names));
    } else {
        console::line(&names.join(", "));
    }
    Ok(0)
}

fn warn(body: &Value) {
    for warning in body["warnings"].as_array().into_iter().flatten() {
        console::error(&format!(
            "WARNING! The following warnings were returned from Vault:\n\n  * {}\n",
            table::cell(warning)
        ));
    }
}

fn show_data(session: &Session, body: &Value) -> Outcome {
    if session.json {
        table::json(body);
    } else if let Some(field) = session.flags.get(&["field"]) {
        console::line(&table::cell(&body["data"][field]));
    } else if let Some(data) = body["data"].as_object() {
        table::draw(&table::rows(data));
    }
    Ok(0)
}

fn show_auth(session: &Session, body: &Value) -> Outcome {
    let auth = &body["auth"];
    if session.json {
        table::json(body);
        return Ok(0);
    }
    if let Some(field) = session.flags.get(&["field"]) {
        let name = match field {
            "token" => "client_token",
            "token_accessor" => "accessor",
            "token_duration" => "lease_duration",
            other => other,
        };
        console::line(&table::cell(&auth[name]));
        return Ok(0);
    }
    warn(body);
    let rows = [
        ("token", "client_token"),
        ("token_accessor", "accessor"),
        ("token_duration", "lease_duration"),
        ("token_renewable", "renewable"),
        ("token_policies", "token_policies"),
        ("policies", "policies"),
    ]
    .map(|(title, name)| {
        let value = match auth[name].as_u64() {
            Some(0) if name == "lease_duration" => "∞".to_owned(),
            Some(seconds) if name == "lease_duration" => super::super::duration::show(seconds),
            _ => table::cell(&auth[name]),
        };
        (title.to_owned(), value)
    });
    table::draw(&rows);
    Ok(0)
}
