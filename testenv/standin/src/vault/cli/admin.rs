//! `vault policy`, `vault secrets`, `vault audit`, `vault read`.

use std::io::Read;

use serde_json::{Map, Value, json};

use super::{Fail, Outcome, Session, table};
use crate::console;

/// A request that changes something.
struct Change<'a> {
    method: &'a str,
    path: String,
    body: Option<Value>,
    /// Opens the message when it fails.
    doing: &'a str,
}

impl Change<'_> {
    /// Carries it out and says so.
    async fn done(self, session: &Session, said: &str) -> Outcome {
        let (body, client) = (self.body.as_ref(), &session.client);
        client
            .need(self.method, &self.path, body, self.doing)
            .await?;
        console::line(&format!("Success! {said}"));
        Ok(0)
    }
}

/// Where an engine or device of that kind is, unless it is told.
fn place<'a>(session: &'a Session, kind: &'a str) -> &'a str {
    session
        .flags
        .get(&["path"])
        .unwrap_or(kind)
        .trim_matches('/')
}

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
            let change = Change {
                method: "PUT",
                path: format!("sys/policies/acl/{name}"),
                body: Some(json!({ "policy": text })),
                doing: "Error uploading policy",
            };
            change
                .done(session, &format!("Uploaded policy: {name}"))
                .await
        }
        ("delete", [name]) => {
            let change = Change {
                method: "DELETE",
                path: format!("sys/policies/acl/{name}"),
                body: None,
                doing: &format!("Error deleting {name}"),
            };
            change
                .done(session, &format!("Deleted policy: {name}"))
                .await
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
            let path = place(session, kind);
            let mut body = json!({ "type": kind, "description": session.flags.get(&["description"]).unwrap_or_default() });
            match (*kind, session.flags.get(&["version"])) {
                ("kv-v2", _) => {
                    body["type"] = "kv".into();
                    body["options"] = json!({ "version": "2" });
                }
                (_, Some(version)) => body["options"] = json!({ "version": version }),
                _ => {}
            }
            let change = Change {
                method: "POST",
                path: format!("sys/mounts/{path}"),
                body: Some(body),
                doing: "Error enabling",
            };
            let said = format!("Enabled the {kind} secrets engine at: {path}/");
            change.done(session, &said).await
        }
        ("disable", [path]) => {
            let path = path.trim_matches('/');
            let change = Change {
                method: "DELETE",
                path: format!("sys/mounts/{path}"),
                body: None,
                doing: "Error disabling secrets engine",
            };
            let said = format!("Disabled the secrets engine (if it existed) at: {path}/");
            change.done(session, &said).await
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
            let path = place(session, kind);
            let options: Map<String, Value> = options
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            let change = Change {
                method: "PUT",
                path: format!("sys/audit/{path}"),
                body: Some(json!({ "type": kind, "options": options })),
                doing: "Error enabling audit device",
            };
            let said = format!("Enabled the {kind} audit device at: {path}/");
            change.done(session, &said).await
        }
        ("disable", [path]) => {
            let path = path.trim_matches('/');
            let change = Change {
                method: "DELETE",
                path: format!("sys/audit/{path}"),
                body: None,
                doing: "Error disabling audit device",
            };
            let said = format!("Disabled audit device (if it was enabled) at: {path}/");
            change.done(session, &said).await
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
