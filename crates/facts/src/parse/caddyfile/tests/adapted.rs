//! What a real server made of a file, beside what we make of it.
//!
//! `fixtures/corpora/caddyfile/adapted` holds files and, beside each, what `caddy adapt` of an
//! old and of a new version said of it. Where a server is installed it is asked again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use runproof_model::Observed;
use serde::Deserialize;
use serde_json::Value;

use super::super::adapt::{Adapted, Upstream, adapt};
use super::super::{Limits, parser};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    /// Version → whether it takes the file.
    accepts: BTreeMap<String, bool>,
    /// Host names by which requests are told apart.
    hosts: BTreeSet<String>,
    /// Where proxies dial.
    dials: BTreeSet<String>,
    storage: Option<String>,
    root: Option<String>,
    admin: Option<String>,
    http_port: Option<i64>,
    https_port: Option<i64>,
}

fn folder() -> PathBuf {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpora/caddyfile/adapted");
    // The parser follows imports by cleaned paths.
    folder.canonicalize().unwrap()
}

/// Every file of the folder and the folders in it, by its path.
fn texts(folder: &Path, texts: &mut HashMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            self::texts(&path, texts);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            texts.insert(path.to_str().unwrap().to_owned(), text);
        }
    }
}

/// Collects the dials of all proxies in what the server says.
fn dials(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if map.get("handler").and_then(Value::as_str) == Some("reverse_proxy") {
                for upstream in map
                    .get("upstreams")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    let dial = upstream["dial"].as_str().unwrap_or_default();
                    found.insert(dial.strip_prefix("tcp/").unwrap_or(dial).to_owned());
                }
            }
            map.values().for_each(|value| dials(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| dials(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the server's own configuration comes to.
fn of_server(config: &Value) -> Said {
    let http = &config["apps"]["http"];
    let mut said = Said {
        storage: config["storage"]["module"].as_str().map(str::to_owned),
        root: config["storage"]["root"].as_str().map(str::to_owned),
        admin: if config["admin"]["disabled"] == Value::Bool(true) {
            Some("off".to_owned())
        } else {
            config["admin"]["listen"].as_str().map(str::to_owned)
        },
        http_port: http["http_port"].as_i64(),
        https_port: http["https_port"].as_i64(),
        ..Said::default()
    };
    let servers = http["servers"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.values());
    for server in servers {
        dials(server, &mut said.dials);
        let matches = server["routes"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|route| route["match"].as_array().into_iter().flatten());
        for host in matches.flat_map(|m| m["host"].as_array().into_iter().flatten()) {
            said.hosts.insert(host.as_str().unwrap().to_owned());
        }
    }
    said
}

/// An upstream in the server's words; none when it is not decided by the file.
fn dial(upstream: &Upstream) -> Option<String> {
    if upstream.network == "dynamic" {
        return None;
    }
    if upstream.network.starts_with("unix") {
        return Some(upstream.address.replace("unix+h2c/", "unix/"));
    }
    let host = upstream.host.known()?;
    let port = upstream.port.known()?;
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    Some(format!("{host}:{port}"))
}

/// Compares, leaving out what we do not claim to know.
fn compare(adapted: &Adapted, said: &Said, name: &str) {
    if let Observed::Known(hosts) = &adapted.hosts {
        // A site that also answers without a host needs no host to be told apart by.
        let hosts: BTreeSet<String> = hosts.iter().cloned().collect();
        assert!(said.hosts.is_subset(&hosts), "{name}: {hosts:?} {said:?}");
        let catches_all = adapted
            .sites
            .known()
            .unwrap()
            .iter()
            .any(|site| site.addresses.len() > site.hosts.known().unwrap().len());
        assert!(
            catches_all || said.hosts == hosts,
            "{name}: {hosts:?} {said:?}"
        );
    }
    if let Observed::Known(sites) = &adapted.sites
        && let Some(upstreams) = sites
            .iter()
            .map(|site| site.upstreams.known())
            .collect::<Option<Vec<_>>>()
    {
        let ours: Vec<&Upstream> = upstreams.into_iter().flatten().collect();
        let decided: BTreeSet<String> = ours.iter().filter_map(|u| dial(u)).collect();
        let theirs: BTreeSet<String> = said
            .dials
            .iter()
            .filter(|d| !d.contains('{'))
            .cloned()
            .collect();
        let by_environment = ours.iter().any(|u| u.address.contains("{$"));
        assert!(decided.is_subset(&theirs), "{name}: {decided:?} {theirs:?}");
        assert!(
            by_environment || decided == theirs,
            "{name}: {decided:?} {theirs:?}"
        );
    }
    let global = &adapted.global;
    let storage = global.storage.known();
    assert_eq!(storage.map(|s| s.module.clone()), said.storage, "{name}");
    match storage.map(|storage| &storage.root) {
        Some(Observed::Unknown(_)) => {}
        root => assert_eq!(root.and_then(|r| r.known().cloned()), said.root, "{name}"),
    }
    assert_eq!(global.admin.known().cloned(), said.admin, "{name}");
    assert_eq!(global.http_port.known().copied(), said.http_port, "{name}");
    assert_eq!(
        global.https_port.known().copied(),
        said.https_port,
        "{name}"
    );
}

/// A file dropped into the folder is a test; what servers said of it stands beside it.
#[test]
fn files_mean_to_us_what_they_mean_to_the_server() {
    let mut all = HashMap::new();
    texts(&folder(), &mut all);
    let mut files: Vec<String> = all
        .keys()
        .filter(|p| p.ends_with(".caddyfile"))
        .cloned()
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let installed = std::process::Command::new("caddy").arg("version").output();
    let installed = installed.ok().map(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().next().unwrap_or_default();
        version.trim_start_matches('v').to_owned()
    });
    for path in files {
        let golden = &all[&path.replace(".caddyfile", ".json")];
        let said: Said = serde_json::from_str(golden).unwrap();
        let limits = Limits::default();
        let parsed = parser::parse(&path, &all[&path], &all, &limits).unwrap();
        let adapted = adapt(&parsed, &limits).unwrap();
        let newest = said.accepts["2.11.7"];
        assert_eq!(
            adapted.errors.is_empty(),
            newest,
            "{path}: {:?}",
            adapted.errors
        );
        if newest {
            compare(&adapted, &said, &path);
        }
        let Some(expected) = installed
            .as_ref()
            .and_then(|version| said.accepts.get(version))
        else {
            continue;
        };
        let output = std::process::Command::new("caddy")
            .args(["adapt", "--adapter", "caddyfile", "--config", &path])
            .output()
            .unwrap();
        assert_eq!(output.status.success(), *expected, "{path}");
        // Some files say of themselves that the old version takes them and means less by them.
        if *expected && newest && !all[&path].starts_with("# newer:") {
            compare(
                &adapted,
                &of_server(&serde_json::from_slice(&output.stdout).unwrap()),
                &path,
            );
        }
    }
}
