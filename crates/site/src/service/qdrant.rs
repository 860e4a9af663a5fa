//! The vector database.

use reqwest::Method;
use runproof_facts::kind::qdrant::{Qdrant, QdrantQuery};
use runproof_facts::service::{NO_CREDENTIAL, Service};
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use serde_json::Value;

use super::api::Api;
use super::web::{NoReply, Reply};
use super::{Desk, not_asked};
use crate::dial::Place;

pub(super) async fn collect(
    desk: &Desk<'_>,
    place: &Place,
    query: &QdrantQuery,
) -> Result<Qdrant, Reason> {
    let (host, ca) = (query.host_header.as_ref(), query.ca.as_ref());
    let api = Api::open(desk, place, &query.qdrant, host, ca).await?;
    let health = match api.get("/healthz").await {
        Ok(health) => health,
        Err(why) => return why.fact(query),
    };
    let mut fact = Qdrant::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    fact.trouble = Observed::Absent;
    fact.healthz = Observed::Known(health.status);
    fact.readyz = api.status("/readyz").await;
    fact.version = api.version("/").await;
    match api.get("/collections").await {
        Err(why) => {
            let reason = why.reason();
            fact.auth_required = Observed::Unknown(reason.clone());
            fact.collections = Observed::Unknown(reason);
        }
        Ok(reply) => {
            let refused = matches!(reply.status, 401 | 403);
            fact.auth_required = Observed::Known(refused);
            fact.collections = if refused && query.credential != NO_CREDENTIAL {
                with_key(&api, &query.credential).await.into()
            } else {
                collections(&reply).into()
            };
        }
    }
    Ok(fact)
}

async fn with_key(api: &Api<'_>, credential: &str) -> Result<Vec<String>, Reason> {
    let trusted = api.trusted(credential).await?;
    let request = trusted
        .request(Method::GET, "/collections")
        .header("api-key", trusted.login.secret.as_str());
    let reply = trusted.send(request).await.map_err(NoReply::reason)?;
    collections(&reply)
}

fn collections(reply: &Reply) -> Result<Vec<String>, Reason> {
    let json = reply.success()?;
    let list = json
        .pointer("/result/collections")
        .and_then(Value::as_array)
        .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no collections in the answer"))?;
    let mut names: Vec<String> = list
        .iter()
        .filter_map(|one| one.get("name").and_then(Value::as_str))
        .map(|name| one_line(name, 200))
        .collect();
    names.sort();
    Ok(names)
}
