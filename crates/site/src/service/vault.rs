//! Vault by vaultrs; its health by reqwest, because vaultrs takes 503 for an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Method;
use runproof_facts::OpenMap;
use runproof_facts::kind::vault::{CHAIN, Seal, Token, Vault, VaultQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service, Url, Vantage};
use runproof_model::{Observed, Reason, ReasonKind};
use rustify::clients::reqwest::Client as HttpClient;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use zeroize::{Zeroize, Zeroizing};

use super::purse::Values;
use super::web::{Line, NoReply, Reply, Way, Web};
use super::{Desk, not_asked};
use crate::dial::Place;

/// The Vault that the credentials of a site come from.
pub(super) struct Access {
    pub url: Url,
    /// From where it is reached: the node whose env file names it.
    pub place: Place,
    /// The file there with the certificates that are trusted.
    pub ca: Option<String>,
    pub token: Zeroizing<String>,
    pub mount: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

/// A value of a secret: text, or what was written instead of text.
#[derive(Clone)]
pub(super) struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The value.
    pub fn text(&self) -> Zeroizing<String> {
        self.0.clone()
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(
            match Value::deserialize(deserializer)? {
                Value::String(text) => text,
                Value::Null => String::new(),
                mut other @ (Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_)) => {
                    let text = other.to_string();
                    wipe(&mut other);
                    text
                }
            },
        )))
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Access {
    /// A client, and what keeps it connected. The token is said only to a Vault whose
    /// certificate verifies.
    pub async fn client(&self, desk: &Desk<'_>) -> Result<(VaultClient, Line), Reason> {
        let way = Way {
            url: &self.url,
            connect: None,
            ca: self.ca.as_deref(),
            from: Vantage::Node,
            strict: true,
        };
        let web = desk.line(&self.place, way).await?;
        Ok((client(&web, &self.url, &self.token)?, web))
    }

    /// The values of a secret.
    pub async fn read(&self, desk: &Desk<'_>, path: &str) -> Values {
        let (client, web) = match self.client(desk).await {
            Ok(client) => client,
            Err(reason) => return Observed::Unknown(reason),
        };
        let _turn = match web.turn().await {
            Ok(turn) => turn,
            Err(why) => return Observed::Unknown(why.reason()),
        };
        match vaultrs::kv2::read::<BTreeMap<String, Hidden>>(&client, &self.mount, path).await {
            Ok(values) => Observed::Known(Arc::new(values)),
            Err(error) => missing_or(&web, &error),
        }
    }
}

/// vaultrs over our own connection.
pub(super) fn client(web: &Web, url: &Url, token: &str) -> Result<VaultClient, Reason> {
    let defect = |error: String| Reason::new(ReasonKind::Defect, error);
    let address = url.at("");
    let settings = VaultClientSettingsBuilder::default()
        .address(&address)
        .token(token)
        .build()
        .map_err(|_| defect("vaultrs does not take the address".to_owned()))?;
    Ok(VaultClient {
        http: HttpClient::new(&address, web.client.clone()),
        middle: EndpointMiddleware {
            token: token.to_owned(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: None,
        },
        settings,
    })
}

/// An error of vaultrs in which "not found" is an absence: the Vault itself said so.
pub(super) fn missing_or<T>(web: &Web, error: &ClientError) -> Observed<T> {
    if status(error) == Some(404) || is_deleted(error) {
        Observed::Absent
    } else {
        Observed::Unknown(reason(web, error))
    }
}

/// Whether the Vault says that the newest version is deleted: status 404 like a secret that never was,
/// and in the place of errors it tells of the version, which has no values any more. A 404 of somebody
/// in between says no such thing.
fn is_deleted(error: &ClientError) -> bool {
    let ClientError::RestClientError {
        source:
            rustify::errors::ClientError::ServerResponseError {
                code: 404,
                content: Some(content),
            },
    } = error
    else {
        return false;
    };
    serde_json::from_str::<Value>(content).is_ok_and(|answer| {
        answer.pointer("/data/data") == Some(&Value::Null)
            && answer
                .pointer("/data/metadata/version")
                .is_some_and(Value::is_u64)
    })
}

fn status(error: &ClientError) -> Option<u16> {
    if let ClientError::APIError { code, .. } = error {
        return Some(*code);
    }
    None
}

/// What an error of vaultrs means; its words may hold the body of an answer.
pub(super) fn reason(web: &Web, error: &ClientError) -> Reason {
    if let Some(why) = web.closed() {
        return NoReply::NoStream(why).reason();
    }
    match status(error) {
        Some(403) => Reason::new(
            ReasonKind::Permission,
            "the Vault refuses the token (status 403)",
        ),
        Some(503) => Reason::new(ReasonKind::Unreachable, "the Vault is sealed (status 503)"),
        Some(code) => Reason::new(ReasonKind::Failed, format!("the Vault answers {code}")),
        None => {
            if let (_, Observed::Known(why)) = web.verified() {
                return Reason::new(
                    ReasonKind::Failed,
                    format!("the Vault's certificate: {why}"),
                );
            }
            Reason::new(ReasonKind::Garbled, "the Vault's answer cannot be read")
        }
    }
}

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &VaultQuery,
) -> Result<Vault, Reason> {
    let access = if query.vault == CHAIN {
        Some(desk.access().await?)
    } else {
        None
    };
    let (url, place, ca) = match &access {
        Some(access) => (access.url.clone(), &access.place, access.ca.as_deref()),
        None => {
            let url = Url::parse(query.vault.trim_end_matches('/'))
                .map_err(|why| Reason::new(ReasonKind::Defect, why))?;
            (url, place, query.ca.as_deref())
        }
    };
    let way = |strict| Way {
        url: &url,
        connect: None,
        ca,
        from: Vantage::Node,
        strict,
    };
    let (web, health) = match health(desk, place, query.credential != NO_CREDENTIAL, way).await? {
        (web, Ok(health)) => (web, health),
        (_, Err(why)) => return why.fact(query),
    };
    let mut fact = Vault::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    (fact.verified, fact.why_not) = web.verified();
    fact.status = Observed::Known(health.status);
    match health.json() {
        Ok(json) => {
            fact.initialized = flag(&json, "initialized");
            fact.sealed = flag(&json, "sealed");
            fact.standby = flag(&json, "standby");
            fact.version = text(&json, "version");
            fact.time = match json.get("server_time_utc").and_then(Value::as_i64) {
                Some(time) => Observed::Known(time),
                None => garbled("server_time_utc"),
            };
        }
        Err(reason) => fact.trouble = Observed::Known(reason.to_string()),
    }
    fact.seal = match web.get("/v1/sys/seal-status").await {
        Ok(reply) => reply.success().map(|json| seal(&json)).into(),
        Err(why) => Observed::Unknown(why.reason()),
    };
    match desk
        .login_at(&query.credential, Vantage::Node, &url.endpoint)
        .await
    {
        Err(reason) => without(&mut fact, query, &reason),
        Ok(login) => match desk.line(place, way(true)).await {
            Err(reason) => without(&mut fact, query, &reason),
            Ok(web) => with(&mut fact, query, desk, &web, &url, &login.secret).await?,
        },
    }
    Ok(fact)
}

/// Its health, which carries nothing secret and is asked whatever the certificate; on the line
/// that will carry the token, where there is one to say and the certificate allows it.
async fn health<'a>(
    desk: &Desk<'_>,
    place: &Place,
    secret: bool,
    way: impl Fn(bool) -> Way<'a>,
) -> Result<(Line, Result<Reply, NoReply>), Reason> {
    const HEALTH: &str = "/v1/sys/health";
    if secret && let Ok(web) = desk.line(place, way(true)).await {
        let health = web.get(HEALTH).await;
        if health.is_ok() || !web.refused() {
            return Ok((web, health));
        }
    }
    let web = desk.line(place, way(false)).await?;
    let health = web.get(HEALTH).await;
    Ok((web, health))
}

fn without(fact: &mut Vault, query: &VaultQuery, reason: &Reason) {
    fact.token = Observed::Unknown(reason.clone());
    fact.token_alive = Observed::Unknown(reason.clone());
    fact.capabilities =
        OpenMap::declared(&query.capabilities, |_| Observed::Unknown(reason.clone()));
    fact.lists = OpenMap::declared(&query.lists, |_| Observed::Unknown(reason.clone()));
}

async fn with(
    fact: &mut Vault,
    query: &VaultQuery,
    desk: &Desk<'_>,
    web: &Web,
    url: &Url,
    token: &str,
) -> Result<(), Reason> {
    let client = client(web, url, token)?;
    let looked_up = match web.turn().await {
        Ok(_turn) => vaultrs::token::lookup_self(&client).await,
        Err(why) => {
            without(fact, query, &why.reason());
            return Ok(());
        }
    };
    match looked_up {
        Ok(mut found) => {
            found.id.zeroize();
            found.accessor.zeroize();
            let mut policies = std::mem::take(&mut found.policies);
            policies.extend(found.identity_policies.take().unwrap_or_default());
            policies.sort();
            policies.dedup();
            let expire: Observed<i64> = match &found.expire_time {
                None => Observed::Absent,
                Some(text) => match text.parse::<jiff::Timestamp>() {
                    Ok(time) => Observed::Known(time.as_second()),
                    Err(_) => garbled("expire_time"),
                },
            };
            fact.token_alive = Observed::Known(true);
            fact.token = Observed::Known(Token {
                ttl: Observed::Known(found.ttl),
                creation_ttl: Observed::Known(found.creation_ttl),
                expire_time: expire,
                policies: Observed::Known(policies),
                renewable: found.renewable.into(),
                orphan: Observed::Known(found.orphan),
                r#type: Observed::unknown(ReasonKind::Unsupported, "vaultrs does not tell it"),
            });
        }
        Err(error) => {
            let why = reason(web, &error);
            // The Vault's own word; sealed or unreachable it could not say so.
            fact.token_alive = if status(&error) == Some(403) {
                Observed::Known(false)
            } else {
                Observed::Unknown(why.clone())
            };
            fact.token = Observed::Unknown(why);
        }
    }
    let can = capabilities(web, token, &query.capabilities).await;
    fact.capabilities = OpenMap::declared(&query.capabilities, |path| match &can {
        Ok(json) => names(json.get(path).or_else(|| json.pointer("/data")?.get(path))),
        Err(reason) => Observed::Unknown(reason.clone()),
    });
    let mount = desk
        .session
        .site
        .credentials
        .vault
        .as_ref()
        .and_then(|vault| vault.mount.clone())
        .unwrap_or_else(|| "secret".to_owned());
    let mut lists = OpenMap::default();
    for path in &query.lists {
        let listed = match web.turn().await {
            Err(why) => Observed::Unknown(why.reason()),
            Ok(_turn) => match vaultrs::kv2::list(&client, &mount, path).await {
                Ok(mut names) => {
                    names.sort();
                    Observed::Known(names)
                }
                Err(error) => missing_or(web, &error),
            },
        };
        lists.insert(path, listed);
    }
    fact.lists = lists;
    Ok(())
}

async fn capabilities(web: &Web, token: &str, paths: &[String]) -> Result<Value, Reason> {
    if paths.is_empty() {
        return Ok(Value::Null);
    }
    let request = web
        .request(Method::POST, "/v1/sys/capabilities-self")
        .header("x-vault-token", token)
        .json(&json!({ "paths": paths }));
    web.send(request).await.map_err(NoReply::reason)?.success()
}

fn seal(json: &Value) -> Seal {
    let number = |key: &str| match json.get(key).and_then(Value::as_u64) {
        Some(number) => Observed::Known(number),
        None => garbled(key),
    };
    Seal {
        r#type: text(json, "type"),
        shares: number("n"),
        threshold: number("t"),
        progress: number("progress"),
        storage: text(json, "storage_type"),
    }
}

fn garbled<T>(key: &str) -> Observed<T> {
    Observed::unknown(
        ReasonKind::Garbled,
        format!("the Vault's answer has no {key}"),
    )
}

fn flag(json: &Value, key: &str) -> Observed<bool> {
    match json.get(key).and_then(Value::as_bool) {
        Some(flag) => Observed::Known(flag),
        None => garbled(key),
    }
}

fn text(json: &Value, key: &str) -> Observed<String> {
    match json.get(key).and_then(Value::as_str) {
        Some(text) => Observed::Known(runproof_model::text::one_line(text, 200)),
        None => garbled(key),
    }
}

fn names(list: Option<&Value>) -> Observed<Vec<String>> {
    let Some(list) = list.and_then(Value::as_array) else {
        return garbled("capabilities");
    };
    let mut names: Vec<String> = list
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    names.sort();
    Observed::Known(names)
}
