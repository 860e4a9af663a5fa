//! The second version of the key-value engine: every write a version, deletion a mark until destroyed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::request::{Operation, Request};
use super::token::{now, rfc3339};

/// Versions kept when nobody says how many.
const VERSIONS: u64 = 10;

/// All secrets of one mount.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    secrets: BTreeMap<String, Secret>,
    max_versions: u64,
    cas_required: bool,
}

#[derive(Serialize, Deserialize)]
struct Secret {
    created: i64,
    updated: i64,
    current: u64,
    max_versions: u64,
    cas_required: bool,
    custom_metadata: Option<BTreeMap<String, String>>,
    versions: BTreeMap<u64, Version>,
}

#[derive(Serialize, Deserialize)]
struct Version {
    created: i64,
    deleted: Option<i64>,
    destroyed: bool,
    data: Option<Map<String, Value>>,
}

impl Store {
    /// Whether a write would change something that is there: it decides between `create` and `update`.
    pub fn exists(&self, path: &str) -> bool {
        path.split_once('/')
            .is_some_and(|(_, name)| self.secrets.contains_key(name))
    }

    /// Answers a request below the mount.
    pub fn answer(&mut self, path: &str, request: &Request) -> Reply {
        let (area, name) = path.split_once('/').unwrap_or((path, ""));
        match (area, request.operation) {
            ("config", Operation::Read) => Reply::data(json!({
                "cas_required": self.cas_required,
                "delete_version_after": "0s",
                "max_versions": self.max_versions,
            })),
            ("config", Operation::Update) => {
                self.max_versions = number(&request.body, "max_versions").unwrap_or(self.max_versions);
                self.cas_required = flag(&request.body, "cas_required").unwrap_or(self.cas_required);
                Reply::none()
            }
            ("metadata", Operation::List) => self.list(name),
            ("data" | "metadata" | "delete" | "undelete" | "destroy", _) if name.is_empty() => {
                Reply::missing()
            }
            ("data", Operation::Read) => self.read(name, request),
            ("data", Operation::Update) => self.write(name, &request.body),
            ("data", Operation::Patch) => self.patch(name, &request.body),
            ("data", Operation::Delete) => {
                let current = self.secrets.get(name).map(|secret| secret.current);
                self.mark(name, &current.into_iter().collect::<Vec<_>>(), Mark::Deleted)
            }
            ("delete", Operation::Update) => self.mark_some(name, &request.body, Mark::Deleted),
            ("undelete", Operation::Update) => self.mark_some(name, &request.body, Mark::Restored),
            ("destroy", Operation::Update) => self.mark_some(name, &request.body, Mark::Destroyed),
            ("metadata", Operation::Read) => self.metadata(name),
            ("metadata", Operation::Update) => self.set_metadata(name, &request.body),
            ("metadata", Operation::Delete) => {
                self.secrets.remove(name);
                Reply::none()
            }
            ("config" | "data" | "metadata" | "delete" | "undelete" | "destroy", _) => Reply::unsupported(),
            _ => Reply::missing().warn(
                "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. \
                 If using the Vault CLI, use 'vault kv get' for this operation.",
            ),
        }
    }

    fn read(&self, name: &str, request: &Request) -> Reply {
        let Some(secret) = self.secrets.get(name) else {
            return Reply::missing();
        };
        let wanted = match request.query.get("version").map(|text| text.parse::<u64>()) {
            None | Some(Ok(0)) => secret.current,
            Some(Ok(version)) => version,
            Some(Err(_)) => {
                return Reply::error(
                    400,
                    "field validation failed: error converting input for field \"version\"",
                );
            }
        };
        let Some(version) = secret.versions.get(&wanted) else {
            return Reply::missing();
        };
        let metadata = secret.describe(wanted, version);
        let gone = version.destroyed || version.deleted.is_some();
        let data = if gone { None } else { version.data.as_ref() };
        let reply = Reply::data(json!({ "data": data, "metadata": metadata }));
        if gone { reply.status(404) } else { reply }
    }

    fn write(&mut self, name: &str, body: &Value) -> Reply {
        let Some(data) = body.get("data").and_then(Value::as_object) else {
            return Reply::error(400, "no data provided");
        };
        let at = now();
        let existing = self.secrets.get(name);
        let current = existing.map_or(0, |secret| secret.current);
        let required = self.cas_required || existing.is_some_and(|secret| secret.cas_required);
        match body
            .get("options")
            .and_then(|options| number(options, "cas"))
        {
            None if required => {
                return Reply::error(400, "check-and-set parameter required for this call");
            }
            Some(cas) if cas != current => {
                return Reply::error(
                    400,
                    "check-and-set parameter did not match the current version",
                );
            }
            Some(_) | None => {}
        }
        let limit = self.max_versions;
        let secret = self
            .secrets
            .entry(name.to_owned())
            .or_insert_with(|| Secret::new(at));
        let reply = secret.push(data.clone(), at, limit);
        Reply::data(reply)
    }

    fn patch(&mut self, name: &str, body: &Value) -> Reply {
        let current = self.secrets.get(name).and_then(|secret| {
            let version = secret.versions.get(&secret.current)?;
            version
                .deleted
                .is_none()
                .then_some(version.data.clone())
                .flatten()
        });
        let (Some(mut data), Some(change)) = (current, body.get("data").and_then(Value::as_object))
        else {
            return Reply::missing();
        };
        for (key, value) in change {
            if value.is_null() {
                data.remove(key);
            } else {
                data.insert(key.clone(), value.clone());
            }
        }
        let mut whole = body.clone();
        whole["data"] = Value::Object(data);
        self.write(name, &whole)
    }

    fn list(&self, name: &str) -> Reply {
        let prefix = if name.is_empty() || name.ends_with('/') {
            name.to_owned()
        } else {
            format!("{name}/")
        };
        let mut keys: Vec<&str> = self
            .secrets
            .keys()
            .filter_map(|key| key.strip_prefix(&prefix))
            .map(|rest| rest.find('/').map_or(rest, |at| &rest[..=at]))
            .collect();
        keys.dedup();
        if keys.is_empty() {
            return Reply::missing();
        }
        Reply::data(json!({ "keys": keys }))
    }

    fn mark_some(&mut self, name: &str, body: &Value, mark: Mark) -> Reply {
        let versions: Vec<u64> = body
            .get("versions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_u64().or_else(|| item.as_str()?.parse().ok()))
            .collect();
        if versions.is_empty() {
            return Reply::error(400, "No version number provided");
        }
        self.mark(name, &versions, mark)
    }

    fn mark(&mut self, name: &str, versions: &[u64], mark: Mark) -> Reply {
        if let Some(secret) = self.secrets.get_mut(name) {
            for number in versions {
                let Some(version) = secret.versions.get_mut(number) else {
                    continue;
                };
                match mark {
                    Mark::Deleted => version.deleted = version.deleted.or(Some(now())),
                    Mark::Restored => version.deleted = None,
                    Mark::Destroyed => {
                        version.destroyed = true;
                        version.data = None;
                    }
                }
            }
        }
        Reply::none()
    }

    fn metadata(&self, name: &str) -> Reply {
        let Some(secret) = self.secrets.get(name) else {
            return Reply::missing();
        };
        let versions: Map<String, Value> = secret
            .versions
            .iter()
            .map(|(number, version)| {
                let about = json!({
                    "created_time": rfc3339(version.created),
                    "deletion_time": version.deleted.map(rfc3339).unwrap_or_default(),
                    "destroyed": version.destroyed,
                });
                (number.to_string(), about)
            })
            .collect();
        Reply::data(json!({
            "cas_required": secret.cas_required,
            "created_time": rfc3339(secret.created),
            "current_version": secret.current,
            "custom_metadata": secret.custom_metadata,
            "delete_version_after": "0s",
            "max_versions": secret.max_versions,
            "oldest_version": secret.versions.keys().next().filter(|oldest| **oldest > 1).unwrap_or(&0),
            "updated_time": rfc3339(secret.updated),
            "versions": versions,
        }))
    }

    fn set_metadata(&mut self, name: &str, body: &Value) -> Reply {
        let secret = self
            .secrets
            .entry(name.to_owned())
            .or_insert_with(|| Secret::new(now()));
        secret.max_versions = number(body, "max_versions").unwrap_or(secret.max_versions);
        secret.cas_required = flag(body, "cas_required").unwrap_or(secret.cas_required);
        if let Some(custom) = body.get("custom_metadata").and_then(Value::as_object) {
            let text = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            secret.custom_metadata = Some(
                custom
                    .iter()
                    .map(|(key, value)| (key.clone(), text(value)))
                    .collect(),
            );
        }
        secret.updated = now();
        Reply::none()
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Deleted,
    Restored,
    Destroyed,
}

impl Secret {
    fn new(at: i64) -> Self {
        Self {
            created: at,
            updated: at,
            current: 0,
            max_versions: 0,
            cas_required: false,
            custom_metadata: None,
            versions: BTreeMap::new(),
        }
    }

    fn push(&mut self, data: Map<String, Value>, at: i64, mount_limit: u64) -> Value {
        self.current += 1;
        self.updated = at;
        let version = Version {
            created: at,
            deleted: None,
            destroyed: false,
            data: Some(data),
        };
        let about = self.describe(self.current, &version);
        self.versions.insert(self.current, version);
        let limit = [self.max_versions, mount_limit]
            .into_iter()
            .find(|limit| *limit > 0)
            .unwrap_or(VERSIONS);
        let current = self.current;
        self.versions.retain(|number, _| number + limit > current);
        about
    }

    fn describe(&self, number: u64, version: &Version) -> Value {
        json!({
            "created_time": rfc3339(version.created),
            "custom_metadata": self.custom_metadata,
            "deletion_time": version.deleted.map(rfc3339).unwrap_or_default(),
            "destroyed": version.destroyed,
            "version": number,
        })
    }
}

fn number(body: &Value, name: &str) -> Option<u64> {
    let value = body.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn flag(body: &Value, name: &str) -> Option<bool> {
    let value = body.get(name)?;
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}
