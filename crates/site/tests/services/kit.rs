//! Queries as suites have them, asked of a site.

use std::sync::Arc;
use std::time::Duration;

use runproof_facts::reads::Reads;
use runproof_facts::registry::{Wanted, kinds};
use runproof_model::Site;
use runproof_site::{CancellationToken, Gathered, Session, Silent};
use serde_json::{Value, json};

use crate::common::{options, role};

/// What a query wants of a node.
pub fn wanted(role_name: &str, query: &Value) -> Wanted {
    let fields = query.as_object().unwrap();
    let kind = kinds()
        .iter()
        .find(|kind| fields.contains_key(kind.name))
        .unwrap();
    let probe = kind.probe(query).unwrap();
    Wanted {
        role: role(role_name),
        kind: kind.name,
        query: probe.query(),
        probe: Arc::from(probe),
        reads: Reads::All,
    }
}

/// A site that is this machine.
pub fn here(more: Value) -> Site {
    let mut site = json!({
        "site": "here", "profile": "incus", "reach": { "engine": "local" },
        "nodes": { "system": "system", "directory": "directory" },
        "content": ["/tmp/**"],
    });
    site.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(site).unwrap()
}

/// A site with one container.
pub fn one(engine: &str, name: &str, via: &str, more: Value) -> Site {
    let mut site = json!({
        "site": "one", "profile": "incus", "reach": { "engine": engine, "via": via },
        "nodes": { "system": name },
    });
    site.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(site).unwrap()
}

/// The facts, in the order of the queries.
pub async fn ask(site: &Site, queries: &[Value]) -> Vec<Value> {
    ask_within(site, queries, Duration::from_secs(60)).await
}

/// The same with another time for each question.
pub async fn ask_within(site: &Site, queries: &[Value], time: Duration) -> Vec<Value> {
    let gathered = gather(site, queries, time).await;
    gathered.facts.into_iter().map(|fact| fact.fact).collect()
}

/// Everything that is gathered.
pub async fn gather(site: &Site, queries: &[Value], time: Duration) -> Gathered {
    let mut options = options();
    options.probe_timeout = time;
    let session = Session::open(site, options).await.unwrap();
    let wanted: Vec<Wanted> = queries
        .iter()
        .map(|query| wanted("system", query))
        .collect();
    let gathered = session
        .gather(&wanted, &Silent, &CancellationToken::new())
        .await;
    session.close().await;
    gathered
}

/// The class of an unknown.
pub fn unknown(value: &Value) -> &str {
    value["$unknown"]["kind"]
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
}

pub fn is_absent(value: &Value) -> bool {
    value["$absent"] == true
}
