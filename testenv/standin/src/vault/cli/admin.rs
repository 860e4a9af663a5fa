//! `vault policy`, `vault secrets`, `vault audit`, `vault read`.

use std::io::Read;

use serde_json::{Map, Value, json};

use super::{Fail, Outcome, Session, table};
use crate::console;

/// `list`, `read`, `write`, `delete`.
pub async fn policy(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    match (command, rest) {
        ("list", []) => {
            let body = session
                .client
                .need("LIST", "sys/policies/acl", None, "Error listing policies")
                .await?;
            let names: Vec<String> = body["data"]["keys"]
                .as_array()
                .into_iter()
                .flatten()
                .map(table::cell)
                .collect();
            if session.json {
                table::json(&json!(names));
            } else {
                table::list(&names, None);
            }
            Ok(0)
        }
        ("read", [name]) => {
            let doing = format!("Error reading policy named {name}");
            let answer = session
                .client
                .ask("GET", &format!("sys/policies/acl/{name}"), None, &doing)
                .await?;
            match answer.code {
                404 => Err(Fail::server(format!("No policy named: {name}"))),
                400.. => Err(answer.fail(&doing)),
                _ if session.json => {
                    table::json(&json!({ "policy": answer.body["data"]["policy"] }));
                    Ok(0)
                }
                _ => {
                    console::line(table::cell(&answer.body["data"]["policy"]).trim_end());
                    Ok(0)
                }
            }
        }
        ("write", [name, file]) => {
            let text = if *file == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            } else {
                std::fs::read_to_string(file)
            }
            .map_err(|e| {
                Fail::usage(format!(
                    "Error opening policy file: {file}: {}",
                    crate::server::reason(&e)
                ))
            })?;
            let body = json!({ "policy": text });
            session
                .client
                .need(
                    "PUT",
                    &format!("sys/policies/acl/{name}"),
                    Some(&body),
                    "Error uploading policy",
                )
                .await?;
            console::line(&format!("Success! Uploaded policy: {name}"));
            Ok(0)
        }
        ("delete", [name]) => {
            session
                .client
                .need(
                    "DELETE",
                    &format!("sys/policies/acl/{name}"),
                    None,
                    &format!("Error deleting {name}"),
                )
                .await?;
            console::line(&format!("Success! Deleted policy: {name}"));
            Ok(0)
        }
        _ => Err(Fail::usage(
            "Usage: vault policy list|read NAME|write NAME FILE|delete NAME",
        )),
    }
}

/// `list`, `enable`, `disable`.
pub async fn secrets(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    match (command, rest) {
        ("list", []) => listed(session, "sys/mounts", "Error listing secrets engines").await,
        ("enable", [kind]) => {
            let path = session
                .flags
                .get(&["path"])
                .unwrap_or(kind)
                .trim_matches('/');
            let mut body = json!({ "type": kind, "description": session.flags.get(&["description"]).unwrap_or_default() });
            match (*kind, session.flags.get(&["version"])) {
                ("kv-v2", _) => {
                    body["type"] = "kv".into();
                    body["options"] = json!({ "version": "2" });
                }
                (_, Some(version)) => body["options"] = json!({ "version": version }),
                _ => {}
            }
            session
                .client
                .need(
                    "POST",
                    &format!("sys/mounts/{path}"),
                    Some(&body),
                    "Error enabling",
                )
                .await?;
            console::line(&format!(
                "Success! Enabled the {kind} secrets engine at: {path}/"
            ));
            Ok(0)
        }
        ("disable", [path]) => {
            let path = path.trim_matches('/');
            session
                .client
                .need(
                    "DELETE",
                    &format!("sys/mounts/{path}"),
                    None,
                    "Error disabling secrets engine",
                )
                .await?;
            console::line(&format!(
                "Success! Disabled the secrets engine (if it existed) at: {path}/"
            ));
            Ok(0)
        }
        _ => Err(Fail::usage(
            "Usage: vault secrets list|enable [-path=PATH] TYPE|disable PATH",
        )),
    }
}

/// `list`, `enable`, `disable`.
pub async fn audit(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    match (command, rest) {
        ("list", []) => listed(session, "sys/audit", "Error listing audits").await,
        ("enable", [kind, options @ ..]) => {
            let path = session
                .flags
                .get(&["path"])
                .unwrap_or(kind)
                .trim_matches('/');
            let options: Map<String, Value> = options
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            let body = json!({ "type": kind, "options": options });
            session
                .client
                .need(
                    "PUT",
                    &format!("sys/audit/{path}"),
                    Some(&body),
                    "Error enabling audit device",
                )
                .await?;
            console::line(&format!(
                "Success! Enabled the {kind} audit device at: {path}/"
            ));
            Ok(0)
        }
        ("disable", [path]) => {
            let path = path.trim_matches('/');
            session
                .client
                .need(
                    "DELETE",
                    &format!("sys/audit/{path}"),
                    None,
                    "Error disabling audit device",
                )
                .await?;
            console::line(&format!(
                "Success! Disabled audit device (if it was enabled) at: {path}/"
            ));
            Ok(0)
        }
        _ => Err(Fail::usage(
            "Usage: vault audit list|enable TYPE file_path=FILE|disable PATH",
        )),
    }
}

async fn listed(session: &Session, path: &str, doing: &str) -> Outcome {
    let body = session.client.need("GET", path, None, doing).await?;
    let all = body["data"].as_object().cloned().unwrap_or_default();
    if session.json {
        table::json(&Value::Object(all));
        return Ok(0);
    }
    if all.is_empty() {
        console::line("No audit devices are enabled.");
        return Ok(2);
    }
    let rows: Vec<(String, String)> = all
        .iter()
        .map(|(path, about)| {
            (
                path.clone(),
                format!(
                    "{}    {}",
                    table::cell(&about["type"]),
                    table::cell(&about["description"])
                ),
            )
        })
        .collect();
    table::draw(&rows);
    Ok(0)
}

/// Reads any path.
pub async fn read(session: &Session, path: &str) -> Outcome {
    let doing = format!("Error reading {path}");
    let answer = session.client.ask("GET", path, None, &doing).await?;
    match answer.code {
        404 => return Err(Fail::server(format!("No value found at {path}"))),
        400.. => return Err(answer.fail(&doing)),
        _ => {}
    }
    if session.json {
        table::json(&answer.body);
    } else if let Some(data) = answer.body["data"].as_object() {
        table::draw(&table::rows(data));
    }
    Ok(0)
}
