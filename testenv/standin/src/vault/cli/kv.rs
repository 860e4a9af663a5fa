//! `vault kv`: secrets by the path that operators write, `secret/gbo/tables`.

use std::io::Read;

use serde_json::{Map, Value, json};

use super::{Fail, Outcome, Session, table};
use crate::console;

/// A mount and what follows in it.
struct Place {
    mount: String,
    name: String,
}

impl Place {
    /// The path of the API.
    fn path(&self, area: &str) -> String {
        format!("{}/{area}/{}", self.mount, self.name)
    }
}

/// `get`, `put`, `patch`, `list`, `delete`, `undelete`, `destroy`, `metadata`.
pub async fn run(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    match (command, rest) {
        ("get", [path]) => get(session, &place(session, path).await?).await,
        ("list", [path]) => list(session, &place(session, path).await?).await,
        ("put" | "patch", [path, pairs @ ..]) if !pairs.is_empty() => {
            let data = data(pairs)?;
            put(
                session,
                &place(session, path).await?,
                data,
                command == "patch",
            )
            .await
        }
        ("delete", [path]) => {
            let place = place(session, path).await?;
            match versions(session) {
                Some(versions) => {
                    change(
                        session,
                        "POST",
                        &place,
                        "delete",
                        Some(&versions),
                        "Data deleted (if it existed) at",
                    )
                    .await
                }
                None => {
                    change(
                        session,
                        "DELETE",
                        &place,
                        "data",
                        None,
                        "Data deleted (if it existed) at",
                    )
                    .await
                }
            }
        }
        ("undelete" | "destroy", [path]) => {
            let versions = versions(session).ok_or_else(|| Fail::usage("No versions provided, use the \"-versions\" flag to specify the version to change."))?;
            change(
                session,
                "PUT",
                &place(session, path).await?,
                command,
                Some(&versions),
                "Data written to:",
            )
            .await
        }
        ("metadata", ["get", path]) => {
            let place = place(session, path).await?;
            let path = place.path("metadata");
            let answer = session
                .client
                .ask("GET", &path, None, &format!("Error reading {path}"))
                .await?;
            match answer.code {
                404 => Err(Fail::server(format!("No value found at {path}"))),
                400.. => Err(answer.fail(&format!("Error reading {path}"))),
                _ => {
                    metadata(session, &place, &answer.body);
                    Ok(0)
                }
            }
        }
        ("metadata", ["delete", path]) => {
            change(
                session,
                "DELETE",
                &place(session, path).await?,
                "metadata",
                None,
                "Data deleted (if it existed) at",
            )
            .await
        }
        _ => Err(Fail::usage(
            "Usage: vault kv get|put|patch|list|delete|undelete|destroy|metadata get|metadata delete PATH",
        )),
    }
}

/// Asks the server where the mount ends: what the original does before every request.
async fn place(session: &Session, path: &str) -> Result<Place, Fail> {
    let path = path.trim_matches('/');
    if let Some(mount) = session.flags.get(&["mount"]) {
        return Ok(Place {
            mount: mount.trim_matches('/').to_owned(),
            name: path.to_owned(),
        });
    }
    let about = session
        .client
        .need(
            "GET",
            &format!("sys/internal/ui/mounts/{path}"),
            None,
            &format!("Error making API request for {path}"),
        )
        .await?;
    let mount = about
        .pointer("/data/path")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mount = mount.trim_end_matches('/');
    let name = path
        .strip_prefix(mount)
        .unwrap_or(path)
        .trim_start_matches('/');
    Ok(Place {
        mount: mount.to_owned(),
        name: name.to_owned(),
    })
}

async fn get(session: &Session, place: &Place) -> Outcome {
    let path = place.path("data");
    let query = session
        .flags
        .get(&["version"])
        .map_or_else(String::new, |version| format!("?version={version}"));
    let doing = format!("Error reading {path}");
    let answer = session
        .client
        .ask("GET", &format!("{path}{query}"), None, &doing)
        .await?;
    if answer.code >= 400 && answer.body.pointer("/data/metadata").is_none() {
        return Err(match answer.code {
            404 => Fail::server(format!("No value found at {path}")),
            _ => answer.fail(&doing),
        });
    }
    let data = answer.body.pointer("/data/data").and_then(Value::as_object);
    if let Some(field) = session.flags.get(&["field"]) {
        let value = data
            .and_then(|data| data.get(field))
            .ok_or_else(|| Fail::usage(format!("Field {field:?} not present in secret")))?;
        if session.json {
            table::json(value);
        } else {
            console::line(&table::cell(value));
        }
        return Ok(0);
    }
    if session.json {
        table::json(&answer.body);
        return Ok(if data.is_some() { 0 } else { 2 });
    }
    console::line(&format!("====== Secret Path ======\n{path}\n"));
    if let Some(about) = answer
        .body
        .pointer("/data/metadata")
        .and_then(Value::as_object)
    {
        let rows = about_version(about);
        table::title("Metadata", &[]);
        table::draw(&rows);
    }
    match data {
        Some(data) => {
            console::line("");
            let rows = table::rows(data);
            table::title("Data", &rows);
            table::draw(&rows);
            Ok(0)
        }
        // Deleted or destroyed: there is something to show, but no value.
        None => Ok(2),
    }
}

fn about_version(about: &Map<String, Value>) -> Vec<(String, String)> {
    let mut rows = table::rows(about);
    for (name, value) in &mut rows {
        if name == "deletion_time" && value.is_empty() {
            "n/a".clone_into(value);
        }
    }
    rows
}

async fn list(session: &Session, place: &Place) -> Outcome {
    let path = place.path("metadata");
    let path = path.trim_end_matches('/');
    let doing = format!("Error listing {path}");
    let answer = session.client.ask("LIST", path, None, &doing).await?;
    match answer.code {
        404 => return Err(Fail::server(format!("No value found at {path}"))),
        400.. => return Err(answer.fail(&doing)),
        _ => {}
    }
    let keys = answer
        .body
        .pointer("/data/keys")
        .cloned()
        .unwrap_or_default();
    if session.json {
        table::json(&keys);
    } else {
        let keys: Vec<String> = keys
            .as_array()
            .into_iter()
            .flatten()
            .map(table::cell)
            .collect();
        table::list(&keys, Some("Keys"));
    }
    Ok(0)
}

async fn put(session: &Session, place: &Place, data: Map<String, Value>, patch: bool) -> Outcome {
    let path = place.path("data");
    let mut body = json!({ "data": data, "options": {} });
    if let Some(cas) = session.flags.get(&["cas"]) {
        let cas: u64 = cas
            .parse()
            .map_err(|_| Fail::usage(format!("invalid value {cas:?} for flag -cas")))?;
        body["options"]["cas"] = cas.into();
    }
    let method = if patch { "PATCH" } else { "PUT" };
    let answer = session
        .client
        .need(
            method,
            &path,
            Some(&body),
            &format!("Error writing data to {path}"),
        )
        .await?;
    if session.json {
        table::json(&answer);
    } else if let Some(about) = answer.get("data").and_then(Value::as_object) {
        console::line(&format!("====== Secret Path ======\n{path}\n"));
        table::title("Metadata", &[]);
        table::draw(&about_version(about));
    }
    Ok(0)
}

async fn change(
    session: &Session,
    method: &str,
    place: &Place,
    area: &str,
    body: Option<&Value>,
    words: &str,
) -> Outcome {
    let path = place.path(area);
    session
        .client
        .need(method, &path, body, &format!("Error writing {path}"))
        .await?;
    console::line(&format!("Success! {words} {path}"));
    Ok(0)
}

fn versions(session: &Session) -> Option<Value> {
    let given = session.flags.get(&["versions"])?;
    let versions: Vec<&str> = given.split(',').map(str::trim).collect();
    Some(json!({ "versions": versions }))
}

fn metadata(session: &Session, place: &Place, body: &Value) {
    if session.json {
        table::json(body);
        return;
    }
    let Some(data) = body.get("data").and_then(Value::as_object) else {
        return;
    };
    console::line(&format!(
        "====== Metadata Path ======\n{}\n",
        place.path("metadata")
    ));
    let mut rows = table::rows(data);
    rows.retain(|(name, _)| name != "versions");
    table::title("Metadata", &[]);
    table::draw(&rows);
    for (number, version) in data
        .get("versions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        console::line(&format!("\n====== Version {number} ======"));
        if let Some(version) = version.as_object() {
            table::draw(&about_version(version));
        }
    }
}

/// `key=value`, `key=@file`, `key=-`, or `@file` and `-` with JSON.
fn data(pairs: &[&str]) -> Result<Map<String, Value>, Fail> {
    let mut data = Map::new();
    for pair in pairs {
        match pair.split_once('=') {
            Some((key, value)) => {
                let value = match value.strip_prefix('@') {
                    Some(file) => read(file)?,
                    None if value == "-" => read("-")?,
                    None => value.to_owned(),
                };
                data.insert(key.to_owned(), Value::String(value));
            }
            None => {
                let text = read(pair.strip_prefix('@').unwrap_or(pair))?;
                let object: Map<String, Value> = serde_json::from_str(&text)
                    .map_err(|e| Fail::usage(format!("Failed to parse K=V data: {e}")))?;
                data.extend(object);
            }
        }
    }
    Ok(data)
}

fn read(file: &str) -> Result<String, Fail> {
    let fail = |e: std::io::Error| {
        Fail::usage(format!(
            "Failed to parse K=V data: {file}: {}",
            crate::server::reason(&e)
        ))
    };
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(fail)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_and_may_hold_equal_signs() {
        let data = data(&["host=10.0.2.5", "password=a=b"]).ok().unwrap();
        assert_eq!(data["host"], "10.0.2.5");
        assert_eq!(data["password"], "a=b");
    }
}
